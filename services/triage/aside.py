"""The cases that are set aside: what is stored of them is no case any more, or it cannot be judged.

They hold up no other case. Triage counts them, its log names each of them once, and each look tries them once more.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from services.triage.stored import Glimpse
from shared.kept_policy import PolicyState
from shared.mongo import Document
from shared.problems import Problem

log = logging.getLogger(__name__)

MOST_ASIDE = 1_000
"""Cases that are set aside at once. More of them are no fault of cases: then the work fails, and begins anew."""
_GLIMPSES = TypeAdapter(Glimpse)

T = TypeVar("T")


class DamagedCase(Problem):
    """What is stored of a case cannot be read. `glimpse`: who may see it; None where not even that can be read."""

    def __init__(self, case_id: str, glimpse: Glimpse | None) -> None:
        super().__init__(
            500,
            "case-damaged",
            "This case cannot be read.",
            detail="What is stored of it is damaged. It is set aside until an operator mends it; all others go on.",
        )
        self.case_id = case_id
        self.glimpse = glimpse


class Aside:
    """What one process has set aside."""

    def __init__(self, state: PolicyState | None = None) -> None:
        """`state`: is told how many cases are set aside."""
        self._state = state or PolicyState()
        self._ids: set[str] = set()
        self._before: set[str] = set()
        """Those that were set aside at the looks before, and of which the log has told."""

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._ids

    def add(self, case_id: str, error: Exception) -> None:
        """Set a case aside for this error. Raises the error where too many cases are set aside."""
        if case_id in self._ids:
            return
        if len(self._ids) >= MOST_ASIDE:
            raise error
        self._ids.add(case_id)
        self._state.set_aside(len(self._ids | self._before))
        if case_id not in self._before:
            # The log shows the kind of the error and its place in the code, and none of its words.
            told = {"case_id": case_id, **_wrong_fields(error.__cause__)}
            log.error("a case cannot be judged and is set aside", extra=told, exc_info=error)

    def begin(self) -> list[str]:
        """All that are set aside, for a look that tries them once more; those that fail again are added again."""
        # An outage may have interrupted the look before in this.
        self._before, self._ids = self._before | self._ids, set()
        return sorted(self._before)

    def end(self) -> None:
        """The look has tried all of them."""
        self._before = set(self._ids)
        self._state.set_aside(len(self._ids))

    def read(self, document: Document, make: Callable[[Document], T]) -> T:
        """What `make` makes of the document of a case. Raises DamagedCase where that fails, and sets the case aside."""
        try:
            return make(document)
        except Exception as error:  # a document that was changed by hand can fail in any way
            damaged = DamagedCase(str(document["_id"]), _glimpse_in(document)).with_traceback(error.__traceback__)
            damaged.__cause__ = error
            self.add(damaged.case_id, damaged)
            raise damaged from error

    def whole(self, documents: Iterable[Document], make: Callable[[Document], T]) -> list[T]:
        """What `make` makes of each of these documents, without those for which it fails: these are set aside."""
        made: list[T] = []
        for document in documents:
            try:
                made.append(self.read(document, make))
            except DamagedCase as damaged:
                if damaged.case_id not in self._ids:
                    raise
        return made

    async def first(
        self, find: Callable[[int], Awaitable[Sequence[Document]]], limit: int, make: Callable[[Document], T]
    ) -> list[T]:
        """As `whole`, of the first `limit` documents that can be read; fewer only where there are no more.

        `find`: gives the first documents, at most so many.
        """
        most = limit
        while True:
            documents = await find(most)
            made = self.whole(documents, make)
            if len(made) >= limit or len(documents) < most:
                return made[:limit]
            most += limit - len(made)


def glimpse_of(document: Document) -> Glimpse:
    """What it takes to count the case of a document. Raises KeyError or ValueError for what no version wrote."""
    # A document of an earlier version may lack what was added since.
    return _GLIMPSES.validate_python(
        (
            document["_id"],
            document["state"],
            document.get("lane"),
            document.get("body"),
            document["community"],
            document["category"],
            document.get("assignee"),
            document["due"],
            document.get("referred_to"),
            document.get("joined", ()),
            document.get("parties", ()),
            document.get("parties_apart", False),
            document.get("recused", ()),
            document.get("absorbed", ()),
            document.get("merged_into"),
        )
    )


def _glimpse_in(document: Document) -> Glimpse | None:
    try:
        return glimpse_of(document)
    except (KeyError, ValueError):
        return None


def _wrong_fields(error: BaseException | None) -> dict[str, str]:
    """The names of the fields that cannot be read, for the log; nothing of what they hold."""
    if not isinstance(error, ValidationError):
        return {}
    places = (one["loc"] for one in error.errors(include_input=False, include_context=False, include_url=False))
    return {"reason": ", ".join(sorted({str(place[0]) for place in places if place}))}
