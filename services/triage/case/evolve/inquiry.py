"""What the facts of an inquiry change: the reporter is asked and told, and answers. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Change, Fields
from services.triage.case.messages import Message
from services.triage.case.values import Question, Snooze
from shared.access.principal import PEOPLE
from shared.events import CaseFact, Event, InformationReceived, InformationRequested, ReporterLost, ReporterTold


def _requested(case: Case, fact: InformationRequested, event: Event) -> Fields:
    return {"questions": (*case.questions, Question(fact.question_id, event.time, answer_by=fact.answer_by))}


def _received(case: Case, fact: InformationReceived, event: Event) -> Fields:
    noted = (event.actor.ref,) if event.actor.role in PEOPLE else ()

    def answered(q: Question) -> Question:
        return replace(q, answers=(*q.answers, fact.answer_id), noted_by=(*q.noted_by, *noted))

    return {
        "snooze": _until_a_day(case),
        "questions": tuple(answered(q) if q.id == fact.question_id else q for q in case.questions),
    }


def _told(case: Case, fact: ReporterTold, event: Event) -> Fields:
    return {} if fact.wordless else {"messages": (*case.messages, Message(fact.message_id, event.time))}


def _lost(case: Case, _fact: ReporterLost, _event: Event) -> Fields:
    return {"reachable": False, "snooze": _until_a_day(case)}


def _until_a_day(case: Case) -> Snooze | None:
    """The snooze of the case, if it does not wait for an answer."""
    return case.snooze if case.snooze and case.snooze.until else None


CHANGES: Mapping[type[CaseFact], Change] = {
    InformationRequested: _requested,
    InformationReceived: _received,
    ReporterTold: _told,
    ReporterLost: _lost,
}
