"""A measure from before Hearth is brought into the register, as a case that others decided and closed. Pure."""

from dataclasses import dataclass
from datetime import date, datetime

from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.evolve.measures import ONLINE
from shared.events import CaseFact, CaseState, MeasureImported
from shared.policy import UNCLASSIFIED, Policy, ReportFacts


@dataclass(frozen=True, slots=True)
class ImportMeasure(Command):
    """Bring a measure in, and with it a case that has nothing but this measure, with the body that decided on it.

    So it ends as others do, and people of the body hear an appeal, end it early, and talk with the person before its
    end. `measure_id` follows from what caused it.
    """

    name = "import_measure"
    by_people = False

    code_name: str
    report_id: str
    measure_id: str
    community: str
    body: str
    kind: str
    scope: str
    begun_on: date
    until: date | None
    decided_on: date | None
    subjects: tuple[str, ...]

    def decide(self, case: Case | None, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The measure. There is no case yet."""
        way = policy.triage(ReportFacts(self.community, UNCLASSIFIED, frozenset(), ONLINE))
        return [
            MeasureImported(
                previous=None,
                state=state,
                measure_id=self.measure_id,
                outcome=self.kind,
                report_id=self.report_id,
                code_name=self.code_name,
                community=self.community,
                lane=way.lane,
                body=self.body,
                scope=self.scope,
                begun_on=self.begun_on,
                until=self.until,
                decided_on=self.decided_on,
                subjects=self.subjects,
            )
        ]
