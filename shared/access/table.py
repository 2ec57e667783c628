"""Who may do what, as a table. `hearth access doc` prints it as docs/access.md.

What no row permits is refused. Roles end by themselves, because every check is given the time. Recusal stands before
the table: nobody who is a party to a case, or recused from it, may do anything with it in any role (Universal Code of
Conduct, Enforcement Guidelines 3.2.1: no conflicts of interest).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.access.actions import ACTIONS
from shared.access.conditions import (
    CONFIDENTIAL,
    HOLDS_THERE,
    NAMED,
    NOT_MAKER,
    NOT_ONESELF,
    NOT_THE_LAST,
    OWN_BODY,
    OWN_COMMUNITY,
    OWN_REACH,
    OWN_REACH_OR_ONESELF,
    OWN_SOURCE,
    PURPOSE,
    SCOPED,
    SPOKEN_FOR,
    TRAINED,
    Condition,
)
from shared.access.principal import Role


@dataclass(frozen=True, slots=True)
class Row:
    """`role` may do `action` where every condition holds."""

    role: Role
    action: str
    conditions: tuple[Condition, ...] = ()


def _rows(role: Role, actions: str, *conditions: Condition) -> Iterable[Row]:
    return (Row(role, action, conditions) for action in actions.split())


def _commands_of(role: Role) -> str:
    return " ".join(action.name for action in ACTIONS.values() if role in action.handlers)


HANDLING = (CONFIDENTIAL, NAMED, OWN_BODY, OWN_COMMUNITY)
"""What everybody needs who has to do with a case."""

TABLE: tuple[Row, ...] = (
    *_rows(Role.ANYONE, "service.probe page.asset page.leave session.sign_in"),
    *_rows(Role.ANYONE, "report.submit report.follow_up record.keys scorecard.read"),
    *_rows(Role.INTEGRATOR, "report.submit_for", OWN_SOURCE, OWN_COMMUNITY),
    *_rows(Role.INTEGRATOR, "submission.read", OWN_SOURCE),
    *_rows(Role.SERVICE, "vault.read vault.correspond vault.name vault.pseudonyms vault.bind_names", PURPOSE),
    *_rows(Role.SERVICE, "vault.match_name vault.import vault.hint roster.note_names", PURPOSE),
    *_rows(Role.RESPONDER, "case.list", *HANDLING),
    *_rows(Role.RESPONDER, f"case.read case.read_content case.tick {_commands_of(Role.RESPONDER)}", *HANDLING, TRAINED),
    *_rows(Role.RESPONDER, "case.read_referral case.read_reason", *HANDLING, TRAINED),
    *_rows(Role.COORDINATOR, "case.read_referral case.read_elsewhere", *HANDLING),
    *_rows(Role.COORDINATOR, f"case.list case.read {_commands_of(Role.COORDINATOR)} report.erase", *HANDLING),
    *_rows(Role.ENFORCER, "measure.list measure.read measure.export measure.import", CONFIDENTIAL, NAMED, HOLDS_THERE),
    *_rows(Role.COORDINATOR, "measure.list", *HANDLING),
    *_rows(Role.COORDINATOR, "roster.read"),
    *_rows(Role.COORDINATOR, "roster.change session.read session.end", NOT_ONESELF, OWN_REACH),
    *_rows(Role.RESPONDER, "roster.languages", OWN_REACH_OR_ONESELF),
    *_rows(Role.COORDINATOR, "roster.languages", OWN_REACH_OR_ONESELF),
    *_rows(Role.COORDINATOR, "roster.leave", NOT_THE_LAST, OWN_REACH_OR_ONESELF),
    *_rows(Role.AUDITOR, "draft.keep baseline.list baseline.read"),
    # First as an auditor: some attestations are confirmed by nobody else.
    *_rows(Role.AUDITOR, "baseline.confirm", NOT_MAKER),
    *_rows(Role.COORDINATOR, "baseline.list"),
    *_rows(Role.COORDINATOR, "baseline.read baseline.attest baseline.withdraw baseline.annotate", SPOKEN_FOR),
    *_rows(Role.COORDINATOR, "baseline.list_project baseline.change_project baseline.end_project", SPOKEN_FOR),
    *_rows(Role.COORDINATOR, "baseline.confirm", SPOKEN_FOR, NOT_MAKER),
    *_rows(Role.RESPONDER, "view.keep", CONFIDENTIAL, NAMED),
    *_rows(Role.COORDINATOR, "view.keep", CONFIDENTIAL, NAMED),
    *_rows(Role.RESPONDER, "draft.keep policy.read"),
    *_rows(Role.COORDINATOR, "draft.keep policy.read"),
    *_rows(Role.COORDINATOR, "policy.preview", CONFIDENTIAL, NAMED),
    *_rows(Role.OPERATOR, "delivery.list report.erase", NAMED),
    *_rows(Role.AUDITOR, "record.heads scorecard.values", SCOPED),
    *_rows(Role.AUDITOR, "record.read record.prove record.entries", SCOPED, NAMED),
)  # fmt: skip
"""Who may do what. A new row is a new right: say so in CHANGELOG.md, and run `hearth access doc`."""
