"""A case comes back to its own body, and one handler alone takes it from there for no longer than a day."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.triage.author import TRIAGE
from services.triage.case.attendance import Attendance, People, attend, attendance
from services.triage.case.commands.command import Command
from services.triage.case.commands.handling import Attend
from services.triage.case.commands.recusal import CONFIRM_WITHIN, GROUNDS, Confirm, Recuse, Withdraw
from services.triage.case.commands.table import events_of
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import evolve
from services.triage.case.lifecycle import CommandRefused
from shared.access.principal import Grant, Principal, Role
from tests.support.case_steps import names_of
from tests.support.examples import up_to
from tests.support.people import coordinator, responder
from tests.support.triage_rig import TOKENS
from tests.unit.triage.test_case_attendance import (
    ANN,
    AT,
    BEN,
    CROWD,
    OLA,
    POLICY,
    TOM,
    ULI,
    UMA,
    actor,
    can_open,
    given_to,
    meaning,
    naming,
    opened,
    staff_of,
)

CHIEF = coordinator("c0c0", "enwiki_arbcom").actor(Role.COORDINATOR)


def test_a_case_comes_back_when_a_recusal_lapses_or_is_taken_back() -> None:
    case, _ = opened(ANN, BEN, UMA)
    away, events = given_to(case, Recuse("involved", BEN.ref, actor(ANN)), ANN, BEN, UMA)
    assert (away.body, names_of(events)) == ("u4c", ["case.recusal_declared", "case.passed_on"])
    back, events = given_to(away, Wake(), ANN, BEN, UMA, at=AT + CONFIRM_WITHIN)
    assert (back.body, names_of(events)) == ("enwiki_arbcom", ["case.recusal_lapsed", "case.passed_on"])
    assert can_open(back, ANN, BEN, UMA) == {ANN.ref, BEN.ref}
    # A person of the stand-in sees no conflict.
    back, events = given_to(away, Withdraw(BEN.ref, "unfounded", actor(UMA)), ANN, BEN, UMA)
    assert (back.body, names_of(events)) == ("enwiki_arbcom", ["case.recusal_withdrawn", "case.passed_on"])
    # The token of a person who was named means nothing any more, also before intake has told it everywhere.
    away, _ = given_to(case, naming(BEN, ANN), ANN, BEN, UMA, meant=meaning(BEN))
    there = People(staff_of(ANN, BEN, UMA), frozenset({BEN.ref}), meaning(BEN))
    (lapsed,) = events_of(away, Wake(), POLICY, AT + CONFIRM_WITHIN, case_id="c", actor=TRIAGE, cause="l", trace=None)
    assert [fact.name for fact in attend(evolve(away, lapsed), there, POLICY, AT)] == ["case.passed_on"]


def test_a_case_comes_back_when_the_people_of_its_body_are_there_again() -> None:
    case, _ = opened(UMA, TOM)
    assert (case.body, case.own_body) == ("u4c", "enwiki_arbcom")
    case, _ = given_to(case, Attend(), TOM)
    assert case.body == "trust_safety"
    case, _ = given_to(case, Attend(), UMA, TOM)
    assert case.body == "u4c"
    case, events = given_to(case, Attend(), ANN, UMA, TOM)
    assert (case.body, names_of(events)) == ("enwiki_arbcom", ["case.passed_on"])


def test_a_stand_in_gets_back_what_one_of_its_handlers_sent_away() -> None:
    people = (ANN, UMA, ULI, TOM)
    case, _ = opened(*people, names=[ANN])
    assert case.body == "u4c"
    case, _ = given_to(case, Recuse("other", ULI.ref, actor(UMA)), *people)
    assert case.body == "trust_safety"
    case, _ = given_to(case, Wake(), *people, at=AT + CONFIRM_WITHIN)
    assert case.body == "u4c"


HOUR = timedelta(hours=1)
STEPS = st.sampled_from(["recuse", "name", "confirm", "withdraw", "wait", "wait a day", "leave", "come", "attend"])


class Story:
    """A case, the people around it, and what they do; every step is judged at its own time."""

    def __init__(self, *people: Principal, named: Sequence[Principal] = ()) -> None:
        self.people = list(people)
        self.away: set[str] = set()
        self.at = AT
        self.case, _ = opened(*people, names=named)

    @property
    def there(self) -> list[Principal]:
        return [one for one in self.people if one.ref not in self.away]

    @property
    def meant(self) -> dict[str, str]:
        return {TOKENS.of(self.case.id, one.ref): one.ref for one in self.people}

    @property
    def shut_out(self) -> set[str]:
        """Who has nothing to do with the case, by their references."""
        return {self.meant.get(name, name) for name in self.case.recused}

    def sees(self, who: Principal) -> bool:
        return who.ref not in self.shut_out and who.ref in can_open(self.case, who, at=self.at)

    def do(self, command: Command) -> None:
        with suppress(CommandRefused):
            self.case, _ = given_to(self.case, command, *self.there, at=self.at, meant=self.meant)

    def wait(self, time: timedelta) -> None:
        """Time passes, and triage looks each hour for recusals that lapse."""
        until = self.at + time
        while self.at < until:
            self.at += HOUR
            if self.case.lapses_at and self.case.lapses_at <= self.at:
                self.do(Wake())

    def recuse(self, ground: str, who: Principal, by: Principal) -> None:
        self.do(Recuse(ground, who.ref, actor(by), TOKENS.of(self.case.id, who.ref)))

    def attendance_in(self, body: str) -> Attendance:
        people, recused = People(staff_of(*self.there), frozenset(self.case.parties), self.meant).of(self.case)
        return attendance(body, self.case.community, people, POLICY, self.at, recused)


@up_to(300)
@given(crowd=CROWD, steps=st.lists(STEPS, max_size=14), data=st.data())
def test_whatever_happens_somebody_may_act_and_without_recusals_the_own_body_has_it(
    crowd: list[Principal], steps: list[str], data: st.DataObject
) -> None:
    everybody = [*crowd, OLA]
    named = data.draw(st.lists(st.sampled_from(everybody), max_size=2, unique=True))
    story = Story(*everybody, named=named)
    for step in steps:
        seeing = [one for one in story.there if story.sees(one)]
        who, by = data.draw(st.sampled_from(everybody)), data.draw(st.sampled_from(seeing)) if seeing else None
        match step:
            case "wait" | "wait a day":
                story.wait(HOUR if step == "wait" else 24 * HOUR)
            case "leave" | "come":
                (story.away.add if step == "leave" else story.away.discard)(who.ref)
                story.do(Attend())
            case "attend":
                story.do(Attend())
            case "recuse" | "name" if by:
                story.recuse("named" if step == "name" else "involved", who, by)
            case "confirm" if by and story.case.recusals:
                story.do(Confirm(data.draw(st.sampled_from(story.case.recused)), actor(by)))
            case "withdraw" if by and story.case.recusals:
                story.do(Withdraw(data.draw(st.sampled_from(story.case.recused)), "mistaken", actor(by)))
        case, own = story.case, story.case.own_body
        assert case.body
        assert own
        # Somebody may act; or nobody could in any body of its way, and a fact says so.
        ways = (own, *POLICY.stand_ins(own))
        assert any(story.sees(one) for one in story.there) or not any(story.attendance_in(b).able for b in ways)
        assert case.unattended or story.attendance_in(case.body).can_keep
        if story.attendance_in(own).can_keep:
            assert case.body == own
    # All that one person alone has said is over by then, and what two have said is taken back.
    story.wait(25 * HOUR)
    for recusal in story.case.recusals:
        story.do(Withdraw(recusal.person, "resolved", CHIEF))
    story.away.clear()
    story.do(Attend())
    own = story.case.own_body
    assert own
    if not story.case.recusals:
        of_body = [one for one in everybody if own in one.grants[0].bodies]
        assert (story.case.body == own) == (bool(of_body) and not any(one in named for one in of_body)) or (
            story.case.unattended
        )


@up_to(200)
@given(
    size=st.integers(2, 5),
    orders=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4), st.sampled_from(GROUNDS)), max_size=10),
)
def test_one_handler_takes_a_case_from_its_body_for_a_day_in_all(size: int, orders: list[tuple[int, int, str]]) -> None:
    hostile, *colleagues = [responder(f"{n + 1:04x}", "enwiki_arbcom") for n in range(size)]
    # The handler sits in the stand-in as well, and goes on there.
    hostile = replace(hostile, grants=(Grant(Role.RESPONDER, ("enwiki_arbcom", "u4c")),))
    story, lost = Story(hostile, *colleagues, UMA, TOM, OLA), timedelta()
    for hours, number, ground in orders:
        if story.sees(hostile):
            story.recuse(ground, ([*colleagues, UMA] * 4)[number], hostile)
        for _ in range(hours):
            lost += HOUR if story.case.body != "enwiki_arbcom" else timedelta()
            story.wait(HOUR)
    for _ in range(30):
        lost += HOUR if story.case.body != "enwiki_arbcom" else timedelta()
        story.wait(HOUR)
    assert lost <= CONFIRM_WITHIN
    assert story.case.body == "enwiki_arbcom"
    assert all(story.sees(one) for one in colleagues)
