"""What triage reads from Kafka: reports become cases, answers reach theirs, erasures are followed."""

from services.triage.actions import Forgetting, Intake
from shared.events import ReportAnswered, ReportErased, ReportReceived
from shared.runtime import Runtime


def consume(runtime: Runtime, intake: Intake, forgetting: Forgetting) -> None:
    """Have the batches of `reports` handed to `intake`, and those of `erasures` to `forgetting`."""
    runtime.consume_facts("reports", [ReportReceived, ReportAnswered], intake.take)
    runtime.consume_facts("erasures", [ReportErased], forgetting.take)
