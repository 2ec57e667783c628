"""A responder whom a report names finds nothing of its case, however the reporter writes the name."""

import pytest

from services.intake.report.pseudonym import pseudonyms_for
from shared.access.principal import Grant, Principal, Role
from tests.support import intake_rig
from tests.support.one_report import BODY, OneReport, hand_in, send
from tests.support.people import COPIES, bearer, person

ROLES = (Grant(Role.RESPONDER, (BODY,)), Grant(Role.COORDINATOR, (BODY,)))
STRANGER = "Somebody Else Entirely"


def signed_in(ref: str, name: str) -> Principal:
    """A responder of the body whom the roster knows by the keys that intake gives for this name."""
    who = person(ref, *ROLES, pseudonyms=pseudonyms_for(intake_rig.SECRETS.pseudonyms, [name], []))
    COPIES.enrol(who)
    return who


async def seen(report: OneReport, who: Principal) -> set[int]:
    """The status of the case for this person at the desk, and of the lists that show it (404: none does)."""
    found = set()
    for path in (f"/v1/cases/{report.case.id}", f"/desk/cases/{report.case.code_name}"):
        found.add((await send(report.apps["triage"], "GET", path, bearer(who))).status_code)
    for path in ("/v1/cases", "/desk"):
        answer = await send(report.apps["triage"], "GET", path, bearer(who))
        found.add(200 if report.case.code_name in answer.text else 404)
    return found


@pytest.mark.parametrize(
    ("spelling", "own"),
    [
        ("Example User", "example user"),
        ("[[User:Example User|the admin]]", "Example User"),
        ("{{ping|Somebody|Example_User}}", "Example User"),
        ("https://en.m.wikipedia.org/w/index.php?title=User_talk:Example%20User&action=edit", "Example User"),
        ("https://meta.wikimedia.org/wiki/Special:CentralAuth/Example_User", "Example User"),
        ("Benutzerin Diskussion:Example User", "EXAMPLE USER"),
        ("Участница:Example User", "Example User"),
        ("w:ja:利用者:Example User/下書き", "Example User"),
        ("Somebody, @Example User.", "Example User"),
        ("\u200f«Ｅｘａｍｐｌｅ　Ｕｓｅｒ»\u200e", "Example User"),
        ("Example <example.user@mail.example>", "Example.User@mail.example"),
    ],
)
async def test_the_desk_shows_no_case_to_a_responder_it_names(spelling: str, own: str) -> None:
    report = await hand_in([], reported=spelling)
    accused, other = signed_in("acc05ed", own), signed_in("0b1ec71e", STRANGER)
    assert await seen(report, accused) == {404}
    assert await seen(report, other) == {200}


@pytest.mark.parametrize(
    ("narrative", "own"),
    [
        ("On my talk page example_user wrote it again.", "Example User"),
        ("It was [[User:Example User|him]] again.", "Example User"),
        ("See https://en.wikipedia.org/wiki/Special:Contributions/Example%20User for more.", "Example User"),
        ("昨日、例示太郎さんに言われた。", "例示太郎"),
        ("He writes from Example.User@mail.example to everybody.", "example.user@mail.example"),
    ],
)
async def test_the_desk_shows_no_case_to_a_responder_whom_its_words_mention(narrative: str, own: str) -> None:
    mentioned, other = signed_in("acc05ed", own), signed_in("0b1ec71e", STRANGER)
    report = await hand_in([], narrative=narrative)
    assert await seen(report, mentioned) == {404}
    assert await seen(report, other) == {200}
