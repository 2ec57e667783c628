"""What differs for a case between two policies."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.triage.shadow.comparison import MOST_EXAMPLES, CaseKind, Comparison, Difference, ShadowCase, Tally
from shared.policy import Policy, load_policy
from shared.policy.loader import FILES, PACKAGED
from shared.times import now

POLICY = load_policy()
INSULT = CaseKind("enwiki", "harassment.insults", frozenset(), "online", "named", None)
WARNED = INSULT._replace(outcome="warning")
HOUNDED = WARNED._replace(category="harassment.hounding")
AT = now()


def changed(name: str, before: str, after: str) -> Policy:
    """The packaged policy with another text in one of its files."""
    text = (PACKAGED / name).read_text(encoding="utf-8")
    assert before in text
    return load_policy(None, {name: text.replace(before, after, 1)})


def differences(policy: Policy, kind: CaseKind = INSULT) -> list[Difference]:
    return list(Comparison(POLICY, policy).of(case(kind)))


def case(kind: CaseKind = INSULT, number: int = 0) -> ShadowCase:
    return ShadowCase(str(number), f"calm-river-{number}", AT, kind)


def test_a_policy_differs_in_nothing_from_itself() -> None:
    for kind in (INSULT, WARNED, INSULT._replace(flags=frozenset(POLICY.flags))):
        assert differences(load_policy(None, {"policy.toml": 'version = "2026-12"'}), kind) == []


@pytest.mark.parametrize(
    ("name", "before", "after", "kind", "expected"),
    [
        pytest.param(
            "routing.toml", '"local.arbcom", "local.admins"', '"local.admins"', INSULT,
            Difference("body", "", "", "enwiki_arbcom", "enwiki_admins"), id="body",
        ),
        pytest.param(
            "communities.toml", 'email = "arbcom@en-wiki.example"', 'email = "a@b.example"\nquorum = 3', INSULT,
            Difference("people", "", "quorum", "2", "3"), id="quorum",
        ),
        pytest.param(
            "deadlines.toml", "pausable = true", "pausable = false", INSULT,
            Difference("clock", "decision", "pausable", "yes", ""), id="clock",
        ),
        pytest.param(
            "deadlines.toml", 'within = "14 d"', 'within = "10 d"', INSULT,
            Difference("clock", "update", "within", "14 d", "10 d"), id="update",
        ),
        pytest.param(
            "taxonomy.toml", 'outcomes = ["mediation"]', 'outcomes = ["mediation", "warning"]', HOUNDED,
            Difference("consent", "warning", "reporter_first", "", "yes"), id="hearing",
        ),
        pytest.param(
            "deadlines.toml", 'within = "28 d"', 'within = "20 d"\nbusiness = true', INSULT,
            Difference("clock", "decision", "within", "28 d", "20 d"), id="business-days",
        ),
        pytest.param(
            "identity.toml", '"investigating", "awaiting_information", "referred"', '"referred"', INSULT,
            Difference("identity", "investigating", "fields", "name", ""), id="identity",
        ),
    ],
)  # fmt: skip
def test_each_thing_that_a_policy_says_otherwise_is_told(
    name: str, before: str, after: str, kind: CaseKind, expected: Difference
) -> None:
    assert expected in differences(changed(name, before, after), kind)


def test_other_consent_is_told_of_cases_that_were_decided_so_and_of_no_other() -> None:
    outcome = replace(POLICY.outcomes["warning"], needs="two_thirds", quorum=60)
    stricter = replace(POLICY, outcomes={**POLICY.outcomes, "warning": outcome})
    assert differences(stricter) == []
    assert differences(stricter, WARNED) == [
        Difference("consent", "warning", "needs", POLICY.outcomes["warning"].needs, "two_thirds"),
        Difference("consent", "warning", "quorum", "", "60"),
    ]


def test_other_check_ins_are_told_of_cases_that_were_decided() -> None:
    text = (PACKAGED / "follow_up.toml").read_text(encoding="utf-8")
    more = load_policy(None, {"follow_up.toml": text.replace(f"tries = {POLICY.tries}", "tries = 5")})
    assert differences(more) == []
    assert differences(more, WARNED) == [Difference("check_in", "warning", "tries", str(POLICY.tries), "5")]


@pytest.mark.parametrize(
    ("name", "before", "after", "kind", "expected"),
    [
        pytest.param(
            "pauses.toml", 'answer = "14 d"', 'answer = "2 d"', INSULT._replace(waits=frozenset({"answer"})),
            Difference("pause", "answer", "longest", "14 d", "2 d"), id="answer",
        ),
        pytest.param(
            "pauses.toml", 'longest = "90 d"', 'longest = "5 d"', INSULT._replace(waits=frozenset({"other_authority"})),
            Difference("pause", "other_authority", "longest", "90 d", "5 d"), id="pause",
        ),
        pytest.param(
            "follow_up.toml", 'talk = "7 d"', 'talk = "2 d"',
            INSULT._replace(measures=frozenset({("temporary_suspension", True)})),
            Difference("measure", "temporary_suspension", "talk", "7 d", "2 d"), id="measure",
        ),
        pytest.param(
            "follow_up.toml", 'id = "other"\nbefore = "7 d"\nafter = ["7 d"]',
            'id = "other"\nbefore = "2 d"\nafter = ["2 d"]',
            INSULT._replace(measures=frozenset({("permanent_ban", False)})),
            Difference("measure", "permanent_ban", "after", "7 d", "2 d"), id="measure for good",
        ),
        pytest.param(
            "patterns.toml", 'lanes = ["emergency", "child_protection"]', 'lanes = ["standard"]',
            INSULT._replace(grouped="same-person"),
            Difference("flood", "", "lanes", "child_protection, emergency", "standard"), id="flood",
        ),
    ],
)  # fmt: skip
def test_what_a_case_has_met_with_is_told_of_such_cases_and_of_no_other(
    name: str, before: str, after: str, kind: CaseKind, expected: Difference
) -> None:
    assert differences(changed(name, before, after), kind) == [expected]
    assert differences(changed(name, before, after), WARNED) == []


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("patterns.toml", 'close = "48 h"', 'close = "24 h"', ("patterns.toml",)),
        ("patterns.toml", "reports = 10", "reports = 12", ("patterns.toml",)),
        ("routing.toml", "email =", 'language = "de"\nemail =', ("routing.toml",)),
        ("pauses.toml", 'answer = "14 d"', 'answer = "2 d"', ()),
        ("deadlines.toml", 'within = "28 d"', 'within = "20 d"', ()),
        ("policy.toml", "2026-", "2027-", ()),
    ],
)
def test_a_file_that_past_cases_cannot_judge_is_named(
    name: str, before: str, after: str, expected: tuple[str, ...]
) -> None:
    assert Comparison(POLICY, changed(name, before, after)).unshown == expected


def test_a_clock_that_comes_or_goes_is_told_by_its_time_alone() -> None:
    rest = {name: rule for name, rule in POLICY.deadlines.items() if name != "decision"}
    assert differences(replace(POLICY, deadlines=rest)) == [Difference("clock", "decision", "within", "28 d", "")]


def test_a_tally_counts_every_case_and_keeps_the_names_of_a_few() -> None:
    shorter = changed("deadlines.toml", 'within = "28 d"', 'within = "20 d"')
    comparison, tally = Comparison(POLICY, shorter), Tally()
    for number in range(50):
        one = case(INSULT, number)
        tally.count(one, comparison.of(one))
    [(difference, count, names)] = tally.ordered()
    assert (tally.cases, tally.changed, count) == (50, 50, 50)
    assert difference == Difference("clock", "decision", "within", "28 d", "20 d")
    assert names == [f"calm-river-{n}" for n in range(MOST_EXAMPLES)]


def test_a_case_of_a_place_that_a_policy_no_longer_knows_is_compared_as_well() -> None:
    gone = replace(POLICY, communities={"global": POLICY.communities["global"]})
    assert Difference("body", "", "", "enwiki_arbcom", "stewards") in differences(gone)


@pytest.mark.parametrize("name", FILES)
def test_the_text_of_a_file_stands_for_the_file_of_that_name(name: str) -> None:
    text = (Path(PACKAGED) / name).read_text(encoding="utf-8")
    assert load_policy(None, {name: text}).version == POLICY.version


def test_times_are_written_as_the_policy_files_write_them() -> None:
    from services.triage.shadow.comparison import written

    assert [written(timedelta(minutes=n)) for n in (90, 120, 1440, 1440 * 28, 36 * 60)] == [
        "90 min",
        "2 h",
        "24 h",
        "28 d",
        "36 h",
    ]
