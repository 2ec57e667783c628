"""The questions of a check-in, and the names under which the vault has what a reporter answers. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from services.intake.report.status import CheckIn
from shared.ids import derive

QUESTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "safe": ("yes", "no", "unsure"),
        "treated_badly": ("yes", "no", "unsure"),
        "agreed_kept": ("yes", "partly", "no", "unsure"),
        "support": ("yes", "no"),
    }
)
"""The questions in their order, and what can be answered to each. Each may be left out."""
BAD_TREATMENT = "treated_badly"
"""The question about bad treatment because of the report. A yes to it is not for the people who handle the report."""
CHOICE = "choice"
"""Under this name stands what the reporter did with the check-in: one of CHOICES."""
WORDS = "words"
ANSWER, DECLINE, STOP = "answer", "decline", "stop"
CHOICES = (ANSWER, DECLINE, STOP)
"""STOP is also the name under which the vault has that the reporter stopped the asking after an answer."""


CONSENTS: Mapping[str, str] = MappingProxyType({"no": f"consent-{STOP}", "yes": f"consent-{CHOICE}"})
"""By what the reporter says of being asked again: its key among the answers of a report, which no answer replaces."""


def answer_id_of(report_id: str, check_in: CheckIn) -> str:
    """What the keys of all answers to this check-in begin with: the same for every retry of them."""
    return derive("check-in", report_id, str(check_in.number), check_in.due_at.isoformat())


def key_of(answer_id: str, name: str) -> str:
    """The key of one entry among the answers of a report."""
    return f"{answer_id}-{name}"


def is_code(key: str) -> bool:
    """Whether no words of people stand under a key among the answers of a report."""
    return key.rpartition("-")[2] in (*QUESTIONS, CHOICE, STOP)


def entries_of(choice: str, answers: Mapping[str, str], text: str) -> dict[str, str]:
    """What the vault keeps of a check-in, by name. Nothing else is kept where the reporter declines."""
    said = {} if choice == DECLINE else {**answers, **({WORDS: text} if text else {})}
    return {CHOICE: choice, **said}


def tells_of_bad_treatment(entries: Mapping[str, str]) -> bool:
    """Whether the reporter was treated badly because of the report."""
    return entries.get(BAD_TREATMENT) == "yes"


def kept_of(entries: Mapping[str, str]) -> dict[str, str]:
    """What of these entries stays with the report. Of bad treatment nothing does: people who did not decide read it.

    Where nothing else was answered, there stands what a reporter leaves who declines: the same, to the letter.
    """
    hidden = (BAD_TREATMENT, WORDS) if tells_of_bad_treatment(entries) else ()
    kept = {name: given for name, given in entries.items() if name not in hidden}
    return kept if is_answered(kept) or kept.get(CHOICE) == STOP else {**kept, CHOICE: DECLINE}


def is_repeated(entries: Mapping[str, str], known: Mapping[str, str]) -> bool:
    """Whether the vault knows these entries already."""
    said = {name: given for name, given in known.items() if name != STOP}
    return entries == said or (entries == {CHOICE: STOP} and is_stopped(known))


def is_stopped(known: Mapping[str, str]) -> bool:
    """Whether the reporter has stopped the asking, with the answer or after it."""
    return STOP in (known.get(CHOICE), known.get(STOP))


def is_answered(names: Iterable[str]) -> bool:
    """Whether entries with these names say more than that the reporter would rather not answer."""
    return any(name not in (CHOICE, STOP) for name in names)
