"""What the page of a case shows of a command that was refused: a message at each field, and words without a form."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request

from services.triage.case.commands.decision import NEEDS
from services.triage.case.forms import FORMS, Form
from services.triage.desk.names import CaseNames
from services.triage.sent import SentForm

FIELD_MESSAGES = {
    "missing": "field-required",
    "string_too_long": "field-too-long",
    "unknown_choice": "field-unknown-choice",
    "date_parsing": "field-not-a-date",
    "not_a_reference": "desk-not-a-reference",
    "cannot_have": "desk-cannot-have",
    "declared_before": "desk-declared-before",
    "has_absorbed": "desk-has-absorbed",
    "cannot_absorb": "desk-cannot-absorb",
    "other_body": "desk-other-body",
    "takes_two": "desk-takes-two",
    "objected": "desk-objected",
    "not_merged": "desk-not-merged",
    "same_case": "desk-same-case",
    "unknown_case": "desk-unknown-case",
    "not_pending": "desk-not-pending",
    "must_stay": "desk-must-stay",
    "not_to_come": "desk-not-to-come",
    "too_far": "desk-too-far",
    "own_recusal": "desk-own-recusal",
    "own_clearing": "desk-own-clearing",
    "lead_confirms": "desk-lead-confirms",
    "not_asked": "desk-not-asked",
    "had_part": "desk-had-part",
    "nobody_recused": "desk-nobody-recused",
    "recusal_waits": "desk-recusal-waits",
    "not_to_withdraw": "desk-not-to-withdraw",
    **{f"needs_{need}": f"desk-needs-{need}" for need in NEEDS},
    "not_proposed": "desk-not-proposed",
    "proposal_stands": "desk-proposal-stands",
    "nothing_proposed": "desk-nothing-proposed",
    "own_proposal": "desk-own-proposal",
    "own_note": "desk-own-note",
    "own_lane": "desk-own-lane",
    "not_timed": "desk-not-timed",
    "not_scoped": "desk-not-scoped",
    "out_of_reach": "desk-out-of-reach",
    "in_the_past": "desk-in-the-past",
    "is_joint": "desk-is-joint",
    "measures_stand": "desk-measures-stand",
    "no_measure": "desk-no-measure",
    "has_no_end": "desk-has-no-end",
    "own_end": "desk-own-end",
    "no_conversation": "desk-no-conversation",
    "nothing_to_review": "desk-nothing-to-review",
    "own_measure": "desk-own-measure",
    "taken_before": "desk-taken-before",
    "day_is_over": "desk-day-is-over",
    "nothing_due": "desk-nothing-due",
    "asked_no_more": "desk-asked-no-more",
    "consent_given": "desk-consent-given",
    "no_party": "desk-no-party",
    "not_overdue": "desk-not-overdue",
    "not_decided": "desk-not-decided",
    "too_late": "desk-too-late",
    "appealed_before": "desk-appealed-before",
    "no_appeal": "desk-no-appeal",
    "decided_before": "desk-decided-before",
    "read_by_nobody": "desk-read-by-nobody",
    "unreachable": "desk-unreachable",
    "own_body": "desk-own-body",
    "had_before": "desk-had-before",
    "cannot_take": "desk-cannot-take",
    "asks_another": "desk-asks-another",
    "not_joined": "desk-not-joined",
    "not_yours": "desk-not-yours",
    "objects": "desk-objects",
    "too_many_views": "desk-views-full",
    "not_withheld": "desk-not-withheld",
    "nothing_ticked": "desk-bulk-nothing",
}


def errors_of(names: CaseNames, request: Request, sent: SentForm[Any] | None) -> dict[str, str]:
    """What is wrong with the fields of a command that was sent, by their names, in the reader's language."""
    if sent is None or sent.problem is None:
        return {}
    limits = {field.name: field.limit for field in FORMS[sent.name].fields}
    found = ((error.pointer.removeprefix("/"), error.code) for error in sent.problem.errors)
    return {
        name: names.said(request, FIELD_MESSAGES.get(code, "field-required"), limits.get(name, 0))
        for name, code in found
    }


def unsent_of(sent: SentForm[Any] | None, forms: Sequence[Form]) -> list[str]:
    """Words that have no form to go back into, because the command is no longer permitted."""
    if sent is None or sent.name in {form.command for form in forms}:
        return []
    return [
        sent.values[f.name] for f in FORMS[sent.name].fields if f.kind in ("words", "name") and sent.values.get(f.name)
    ]
