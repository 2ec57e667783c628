"""Looks for people on the roster in every word that comes, and tells under which pseudonyms they are shut out."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, get_args

import orjson

from services.intake.report.check_ins import is_code
from services.intake.report.mentions import Known, words_of
from services.intake.report.pseudonym import by_person, party_token, people_named
from services.intake.report.sealed import Sealed, SealedSections
from services.intake.report.submission import People, Section, Submission, copy_people
from services.intake.stored import Change, Store, StoredReport, make_salt, refuse_erased, tell_erased, tell_parties
from shared.aggregates import change
from shared.events import Actor, Draft, Event
from shared.ids import derive
from shared.problems import Problem
from shared.succession import Succession
from shared.telemetry import current_traceparent
from shared.times import now


class NamesOnRoster(Protocol):
    """What looking for people needs of the roster (shared.access.roster.Roster)."""

    async def everybody(self) -> frozenset[str]:
        """The pseudonyms of all people. Raises Unavailable before the roster was ever read."""
        ...


class Cipher(Protocol):
    """What it needs of the vault (services.intake.vault.cipher.Vault)."""

    def open(self, place: str, sealed: Sealed) -> bytes:
        """What was sealed at this place. Raises VaultError."""
        ...

    def party_key(self, report_id: str, sealed: SealedSections) -> bytes:
        """The key of the party tokens of one report."""
        ...


class Mentions:
    """Finds people on the roster in the words of reports. No name leaves it, only pseudonyms."""

    def __init__(self, roster: NamesOnRoster, vault: Cipher, key: bytes, succession: Succession) -> None:
        """`key` is the deployment's key of pseudonyms."""
        self._roster = roster
        self._vault = vault
        self._key = key
        self._succession = succession
        self._known = Known(key)
        # New names are few, and looked for beside all others.
        self._new = Known(key)

    async def ready(self) -> frozenset[str]:
        """The pseudonyms to look for. Raises Unavailable before the roster was ever read."""
        return await self._roster.everybody()

    def added_to(
        self, people: People, submission: Submission, unknown: Mapping[str, Any], names: frozenset[str]
    ) -> People:
        """The people that a new report names, and those that its words mention, also in fields that Hearth does not
        know.
        """
        found = self._known.mentioned((*words_of(submission), *_texts_in(unknown, names=True)), names)
        return copy_people(people, mentioned=tuple(sorted(found.keys() - set(people.parties))))

    async def noted(self, report: StoredReport, words: Iterable[str], *, by_handler: bool = False) -> StoredReport:
        """The report, to which these words have come, with the people that they mention.

        `by_handler`: a handler wrote them.
        """
        return _with_mentions(report, self._known.mentioned(words, await self.ready()), by_handler=by_handler)

    def found_in(self, report: StoredReport, names: frozenset[str]) -> frozenset[str]:
        """Those of these pseudonyms of new names that the words of a stored report mention, and that are news.

        Raises VaultError.
        """
        return frozenset(_news(report, self._new.mentioned(self._words_of(report), names)))

    def held_by(self, report: StoredReport, names: frozenset[str]) -> frozenset[str]:
        """Those of these pseudonyms of new names that shut people out of a stored report. Raises VaultError."""
        found = frozenset(self._new.mentioned(self._words_of(report), names)).difference(report.cleared)
        return found | names.intersection(report.named)

    def with_found(self, report: StoredReport, names: frozenset[str]) -> StoredReport:
        """The report, with those of these pseudonyms of new names that its words mention. Raises VaultError."""
        return _with_mentions(report, self.found_in(report, names))

    async def mentions(self, report: StoredReport, names: Collection[str]) -> bool:
        """Whether the words of a stored report mention a person with one of these pseudonyms.

        Names that came onto the roster just now may not be looked for in it yet. Raises VaultError, and Unavailable.
        """
        found = self._known.mentioned(self._words_of(report), await self.ready())
        return not _news(report, found).isdisjoint(names)

    def without(self, report: StoredReport, mention: str) -> StoredReport:
        """The report without the mention that has this id, which is nobody on the roster."""
        gone = [key for key, name in self._ids(report) if name == mention]
        mentioned, noted = (tuple(key for key in keys if key not in gone) for keys in (report.mentioned, report.noted))
        return replace(report, mentioned=mentioned, noted=noted, cleared=(*report.cleared, *gone)) if gone else report

    def shown(self, report: StoredReport, names: frozenset[str], content: object) -> list[dict[str, str]]:
        """What handlers see of each mention: its id, and the (folded) words of this content that are it."""
        words = self._known.mentioned(_texts_in(content), names)
        return [{"id": name, "words": words.get(key, "")} for key, name in self._ids(report)]

    def with_tokens(self, report: StoredReport, reported: dict[str, Any]) -> dict[str, Any]:
        """The section of the people reported, each with the party token that the events of the report have for them."""
        people = reported.get("people", ())
        if report.vault is None or not people:
            return reported
        of_report = self._vault.party_key(report.id, report.vault)
        lines = [person["name"] for person in people]
        named = people_named(self._key, reported=lines, witnesses=(), name=None, email=None).subjects
        if report.by_person:
            named = by_person(lines, named)
        tokens = (party_token(of_report, keys) for keys in named)
        return {
            **reported,
            "people": [{**person, "party": token} for person, token in zip(people, tokens, strict=True)],
        }

    def told(self, before: StoredReport, after: StoredReport, by: Actor, at: datetime, cause: str) -> list[Event]:
        """What tells the other services of a change (at `at`, UTC-aware) in who is shut out, if there is one.

        Raises VaultError.
        """
        if all(getattr(before, one) == getattr(after, one) for one in ("mentioned", "noted", "hidden_from")):
            return []
        if after.erased:
            # Only people that handlers named come and go then.
            fact = tell_erased(after, after.erased.at, named=True)
        else:
            fact = self._people(after).told(after.id, make_salt(), after.received_at)
            further = {"shut_out": after.hidden_from, "follows": after.follows, "noted": after.noted}
            fact = fact.model_copy(update=further)
        told_at = self._succession.after(before.told_at, at)
        return [tell_parties(before, Draft(fact, by, told_at, cause), current_traceparent())]

    def _ids(self, report: StoredReport) -> list[tuple[str, str]]:
        """The pseudonym of each mention, and the id that it has within this report only."""
        if report.vault is None or not report.mentioned:
            return []
        of_report = self._vault.party_key(report.id, report.vault)
        return [(key, party_token(of_report, (key,))) for key in report.mentioned]

    def _people(self, report: StoredReport) -> People:
        """The people that a stored report names and mentions. Raises VaultError."""
        vault = report.vault
        assert vault is not None  # noqa: S101  # words come only to a report that is not erased
        reporter = self._section(report.id, vault, "reporter")
        people = people_named(
            self._key,
            reported=[person["name"] for person in self._section(report.id, vault, "reported").get("people", ())],
            witnesses=self._section(report.id, vault, "content").get("witnesses", ()),
            name=reporter.get("name"),
            email=reporter.get("email"),
        )
        # A report from before has pseudonyms as they were made then.
        earlier = tuple(key for key in report.parties if key not in people.parties)
        mentioned = (*earlier, *report.mentioned)
        return replace(people, mentioned=mentioned, pages=report.pages, source=report.source)

    def _words_of(self, report: StoredReport) -> Iterator[str]:
        """All texts of a stored report and of what was written since; none of an erased one.

        Without those of respondents: the accused would choose who judges.
        """
        if report.vault is None:
            return
        for name in get_args(Section):
            yield from _texts_in(self._section(report.id, report.vault, name), names=name == "unknown")
        said = {key: words for key, words in report.statements.items() if words.party is None}
        for kind, sealed in (("statements", said), ("answers", report.answers)):
            for key, words in sealed.items():
                if not is_code(key):
                    yield self._vault.open(f"{report.id}/{kind}/{key}", words).decode()

    def _section(self, report_id: str, vault: SealedSections, name: Section) -> dict[str, Any]:
        sealed = vault.section(name)
        found: dict[str, Any] = orjson.loads(self._vault.open(f"{report_id}/{name}", sealed)) if sealed else {}
        return found


class Naming:
    """Learns which people handlers name as those that a report is about. Only the case says when this holds."""

    def __init__(self, store: Store, mentions: Mentions, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._mentions = mentions
        self._clock = clock

    async def name(self, report_id: str, token: str, person: str, by: Actor) -> None:
        """Keep for which person (a reference) a token of the case stands. The call may be repeated.

        The person is shut out of everything about the report while the case has the token among its recusals: a call
        of which the case knows nothing changes nothing. Raises Problem 404 for an unknown report, 410 for an erased
        one.
        """

        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            if report is None:
                raise Problem(404, "report-unknown", "There is no such report.")
            refuse_erased(report)
            if token in report.further:
                return None
            cause = derive("name", report_id, token)
            after = replace(report, further={**report.further, token: person})
            return Change(report, after, self._mentions.told(report, after, by, self._clock(), cause), [cause])

        await change(self._store, [report_id], decide)


def _news(report: StoredReport, found: Iterable[str]) -> AbstractSet[str]:
    return set(found) - {*report.named, *report.cleared}


def _with_mentions(report: StoredReport, found: Collection[str], *, by_handler: bool = False) -> StoredReport:
    new = sorted(_news(report, found))
    noted = (*report.noted, *new) if by_handler else tuple(key for key in report.noted if key not in found)
    if not new and noted == report.noted:
        return report
    return replace(report, mentioned=(*report.mentioned, *new), noted=noted)


def _texts_in(value: object, *, names: bool = False) -> Iterator[str]:
    """Each text in a value. `names`: also the names of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        if names and isinstance(value, dict):
            yield from value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(part, names=names)
