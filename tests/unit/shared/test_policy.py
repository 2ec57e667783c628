"""Where reports go and what is promised about them, by the packaged policy."""

from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import GLOBAL_COMMUNITY, Lane, Policy, ReportFacts, load_policy

POLICY = load_policy()
RECEIVED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def triage_of(community: str, category: str, *flags: str, setting: str = "online") -> tuple[str, str]:
    triage = POLICY.triage(ReportFacts(community, category, frozenset(flags), setting))
    return triage.lane, triage.body


def test_an_emergency_stays_one_whatever_else_is_reported() -> None:
    triage = POLICY.triage(ReportFacts("enwiki", "harassment.threats", frozenset(POLICY.flags), "in_person"))
    assert (triage.lane, triage.rule, triage.act_within) == ("emergency", "danger-to-life", timedelta(hours=3))


def test_every_combination_of_facts_finds_a_body_that_exists() -> None:
    # Flags that no rule looks at cannot change the answer, so all others are combined in full.
    looked_at = {flag for rule in POLICY.rules for condition in rule.when for flag in condition.flags or ()}
    flag_sets = chain.from_iterable(combinations(sorted(looked_at), size) for size in range(len(looked_at) + 1))
    reached = set()
    for flags in map(frozenset, flag_sets):
        for community, category, setting in product(POLICY.communities, POLICY.categories, POLICY.settings):
            triage = POLICY.triage(ReportFacts(community, category, flags, setting))
            assert triage.body in POLICY.bodies
            reached.add(triage.rule)
    assert reached == {rule.id for rule in POLICY.rules}


@given(
    community=st.text(),
    category=st.text(),
    flags=st.frozensets(st.text() | st.sampled_from(POLICY.flags)),
    setting=st.text(),
)
def test_facts_of_another_policy_still_find_a_body(
    community: str, category: str, flags: frozenset[str], setting: str
) -> None:
    assert POLICY.triage(ReportFacts(community, category, flags, setting)).body in POLICY.bodies


def test_an_unknown_community_is_treated_as_a_place_that_nobody_recognised() -> None:
    assert triage_of("atlantis", "harassment.insults") == triage_of(GLOBAL_COMMUNITY, "harassment.insults")


def test_a_standard_case_promises_acknowledgement_response_and_decision() -> None:
    promised = [(deadline.name, deadline.due_at - RECEIVED) for deadline in POLICY.deadlines_for("standard", RECEIVED)]
    assert promised == [
        ("acknowledgement", timedelta(hours=24)),
        ("first_response", timedelta(days=7)),
        ("decision", timedelta(days=28)),
    ]


@pytest.mark.parametrize(
    ("lane", "name", "within"),
    [
        ("emergency", "emergency_action", timedelta(hours=3)),
        ("child_protection", "child_protection_action", timedelta(hours=24)),
    ],
)
def test_a_lane_adds_its_own_first_deadline(lane: Lane, name: str, within: timedelta) -> None:
    promised = {deadline.name: deadline.due_at for deadline in POLICY.deadlines_for(lane, RECEIVED)}
    assert promised[name] == RECEIVED + within
    assert promised["decision"] == RECEIVED + timedelta(days=28)


def test_clocks_that_start_later_are_found_by_name() -> None:
    assert POLICY.deadline("appeal_window", RECEIVED).due_at == RECEIVED + timedelta(days=180)
    with pytest.raises(KeyError):
        POLICY.deadline("never_heard_of", RECEIVED)


def test_the_taxonomy_is_the_one_of_the_code_of_conduct() -> None:
    assert {"harassment.doxing", "unclassified"} <= POLICY.categories.keys()
    assert "harassment" not in POLICY.categories
    assert POLICY.categories["content_abuse.vandalism"].group == "content_abuse"
    assert [code for code, category in POLICY.categories.items() if not category.accuses] == ["welfare.self_harm"]


def test_a_policy_cannot_be_changed_once_loaded() -> None:
    policy: Policy = load_policy()
    with pytest.raises(TypeError):
        policy.communities["mine"] = policy.communities["enwiki"]  # type: ignore[index]  # the point of the test
    with pytest.raises(TypeError):
        policy.communities["enwiki"].bodies["arbcom"] = "mine"  # type: ignore[index]  # the point of the test


def test_the_packaged_policy_is_checked_once_in_a_process() -> None:
    assert load_policy() is load_policy(None)
