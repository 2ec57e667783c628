"""Reading from the vault. Intake records every read, durably, before it hands anything out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from services.intake.mentions import Mentions
from services.intake.report.check_ins import CONSENTS
from services.intake.report.receipt import respondent_receipt
from services.intake.report.sealed import Sealed, SealedSections
from services.intake.report.submission import Section
from services.intake.stored import Store, StoredReport
from services.intake.vault.cipher import Vault
from services.intake.vault.identity import Identities
from services.intake.vault.resources import resource_of
from shared.access.access_log import Access, AccessLog
from shared.access.purposes import Purpose
from shared.events import Actor, ContentRead, NamesTried
from shared.ids import case_id_of, new_id
from shared.telemetry import current_traceparent
from shared.times import now

Readable = Section | Literal["correspondence", "mentions", "referral", "names"]
"""What can be read of a report: its sections, what handlers and reporter have written since, which of all these words
mention people on the roster, and of what handlers have written, why they referred the case. `names`: of the people
reported and those that handlers added, only the names, each with the token that events have for the person, and the
pages on which measures hold."""


@dataclass(frozen=True, slots=True)
class Read:
    """A request for sections of a report."""

    report_id: str
    sections: tuple[Readable, ...]


class VaultReader:
    """Hands out sections of reports, and tells each read as an event on `access`."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        mentions: Mentions,
        accesses: AccessLog,
        identities: Identities,
        pepper: bytes,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._vault = vault
        self._mentions = mentions
        self._accesses = accesses
        self._identities = identities
        self._pepper = pepper
        self._clock = clock

    async def read(
        self, reads: Sequence[Read], *, purpose: Purpose, actor: Actor, names: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """One item for each read, in the same order: the sections, or that the report is erased or unknown.

        Of each section the fields that the purpose needs are handed out, and no sections that it does not need. Of who
        reported, only what the policy gives to the person that `actor` stands for; a read that gives nothing is none.
        `names`: the reference and the pseudonyms of the person who asks. A report that names this person, or a case of
        which this person is recused, looks unknown. Raises Unavailable while the reads cannot be recorded; then nothing
        is handed out.
        """
        reports = await self._store.load({read.report_id for read in reads})
        known = await self._mentions.ready() if any("mentions" in read.sections for read in reads) else frozenset()
        items: list[dict[str, Any]] = []
        accesses = []
        for read in reads:
            report = reports.get(read.report_id)
            if report is None or await self._is_named(names, report):
                items.append({"report_id": read.report_id, "unknown": True})
            elif report.vault is None:
                items.append({"report_id": read.report_id, "erased": True})
            else:
                given = await self._given(purpose, report, actor)
                sections = self._open(read, given, report, report.vault, known)
                if "content" in sections and report.facts.occurred:
                    # Intake keeps the times in the clear, but to a handler they are a part of what was told.
                    sections["content"]["occurred"] = report.facts.occurred
                items.append({"report_id": read.report_id, "sections": sections})
                if sections or not purpose.by_policy:
                    accesses.append(self._access(read, purpose.name, actor))
        await self._accesses.write(accesses)
        return items

    async def _is_named(self, names: Collection[str], report: StoredReport) -> bool:
        """Whether a report names a person with one of these pseudonyms, or its case has one of these people recused."""
        about = resource_of(report)
        if not (about.parties | about.recused).isdisjoint(names):
            return True
        return bool(names) and await self._mentions.mentions(report, names)

    async def note_names(self, count: int, *, purpose: str, actor: Actor) -> None:
        """Record that so many names are turned into pseudonyms. Call it before the pseudonyms are handed out.

        Raises Unavailable while it cannot be recorded.
        """
        access_id, at = new_id(), self._clock()
        fact, fields = NamesTried(count=count, purpose=purpose), {"case_id": access_id, "at": at}
        access = Access(fact, actor, at, access_id, trace=current_traceparent(), fields=fields)
        await self._accesses.write([access])

    async def _given(self, purpose: Purpose, report: StoredReport, actor: Actor) -> Mapping[str, tuple[str, ...]]:
        """The sections of a report that may be read now, and of each section the fields (none: all of them)."""
        if not purpose.by_policy:
            return purpose.sections
        fields = await self._identities.fields_for(report, actor.ref)
        own = {name: tuple(field for field in known if field in fields) for name, known in purpose.sections.items()}
        return {name: some for name, some in own.items() if some}

    def _open(
        self,
        read: Read,
        given: Mapping[str, tuple[str, ...]],
        report: StoredReport,
        vault: SealedSections,
        known: frozenset[str],
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in dict.fromkeys(read.sections):
            if name not in given:
                continue
            if name == "correspondence":
                found[name] = self._correspondence(report)
            elif name == "referral":
                found[name] = {"statements": self._statements(report, "referral")}
            elif name == "mentions":
                words = replace(read, sections=("reported", "content", "correspondence"))
                content = self._open(words, given, report, vault, known)
                found[name] = {"items": self._mentions.shown(report, known, content)}
            elif name == "names":
                words = Read(report.id, ("reported",))
                people = self._open(words, {"reported": ("people",)}, report, vault, known).get("reported", {})
                found[name] = {
                    "people": [
                        *({"party": one["party"], "name": one["name"]} for one in people.get("people", ())),
                        *({"party": one["id"], "name": one["text"]} for one in self._statements(report, "party")),
                    ],
                    "pages": [{"id": one["id"], "text": one["text"]} for one in self._statements(report, "pages")],
                }
            elif sealed := vault.section(name):
                section = orjson.loads(self._vault.open(f"{report.id}/{name}", sealed))
                fields = given[name] or section
                found[name] = {field: section[field] for field in fields if field in section}
                if name == "reported":
                    found[name] = self._mentions.with_tokens(report, found[name])
        return found

    def _correspondence(self, report: StoredReport) -> dict[str, Any]:
        return {
            "statements": self._statements(report),
            "answers": [
                {"question_id": i, "at": s.at, "text": self._words(report, "answers", i, s)}
                for i, s in report.answers.items()
                # The case tells of the consent; nobody asked it as a question.
                if i not in CONSENTS.values()
            ],
        }

    def _statements(self, report: StoredReport, kind: str | None = None) -> list[dict[str, Any]]:
        unopened = {door.told_id for door in report.doors if door.opened_at is None}
        return [
            {
                "id": i,
                "kind": s.kind,
                "at": s.at,
                "text": self._words(report, "statements", i, s),
                # A handler passes it on; once the respondent has opened it, it is the respondent's alone.
                **({"receipt": respondent_receipt(self._pepper, report.id, i)} if i in unopened else {}),
            }
            for i, s in report.statements.items()
            if kind in (None, s.kind)
        ]

    def _words(self, report: StoredReport, kind: str, identifier: str, sealed: Sealed) -> str:
        return self._vault.open(f"{report.id}/{kind}/{identifier}", sealed).decode()

    def _access(self, read: Read, purpose: str, actor: Actor) -> Access:
        fact = ContentRead(report_id=read.report_id, sections=tuple(dict.fromkeys(read.sections)), purpose=purpose)
        case_id, at = case_id_of(read.report_id), self._clock()
        fields = {"report_id": read.report_id, "case_id": case_id, "at": at}
        return Access(fact, actor, at, new_id(), case_id, current_traceparent(), fields)
