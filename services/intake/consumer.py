"""From Kafka to actions: submissions from the inboxes, and the steps of each case from `cases`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.intake.actions import Submissions
from services.intake.outcomes.actions import Outcomes, Stored
from services.intake.sources import read as read_source
from services.intake.sources.arrival import Context, Origin, Parsed, Raw, Writer
from shared.access.principal import Grant
from shared.kafka.consumption import Decode, Handle
from shared.kafka.records import Record
from shared.kafka.topics import NO_TOKEN, writer_of
from shared.policy import Policy
from shared.problems import Malformed
from shared.times import now

KEPT = timedelta(days=8)
"""For how long an inbox keeps a record at most."""
AT_ONCE = 200
"""Submissions that are sealed and stored together. A batch of records may hold many times as many."""


def decode_inbox(
    policy: Policy,
    grants_for: Callable[[str, datetime], Sequence[Grant]],
    *,
    is_open: bool,
    clock: Callable[[], datetime] = now,
) -> Decode[Parsed]:
    """A decoder of the inboxes. It raises Malformed when nothing of a record can be used, and passes over what holds no
    report.

    `grants_for`: what the roster gives for a source now, or gave when the record was written; it may raise Unavailable.
    `is_open`: whether intake takes reports from the inbox that everybody may write.
    """

    def writer_in(record: Record, written_at: datetime) -> Writer | None:
        name = writer_of(record.topic)
        if name is None:
            if not is_open:
                raise Malformed("open_inbox_closed", "intake takes reports from the inboxes of integrators only")
            return None
        grants = grants_for(name, written_at)
        if not grants:
            raise Malformed(NO_TOKEN, "no token of this inbox's source was good when this was written, and none is now")
        everywhere = any(not grant.communities for grant in grants)
        return Writer(name, None if everywhere else frozenset(c for grant in grants for c in grant.communities))

    def read(record: Record, trace: str | None) -> Parsed | None:
        headers = {name.lower(): text for name, text in record.header_texts().items()}
        at = clock()
        written_at = taken_at(record, at)
        context = Context(policy, at, trace, taken_at=written_at, writer=writer_in(record, written_at))
        parsed = read_source(Raw("kafka", headers, record.value or b""), context)
        origin = Origin(record.topic, record.partition, record.offset)
        return replace(parsed, origin=origin) if parsed.arrivals or parsed.faults else None

    return read


def taken_at(record: Record, at: datetime) -> datetime:
    """When Kafka took a record, judged at `at` (both UTC-aware): within the time for which an inbox keeps records.

    On a broker of another's, the time of a record may be what its sender says.
    """
    try:
        told = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        told = at
    return min(at, max(told, at - KEPT))


def take_in(submissions: Submissions, outcomes: Outcomes) -> Handle[Parsed]:
    """A handler that stores the submissions of a batch, AT_ONCE in one write, and tells their writers."""

    async def handle(items: Sequence[Parsed]) -> Mapping[int, Malformed]:
        arrivals = [(place, item.origin, arrival) for place, item in enumerate(items) for arrival in item.arrivals]
        faults: dict[int, list[Malformed]] = {place: list(item.faults) for place, item in enumerate(items)}
        stored = []
        for start in range(0, len(arrivals), AT_ONCE):
            portion = arrivals[start : start + AT_ONCE]
            taken = await submissions.take_in([arrival for _, _, arrival in portion])
            for (place, origin, arrival), result in zip(portion, taken, strict=True):
                if not result.is_same:
                    reused = Malformed("id_reused", "the source and id of another report", place=arrival.place)
                    faults[place].append(reused)
                elif origin and arrival.writer:
                    stored.append(Stored(origin, arrival, result.report_id))
        await outcomes.tell_stored(stored)
        return {place: _all_of(found) for place, found in faults.items() if found}

    return handle


def _all_of(faults: list[Malformed]) -> Malformed:
    """The reason for which a record becomes a dead letter, while its other submissions are stored."""
    return Malformed(faults[0].code, "; ".join(fault.detail for fault in faults[:5]), parts=faults)
