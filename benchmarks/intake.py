"""Reports a second that intake stores durably, beside a bare program doing the same writes on the same MongoDB."""

from statistics import median

from benchmarks.results import Result
from benchmarks.rig import bare_http, load
from infra.local.stack import Stack, StackSettings
from infra.local.system import create_topics_on, draw_secrets

SECONDS = 8
ROUNDS = 3


def run() -> list[Result]:
    """Alternate the bare program and intake, with 32 connections each, and compare the medians."""
    with Stack(StackSettings.private("kafka", "mongo")) as stack:
        create_topics_on(stack.kafka)
        intake = stack.start_service("intake", draw_secrets(), port=0)
        url = f"{intake.address}/v1/reports"
        with bare_http(stack.mongo) as floor_url:
            load(floor_url, seconds=2)
            load(url, seconds=4)
            floor, ours = [], []
            for _ in range(ROUNDS):
                floor.append(load(floor_url, seconds=SECONDS))
                ours.append(load(url, seconds=SECONDS))
        one = load(url, seconds=4, connections=1)
        refused = [result for result in ours if result["sent"] != result["accepted"]]
    rate, bare = (median(r["rate"] for r in results) for results in (ours, floor))
    p99, bare_p99 = (median(r["p99_ms"] for r in results) for results in (ours, floor))
    return [
        Result("reports stored", rate, "/s", bare, rate / bare, "ratio ≥ 0.35", rate / bare >= 0.35),
        Result("answer, p99, 32 connections", p99, "ms", bare_p99, p99 / bare_p99, "≤ 80 ms", p99 <= 80),
        Result("answer, p50, 1 connection", one["p50_ms"], "ms", None, None, "", True),
        Result("requests refused", len(refused), "rounds", None, None, "0", not refused),
    ]
