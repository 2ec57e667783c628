"""What intake does with an arrival: check it, seal it, store it once, and answer only when it is durable."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from os import urandom
from typing import Protocol

from services.intake.mentions import Mentions
from services.intake.report.pseudonym import by_person, party_token, people_in
from services.intake.report.receipt import derive_report_id, digest_content, hash_receipt, make_receipt
from services.intake.report.status import Status
from services.intake.report.submission import (
    Facts,
    Section,
    copy_people,
    facts_of,
    find_faults,
    receive,
    sections_of,
)
from services.intake.sources.arrival import Arrival
from services.intake.stored import (
    REPORTER,
    SOURCE,
    Change,
    Secrets,
    Store,
    StoredReport,
    make_salt,
    owned_key,
    refuse_erased,
    tell_parties,
)
from services.intake.vault.cipher import Vault
from shared import metrics
from shared.events import Draft, ReportParties, stamp
from shared.ids import case_id_of, derive, new_id
from shared.names import known_by_account
from shared.policy import Policy
from shared.problems import FieldsWrong, KeyReused, Unavailable
from shared.succession import Succession
from shared.times import now

ReportContent = tuple[Facts, Mapping[Section, bytes]]
"""What a report says: its facts, and the sections that go to the vault."""


class Committing(Protocol):
    """Stores one new report durably; False when its id exists already."""

    async def commit(self, change: Change) -> bool: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a report that is stored: its id, and the receipt in groups of four."""

    report_id: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an arrival in a batch: the id of its report, and whether the report is new.

    `is_same` False: the arrival has the name of another report, and is not stored.
    """

    report_id: str
    is_new: bool
    is_same: bool


class Submissions:
    """Takes reports in: one by one with a receipt, or in batches without one."""

    def __init__(
        self,
        store: Store,
        commits: Committing,
        vault: Vault,
        policy: Policy,
        secrets: Secrets,
        mentions: Mentions,
        succession: Succession,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._commits = commits
        self._vault = vault
        self._policy = policy
        self._secrets = secrets
        self._mentions = mentions
        self._succession = succession
        self._clock = clock

    async def submit(self, arrival: Arrival, source: str | None = None, owner: str | None = None) -> Accepted:
        """Store a report; on return it is durable. The same key with the same report gives the same answer.

        `source`: the source that a program reports for. `owner`: the holder of the caller's token, who owns the
        key. Without a token the key is random (from_nobody), and belongs to the words of the report.
        Raises Problem 422 for a report that the policy or the calendar objects to, or for a key that its owner used for
        another report; 410 for a report that is erased. Raises Problem 503 or Unavailable when the report cannot be
        stored now, or not be compared with the stored one.
        """
        at = self._clock()
        if faults := find_faults(arrival.submission, self._policy, at):
            raise FieldsWrong(faults)
        arrival = self._owned(arrival, owner)
        accepted = self.named(arrival.scope, arrival.key)
        report_id, content = accepted.report_id, _content_of(arrival)
        names = await self._mentions.ready()
        report = self._new_report(report_id, arrival, content, names, at, accepted.receipt, source)
        if await self._commits.commit(report):
            metrics.REPORTS.labels(arrival.channel).inc()
        else:
            stored = (await self._load([report_id]))[report_id]
            refuse_erased(stored)
            if not self._is_same(stored, content):
                raise KeyReused
        return accepted

    async def take_in(self, arrivals: Sequence[Arrival]) -> Sequence[Taken]:
        """Store a batch in one write, without reports that are stored already. What became of each, in their order.

        There is no receipt, because no reporter waits for one. Raises Unavailable while the store is away; then the
        batch may be handed in again.
        """
        at, names = self._clock(), await self._mentions.ready()
        channels: dict[str, str] = {}
        changes: dict[str, Change] = {}
        told: list[tuple[str, ReportContent]] = []
        for arrival in arrivals:
            report_id, content = self._id_of(arrival.scope, arrival.key), _content_of(arrival)
            told.append((report_id, content))
            if report_id not in changes:
                channels[report_id] = arrival.channel
                changes[report_id] = self._new_report(report_id, arrival, content, names, at)
        known = await self._store.save(list(changes.values()))
        for report_id, channel in channels.items():
            if report_id not in known:
                metrics.REPORTS.labels(channel).inc()
        repeated = known | {report_id for report_id, count in Counter(i for i, _ in told).items() if count > 1}
        stored = await self._load(repeated) if repeated else {}
        return [
            Taken(
                report_id, report_id not in known, report_id not in stored or self._is_same(stored[report_id], content)
            )
            for report_id, content in told
        ]

    def named(self, scope: str, key: str | None) -> Accepted:
        """The id and the receipt of the report that an arrival becomes: with a key, always the same."""
        nonce = urandom(16) if key is None else f"{scope}\x1f{key}".encode()
        return Accepted(self._id_of(scope, key), make_receipt(self._secrets.pepper, nonce))

    async def prepare(self, arrival: Arrival, follows: str, shut_out: tuple[str, ...]) -> Change:
        """A new report as it is to be written, from that of the case `follows`: of bad treatment, or a part of it.

        `shut_out`: references of people who may not see it. Raises Unavailable before the roster was ever read.
        """
        named, names = self.named(arrival.scope, arrival.key), await self._mentions.ready()
        made = self._new_report(named.report_id, arrival, _content_of(arrival), names, self._clock(), named.receipt)
        report = replace(made.report, follows=follows, shut_out=shut_out)
        told = {"follows": follows, "shut_out": shut_out}
        events = [
            replace(event, fact=event.fact.model_copy(update=told)) if isinstance(event.fact, ReportParties) else event
            for event in made.events
        ]
        return replace(made, report=report, events=events)

    async def prepare_untold(self, arrival: Arrival) -> Change:
        """A new report as it is to be written, of which other services hear only who is named in it.

        Raises Unavailable before the roster was ever read.
        """
        report_id, names = self._id_of(arrival.scope, arrival.key), await self._mentions.ready()
        made = self._new_report(report_id, arrival, _content_of(arrival), names, self._clock())
        return replace(made, events=[event for event in made.events if isinstance(event.fact, ReportParties)])

    def is_same(self, stored: StoredReport, arrival: Arrival) -> bool:
        """Whether an arrival says what a stored report says. An erased report has nothing left to compare with."""
        return self._is_same(stored, _content_of(arrival))

    def _owned(self, arrival: Arrival, owner: str | None) -> Arrival:
        """The arrival under a key that only its owner, or the very same report, can come with again."""
        if arrival.key is None:
            return arrival
        if owner is None:
            # Defaults are left out, so that a later version with more fields still knows the report.
            words = arrival.submission.model_dump_json(exclude_defaults=True).encode()
            owner = digest_content(self._secrets.pepper, arrival.channel, words)
        return replace(arrival, key=owned_key(owner, arrival.key))

    def _id_of(self, scope: str, key: str | None) -> str:
        return new_id() if key is None else derive_report_id(self._secrets.pepper, scope, key)

    def _new_report(
        self,
        report_id: str,
        arrival: Arrival,
        content: ReportContent,
        names: frozenset[str],
        at: datetime,
        receipt: str | None = None,
        source: str | None = None,
    ) -> Change:
        facts, sections = content
        case_id = case_id_of(report_id)
        received_at = min(arrival.received_at or at, at)
        sealed, content_digest, party_key = self._vault.seal_report(report_id, sections)
        people = people_in(self._secrets.pseudonyms, arrival.submission, source or arrival.writer)
        people = self._mentions.added_to(people, arrival.submission, arrival.unknown, names)
        token_of = partial(party_token, party_key)
        # The name of a writer is the source of all that it reports.
        told_by = (source or arrival.writer, arrival.writer)
        lines = [person.name for person in arrival.submission.reported]
        kind = self._policy.kind_of(facts.community)
        joined = len(lines) > 1 and known_by_account(facts.setting, kind, facts.flags)
        persons = copy_people(people, subjects=by_person(lines, people.subjects)) if joined else people
        fact = receive(report_id, facts, persons, token_of, content_digest, received_at, *told_by)
        cause = derive("submit", report_id)
        events = stamp(
            [Draft(fact, REPORTER, at, cause, self._policy.version)],
            source=SOURCE,
            subject=f"report/{report_id}",
            case_id=case_id,
            last_seq=0,
            trace=arrival.trace,
        )
        report = StoredReport(
            id=report_id,
            case_id=case_id,
            received_at=received_at,
            facts=facts,
            parties=people.parties,
            mentioned=people.mentioned,
            pages=people.pages,
            source=people.source,
            content_digest=content_digest,
            vault=sealed,
            status=Status(updated_at=received_at),
            receipt=hash_receipt(self._secrets.pepper, receipt) if receipt else None,
            remarks=arrival.remarks,
            by_person=joined,
        )
        # A restored database may lack a report that was told already, and comes again.
        apart = Draft(
            people.told(report_id, make_salt(), received_at), REPORTER, self._succession.after(None, at), cause
        )
        return Change(None, report, [*events, tell_parties(report, apart, arrival.trace)], [cause])

    async def _load(self, report_ids: Collection[str]) -> dict[str, StoredReport]:
        """The stored reports. Raises Unavailable when one is missing."""
        stored = await self._store.load(report_ids)
        if len(stored) != len(report_ids):
            raise Unavailable("a report is not where it was")
        return stored

    def _is_same(self, stored: StoredReport, content: ReportContent) -> bool:
        facts, sections = content
        # An erased report has nothing left to compare with.
        return stored.vault is None or (
            stored.facts == facts and self._vault.matches(stored.id, stored.vault, stored.content_digest, sections)
        )


def _content_of(arrival: Arrival) -> ReportContent:
    return facts_of(arrival.submission, arrival.channel), sections_of(arrival.submission, arrival.unknown)
