"""What the page of a case shows of the report and of what was written since."""

from collections.abc import Mapping
from typing import Any

from services.triage.case.case import Case
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
    """The questions to the reporter with their answers, in their order."""
    written = contents.sections.get("correspondence", {}) if contents else {}
    said = words_in(contents)
    answers = {a["question_id"]: a for a in written.get("answers", ())}
    return [
        {
            "asked_at": q.asked_at,
            "question": said.get(q.id),
            "answered": bool(q.answers),
            "answer": answers[q.id]["text"] if q.answers and q.id in answers else None,
        }
        for q in case.questions
    ]


def words_in(contents: Contents | None) -> dict[str, str]:
    """The words that handlers have written about the case, by their ids, as far as they are at hand."""
    written = contents.sections.get("correspondence", {}) if contents else {}
    return {statement["id"]: statement["text"] for statement in written.get("statements", ())}


def reasons_of(case: Case, contents: Contents | None) -> str | None:
    """The words in which the outcome was reasoned, if they are at hand."""
    return words_in(contents).get(case.reason_id or "")
