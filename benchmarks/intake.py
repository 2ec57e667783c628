"""Reports a second that intake stores durably, beside bare programs on the same Kafka and MongoDB.

The floor does the same writes: it inserts a report with its event durably, answers, publishes the event and clears the
outbox. A second floor only inserts and answers.
"""

from statistics import median

from benchmarks import floor
from benchmarks.results import Result
from benchmarks.rig import bare_http, load
from infra.local.stack import Stack, StackSettings
from infra.local.system import create_topics_on, draw_secrets

SECONDS = 6
ROUNDS = 4


def run() -> list[Result]:
    """Both take turns, with 32 connections each. A ratio is of neighbours in time, and the median of all rounds
    counts.
    """
    with Stack(StackSettings.private("kafka", "mongo")) as stack:
        for prefix in ("", floor.PREFIX):
            create_topics_on(stack.kafka, prefix)
        intake = stack.start_service("intake", draw_secrets(), port=0)
        url = f"{intake.address}/v1/reports"
        with bare_http(stack.mongo) as storing, bare_http(stack.mongo, stack.kafka) as publishing:
            targets = (storing, url, publishing)
            for target in targets:
                load(target, seconds=3)
            rounds = [tuple(load(target, seconds=SECONDS) for target in targets) for _ in range(ROUNDS)]
        one = load(url, seconds=4, connections=1)
    ours = [r for _, r, _ in rounds]
    stored, published = (median(r[i]["rate"] for r in rounds) for i in (0, 2))
    of_stored, of_published = (median(r[1]["rate"] / r[i]["rate"] for r in rounds) for i in (0, 2))
    rate, p99 = median(r["rate"] for r in ours), median(r["p99_ms"] for r in ours)
    bare_p99 = median(r["p99_ms"] for r, _, _ in rounds)
    refused = sum(r["sent"] - r["accepted"] for r in ours)
    return [
        Result("reports stored", rate, "/s", published, of_published, "ratio ≥ 0.55", of_published >= 0.55),
        Result("the same; floor only inserts", rate, "/s", stored, of_stored, "", True),
        Result("answer, p99, 32 connections", p99, "ms", bare_p99, p99 / bare_p99, "ratio ≤ 3", p99 <= 3 * bare_p99),
        Result("answer, p50, 1 connection", one["p50_ms"], "ms", None, None, "", True),
        Result("requests refused", refused, "", None, None, "0", refused == 0),
    ]
