"""Looks for cases by what a person types: a code name, a place, a category, the name of a person who is reported, or
words that the person may read anyway.

There is no index of what was reported. What a person looks for stands in no address, log or span, and is kept nowhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.triage.case.case import Case
from services.triage.case.code_names import names_like
from services.triage.case.forms import resource_of
from services.triage.desk.queue import Queue, QueueFilter
from services.triage.patterns.actions import ALWAYS
from services.triage.patterns.marks import MOST_KEYS, MarkStore
from services.triage.reading import Vault
from services.triage.stored import CaseStore
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import Principal
from shared.clients.vault import Contents
from shared.names.folding import fold
from shared.policy import Policy
from shared.problems import Problem, Unavailable
from shared.times import now

MOST_SHOWN = 25
MOST_READ = 40
"""The most reports that are opened for one look at words."""
MOST_REPORTS = 200
"""The most reports of one person that are looked at, the newest first: more than the searcher may see at once."""
SECTIONS = ("reported", "correspondence")
Unread = Literal["away", "refused"]
_UNREAD: Mapping[int, Unread | None] = {403: "refused", 422: None}
"""By the status of a refusal; no person has a name that the vault does not read. Any other one is an outage."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: cases by their code name, those in which the person of this name is reported, and cases by words,
    each with where these stand: `person` or `note`.

    `communities` and `categories`: those that are meant. `left`: no person of this name was looked for, because the
    text is a code name, a community or a category; the reader may ask for it all the same. `read`: so many reports were
    opened; None: none was to be.
    """

    named: Sequence[Case] = ()
    reporting: Sequence[Case] = ()
    worded: Sequence[tuple[Case, str]] = ()
    communities: Sequence[str] = ()
    categories: Sequence[str] = ()
    left: bool = False
    read: int | None = None
    unread: Unread | None = field(default=None, kw_only=True)
    """Why no name was looked for, or no words were read: the vault is away, or refuses it to the person."""


class Search:
    """Finds cases, as far as each principal may see them."""

    def __init__(
        self,
        cases: CaseStore,
        queue: Queue,
        vault: Vault,
        policy: Policy,
        marks: MarkStore,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._cases = cases
        self._queue = queue
        self._vault = vault
        self._policy = policy
        self._marks = marks
        self._clock = clock

    async def find(
        self, principal: Principal, text: str, categories: Sequence[tuple[str, str]], *, words: bool, person: bool
    ) -> Found:
        """What fits a text. `categories`: each with its name in the reader's language. `person`: look for a person of
        this name, whatever else has it.

        `words`: look also into the reports of the cases that the person has, and into the person's own notes; the vault
        notes each report that is opened, and that a name was looked for. Raises Unavailable while the store is away.
        """
        sought = fold(text)
        if not sought:
            return Found()
        beginnings = names_like(text)
        named = (
            await self._cases.called_like(beginnings, self._queue.bodies(principal), MOST_SHOWN * 4)
            if beginnings
            else []
        )
        seen = await self._queue.seen(principal, named)
        places = [(one.id, one.name) for one in self._policy.communities.values()]
        # What is a code name, a place or a category is hardly the name of a person, and each look for one is on record.
        others = {fold(text) for pair in (*places, *categories) for text in pair}
        is_other = sought in others or any(sought.replace(" ", "-") == fold(case.code_name) for case in seen)
        permit = allow(principal, "case.read_content", None, self._clock())
        reporting: list[Case] = []
        unasked, left = None, False
        if isinstance(permit, Permit):
            left = is_other and not person
            reporting, unasked = ([], None) if left else await self._reporting(principal, permit, text)
        opened = await self._candidates(principal) if words else []
        contents, unread = await self._open(principal, opened)
        return Found(
            seen[:MOST_SHOWN],
            reporting,
            [(case, why) for case in opened if (why := _fits(sought, case, contents.get(case.report_id), principal))],
            [code for code, name in places if sought in fold(name) or sought == fold(code)],
            [code for code, name in categories if sought in fold(name) or sought == fold(code)],
            left,
            len(contents) if words else None,
            unread=unread or unasked,
        )

    async def _reporting(self, principal: Principal, permit: Permit, name: str) -> tuple[list[Case], Unread | None]:
        """The cases that report a person of this name and tell the reader words; and why nobody was sought."""
        try:
            keys = await self._vault.seek_name(name, behalf=principal.actor(permit.role))
        except (Unavailable, Problem) as error:
            return [], _why(error)
        marks = await self._marks.sharing("person", keys[:MOST_KEYS], *ALWAYS, MOST_REPORTS)
        stored = await self._cases.load_whole([one.id for one in marks])
        found = [stored[one.id].case for one in marks if one.id in stored]
        seen = await self._queue.seen(principal, found)
        # A body that is only asked to take a case over learns of no person in it.
        return [case for case in seen if self._permit(principal, case)][:MOST_SHOWN], None

    async def _candidates(self, principal: Principal) -> list[Case]:
        """The cases of which the person may read words, and which the person has or wrote a note on."""
        mine, _ = await self._queue.page(principal, QueueFilter("mine", limit=MOST_READ))
        ids = await self._cases.noted_by(principal.ref, MOST_READ)
        noted = [stored.case for stored in (await self._cases.load_whole(ids)).values()]
        seen = {case.id: case for case in [*await self._queue.seen(principal, noted), *mine]}
        return [case for case in seen.values() if self._permit(principal, case)][:MOST_READ]

    async def _open(self, principal: Principal, cases: Sequence[Case]) -> tuple[dict[str, Contents], Unread | None]:
        by_role: dict[str, tuple[Permit, list[str]]] = {}
        for case in cases:
            if permit := self._permit(principal, case):
                by_role.setdefault(permit.role.value, (permit, []))[1].append(case.report_id)
        found: dict[str, Contents] = {}
        for permit, reports in by_role.values():
            behalf = principal.actor(permit.role)
            try:
                found |= await self._vault.read(reports, sections=SECTIONS, purpose="review", behalf=behalf)
            except (Unavailable, Problem) as error:
                # What can be found without words is found all the same.
                return found, _why(error)
        return found, None

    def _permit(self, principal: Principal, case: Case) -> Permit | None:
        answer = allow(principal, "case.read_content", resource_of(case, self._policy), self._clock())
        return answer if isinstance(answer, Permit) else None


def _why(error: Unavailable | Problem) -> Unread | None:
    return _UNREAD.get(error.status, "away") if isinstance(error, Problem) else "away"


def _fits(sought: str, case: Case, contents: Contents | None, reader: Principal) -> str | None:
    """Where the text stands in what the reader may read of a case: in the name of a person, or in an own note."""
    if contents is None:
        return None
    people = contents.sections.get("reported", {}).get("people", ()) if case.assignee == reader.ref else ()
    if any(sought in fold(person.get("name", "")) for person in people):
        return "person"
    own = {note.id for note in case.notes if note.by == reader.ref}
    statements = contents.sections.get("correspondence", {}).get("statements", ())
    return "note" if any(one["id"] in own and sought in fold(one["text"]) for one in statements) else None
