"""Who reported is told only to responders of the handling body, and only where the policy says so."""

from dataclasses import replace
from typing import Any

import pytest

from shared.access.principal import PEOPLE, Grant, Principal, Role
from shared.events import Actor, CaseState, ContentRead
from tests.support.intake_rig import POLICY, START, Rig
from tests.support.people import COPIES, person
from tests.support.service_keys import call_of

BODY, ELSEWHERE = "enwiki_arbcom", "u4c"
REPORTER = {"name": "Quixotina Marmalade", "email": "quixotina@mail.example"}
GIVEN = {
    ("named", "assigned"), ("named", "investigating"), ("named", "awaiting_information"), ("named", "decided"),
    ("named", "following_up"), ("named", "appealed"), ("named", "reopened"), ("named", "referred"),
    ("confidential", "investigating"), ("confidential", "awaiting_information"),
}  # fmt: skip
HANDLER = person("a11ce", Grant(Role.RESPONDER, (BODY,)))


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def given(rig: Rig, privacy: str = "named", state: str = "investigating") -> str:
    """A report whose case stands with the body in this state."""
    fields = {} if privacy == "anonymous" else {"reporter": REPORTER}
    report_id = (await rig.post(privacy=privacy, **fields))["report_id"]
    rig.store.reports[report_id]["status"] |= {"state": state, "body": BODY, "assignee": HANDLER.ref}
    return report_id


async def asked(rig: Rig, report_id: str, who: Principal, purpose: str = "identify") -> dict[str, Any]:
    """What the vault gives to triage, which says that this person asks as a responder."""
    COPIES.enrol(who)
    body = {"purpose": purpose, "reads": [{"report_id": report_id, "sections": ["reporter"]}]}
    headers = call_of(purpose=purpose, behalf=Actor(who.ref, "responder"))
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=body, headers=headers)
    found: dict[str, Any] = answer.json()
    return found["items"][0] if "items" in found else found


async def test_a_handler_gets_the_name_and_no_address_and_the_record_says_so(rig: Rig) -> None:
    item = await asked(rig, await given(rig), HANDLER)
    assert item["sections"] == {"reporter": {"name": REPORTER["name"]}}
    (read,) = [fact for fact in rig.store.events() if isinstance(fact, ContentRead)]
    assert (read.purpose, read.sections) == ("identify", ("reporter",))


@pytest.mark.parametrize("privacy", ["named", "confidential", "anonymous"])
@pytest.mark.parametrize("state", list(CaseState))
async def test_the_policy_says_at_which_states_of_the_case(rig: Rig, privacy: str, state: CaseState) -> None:
    item = await asked(rig, await given(rig, privacy, state.value), HANDLER)
    assert bool(item["sections"]) == ((privacy, state.value) in GIVEN)
    assert bool(rig.store.accesses) == bool(item["sections"])


@pytest.mark.parametrize("role", PEOPLE)
async def test_of_all_roles_only_responders_are_told(rig: Rig, role: Role) -> None:
    report_id = await given(rig)
    who = person("b0b", Grant(role, (BODY,), scopes=("meta", "proof", "export")))
    rig.store.reports[report_id]["status"]["assignee"] = who.ref
    item = await asked(rig, report_id, who)
    assert bool(item["sections"]) == (role is Role.RESPONDER)


@pytest.mark.parametrize(
    "who",
    [
        Principal("person:0000000000000000"),
        person("b0b", Grant(Role.RESPONDER, (ELSEWHERE,))),
        person("b0b", Grant(Role.RESPONDER, (BODY,), communities=("dewiki",))),
        person("b0b", Grant(Role.RESPONDER, (BODY,), expires_at=START)),
        replace(HANDLER, trainings=()),
        replace(HANDLER, confidential_until=None),
        replace(HANDLER, named=False),
    ],
    ids=["nobody", "elsewhere", "other community", "ended", "untrained", "no agreement", "names unknown"],
)
async def test_a_person_who_may_not_read_the_words_is_told_nothing(rig: Rig, who: Principal) -> None:
    report_id = await given(rig)
    rig.store.reports[report_id]["status"]["assignee"] = who.ref
    item = await asked(rig, report_id, who)
    assert item["sections"] == {}
    assert rig.store.accesses == {}


async def test_a_colleague_who_does_not_have_the_case_is_told_nothing(rig: Rig) -> None:
    report_id = await given(rig)
    colleague = person("c011ea", Grant(Role.RESPONDER, (BODY,)))
    assert (await asked(rig, report_id, colleague))["sections"] == {}
    assert rig.store.accesses == {}
    rig.store.reports[report_id]["status"]["assignee"] = colleague.ref
    assert (await asked(rig, report_id, colleague))["sections"]
    assert (await asked(rig, report_id, HANDLER))["sections"] == {}


async def test_a_person_in_the_case_is_told_nothing(rig: Rig) -> None:
    report_id = await given(rig)
    rig.store.reports[report_id]["status"]["recused"] = [HANDLER.ref]
    assert (await asked(rig, report_id, HANDLER)).get("unknown")


async def test_to_look_into_a_case_still_gives_no_reporter(rig: Rig) -> None:
    assert (await asked(rig, await given(rig), HANDLER, "review"))["type"] == "/errors/purpose-not-permitted"


def test_no_row_of_the_policy_can_give_an_anonymous_reporter() -> None:
    assert set(POLICY.identities) == GIVEN
    assert all(fields == ("name",) for fields in POLICY.identities.values())
