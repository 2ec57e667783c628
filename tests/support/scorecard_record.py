"""A record in small for tests of scorecards: facts become leaves, leaves become rows, and each step has its seal."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.audit.record.leaf import Place, read_record
from services.audit.scorecard.result import AsOf
from services.audit.scorecard.rows import Gap, Round, Rows, Step, read_entry
from shared.events import (
    Actor,
    BaselineAttested,
    CaseOpened,
    CaseTriaged,
    DeadlineMet,
    DeadlineSet,
    Draft,
    Event,
    Fact,
    GrantHeld,
    RosterEntryChanged,
    TrainingHeld,
    encode,
    stamp,
)
from shared.ids import derive

START = datetime(2026, 11, 1, tzinfo=UTC)
TRIAGE = Actor("service:triage", "service")
COORDINATOR = Actor("person:c1", "coordinator")
AUDITOR = Actor("person:a1", "auditor")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class SmallRecord:
    """Entries in the order in which they are told; a seal covers all that was told before it."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, str, int, Round]] = []
        self.seals = 0
        self.at = START
        self._waiting: list[tuple[bytes, str, int]] = []
        self._sizes: dict[str, int] = defaultdict(int)
        self._seqs: dict[str, int] = defaultdict(int)

    def tell(self, fact: Fact, key: str, at: datetime, actor: Actor = TRIAGE, *, skip: int = 0) -> Event:
        """One event of the aggregate `key`. `skip`: so many numbers before it are missing."""
        number = self._seqs[f"{fact.topic}/{key}"] + skip
        self._seqs[f"{fact.topic}/{key}"] = number + 1
        draft = Draft(fact, actor, at, derive(key, fact.topic, str(number)))
        (event,) = stamp([draft], source="hearth/triage", subject=key, case_id=key, last_seq=number, trace=None)
        self.add(event)
        return event

    def add(self, event: Event) -> None:
        """An event as it stands, once more or for the first time."""
        message = encode(event)
        log = f"{message.topic}/0"
        place = Place(message.topic, 0, self._sizes[log], 0)
        self._put(log, read_record(place, message.key, message.headers, message.value).entry)

    def put(self, log: str, leaf: bytes) -> None:
        """A leaf as it stands."""
        self._put(log, leaf)

    def seal(self, at: datetime) -> Round:
        """A seal covers everything that was told since the last one."""
        self.seals, self.at = self.seals + 1, at
        sealed = Round(self.seals, at)
        self.entries += [(*entry, sealed) for entry in self._waiting]
        self._waiting.clear()
        return sealed

    def as_of(self, sealed: Round | None = None) -> AsOf:
        """The checkpoint of a seal, or of the last one."""
        return AsOf(sealed.number, sealed.at, ()) if sealed else AsOf(self.seals, self.at, ())

    def rows(self, months: Sequence[Round] = ()) -> Rows:
        """Everything as the rows of one community, whatever communities and people there are."""
        return rows_of([read_entry(*entry) for entry in self.entries], months)

    def _put(self, log: str, leaf: bytes) -> None:
        self._waiting.append((leaf, log, self._sizes[log]))
        self._sizes[log] += 1


def rows_of(found: Sequence[tuple[str, Step] | Gap | None], months: Sequence[Round] = (), name: str = "enwiki") -> Rows:
    """The rows of a community from what entries say."""
    by_row: dict[str, list[Step]] = defaultdict(list)
    gaps = []
    for one in found:
        if isinstance(one, Gap):
            gaps.append(one)
        elif one is not None:
            by_row[one[0]].append(one[1])
    return Rows(
        cases={row.removeprefix("case/"): tuple(s) for row, s in by_row.items() if row.startswith("case/")},
        own=tuple(by_row.get(f"community/{name}", ())),
        people={row.removeprefix("person/"): tuple(s) for row, s in by_row.items() if row.startswith("person/")},
        gaps=tuple(gaps),
        months=tuple(months),
    )


def opened(received: datetime, community: str = "enwiki") -> CaseOpened:
    """A case of a report that was received at this time."""
    return CaseOpened(
        previous=None, state="received", report_id="r", code_name="calm-otter", community=community,
        category="harassment.insults", setting="online", language="en", privacy="private", contactable=True,
        received_at=received,
    )  # fmt: skip


def triaged(received: datetime) -> CaseTriaged:
    """Policy chose the lane and the body; triage tells the deadlines by themselves."""
    return CaseTriaged(
        previous="received", state="triaged", category="harassment.insults", lane="standard", body="enwiki_admins",
        rule="local", deadlines=(DeadlineSet(name="decision", due_at=received + 28 * DAY),), deadlines_told=True,
    )  # fmt: skip


def met(deadline: str, at: datetime, state: str = "triaged") -> DeadlineMet:
    """Triage saw the deadline kept."""
    return DeadlineMet(previous=state, state=state, deadline=deadline, due_at=at, met_at=at)


def attested(responsibility: str = "HB-01", *, ends: datetime = START + 100 * DAY, **given: Any) -> BaselineAttested:
    """An attestation that the community meets a responsibility, with a link that was seen."""
    fields: dict[str, Any] = {
        "community": "enwiki", "attestation_id": f"a-{responsibility}", "responsibility_id": responsibility,
        "catalogue_version": "2026-11-01", "claim": "met", "statement": "The page says how to report.",
        "link": "https://en.wikipedia.org/wiki/Report", "link_digest": "00", "link_seen_at": START,
        "valid_until": ends,
    }  # fmt: skip
    return BaselineAttested(**fields | given)


def on_roster(person: str, **given: Any) -> RosterEntryChanged:
    """A responder of the administrators of enwiki, with an agreement and the trainings that they need."""
    fields: dict[str, Any] = {
        "change": "granted",
        "person": person,
        "grants": (GrantHeld(role="responder", bodies=("enwiki_admins",)),),
        "trainings": tuple(TrainingHeld(module=module, completed_at=START) for module in ("A", "B")),
        "confidential_until": START + 300 * DAY,
    }
    return RosterEntryChanged(**fields | given)
