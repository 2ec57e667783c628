"""The catalogue's table of metrics, and audit's functions, agree: nothing is asked for that nobody can measure."""

from services.audit.scorecard import metrics as measured
from shared.policy.baseline import METRICS, load_catalogue


def test_every_metric_of_the_catalogue_has_its_function_and_the_other_way_round() -> None:
    assert set(measured.METRICS) == set(METRICS)


def test_every_metric_is_used_by_a_responsibility() -> None:
    rows = load_catalogue().responsibilities.values()
    assert {row.measured.metric for row in rows if row.measured} == set(METRICS)
