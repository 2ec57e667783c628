"""The closed table of what can be measured: names, units and parameters. The functions are audit's.

`services/audit/scorecard/metrics.py` has one pure function for each name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from shared.policy.baseline.model import Unit

# A public count below this could tell of single cases, so nothing that is measured from fewer cases says anything.
LEAST_CASES = 5


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be measured. `counts`: what its `n` counts. `units`: what its value and its threshold can be in.

    `params`: the parameters that a responsibility must give, each with its least and greatest value.
    """

    counts: Literal["cases", "people"]
    units: frozenset[Unit]
    params: Mapping[str, tuple[float, float]] = field(default_factory=dict)


_TIME = frozenset[Unit]({"h", "d"})
_SHARE = frozenset[Unit]({"%"})
_NUMBER = frozenset[Unit]({"cases"})
_PERCENTILE = {"percentile": (1.0, 100.0)}

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "acknowledged_within": Metric("cases", _TIME, _PERCENTILE),
        "first_response_within": Metric("cases", _TIME, _PERCENTILE),
        # A case that is not decided is as good while the reporter hears something every `update_days`.
        "decided_within": Metric("cases", _TIME, {**_PERCENTILE, "update_days": (1.0, 90.0)}),
        "decided_by_recused": Metric("cases", _NUMBER),
        "appeals_decided_by_others": Metric("cases", _SHARE),
        "agreements_current": Metric("people", _SHARE),
        "trainings_current": Metric("people", _SHARE),
        "retention_kept": Metric("cases", _SHARE),
        "follow_up_offered": Metric("cases", _SHARE),
        "measures_ended_on_time": Metric("cases", _SHARE),
    }
)
