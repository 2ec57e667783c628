"""Reports in the name of a source: an integrator's token opens exactly what it was issued for, and so often."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.access.principal import Grant, Role
from shared.access.roster import Roster
from shared.access.tokens import make_token
from shared.events import ReportReceived
from shared.times import now
from shared.web.rates import MINUTE, Rates
from tests.support.intake_rig import Rig
from tests.support.people import COPIES, MemoryCopies, bearer, gate_of, operator

BODY = {"community": "enwiki", "narrative": "Something happened."}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def token(*sources: str, communities: tuple[str, ...] = (), ends: Any = None, **issued: Any) -> str:
    grant = Grant(Role.INTEGRATOR, communities=communities, sources=sources, expires_at=ends)
    return COPIES.token(grants=[grant], **issued)


async def hand_in(rig: Rig, given: str | None, body: dict[str, object] | None = None, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if given is not None:
        sent["authorization"] = f"Bearer {given}"
    async with rig.http() as http:
        return await http.post("/v1/reports", json=body or BODY, headers=sent)


def sources(rig: Rig) -> list[str | None]:
    return [fact.source for fact in rig.store.events() if isinstance(fact, ReportReceived)]


def refused(rig: Rig, answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, f"/errors/{code}")
    assert rig.store.reports == {}


async def test_a_report_with_a_token_carries_its_source_in_the_event(rig: Rig) -> None:
    answer = await hand_in(rig, token("wiki"))
    assert answer.status_code == 202
    assert answer.json()["receipt"]
    assert sources(rig) == ["wiki"]


async def test_of_several_sources_the_header_names_one(rig: Rig) -> None:
    several = token("wiki", "event-app")
    assert (await hand_in(rig, several, hearth_source="event-app")).status_code == 202
    assert (await hand_in(rig, several, hearth_source="wiki")).status_code == 202
    assert sorted(map(str, sources(rig))) == ["event-app", "wiki"]


async def test_which_of_several_sources_is_never_guessed(rig: Rig) -> None:
    refused(rig, await hand_in(rig, token("wiki", "event-app")), 403, "source-not-permitted")


@pytest.mark.parametrize("source", ["other", "WIKI", "wiki,other", " ", "wiki\tother", "x" * 5000])
async def test_no_token_speaks_for_a_source_that_is_not_its_own(rig: Rig, source: str) -> None:
    refused(rig, await hand_in(rig, token("wiki"), hearth_source=source), 403, "source-not-permitted")


async def test_a_token_is_good_for_its_communities_only(rig: Rig) -> None:
    bound = token("wiki", communities=("swwiki", "arwiki"))
    refused(rig, await hand_in(rig, bound), 403, "community-not-permitted")
    assert (await hand_in(rig, bound, {**BODY, "community": "arwiki"})).status_code == 202
    assert sources(rig) == ["wiki"]


async def test_a_token_is_told_its_own_communities_and_not_which_others_there_are(rig: Rig) -> None:
    bound = token("wiki", communities=("swwiki", "arwiki"))
    known, unknown = [await hand_in(rig, bound, {**BODY, "community": name}) for name in ("enwiki", "no-such-wiki")]
    assert known.json()["detail"] == "It reports for: arwiki, swwiki."
    for answer in (known, unknown):
        refused(rig, answer, 403, "community-not-permitted")
    assert {**known.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


async def test_a_token_is_told_its_own_sources(rig: Rig) -> None:
    answer = await hand_in(rig, token("wiki", "event-app"))
    assert answer.json()["detail"] == "Hearth-Source takes: event-app, wiki."


async def test_two_grants_are_not_mixed(rig: Rig) -> None:
    grants = [Grant(Role.INTEGRATOR, (), (c,), (s,)) for c, s in (("enwiki", "wiki"), ("swwiki", "event-app"))]
    both = COPIES.token(grants=grants)
    assert (await hand_in(rig, both, hearth_source="event-app")).status_code == 403
    assert rig.store.reports == {}
    assert (await hand_in(rig, both, hearth_source="wiki")).status_code == 202


async def test_without_a_token_nobody_speaks_for_a_source(rig: Rig) -> None:
    refused(rig, await hand_in(rig, None, hearth_source="wiki"), 401, "sign-in-needed")
    assert (await hand_in(rig, None)).status_code == 202
    assert sources(rig) == [None]


async def test_a_person_does_not_speak_for_a_source(rig: Rig) -> None:
    pat = bearer(operator())["Authorization"].removeprefix("Bearer ")
    refused(rig, await hand_in(rig, pat, hearth_source="wiki"), 403, "role-not-permitted")


async def test_a_grant_that_has_ended_opens_nothing(rig: Rig) -> None:
    refused(rig, await hand_in(rig, token("wiki", ends=now() - timedelta(seconds=1))), 403, "access-ended")


@pytest.mark.parametrize(
    "made",
    [
        lambda: make_token("int"),
        lambda: token("wiki", expires_at=now() - timedelta(seconds=1)),
        lambda: token("wiki", revoked_at=now() - timedelta(seconds=1)),
        lambda: token("wiki")[:-1],
        lambda: token("wiki") + "0",
        lambda: token("wiki").replace("hearth_int_", "hearth_pat_"),
        lambda: token("wiki").upper(),
        lambda: "hearth_int_",
        lambda: "",
        lambda: "a b",
    ],
    ids=["unknown", "expired", "revoked", "truncated", "longer", "of another kind", "in capitals", "prefix", "", "two"],
)
async def test_a_token_that_is_none_is_refused_even_where_none_is_needed(rig: Rig, made: Any) -> None:
    # Who means to speak for a source must not become a stranger's report without knowing it.
    answer = await hand_in(rig, made())
    refused(rig, answer, 401, "token-invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_token_ends_with_the_next_look_at_the_roster() -> None:
    copies = MemoryCopies()
    grant = Grant(Role.INTEGRATOR, sources=("wiki",))
    given = copies.token(grants=[grant])
    roster = Roster(copies)
    assert await roster.bearer(given) is not None
    ((_, state),) = copies.states.values()
    copies.keep(state.model_copy(update={"revoked_at": now()}))  # type: ignore[arg-type]  # of the same kind
    await roster.refresh()
    assert await roster.bearer(given) is None


async def test_when_a_token_was_used_is_noted(rig: Rig) -> None:
    before, given = now(), token("wiki")
    known = set(COPIES.used)
    await hand_in(rig, given)
    (used,) = set(COPIES.used) - known
    assert used.startswith("integrator:")
    assert COPIES.used[used] >= before


class Time:
    at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_a_token_that_asks_too_often_is_told_when_to_come_back(rig: Rig) -> None:
    clock = Time()
    rig.gate.rates = Rates(3, clock)
    given, other = token("wiki"), token("event-app")
    for left in (2, 1, 0):
        answer = await hand_in(rig, given)
        assert answer.status_code == 202
        assert answer.headers["ratelimit-policy"] == '"token";q=3;w=60'
        assert answer.headers["ratelimit"].startswith(f'"token";r={left};')
    answer = await hand_in(rig, given)
    assert (answer.status_code, answer.json()["type"]) == (429, "/errors/too-many-requests")
    assert (answer.headers["retry-after"], answer.headers["ratelimit"]) == ("20", '"token";r=0;t=60')
    assert len(rig.store.reports) == 3
    # Neither another token nor whoever has none waits for it.
    assert (await hand_in(rig, other)).status_code == 202
    anonymous = await hand_in(rig, None)
    assert anonymous.status_code == 202
    assert "ratelimit" not in anonymous.headers
    clock.at += MINUTE / 3
    assert (await hand_in(rig, given)).status_code == 202
    assert (await hand_in(rig, given)).status_code == 429


async def test_wrong_tokens_do_not_use_up_the_quota_of_a_right_one(rig: Rig) -> None:
    rig.gate.rates = Rates(1, Time())
    given = token("wiki")
    for _ in range(3):
        assert (await hand_in(rig, given[:-1])).status_code == 401
    assert (await hand_in(rig, given)).status_code == 202


async def test_people_have_no_quota() -> None:
    rig = Rig()
    rig.gate.rates = Rates(1, Time())
    pat = bearer(operator())["Authorization"].removeprefix("Bearer ")
    for _ in range(3):
        assert (await hand_in(rig, pat)).status_code == 202
    assert gate_of().rates is None
