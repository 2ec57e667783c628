"""GET /v1/policy: what a report can say, in the reader's language, and nothing that only an operator may know."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.intake.report.submission import Submission, find_faults
from services.intake.sources.api import read_api
from services.intake.sources.arrival import Context, Raw
from services.intake.sources.contract import WHOLE
from services.intake.terms.document import FAULTS, write_terms
from shared.problems import Problem
from shared.times import now
from tests.support.intake_rig import POLICY, Rig

ERRORS_PAGE = Path(__file__).parents[3] / "docs" / "errors.md"
PATH = "/v1/policy"


async def read(**headers: str) -> dict[str, Any]:
    async with Rig().http() as http:
        answer = await http.get(PATH, headers=headers)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_everything_that_a_report_may_name_is_listed() -> None:
    terms = await read()
    assert [one["id"] for one in terms["communities"]] == list(POLICY.communities)
    assert [one["code"] for one in terms["categories"]] == list(POLICY.categories)
    assert [one["code"] for one in terms["flags"]] == list(POLICY.flags)
    assert [one["code"] for one in terms["settings"]] == list(POLICY.settings)
    assert [one["code"] for one in terms["privacy"]] == ["named", "confidential", "anonymous"]
    assert terms["version"] == POLICY.version
    assert all(one["name"] for kind in ("categories", "flags", "settings", "privacy") for one in terms[kind])


async def test_names_are_in_the_language_of_the_reader() -> None:
    terms = await read(**{"accept-language": "en-GB, en;q=0.5"})
    assert terms["language"] == "en"
    assert terms["languages"][0] == "en"
    insults = next(one for one in terms["categories"] if one["code"] == "harassment.insults")
    assert (insults["name"], insults["group_name"]) == ("Insults", "Harassment")


def test_a_policy_that_tells_nobody_promises_programs_the_same_as_people() -> None:
    terms = write_terms(replace(POLICY, identities={}), "en", ["en"], lambda key: key)
    told = {one["code"]: one["meaning"] for one in terms["privacy"]}
    assert told["named"] == told["confidential"] == "report-privacy-help-untold"
    assert told["anonymous"] == "report-privacy-help-anonymous"


async def test_a_policy_that_has_not_changed_is_not_sent_again() -> None:
    async with Rig().http() as http:
        first = await http.get(PATH)
        for known in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
            again = await http.get(PATH, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
        assert (await http.get(PATH, headers={"if-none-match": '"other"'})).status_code == 200
        assert first.headers["vary"] == "Accept-Language, Cookie, Accept-Encoding"


async def test_nothing_of_the_handling_bodies_is_told() -> None:
    text = json.dumps(await read())
    for body in POLICY.bodies.values():
        assert body.email not in text


async def test_each_limit_is_the_one_at_which_a_report_is_refused() -> None:
    limits = {one["pointer"]: one for one in (await read())["limits"]["fields"]}
    assert limits["/narrative"] == {"pointer": "/narrative", "most": 20_000, "unit": "characters"}
    async with Rig().http() as http:
        for name in ("narrative", "harmed", "anything_else"):
            most = limits[f"/{name}"]["most"]
            for size, status in ((most, 202), (most + 1, 422)):
                body = {"community": "enwiki", "narrative": "Words.", name: "ä" * size}
                assert (await http.post("/v1/reports", json=body)).status_code == status, (name, size)


WRONG = (
    None, 7, 1.5, True, "", "x" * 30_000, [], {}, [1], ["x" * 400], ["a"] * 60, [{"name": ""}], [{}], {"name": "\n"},
    {"email": "no"}, {"at": "x"}, {"at": 7}, {"at": "2999-01-01T00:00:00Z"}, {"at": "1800-01-01T00:00:00Z"},
    {"from": "2026-01-01T00:00:00Z"}, {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    {"at": "2026-01-01"}, {"at": "2026-01-01T00:00:00"}, {"other": 1}, "\x00", "a\nb", " ", "\u200b", "nowhere",
)  # fmt: skip


def codes_of(body: object) -> set[str]:
    try:
        (arrival,) = read_api(Raw("http", {}, orjson.dumps(body)), Context(POLICY, now())).arrivals
    except Problem as problem:
        return {error.code for error in problem.errors}
    return {fault.code for fault in find_faults(arrival.submission, POLICY, now())}


@pytest.mark.parametrize("field", Submission.model_fields)
def test_every_code_of_a_wrong_field_is_listed(field: str) -> None:
    given = {**WHOLE}
    found = {code for wrong in WRONG for code in codes_of({**given, field: wrong})}
    found |= codes_of({name: value for name, value in given.items() if name != field})
    assert found <= FAULTS.keys()


def test_the_page_of_errors_lists_the_codes_of_fields() -> None:
    section = ERRORS_PAGE.read_text(encoding="utf-8").partition("## Fields")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert rows == dict(FAULTS)
