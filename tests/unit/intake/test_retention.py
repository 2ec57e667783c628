"""Retention is data: the first row that fits decides, time and state are given, and what is held is never due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import PolicyError, ReportLife, Retention, load_policy
from shared.policy.loader import PACKAGED

POLICY = load_policy()
RETENTION = POLICY.retention
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLOSED = ReportLife("r-1", "enwiki", "wiki", "harassment.insults", "standard", "warning", START, START, closed=True)
HELD = """
longest_undecided = "30 d"
[[retention]]
id = "all"
keep = "10 d"
[[hold]]
id = "court"
reports = ["r-1"]
[[hold]]
id = "inquiry"
when = [{ communities = ["swwiki"], categories = ["power_abuse.*"] }]
"""

lives = st.builds(
    ReportLife,
    report_id=st.sampled_from(["r-1", "r-2"]),
    community=st.sampled_from([*POLICY.communities, "gone"]),
    kind=st.sampled_from(["wiki", "event", "global"]),
    category=st.sampled_from(list(POLICY.categories)),
    lane=st.sampled_from([None, "standard", "emergency", "child_protection"]),
    outcome=st.sampled_from([None, *POLICY.outcomes]),
    received_at=st.just(START),
    still_since=st.integers(0, 4000).map(lambda days: START + days * DAY),
    closed=st.booleans(),
)
moments = st.integers(0, 8000).map(lambda days: START + days * DAY)


def written(folder: Path, text: str) -> Retention:
    (folder / "retention.toml").write_text(text, encoding="utf-8")
    return load_policy(folder).retention


def findings(folder: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        written(folder, text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("changed", "rule", "days"),
    [
        ({}, "everything-else", 1095),
        ({"outcome": "no_violation"}, "nothing-found", 180),
        ({"outcome": "out_of_scope"}, "nothing-found", 180),
        ({"outcome": "out_of_scope", "lane": "emergency"}, "danger", 1825),
        ({"lane": "child_protection"}, "danger", 1825),
        ({"outcome": "permanent_ban"}, "banned", 1825),
        ({"outcome": None}, "everything-else", 1095),
    ],
)
def test_the_packaged_periods(changed: dict[str, str], rule: str, days: int) -> None:
    life = replace(CLOSED, **changed)  # type: ignore[arg-type]  # fields by name
    before, after = (RETENTION.judge(life, START + days * DAY - gap) for gap in (timedelta(seconds=1), timedelta()))
    assert (before.fate, before.rule, after.fate, after.rule) == ("kept", rule, "due", rule)


def test_an_open_case_is_never_due_and_counted_once_it_is_old() -> None:
    still_open = replace(CLOSED, closed=False, outcome=None)
    assert RETENTION.judge(still_open, START + 365 * DAY).fate == "held"
    assert RETENTION.judge(still_open, START + 366 * DAY).fate == "undecided"
    assert RETENTION.judge(replace(still_open, outcome="advice"), START + 9000 * DAY).fate == "held"


def test_a_hold_by_report_or_by_condition_keeps_it(tmp_path: Path) -> None:
    retention = written(tmp_path, HELD)
    late = START + 100 * DAY
    assert retention.judge(CLOSED, late).rule == "court"
    other = replace(CLOSED, report_id="r-2")
    assert retention.judge(other, late).fate == "due"
    verdict = retention.judge(replace(other, community="swwiki", category="power_abuse.office"), late)
    assert (verdict.fate, verdict.rule) == ("held", "inquiry")


def test_a_community_has_its_own_period_by_a_row_above(tmp_path: Path) -> None:
    packaged = (PACKAGED / "retention.toml").read_text(encoding="utf-8")
    own = '[[retention]]\nid = "swwiki"\nkeep = "30 d"\nwhen = [{ communities = ["swwiki"] }]\n\n[[retention]]\n'
    retention = written(tmp_path, packaged.replace("[[retention]]\n", own, 1))
    assert retention.judge(replace(CLOSED, community="swwiki"), START + 30 * DAY).fate == "due"
    assert retention.judge(CLOSED, START + 30 * DAY).fate == "kept"


@given(life=lives, now=moments)
def test_only_what_is_closed_and_still_for_its_whole_period_is_due(life: ReportLife, now: datetime) -> None:
    verdict = RETENTION.judge(life, now)
    period = RETENTION.rule_for(life).keep
    assert (verdict.fate == "due") == (life.closed and now - life.still_since >= period)
    assert RETENTION.shortest <= period
    if verdict.fate == "undecided":
        assert life.outcome is None


@given(life=lives, now=moments, later=st.integers(0, 4000))
def test_what_is_due_stays_due(life: ReportLife, now: datetime, later: int) -> None:
    if RETENTION.judge(life, now).fate == "due":
        assert RETENTION.judge(life, now + later * DAY).fate == "due"


ROW = '[[retention]]\nid = "{}"\nkeep = "{}"\n{}\n'


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (ROW.format("all", "1 year", ""), "3: retention all: “keep”: “1 year” is not a duration"),
        (ROW.format("all", "1 d", 'when = [{outcomes = ["fine"]}]'), "4: retention all: outcomes has no “fine”"),
        (ROW.format("all", "1 d", 'when = [{lanes = ["fast"]}]'), "4: retention all: “when.0.lanes.0”"),
        (ROW.format("all", "1 d", 'when = [{outcomes = ["advice"]}]'), "1: retention all: the last row must have no"),
        (ROW.format("all", "1 d", "") + ROW.format("all", "2 d", ""), "5: retention all: this id is already taken"),
        (ROW.format("one", "1 d", "") + ROW.format("two", "2 d", ""), "5: retention two: can never match"),
        (ROW.format("all", "1 d", "") + '[[hold]]\nid = "h"\n', "5: hold h: needs `reports` or `when`"),
        (
            ROW.format("all", "1 d", "") + '[[hold]]\nid = "h"\nwhen = [{ communities = ["nowhere"] }]',
            "7: hold h: communities has no “nowhere”",
        ),
        (
            ROW.format("a", "1 d", 'when = [{ categories = ["harassment.*"] }]')
            + ROW.format("b", "1 d", 'when = [{ categories = ["harassment.insults"] }]')
            + ROW.format("c", "1 d", ""),
            "5: retention b: can never match",
        ),
    ],
)
def test_what_is_wrong_is_named_by_line_and_row(tmp_path: Path, text: str, finding: str) -> None:
    found = findings(tmp_path, f'longest_undecided = "1 d"\n{text}')
    # The line of `longest_undecided` comes first.
    line, _, rest = finding.partition(":")
    assert any(one.startswith(f"retention.toml:{int(line) + 1}:{rest}") for one in found), found
