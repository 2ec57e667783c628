"""The document of a scorecard: one spelling, one digest, and no small count anywhere."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.scorecard.document import digest_of, find_value, write_canonical, write_document
from services.audit.scorecard.result import Outcome, ReasonCode
from tests.support.scorecards import item, measured, scorecard, untouched

COUNTS = st.integers(0, 60)


def test_the_same_scorecard_has_the_same_digest_and_another_has_another() -> None:
    card = scorecard()
    assert card.digest == scorecard().digest == digest_of(replace(card, digest="other"))
    assert digest_of(replace(card, level_reached=1)) != card.digest
    assert digest_of(replace(card, projects=())) != card.digest


def test_canonical_json_is_sorted_and_without_blanks() -> None:
    text = write_canonical(write_document(scorecard(), values=True)).decode()
    again = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert text == again


def test_a_reader_without_values_gets_outcomes_and_nothing_measured() -> None:
    document = write_document(scorecard(), values=False)
    rows = [one["measured"] for one in document["items"] if one["measured"]]
    assert [row["values"] for row in rows] == [None] * 4
    assert [row["holds"] for row in rows] == [False, None, True, True]
    logs = {one["log"]: one["size"] for one in document["as_of"]["logs"]}
    assert logs == {"baseline/0": 40, "cases/0": None}


@given(COUNTS, COUNTS, COUNTS)
def test_two_results_that_differ_in_small_counts_have_one_document(n: int, open_count: int, left_out: int) -> None:
    def write(n: int, open_count: int, left_out: int) -> bytes:
        few = measured(n=n, open_count=open_count, excluded=(("gap", left_out),), value=None, holds=None)
        card = scorecard(items=(item(3, Outcome.NO_EVIDENCE, ReasonCode.TOO_FEW_CASES, measured=few),))
        return write_canonical(write_document(card, values=True))

    assert write(n, open_count, left_out) == write(n - n % 5, open_count - open_count % 5, left_out - left_out % 5)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"value": 19.2}, 20),
        ({"value": 24.0}, 24),
        ({"value": 24.001, "holds": False}, 25),
        ({"value": 0.4, "limit": 0.5, "unit": "d"}, None),
        ({"value": None}, None),
        ({"value": 3.0, "unit": "cases", "op": "==", "limit": 0}, None),
        ({"value": 95.0, "unit": "%", "op": ">=", "limit": 90}, None),
        ({"value": 100.0, "unit": "%", "op": ">=", "limit": 90}, None),
        ({"value": 81.08, "unit": "%", "op": ">=", "limit": 90}, 81),
    ],
)
def test_a_value_is_whole_and_lets_no_small_count_follow(changed: dict[str, object], shown: int | None) -> None:
    assert find_value(measured(**changed)) == shown


@given(st.integers(1, 400), st.data())
def test_a_share_is_told_only_of_five_cases_and_more(n: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, n))
    shown = find_value(measured(unit="%", op=">=", limit=90.0, n=n, value=100 * good / n))
    assert shown is None or min(good, n - good) >= 5


def test_a_community_without_any_evidence_is_not_assessed() -> None:
    assert not untouched("swwiki").is_assessed
    assert scorecard().is_assessed
