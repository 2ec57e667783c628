"""What the page of a case shows of the report and of what was written since."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from services.triage.case.case import Case
from services.triage.case.values import Note
from services.triage.desk.names import CaseNames
from shared.access.principal import Principal, Role
from shared.clients.vault import Contents
from shared.times import parse_rfc3339


def told_of(contents: Contents | None) -> dict[str, Any]:
    """The parts of the report by name, and under `occurred` the times (UTC-aware) that the reporter gave.

    `occurred` has one time, or the first and the last of a range.
    """
    sections = contents.sections if contents else {}
    content = sections.get("content", {})
    given: Mapping[str, str] = content.get("occurred") or {}
    times = [parse_rfc3339(given[name]) for name in ("at", "from", "to") if name in given]
    return {
        "content": {**content, "occurred": times},
        "reported": sections.get("reported", {}).get("people", ()),
        "reporter": sections.get("reporter", {}),
        "erased": contents is not None and contents.erased,
    }


def talk_of(case: Case, contents: Contents | None) -> list[dict[str, Any]]:
    """The questions to the reporter with their answers, and what the reporter was told, in their order."""
    written = contents.sections.get("correspondence", {}) if contents else {}
    said = words_in(contents)
    own = {a["question_id"]: a["text"] for a in written.get("answers", ())}
    asked: list[dict[str, Any]] = [
        {
            "id": q.id,
            "at": q.asked_at,
            "told": False,
            "question": said.get(q.id),
            "answered": bool(q.answers),
            # What handlers took down has words of its own; the other one is what the reporter wrote.
            "answers": [text for answer in q.answers if (text := said.get(answer, own.get(q.id)))],
        }
        for q in case.questions
    ]
    told = [{"id": one.id, "at": one.at, "told": True, "text": said.get(one.id)} for one in case.messages]
    return sorted([*asked, *told], key=lambda entry: entry["at"])


def mentions_of(names: CaseNames, request: Request, case: Case, contents: Contents | None) -> list[tuple[str, str]]:
    """The words that mention people on the roster, by their ids, and which of them wait for a second person."""
    found = contents.sections.get("mentions", {}).get("items", ()) if contents else ()
    waiting = {one.mention for one in case.cleared_alone}
    return [
        (one["id"], names.said(request, "desk-mention-waits", one["words"]) if one["id"] in waiting else one["words"])
        for one in found
    ]


def words_in(contents: Contents | None) -> dict[str, str]:
    """The words of handlers about the case, and those of the reporter's appeals, by their ids, if they are at hand."""
    written = contents.sections.get("correspondence", {}) if contents else {}
    return {statement["id"]: statement["text"] for statement in written.get("statements", ())}


def reasons_of(case: Case, contents: Contents | None) -> str | None:
    """The words in which the outcome was reasoned, if they are at hand."""
    return words_in(contents).get(case.reason_id or "")


def notes_of(
    names: CaseNames, request: Request, reader: Principal, notes: Sequence[Note], contents: Contents | None
) -> list[dict[str, Any]]:
    """These notes on the case, the newest first, with their words as far as they are at hand."""
    said = words_in(contents)
    return [
        {
            "text": said.get(note.id),
            "at": note.at,
            "by": names.person(request, reader, Role.RESPONDER, note.by),
            "visibility": names.code(request, "visibility", note.visibility),
        }
        for note in reversed(notes)
    ]
