"""The table of who may do what: deny by default, ends by itself, and nobody gets around a recusal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.commands.documents.access_page import access_page
from shared.access.actions import ACTIONS
from shared.access.authorization import FRESH, Refused, allow, demand, fresh_until, reaches
from shared.access.conditions import HIDING, Permit, Reason, Refusal
from shared.access.principal import NOBODY, PEOPLE, SCOPES, Grant, Leave, Principal, Resource, Role, Training
from shared.access.table import TABLE
from shared.problems import NotFound

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BODIES, COMMUNITIES = ("arbcom", "admins"), ("enwiki", "swwiki")
PSEUDONYMS = ("a" * 32, "b" * 32)
REFS = ("person:0000000000000001", "person:0000000000000002")

times = st.none() | st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
some = lambda values: st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)  # noqa: E731
grants = st.builds(
    Grant,
    role=st.sampled_from([*PEOPLE, Role.INTEGRATOR, Role.SERVICE]),
    bodies=some(BODIES),
    communities=some(COMMUNITIES),
    sources=some(("wiki", "event")),
    scopes=some(SCOPES),
    expires_at=times,
)
trainings = st.builds(Training, st.sampled_from(("A", "B", "C1")), st.just(NOW - timedelta(days=50)), times)
leaves = st.builds(Leave, st.integers(-9, 9).map(lambda days: NOW + timedelta(days=days)), times)
principals = st.builds(
    Principal,
    ref=st.sampled_from(REFS),
    grants=st.lists(grants, max_size=4).map(tuple),
    trainings=st.lists(trainings, max_size=3).map(tuple),
    confidential_until=times,
    leaves=st.lists(leaves, max_size=1).map(tuple),
    pseudonyms=some(PSEUDONYMS).map(frozenset),
    authenticated_at=times,
    purposes=some(("review", "notify", "sign_in")),
    named=st.booleans(),
)
resources = st.none() | st.builds(
    Resource,
    body=st.sampled_from((None, *BODIES)),
    community=st.sampled_from((None, *COMMUNITIES)),
    parties=some(PSEUDONYMS).map(frozenset),
    recused=some(REFS).map(frozenset),
    training=some(("A", "B", "C1")),
    owner=st.sampled_from((None, *REFS)),
    source=st.sampled_from((None, "wiki")),
    grants=st.none() | st.lists(grants, max_size=2).map(tuple),
    relieved=st.booleans(),
)
actions = st.sampled_from(sorted(ACTIONS))
CLOSED = [name for name in ACTIONS if not any(r.action == name and r.role is Role.ANYONE for r in TABLE)]


@given(principals, actions, resources)
def test_a_permit_is_always_one_row_of_the_table_with_every_condition_met(
    who: Principal, action: str, resource: Resource | None
) -> None:
    answer = allow(who, action, resource, NOW)
    if isinstance(answer, Refusal):
        return
    rows = [row for row in TABLE if row.action == action and row.role is answer.role]
    assert len(rows) == 1
    if answer.role is Role.ANYONE:
        return
    held = [g for g in who.grants if g.role is answer.role and (g.expires_at is None or g.expires_at > NOW)]
    assert any(
        all(
            c.holds(who, g, ACTIONS[action], resource or Resource(), NOW)
            for c in rows[0].conditions
            if resource is not None or not c.of_resource
        )
        for g in held
    )


@given(principals, actions, resources.filter(lambda r: r is not None))
def test_nobody_who_is_a_party_or_recused_gets_anything_of_a_case_in_any_role(
    who: Principal, action: str, resource: Resource
) -> None:
    if ACTIONS[action].case and (who.pseudonyms & resource.parties or who.ref in resource.recused):
        assert allow(who, action, resource, NOW) == Refusal(Reason.RECUSED)


@given(principals, actions, resources)
def test_what_may_be_done_to_something_may_be_done_at_all(
    who: Principal, action: str, resource: Resource | None
) -> None:
    if isinstance(allow(who, action, resource, NOW), Permit):
        assert isinstance(allow(who, action, None, NOW), Permit)


@given(principals, st.sampled_from(CLOSED), resources)
def test_without_grants_nothing_opens_but_what_is_open_to_anyone(
    who: Principal, action: str, resource: Resource | None
) -> None:
    assert isinstance(allow(replace(who, grants=()), action, resource, NOW), Refusal)
    assert isinstance(allow(NOBODY, action, resource, NOW), Refusal)


@given(principals, actions, resources, st.integers(0, 400))
def test_taking_anything_away_never_opens_anything(
    who: Principal, action: str, resource: Resource | None, days: int
) -> None:
    less = [
        replace(who, grants=who.grants[1:]),
        replace(who, trainings=who.trainings[1:]),
        replace(who, confidential_until=None),
        replace(who, authenticated_at=None),
        replace(who, leaves=(*who.leaves, Leave(NOW - timedelta(days=1)))),
        # More names shut out of more, but for the first, without which nothing is known of anybody.
        replace(who, pseudonyms=frozenset(PSEUDONYMS) if who.pseudonyms else frozenset()),
        replace(who, pseudonyms=frozenset()) if ACTIONS[action].case else who,
        replace(who, grants=tuple(replace(g, expires_at=NOW) for g in who.grants)),
    ]
    for lesser in less:
        if isinstance(allow(lesser, action, resource, NOW), Permit):
            assert isinstance(allow(who, action, resource, NOW), Permit)


@given(principals, st.sampled_from(CLOSED), resources)
def test_every_end_is_exact(who: Principal, action: str, resource: Resource | None) -> None:
    ending = replace(who, grants=tuple(replace(g, expires_at=NOW) for g in who.grants))
    assert isinstance(allow(ending, action, resource, NOW), Refusal)
    assert isinstance(allow(ending, action, resource, NOW + timedelta(seconds=1)), Refusal)


@given(principals, st.sampled_from(BODIES), st.sampled_from(COMMUNITIES))
def test_what_is_reached_is_what_is_permitted(who: Principal, body: str, community: str) -> None:
    within = any(
        body in reach.bodies and (reach.communities is None or community in reach.communities)
        for reach in reaches(who, "case.list", NOW)
    )
    assert within == isinstance(allow(who, "case.list", Resource(body, community), NOW), Permit)


@given(principals, st.sampled_from([a for a, action in ACTIONS.items() if action.case]), resources.filter(bool))
def test_what_is_beyond_a_persons_reach_is_refused_without_saying_that_it_exists(
    who: Principal, action: str, resource: Resource
) -> None:
    # Who may do it at all gets, of what is none of theirs, the answer that they get of nothing.
    if isinstance(allow(who, action, None, NOW), Refusal):
        return
    answer = allow(who, action, resource, NOW)
    if isinstance(answer, Refusal) and answer.reason not in HIDING:
        assert answer.reason is Reason.TRAINING
        assert isinstance(allow(who, action, replace(resource, training=()), NOW), Permit)


FULL = Principal(
    REFS[0],
    (Grant(Role.RESPONDER, ("arbcom",), ("enwiki",)),),
    tuple(Training(m, NOW - timedelta(days=1)) for m in ("A", "B")),
    NOW + timedelta(days=1),
    pseudonyms=frozenset({"f"}),
    authenticated_at=NOW,
    named=True,
)
CASE = Resource("arbcom", "enwiki", training=("A", "B"))


@pytest.mark.parametrize(
    ("who", "resource", "reason"),
    [
        (FULL, replace(CASE, body="admins"), Reason.BODY),
        (FULL, replace(CASE, community="swwiki"), Reason.COMMUNITY),
        (FULL, replace(CASE, training=("A", "B", "C1")), Reason.TRAINING),
        (FULL, replace(CASE, recused=frozenset({REFS[0]})), Reason.RECUSED),
        (replace(FULL, pseudonyms=frozenset({"a"})), replace(CASE, parties=frozenset({"a"})), Reason.RECUSED),
        (replace(FULL, confidential_until=NOW), CASE, Reason.CONFIDENTIALITY),
        (replace(FULL, pseudonyms=frozenset()), CASE, Reason.NAMES),
        (replace(FULL, named=False), CASE, Reason.NAMES),
        (replace(FULL, leaves=(Leave(NOW),)), CASE, Reason.LEAVE),
        (replace(FULL, grants=(replace(FULL.grants[0], expires_at=NOW),)), CASE, Reason.ENDED),
        (replace(FULL, authenticated_at=NOW - FRESH - timedelta(seconds=1)), CASE, Reason.SIGN_IN_AGAIN),
        (replace(FULL, grants=(Grant(Role.OPERATOR),)), CASE, Reason.ROLE),
        (replace(FULL, grants=()), CASE, Reason.ROLE),
        (NOBODY, CASE, Reason.SIGN_IN),
    ],
)
def test_a_refusal_says_why(who: Principal, resource: Resource, reason: Reason) -> None:
    assert allow(FULL, "case.decide", CASE, NOW) == Permit(Role.RESPONDER)
    assert allow(who, "case.decide", resource, NOW) == Refusal(reason)


@pytest.mark.parametrize("reason", sorted(HIDING))
def test_what_may_not_be_told_is_answered_exactly_like_nothing(reason: Reason) -> None:
    assert Refused("case.read", Refusal(reason)).document("r") == NotFound().document("r")


def test_an_unknown_action_is_an_error_and_no_answer() -> None:
    with pytest.raises(KeyError):
        allow(FULL, "case.burn", CASE, NOW)


def test_demand_gives_the_permit_or_raises_the_problem() -> None:
    assert demand(FULL, "case.read", CASE, NOW).role is Role.RESPONDER
    with pytest.raises(Refused) as refused:
        demand(FULL, "roster.change", None, NOW)
    assert (refused.value.status, refused.value.code) == (403, "role-not-permitted")


def test_each_role_has_one_row_an_action_and_every_row_is_about_an_action() -> None:
    pairs = [(row.role, row.action) for row in TABLE]
    assert {action for _, action in pairs} == set(ACTIONS)
    doubled = {pair for pair in pairs if pairs.count(pair) > 1}
    assert doubled == set()


CORA = Principal(REFS[0], (Grant(Role.COORDINATOR, ("arbcom", "admins"), ("enwiki",)),), authenticated_at=NOW)
UNBOUND = replace(CORA, grants=(Grant(Role.COORDINATOR),))
ABOUT = Resource(owner=REFS[1], grants=())


@pytest.mark.parametrize(
    ("held", "within"),
    [
        (Grant(Role.RESPONDER, ("arbcom",), ("enwiki",)), True),
        (Grant(Role.COORDINATOR, ("arbcom", "admins"), ("enwiki",)), True),
        (Grant(Role.RESPONDER, ("arbcom", "u4c"), ("enwiki",)), False),
        (Grant(Role.RESPONDER, ("arbcom",), ("enwiki", "swwiki")), False),
        (Grant(Role.RESPONDER, ("arbcom",)), False),
        (Grant(Role.COORDINATOR, (), ("enwiki",)), False),
        (Grant(Role.AUDITOR, scopes=SCOPES), False),
        (Grant(Role.OPERATOR), False),
    ],
)
def test_a_coordinator_gives_and_touches_only_what_they_reach(held: Grant, within: bool) -> None:
    resource = replace(ABOUT, grants=(held,))
    for action in ("roster.change", "roster.leave", "session.read", "session.end"):
        assert allow(CORA, action, resource, NOW) == (Permit(Role.COORDINATOR) if within else Refusal(Reason.REACH))
        assert allow(UNBOUND, action, resource, NOW) == Permit(Role.COORDINATOR)


def test_the_reach_of_a_role_that_has_ended_or_is_another_one_counts_for_nothing() -> None:
    resource = replace(ABOUT, grants=(Grant(Role.RESPONDER, ("u4c",), ("enwiki",)),))
    ended = Grant(Role.COORDINATOR, ("u4c",), expires_at=NOW)
    for more in (ended, Grant(Role.RESPONDER, ("u4c",)), Grant(Role.OPERATOR)):
        assert isinstance(allow(replace(CORA, grants=(*CORA.grants, more)), "roster.change", resource, NOW), Refusal)
    running = replace(ended, expires_at=NOW + timedelta(seconds=1))
    assert allow(replace(CORA, grants=(*CORA.grants, running)), "roster.change", resource, NOW) == Permit(
        Role.COORDINATOR
    )


@given(grants, principals)
def test_a_bound_coordinator_changes_nobody_who_reaches_further(held: Grant, who: Principal) -> None:
    bound = [g for g in who.grants if g.role is Role.COORDINATOR]
    if any(not g.bodies for g in bound):
        return
    if isinstance(allow(who, "roster.change", Resource(owner=REFS[1], grants=(held,)), NOW), Permit):
        assert who.ref != REFS[1]
        assert held.bodies
        assert set(held.bodies) <= {body for g in bound for body in g.bodies}


def test_nobody_changes_their_own_entry_but_for_leave_that_another_can_end() -> None:
    own = Resource(owner=CORA.ref, grants=())
    for action in ("roster.change", "session.read", "session.end"):
        assert allow(CORA, action, own, NOW) == Refusal(Reason.ONESELF)
    assert allow(CORA, "roster.leave", own, NOW) == Refusal(Reason.LAST)
    assert allow(CORA, "roster.leave", replace(own, relieved=True), NOW) == Permit(Role.COORDINATOR)
    # One's own other roles may reach further: leave only takes.
    wide = replace(own, relieved=True, grants=(Grant(Role.AUDITOR),))
    assert allow(CORA, "roster.leave", wide, NOW) == Permit(Role.COORDINATOR)


def test_a_change_of_the_roster_needs_a_fresh_sign_in_and_nothing_is_told_before_it() -> None:
    old = replace(CORA, authenticated_at=NOW - FRESH - timedelta(seconds=1))
    within = replace(ABOUT, grants=(Grant(Role.RESPONDER, ("arbcom",), ("enwiki",)),))
    for action in ("roster.change", "roster.leave"):
        assert allow(old, action, within, NOW) == Refusal(Reason.SIGN_IN_AGAIN)
    assert allow(old, "session.end", within, NOW) == Permit(Role.COORDINATOR)


@pytest.mark.parametrize(("seconds", "fresh"), [(30, True), (90, False), (31 * 24 * 3600, False)])
def test_a_sign_in_that_is_still_to_come_is_fresh_only_where_clocks_may_differ_so(seconds: int, fresh: bool) -> None:
    ahead = replace(CORA, authenticated_at=NOW + timedelta(seconds=seconds))
    answer = allow(
        ahead, "roster.leave", replace(ABOUT, grants=(Grant(Role.RESPONDER, ("arbcom",), ("enwiki",)),)), NOW
    )
    assert answer == (Permit(Role.COORDINATOR) if fresh else Refusal(Reason.SIGN_IN_AGAIN))
    assert (fresh_until(ahead, NOW) is None) is not fresh


def test_only_a_coordinator_of_the_whole_roster_changes_an_entry_without_a_role() -> None:
    for action in ("roster.change", "roster.leave", "session.read", "session.end"):
        assert allow(CORA, action, ABOUT, NOW) == Refusal(Reason.REACH)
        for bound in (Grant(Role.COORDINATOR, ("arbcom",)), Grant(Role.COORDINATOR, (), ("enwiki",))):
            assert allow(replace(CORA, grants=(bound,)), action, ABOUT, NOW) == Refusal(Reason.REACH)
        assert allow(UNBOUND, action, ABOUT, NOW) == Permit(Role.COORDINATOR)


def test_no_role_but_a_responder_reads_what_was_reported() -> None:
    assert {row.role for row in TABLE if row.action == "case.read_content"} == {Role.RESPONDER}
    assert {row.role for row in TABLE if row.action == "vault.read"} == {Role.SERVICE}


def test_the_page_has_every_action_and_condition() -> None:
    page = access_page()
    assert {name for name in ACTIONS if f"`{name}`" not in page} == set()
    assert {c.says for row in TABLE for c in row.conditions if c.says not in page} == set()
