"""Where people change, every case that now belongs elsewhere is looked for, and few others are."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.triage.author import TRIAGE
from services.triage.case.attendance import People, attend
from services.triage.case.case import Case
from services.triage.case.commands.handling import Attend
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import carry_out
from services.triage.case.standing import moved, reached, standing
from shared.access.principal import Leave, Principal
from shared.access.roster import Staff
from shared.events import CaseState, ReportReceived
from shared.policy import load_policy
from tests.support.examples import up_to
from tests.support.people import responder
from tests.support.triage_rig import reported

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BODIES = ("enwiki_admins", "enwiki_arbcom", "u4c", "ombuds_commission", "trust_safety")
NAMED = responder("ad", *BODIES).pseudonyms


def _kinds(body: str) -> Iterator[Principal]:
    """People of a body; each has one more thing to lose or to gain."""
    one = responder("a1", body)
    yield from (one, responder("b2", body), responder("ad", body))
    yield replace(responder("c3", body), leaves=(Leave(AT + HOUR, AT + 2 * HOUR),))
    yield replace(responder("d4", body), confidential_until=AT + HOUR)
    yield replace(responder("e5", body), trainings=tuple(replace(t, expires_at=AT + HOUR) for t in one.trainings))
    yield replace(responder("f6", body), trainings=tuple(replace(t, completed_at=AT + HOUR) for t in one.trainings))
    yield replace(responder("a7", body), grants=tuple(replace(g, expires_at=AT + HOUR) for g in one.grants))


staffs = st.fixed_dictionaries(
    {body: st.lists(st.sampled_from(list(_kinds(body))), max_size=3, unique_by=lambda who: who.ref) for body in BODIES}
)


def _open(people: People, category: str) -> Case:
    report = cast(ReportReceived, reported(received_at=AT, category=category).fact)
    command = Open("calm-otter", report, people)
    case, _ = carry_out(
        None, command, POLICY, people, AT, case_id="c1", actor=TRIAGE, cause="c", trace=None
    )  # fmt: skip
    assert case is not None
    return case


def _judged(case: Case, people: People, at: datetime) -> Case:
    after, _ = carry_out(
        case, Attend(), POLICY, people, at, case_id="c1", actor=TRIAGE, cause="c", trace=None
    )  # fmt: skip
    assert after is not None
    return after


@up_to(100)
@given(
    st.lists(staffs, min_size=2, max_size=4),
    st.sampled_from([frozenset(), NAMED]),
    st.sampled_from(sorted(POLICY.categories)),
    st.lists(st.sampled_from([timedelta(), HOUR]), min_size=4, max_size=4),
)
def test_each_case_that_now_belongs_elsewhere_is_reached(
    rosters: Sequence[Staff], names: frozenset[str], category: str, waits: Sequence[timedelta]
) -> None:
    before, at = standing(rosters[0], AT), AT
    case = _open(People(rosters[0], names), category)
    for staff, wait in zip(rosters[1:], waits, strict=False):
        at += wait
        after, people = standing(staff, at), People(staff, names)
        if attend(case, people, POLICY, at):
            assert reached(moved(before, after), POLICY).have(case)
        case, before = _judged(case, people, at), after


def test_people_of_a_stand_in_reach_only_what_has_come_past_the_body_before_it() -> None:
    case = replace(_open(People(), "harassment.insults"), body="enwiki_arbcom", own_body="enwiki_arbcom")
    case = replace(case, unattended=False)
    those = reached({"u4c"}, POLICY)
    assert not those.have(case)
    assert those.have(replace(case, body="u4c"))
    assert those.have(replace(case, body="ombuds_commission"))
    assert those.have(replace(case, unattended=True))
    assert not those.have(replace(case, body="u4c", state=CaseState.CLOSED))
    # Its own body may take it back, wherever it lies.
    assert reached({"enwiki_arbcom"}, POLICY).have(replace(case, body="ombuds_commission"))


@pytest.mark.parametrize("later", [timedelta(), HOUR - timedelta(microseconds=1)])
def test_before_the_next_end_nothing_has_moved(later: timedelta) -> None:
    staff = {"u4c": list(_kinds("u4c"))}
    assert moved(standing(staff, AT), standing(staff, AT + later)) == frozenset()


@pytest.mark.parametrize("who", list(_kinds("u4c"))[3:], ids=lambda who: who.ref)
def test_each_time_known_ahead_counts_from_its_moment_on(who: Principal) -> None:
    assert moved(standing({"u4c": [who]}, AT), standing({"u4c": [who]}, AT + HOUR)) == {"u4c"}


def test_a_leave_that_ends_counts_as_one_that_begins() -> None:
    staff = {"u4c": [replace(responder("c3", "u4c"), leaves=(Leave(AT - HOUR, AT + HOUR),))]}
    assert moved(standing(staff, AT), standing(staff, AT + HOUR)) == {"u4c"}


def test_a_body_without_people_is_as_one_that_is_not_there() -> None:
    assert moved(standing({}, AT), standing({"u4c": []}, AT)) == frozenset()
    assert moved(standing({"u4c": [responder("a1", "u4c")]}, AT), standing({}, AT)) == {"u4c"}
