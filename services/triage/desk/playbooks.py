"""What the page of a case shows of its playbook: what to check, and words that can begin a text."""

from collections.abc import Iterable
from typing import Any

from services.triage.case.case import Case
from services.triage.case.commands.command import WordsField
from services.triage.case.forms import FORMS
from shared.policy import Policy
from shared.policy.playbooks import worded


def playbook_of(case: Case, policy: Policy, language: str) -> list[str]:
    """What handlers see to in this case, in their language."""
    return [worded(check, language) for check in policy.playbooks.of(case.category).checks]


def replies_of(case: Case, policy: Policy, commands: Iterable[str], language: str) -> dict[str, list[dict[str, str]]]:
    """The replies for each of these commands: `id`, and `title` in the language of the handler."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in commands}
    for reply in policy.playbooks.replies(case.category):
        if reply.command in found:
            found[reply.command].append({"id": reply.id, "title": worded(reply.title, language)})
    return found


def begun_by(case: Case, policy: Policy, chosen: str) -> dict[str, dict[str, Any]]:
    """What the reply with this id puts into its form: by command and field, in the language of the reporter."""
    reply = next((one for one in policy.playbooks.replies(case.category) if one.id == chosen), None)
    if reply is None:
        return {}
    field = next(field.name for field in FORMS[reply.command].fields if isinstance(field, WordsField))
    return {reply.command: {field: worded(reply.text, case.language)}}
