"""The packaged baseline of community responsibilities: what it asks for, and in which words."""

import re
from datetime import date, timedelta

import pytest

from shared.i18n.messages import ENGLISH, Messages
from shared.policy.baseline import Responsibility, catalogue_versions, in_force, load_catalogue, word_folders
from shared.policy.model import CommunityKind

CATALOGUE = load_catalogue()
WORDS = Messages.load(word_folders(), strict=True)
ROWS = CATALOGUE.responsibilities.values()
KINDS: tuple[CommunityKind, ...] = ("wiki", "affiliate", "event", "technical_space")
each_row = pytest.mark.parametrize("row", ROWS, ids=CATALOGUE.responsibilities)


def test_fifteen_responsibilities_count_and_six_are_upcoming() -> None:
    assert [row.id for row in ROWS] == [f"HB-{number:02}" for number in range(1, 22)]
    assert [row.id for row in ROWS if row.state == "active"] == [f"HB-{number:02}" for number in range(1, 16)]
    assert [row.id for row in ROWS if row.state == "upcoming"] == [f"HB-{number:02}" for number in range(16, 22)]


@each_row
def test_each_responsibility_asks_for_one_thing_in_one_sentence(row: Responsibility) -> None:
    sentence = WORDS.text(ENGLISH, row.message("requirement"))
    assert re.fullmatch(r"[A-Z][^.!?;]*\.", sentence)
    assert len(sentence) <= 160
    assert not re.search(r"\b(should|may want|appropriate|reasonable|adequate)\b", sentence)


@each_row
def test_each_responsibility_says_why_and_how_and_where_it_comes_from(row: Responsibility) -> None:
    assert WORDS.text(ENGLISH, row.message("why")) != WORDS.text(ENGLISH, row.message("recommendation"))
    assert row.sources


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_community_reaches_level_1_by_attestation_alone(kind: CommunityKind) -> None:
    first = [row for row in CATALOGUE.for_kind(kind) if row.level == 1]
    assert len(first) >= 3
    assert all(row.attested and row.attested.confirm == "none" and row.evidence == "any" for row in first)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_community_has_something_to_do_on_every_level(kind: CommunityKind) -> None:
    assert {row.level for row in CATALOGUE.for_kind(kind) if row.state == "active"} == {1, 2, 3}


@pytest.mark.parametrize(
    ("responsibility", "metric", "limit"),
    [
        ("HB-03", "acknowledged_within", "<= 24 h"),
        ("HB-04", "first_response_within", "<= 7 d"),
        ("HB-05", "decided_within", "<= 28 d"),
        ("HB-06", "decided_by_recused", "== 0 cases"),
        ("HB-07", "agreements_current", ">= 100 %"),
        ("HB-08", "trainings_current", ">= 100 %"),
        ("HB-09", "appeals_decided_by_others", ">= 100 %"),
        ("HB-13", "retention_kept", ">= 100 %"),
        ("HB-16", "follow_up_offered", ">= 90 %"),
        ("HB-18", "measures_ended_on_time", ">= 100 %"),
    ],
)
def test_what_is_measured_has_its_metric_and_threshold(responsibility: str, metric: str, limit: str) -> None:
    rule = CATALOGUE.responsibilities[responsibility].measured
    assert rule is not None
    assert rule.open_count
    assert (rule.metric, f"{rule.threshold.op} {rule.threshold.limit:g} {rule.threshold.unit}") == (metric, limit)


def test_the_time_of_a_decision_stands_still_only_as_the_policy_allows() -> None:
    clocks = {row.measured.metric: row.measured.clock for row in ROWS if row.measured}
    assert {metric for metric, clock in clocks.items() if clock == "policy"} == {"decided_within"}


@each_row
def test_an_attestation_ends_within_a_year_and_its_link_is_looked_at(row: Responsibility) -> None:
    if row.attested is not None:
        assert timedelta(0) < row.attested.valid_for <= timedelta(days=365)
        assert row.attested.link != "required" or row.attested.link_check is not None


def test_the_enforcement_guidelines_are_cited_by_the_version_that_was_read() -> None:
    cited = {source.id: source for source in CATALOGUE.sources}
    assert (cited["enforcement-guidelines"].oldid, cited["enforcement-guidelines"].read_on) == ("589377", "2026-07")
    assert all(source.url.startswith("https://") for source in CATALOGUE.sources)


def test_what_is_upcoming_counts_only_from_its_day_and_what_is_retired_never() -> None:
    soon = CATALOGUE.responsibilities["HB-16"]
    assert not soon.counts_on(date(2099, 1, 1))
    assert CATALOGUE.responsibilities["HB-01"].counts_on(date(2026, 11, 1))


def test_before_the_first_version_the_first_one_holds() -> None:
    assert in_force(catalogue_versions(), date(2020, 1, 1)).version == catalogue_versions()[0].version
    with pytest.raises(ValueError, match="no version"):
        in_force([], date(2026, 11, 1))


@pytest.mark.parametrize("row", [row for row in ROWS if row.measured], ids=lambda row: row.id)
def test_every_metric_unit_and_group_has_its_words(row: Responsibility) -> None:
    assert row.measured is not None
    unit = "percent" if row.measured.threshold.unit == "%" else row.measured.threshold.unit
    for prefix, code in (("metric", row.measured.metric), ("group", row.group), ("unit", unit), ("state", row.state)):
        assert WORDS.has(f"baseline-{prefix}-{code.replace('_', '-')}")
