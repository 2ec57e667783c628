"""What the table of rights needs to know of a report."""

from services.intake.stored import StoredReport
from shared.access.principal import Resource
from shared.policy import Policy


def resource_of(report: StoredReport, policy: Policy | None = None) -> Resource:
    """A report and its case, for shared/access/table.py. `policy` says which training a handler of the case needs."""
    return Resource(
        body=report.status.body,
        community=report.facts.community or None,
        parties=frozenset(report.named),
        recused=frozenset((*report.status.recused, *report.hidden_from)),
        training=policy.training_of(report.status.body) if policy else (),
    )
