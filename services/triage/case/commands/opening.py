"""A case is opened. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.triage.case.attendance import NOBODY, People, choose_body
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from shared.events import CaseFact, CaseOpened, CaseState, CaseTriaged, DeadlineSet, ReportReceived, parties_of
from shared.policy import Policy, ReportFacts


@dataclass(frozen=True, slots=True)
class Open(Command):
    """A report becomes a case, and the policy passes it to a handling body at once.

    A body that cannot look after it is passed over: see choose_body.
    """

    name = "open"
    by_people = False

    code_name: str
    report: ReportReceived
    people: People = NOBODY

    def decide(self, case: Case | None, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The opening, and the way that the policy chose. There is no case yet."""
        report = self.report
        way = policy.triage(ReportFacts(report.community, report.category, frozenset(report.flags), report.setting))
        body = choose_body(way.body, report.community, self.people, policy, now)
        # No report comes from the future: two clocks that disagree must not give the handlers more time.
        deadlines = policy.deadlines_for(way.lane, min(report.received_at, now), way.body)
        opened = CaseOpened(
            previous=None,
            state=CaseState.RECEIVED,
            report_id=report.report_id,
            code_name=self.code_name,
            community=report.community,
            category=report.category,
            flags=report.flags,
            setting=report.setting,
            language=report.language,
            privacy=report.privacy,
            contactable=report.contactable,
            received_at=report.received_at,
            parties=parties_of(report),
            parties_apart=report.parties_apart,
            # Pseudonyms, as they were before, would link cases.
            subjects=report.subjects if report.parties_apart else (),
        )
        triaged = CaseTriaged(
            previous=CaseState.RECEIVED,
            state=state,
            category=report.category,
            lane=way.lane,
            body=body,
            rule=way.rule,
            deadlines=tuple(DeadlineSet(**d._asdict()) for d in deadlines),
            deadlines_told=True,
            own_body=way.body,
        )
        return [opened, triaged]
