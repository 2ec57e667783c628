"""The registry of a community: whatever comes in whatever order, it stays whole and follows from its facts."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.triage.baseline.actions import BaselineDesk, ChangeSent, RegistryConflict, RegistryEditor
from services.triage.baseline.changes import Ground
from services.triage.baseline.forms import CHANGES, INPUTS
from services.triage.baseline.links import look_at_nothing
from services.triage.baseline.projects import ListProject
from services.triage.baseline.registry import ENDED_KEPT, PROJECTS_LIMIT, Registry, Standing, evolve, fold
from services.triage.baseline.store import document_of, registry_of
from shared.access.principal import Grant, Principal, Role
from shared.events import (
    Actor,
    BaselineAttested,
    CaseClosed,
    Draft,
    Event,
    Fact,
    ProjectEnded,
    ProjectFact,
    ProjectListed,
    stamp,
)
from shared.policy import load_policy
from shared.problems import Problem
from tests.fakes.memory_registries import MemoryRegistries
from tests.support.baseline_world import AUDITED, CATALOGUE, CONFIRMED, CONTACTS, DAY, LINK, NOW, PAGE, WORDS
from tests.support.examples import up_to
from tests.support.people import person

POLICY = load_policy(None)
CORA, DORA = (person(name, Grant(Role.COORDINATOR)) for name in ("c1", "d1"))
AUDREY = person("a1", Grant(Role.AUDITOR))
ROW = st.sampled_from([CONTACTS, PAGE, CONFIRMED, AUDITED])
SEEN = st.sampled_from(["newest", "newest", "newest", "old"])
bodies = st.one_of(
    st.tuples(
        st.just("attest"),
        st.fixed_dictionaries(
            {
                "responsibility_id": ROW,
                "claim": st.sampled_from(["met", "not_met", "not_applicable"]),
                "statement": st.just(WORDS),
            },
            optional={"link": st.just(LINK), "fields": st.just({"contacts": [CORA.ref, DORA.ref]})},
        ),
    ),
    st.tuples(st.just("withdraw"), st.fixed_dictionaries({"attestation_id": st.integers(0, 5)})),
    st.tuples(st.just("confirm"), st.fixed_dictionaries({"attestation_id": st.integers(0, 5)})),
    st.tuples(
        st.just("annotate"),
        st.fixed_dictionaries({"responsibility_id": ROW, "statement": st.sampled_from(["", WORDS])}),
    ),
    st.tuples(st.just("list_project"), st.fixed_dictionaries({"title": st.sampled_from(["One", "Two"])})),
    st.tuples(
        st.just("change_project"),
        st.fixed_dictionaries({"project_id": st.integers(0, 2), "title": st.sampled_from(["One", "Two"])}),
    ),
    st.tuples(st.just("end_project"), st.fixed_dictionaries({"project_id": st.integers(0, 2)})),
)
orders = st.lists(
    st.tuples(bodies, st.sampled_from([CORA, DORA, AUDREY]), SEEN, st.integers(-40, 400)), min_size=1, max_size=14
)


class Somebody:
    """A roster of coordinators."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal:
        return CORA


def filled(body: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """The body, with ids that the registry has in place of numbers."""
    found = {
        "attestation_id": [a.id for a in registry.attestations],
        "project_id": [p.id for p in registry.projects],
    }
    return {
        name: (found[name][value] if value < len(found[name]) else "none") if name in found else value
        for name, value in body.items()
    }


@up_to(60)
@given(orders)
def test_any_order_and_repetition_of_changes_keeps_a_registry_whole(sent: list[Any]) -> None:
    asyncio.run(send(sent))


async def send(sent: list[Any]) -> None:
    store, at = MemoryRegistries(), NOW

    def clock() -> datetime:
        return at

    desk = BaselineDesk(RegistryEditor(store, clock), POLICY, [CATALOGUE], Somebody(), look_at_nothing, clock=clock)
    for number, ((name, body), who, seen, days) in enumerate(sent):
        at = NOW + timedelta(days=days)
        before = store.of("swwiki")
        content = filled(body, before) | ({"statement": WORDS} if name == "withdraw" else {})
        order = ChangeSent(
            CHANGES[name].model_validate(content, strict=False), before.seq - (seen == "old"), f"order-{number}"
        )
        signed_in = Principal(who.ref, who.grants, authenticated_at=at)
        answers: list[object] = []
        for _ in range(2):
            try:
                answers.append(await desk.carry_out(signed_in, "swwiki", order))
            except Problem as problem:
                answers.append((type(problem), problem.code, [(e.pointer, e.code) for e in problem.errors]))
        assert answers[0] == answers[1], "a repeated order has another answer"
        after = store.of("swwiki")
        assert after.seq - before.seq in (0, 1)
        if not isinstance(answers[0], Registry):
            assert after == before
        if seen == "old" and before.seq:
            assert answers[0] == (RegistryConflict, "baseline-changed", []) or after == before
        holds(after)
    after = store.of("swwiki")
    assert fold(store.events, Registry("swwiki")) == after
    assert [e.case_seq for e in store.events] == list(range(1, after.seq + 1))
    assert len({e.id for e in store.events}) == len(store.events)
    assert registry_of({**document_of(after), "_id": "swwiki", "seq": after.seq}) == after


def holds(registry: Registry) -> None:
    running = [a.responsibility_id for a in registry.attestations if a.standing is Standing.RUNNING]
    assert len(running) == len(set(running)), "two attestations of one responsibility run"
    for made in registry.attestations:
        assert made.confirmed_by != made.made_by
        assert made.valid_until - made.made_at <= CATALOGUE_LONGEST[made.responsibility_id]
        assert (made.standing is Standing.RUNNING) == (made.ended_at is None)
    for project in registry.projects:
        assert all(v.ended_on is None for v in project.versions[:-1])


CATALOGUE_LONGEST = {
    r.id: r.attested.valid_for if r.attested else 365 * DAY for r in CATALOGUE.responsibilities.values()
}


def event(fact: Fact, seq: int) -> Event:
    drafts = [Draft(fact, Actor(CORA.ref, "coordinator"), NOW, f"cause-{seq}")]
    (made,) = stamp(drafts, source="test", subject="baseline/swwiki", case_id="swwiki", last_seq=seq - 1, trace=None)
    return made


def attested(name: str, supersedes: str | None = None) -> BaselineAttested:
    return BaselineAttested(
        community="swwiki", attestation_id=name, responsibility_id=PAGE, catalogue_version="1", claim="met",
        statement=WORDS, valid_until=NOW + DAY, supersedes=supersedes,
    )  # fmt: skip


def test_an_event_that_does_not_follow_on_the_last_is_refused() -> None:
    for seq in (0, 2):
        with pytest.raises(TypeError):
            evolve(Registry("swwiki"), event(attested("a"), seq))
    with pytest.raises(TypeError):
        evolve(Registry("swwiki"), event(CaseClosed(previous="decided", state="closed"), 1))


def test_a_registry_keeps_a_bounded_number_of_what_has_ended() -> None:
    registry, before = Registry("swwiki"), None
    for number in range(ENDED_KEPT + 10):
        registry = evolve(registry, event(attested(f"a{number}", before), number + 1))
        before = f"a{number}"
    assert len(registry.attestations) == ENDED_KEPT + 1
    running = registry.running(PAGE)
    assert running is not None
    assert running.id == before


def test_projects_that_have_ended_leave_room_for_others_and_the_oldest_go() -> None:
    def told(kind: type[ProjectFact], number: int, **ended: Any) -> ProjectFact:
        return kind(community="swwiki", project_id=f"p-{number}", title="Peers", **ended)

    facts = [told(ProjectListed, number) for number in range(PROJECTS_LIMIT)]
    registry = fold((event(fact, seq) for seq, fact in enumerate(facts, 1)), Registry("swwiki"))
    ground = Ground(POLICY.communities["swwiki"], CATALOGUE, Role.COORDINATOR, NOW, "cause")
    wanted = ListProject(title="One more")
    assert [fault.code for fault in wanted.faults(registry, ground)] == ["too_many"]
    for number in range(ENDED_KEPT + 5):
        registry = evolve(registry, event(told(ProjectEnded, number, ended_on=NOW.date()), registry.seq + 1))
        assert not [*wanted.faults(registry, ground)]
        registry = evolve(registry, event(told(ProjectListed, PROJECTS_LIMIT + number), registry.seq + 1))
    assert len(registry.projects) == ENDED_KEPT + PROJECTS_LIMIT
    assert registry.project("p-4") is None
    assert registry.project("p-5") is not None


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_has_a_form_with_exactly_its_fields(name: str) -> None:
    taken = CHANGES[name].model_fields
    assert {i.name for i in INPUTS[name]} == set(taken)
    assert {i.name for i in INPUTS[name] if i.required} >= {n for n, f in taken.items() if f.is_required()}


def test_a_change_takes_nothing_that_it_does_not_know() -> None:
    for change in CHANGES.values():
        with pytest.raises(ValidationError):
            change.model_validate({"colour": "red"})
