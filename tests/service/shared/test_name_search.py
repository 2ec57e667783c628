"""A responder looks for a person by name: intake makes the keys, triage finds the cases, and nothing tells the name."""

from html import unescape

import pytest

from services.intake.report.pseudonym import pseudonyms_for
from shared.access.principal import Principal
from shared.events import Actor, NamesTried
from tests.service.shared.test_asked_recusal import ANN, Bodies
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.four_services import FourServices, four_services
from tests.support.intake_rig import SECRETS
from tests.support.people import person, sign_in

HTML = {"Accept": "text/html", **SAME_ORIGIN}
KEYS = pseudonyms_for(SECRETS.pseudonyms, ["Canary Person"], [])
ACCUSED = person("acc05ed", *ANN.grants, pseudonyms=KEYS)


async def reported(services: FourServices, *names: str) -> None:
    people = [{"name": name} for name in names]
    report = {"community": "enwiki", "narrative": "They shouted.", "reported": people}
    assert (await services.reporter.post("/v1/reports", json=report)).status_code == 202
    await services.deliver()


async def look_for(services: FourServices, who: Principal, name: str) -> str:
    await sign_in(services.desk, services.sessions, "/desk", who)
    form = {**await token_from(services.desk, "/desk/search"), "text": name}
    answer = await services.desk.post("/desk/search", data=form, headers=HTML)
    assert answer.status_code == 200
    assert str(answer.url) == "https://desk.example/desk/search"
    await services.deliver()
    return unescape(answer.text)


@pytest.mark.parametrize("spelling", ["Canary Person", "canary_person", "CANARY  PERSON", "Ｃａｎａｒｙ　Ｐｅｒｓｏｎ"])
async def test_a_person_is_found_for_any_spelling_and_the_name_is_told_nowhere(
    spelling: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    async with four_services(Bodies()) as services:
        await reported(services, "Somebody", "[[User:Canary Person|them]]")
        (stored,) = services.cases.stored.values()
        page = await look_for(services, ANN, spelling)
        assert "Cases in which this person is reported" in page
        assert stored.case.code_name in page
        (tried,) = [event for event in services.events if isinstance(event.fact, NamesTried)]
        assert (tried.fact, tried.actor) == (NamesTried(count=1, purpose="search"), Actor(ANN.ref, "responder"))
        assert "canary" not in f"{services.events}{caplog.text}".casefold()


async def test_the_person_who_is_reported_finds_nothing_by_their_own_name() -> None:
    async with four_services(Bodies()) as services:
        await reported(services, "Canary Person")
        assert "Cases in which this person is reported" in await look_for(services, ANN, "Canary Person")
        assert "Nothing that you may see fits this." in await look_for(services, ACCUSED, "Canary Person")
