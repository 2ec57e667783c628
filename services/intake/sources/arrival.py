"""What comes to intake, before and after a source has read it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.intake.answers import RemarkShown
from services.intake.report.submission import Submission
from shared.policy import Policy
from shared.problems import Malformed


@dataclass(frozen=True, slots=True)
class Raw:
    """What came over a channel, unread: its headers by lower-case name, and its body."""

    channel: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Writer:
    """An integrator that alone writes an inbox. Its name is the source of all that it reports.

    `communities`: those for which it may report; None stands for all.
    """

    name: str
    communities: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Context:
    """What a source judges by: the policy and the time (UTC-aware); and the trace that a report goes on with.

    `say` gives a message in the sender's language, for a source that adds words of its own. `taken_at`: when Kafka took
    the record (UTC-aware), not after `now`. `writer`: who wrote the record; None if that is not known.
    """

    policy: Policy
    now: datetime
    trace: str | None = None
    say: Callable[[str], str] = str
    taken_at: datetime | None = None
    writer: Writer | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd that did not cost the report: the JSON pointer of the place, and a code. It repeats no words."""

    pointer: str
    code: str

    def document(self) -> RemarkShown:
        """The remark as programs get it."""
        return {"pointer": self.pointer, "code": self.code}


@dataclass(frozen=True, slots=True)
class SubmissionName:
    """What a writer calls a submission: its source, and the id that it has there."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission that came over `channel`.

    `key` names it within its `scope`, however often it comes again; without a key, each arrival is a report of its own.
    `received_at` (UTC-aware) is when another system took it; None when that was intake. `writer`: the integrator who
    wrote it into an inbox of its own. `remarks`: what its source found odd, and passed over. `name`: what a writer at
    Kafka calls it. `place`: which of the submissions of its record it is, from 0. `unknown`: the fields of the
    submission that Hearth does not know, by JSON pointer.
    """

    channel: str
    submission: Submission
    scope: str
    key: str | None
    received_at: datetime | None = None
    trace: str | None = None
    writer: str | None = None
    remarks: tuple[Remark, ...] = ()
    name: SubmissionName | None = None
    place: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a record in an inbox: what the broker told its writer when it took the record."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source made of a Raw: arrivals, and (of a batch) what is wrong with the rest.

    `origin`: the record of Kafka that it was.
    """

    arrivals: tuple[Arrival, ...]
    faults: tuple[Malformed, ...] = ()
    origin: Origin | None = None
