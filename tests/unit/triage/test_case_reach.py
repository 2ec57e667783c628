"""Where a handling body may order what goes on: where the policy brings it cases; everywhere, if that is so for all."""

import pytest

from services.triage.case.reach import may_order, reach_faults, within
from shared.policy import load_policy
from tests.support.case_steps import open_case
from tests.unit.triage.test_case_decision import AT

POLICY = load_policy(None)
LOCAL = (
    "enwiki_arbcom", "enwiki_admins", "enwiki_oversight", "swwiki_admins", "arwiki_admins", "wmxx_committee",
    "hackathon_safety", "affiliations_committee", "technical_conduct",
)  # fmt: skip


def test_only_bodies_that_handle_cases_of_all_communities_order_what_holds_everywhere() -> None:
    able = {body for body in POLICY.bodies if may_order([body], "everywhere", "enwiki", POLICY)}
    assert able == set(POLICY.bodies).difference(LOCAL)


@pytest.mark.parametrize(
    ("community", "bodies"),
    [
        ("enwiki", ["enwiki_arbcom", "enwiki_admins", "enwiki_oversight"]),
        ("swwiki", ["swwiki_admins"]),
        ("wikimedia_examplia", ["wmxx_committee", "affiliations_committee"]),
        ("mediawiki_code_review", ["technical_conduct"]),
        ("examplia_hackathon_2026", ["hackathon_safety"]),
        ("global", []),
        ("moonwiki", []),
    ],
)
def test_a_local_body_orders_in_its_own_communities_alone(community: str, bodies: list[str]) -> None:
    able = [body for body in LOCAL if may_order([body], "community", community, POLICY)]
    assert sorted(able) == sorted(bodies)


def test_the_community_of_the_case_is_within_reach_of_each_body_that_has_it() -> None:
    case = open_case(AT)
    for project in (None, "", "enwiki"):
        assert not list(reach_faults(case, ["swwiki_admins"], "community", project, POLICY))
    found = within(case, ["swwiki_admins"], POLICY)
    assert (found["scope"], found["project"]) == (("contact", "pages", "community", "event"), ("enwiki", "swwiki"))
    assert within(case, ["stewards"], POLICY) == {"scope": POLICY.scopes, "project": tuple(POLICY.communities)}
