"""Which facts notification reads, and what it does about them."""

from services.notification.actions import Planner
from shared.events import CaseDecided, CaseOpened, CaseTriaged, InformationRequested, RecusalDeclared, ReportReceived
from shared.runtime import Runtime

CASE_FACTS = (CaseOpened, CaseTriaged, InformationRequested, CaseDecided, RecusalDeclared)


def consume(runtime: Runtime, planner: Planner) -> None:
    """Read `reports` and `cases`."""
    runtime.consume_facts("reports", [ReportReceived], planner.plan)
    runtime.consume_facts("cases", CASE_FACTS, planner.plan)
