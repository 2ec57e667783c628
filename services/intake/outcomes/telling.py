"""The events that tell an integrator what became of its submissions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from services.intake.sources import names_in
from services.intake.sources.arrival import Arrival, Origin, Raw, SubmissionName
from services.intake.stored import INTAKE, SOURCE
from shared.events import Draft, Message, Oddity, SubmissionAccepted, SubmissionFact, SubmissionRefused, encode, stamp
from shared.ids import case_id_of, derive
from shared.kafka.burials import Fault
from shared.kafka.topics import outcomes_of
from shared.problems import FieldError


def tell_accepted(writer: str, origin: Origin, arrival: Arrival, report_id: str, at: datetime, url: str) -> Message:
    """The message that a submission is stored as this report, at `at` (UTC-aware). `url`: where schemas stand."""
    name = arrival.name
    fact = SubmissionAccepted(
        source=name.source if name else None,
        id=name.id if name else None,
        partition=origin.partition,
        offset=origin.offset,
        place=arrival.place,
        report_id=report_id,
        remarks=tuple(Oddity(**remark.document()) for remark in arrival.remarks),
    )
    return _message(writer, origin, fact, case_id_of(report_id), at, arrival.trace, url)


def refusals_in(fault: Fault, raw: Raw, writer: str) -> Iterator[tuple[SubmissionName | None, SubmissionRefused]]:
    """What is refused of a record: each submission that has a fault of its own, or all of the record."""
    names, record = names_in(raw, writer), fault.record
    parts = {part.place: part for part in fault.parts}
    for place, name in enumerate(names or (None,)):
        found = parts.get(place) if parts else fault
        if found:
            yield (
                name,
                SubmissionRefused(
                    source=name.source if name else None,
                    id=name.id if name else None,
                    partition=record.partition,
                    offset=record.offset,
                    place=place,
                    code=found.code,
                    detail=found.detail,
                    errors=tuple(map(_without_words, found.errors)),
                ),
            )


def tell_refused(writer: str, origin: Origin, fact: SubmissionRefused, at: datetime, url: str) -> Message:
    """The message that a submission is refused, at `at` (UTC-aware). `url`: where schemas stand."""
    return _message(writer, origin, fact, derive("refused", *_subject(origin, fact)), at, None, url)


def _without_words(error: FieldError) -> Oddity:
    return Oddity(pointer=error.pointer, code=error.code)


def _subject(origin: Origin, fact: SubmissionFact) -> tuple[str, ...]:
    return (origin.topic, str(origin.partition), str(origin.offset), str(fact.place))


def _message(
    writer: str, origin: Origin, fact: SubmissionFact, key: str, at: datetime, trace: str | None, url: str
) -> Message:
    """One record of the integrator's topic. It has the same id however often the record of the inbox is read."""
    subject = "/".join(("submission", *_subject(origin, fact)))
    draft = Draft(fact, INTAKE, at, derive("told", subject))
    (event,) = stamp([draft], source=SOURCE, subject=subject, case_id=key, last_seq=0, trace=trace)
    return replace(encode(event, url), topic=outcomes_of(writer).name)
