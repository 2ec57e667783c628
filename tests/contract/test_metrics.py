"""Every metric stands in one commented catalogue, and something counts it."""

import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from shared import metrics

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "shared/metrics.py"
METRICS = {name: value for name, value in vars(metrics).items() if isinstance(value, Counter | Gauge | Histogram)}
WORDS = {
    "action", "cause", "channel", "command", "group", "kind", "lane", "method", "notice", "reason", "result", "route",
    "service", "status", "topic", "writer"
}  # fmt: skip
"""Labels whose values are words of the code, of the policy or of an operator, so few that they can be counted."""


def code_beside_the_catalogue() -> dict[str, str]:
    files = [path for folder in ("services", "shared", "infra") for path in (ROOT / folder).rglob("*.py")]
    return {str(path): path.read_text(encoding="utf-8") for path in files if path != CATALOGUE}


def test_every_metric_has_a_comment_above_it_and_a_name_of_ours() -> None:
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    assert len(METRICS) > 10
    for name, metric in METRICS.items():
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
        # The comment may explain two metrics that stand under it together.
        above = [line for line in lines[:at] if not line.startswith((" ", ")"))]
        assert any(line.startswith("# ") for line in above[-2:]), name
        assert metric._name.startswith("hearth_")


def test_every_metric_is_counted_somewhere() -> None:
    code = "\n".join(code_beside_the_catalogue().values())
    assert {name for name in METRICS if not re.search(rf"\bmetrics\.{name}\b", code)} == set()


def test_no_metric_is_made_anywhere_else() -> None:
    making = re.compile(r"prometheus_client[^\n]*\b(Counter|Gauge|Histogram|Summary|Info|Enum)\b|KafkaPrometheus")
    assert [path for path, text in code_beside_the_catalogue().items() if making.search(text)] == []


def test_no_label_could_hold_an_id_or_anything_of_a_person() -> None:
    assert {label for metric in METRICS.values() for label in metric._labelnames} <= WORDS
