"""What triage reads from Kafka: reports become cases, answers reach theirs."""

from services.triage.actions import Intake
from shared.events import ReportAnswered, ReportReceived
from shared.runtime import Runtime


def consume(runtime: Runtime, intake: Intake) -> None:
    """Have the batches of `reports` handed to `intake`."""
    runtime.consume_facts("reports", [ReportReceived, ReportAnswered], intake.take)
