"""What the page of a case shows of its playbook: what to check, who has, and words that can begin a text."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from fastapi import Request

from services.triage.case.case import Case
from services.triage.case.commands.command import WordsField
from services.triage.case.forms import FORMS
from services.triage.desk.names import CaseNames
from services.triage.desk.ticks import Tick
from shared.access.principal import Principal, Role
from shared.policy import Policy, ReportFacts
from shared.policy.playbooks import ENGLISH, Wordings, worded


def checks_of(case: Case, policy: Policy, grouped: Collection[str]) -> dict[str, Wordings]:
    """What handlers see to in this case, by ids that stay while the policy changes the order, or adds translations.

    `grouped`: the cases, by id, of which the reader may know that they are part of a flood. For another reader the
    playbook is that of a single report.
    """
    return {_id_of(check): check for check in policy.playbooks.of(*_looked_at(case, grouped)).checks}


def playbook_of(
    names: CaseNames, request: Request, reader: Principal, checks: Mapping[str, Wordings], ticks: Mapping[str, Tick]
) -> list[dict[str, Any]]:
    """The checks in the language of the reader, each with who has seen to it and when, where a person has."""
    language = names.language(request)
    return [
        {
            "id": check,
            "text": worded(said, language),
            "at": tick.at if (tick := ticks.get(check)) else None,
            "by": names.person(request, reader, Role.RESPONDER, tick.by) if tick else None,
        }
        for check, said in checks.items()
    ]


def _looked_at(case: Case, grouped: Collection[str]) -> tuple[ReportFacts, str | None]:
    return ReportFacts.of(case), case.grouped.rule if case.grouped and case.id in grouped else None


def _id_of(check: Wordings) -> str:
    return sha256(check[ENGLISH].encode()).hexdigest()[:16]


def replies_of(
    case: Case, policy: Policy, grouped: Collection[str], commands: Iterable[str], language: str
) -> dict[str, list[dict[str, str]]]:
    """The replies for each of these commands: `id`, and `title` in the language of the handler."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in commands}
    for reply in policy.playbooks.replies(*_looked_at(case, grouped)):
        if reply.command in found:
            found[reply.command].append({"id": reply.id, "title": worded(reply.title, language)})
    return found


def with_reply(
    case: Case,
    policy: Policy,
    grouped: Collection[str],
    command: str,
    chosen: str,
    form: Mapping[str, Sequence[str]],
) -> dict[str, Sequence[str]]:
    """The fields of a form with the words of the reply `chosen` behind what was typed, in the reporter's language."""
    known = policy.playbooks.replies(*_looked_at(case, grouped))
    replies = (one for one in known if (one.id, one.command) == (chosen, command))
    field = next((field.name for field in FORMS[command].fields if isinstance(field, WordsField)), "")
    typed = form.get(field, [""])[-1].rstrip()
    said = [worded(reply.text, case.language) for reply in replies]
    return {**form, **({field: ["\n\n".join([*([typed] if typed else []), *said])]} if said else {})}
