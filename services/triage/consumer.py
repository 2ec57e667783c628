"""What triage reads from Kafka: reports become cases, answers reach theirs, erasures are followed."""

from services.triage.reports import DigestEraser, ReportFollower
from shared.events import (
    Fact,
    ReportAnswered,
    ReportAppealed,
    ReportCheckedIn,
    ReportConsented,
    ReportErased,
    ReportReceived,
    ReportRecusalAsked,
    ReportReplied,
)
from shared.runtime import Runtime


def consume(runtime: Runtime, reports: ReportFollower, eraser: DigestEraser) -> None:
    """Hand every batch of the topic `reports` to `reports`, and every batch of `erasures` to `eraser`."""
    told: list[type[Fact]] = [
        ReportReceived, ReportAnswered, ReportCheckedIn, ReportAppealed, ReportReplied, ReportRecusalAsked,
        ReportConsented,
    ]  # fmt: skip
    runtime.consume_facts("reports", told, reports.take)
    runtime.consume_facts("erasures", [ReportErased], eraser.take)
