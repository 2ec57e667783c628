"""The people on the roster that the words of a report mention, found by their pseudonyms. Pure."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from services.intake.report.pseudonym import pseudonym_of
from services.intake.report.submission import Submission
from shared.names import NUMBERS, Key, length_keys, mails_in, number_of, spans_in

MOST_REMEMBERED = 20_000
"""So many spans that were looked at are remembered, so that none of them is looked at twice in a row."""


class Known:
    """The pseudonyms of all people on the roster. It finds them in texts, without knowing the names."""

    def __init__(self, key: bytes) -> None:
        """`key` is the deployment's key of pseudonyms."""
        self._key = key
        self._starts, self._wholes = _numbers_under(key, "start"), _numbers_under(key, "whole")
        self._names: frozenset[str] = frozenset()
        self._lengths: dict[int, frozenset[int] | None] = {}
        self._numbers: frozenset[int] = frozenset()

    def mentioned(self, texts: Iterable[str], names: frozenset[str]) -> dict[str, str]:
        """Each of these pseudonyms that the texts mention, with the (folded) words that do."""
        if not names:
            return {}
        if names is not self._names and names != self._names:
            self._names = names
            self._lengths = {number: None for number, key in enumerate(self._starts) if key in names}
            self._numbers = frozenset(number for number, key in enumerate(self._wholes) if key in names)
        tried: set[Key] = set()
        found: dict[str, str] = {}
        for of in self._keys_in(texts):
            if of in tried:
                continue
            if len(tried) == MOST_REMEMBERED:
                tried.clear()
            tried.add(of)
            if (key := pseudonym_of(self._key, of)) in names:
                found[key] = of.text
        return found

    def _keys_in(self, texts: Iterable[str]) -> Iterator[Key]:
        for text in texts:
            spans = spans_in(text, self._lengths.keys(), self._lengths_of)
            yield from (Key("folded", span) for span in spans if number_of(span) in self._numbers)
            yield from (Key("address", address) for address in mails_in(text, most=None))

    def _lengths_of(self, start: int) -> frozenset[int]:
        """The lengths of the names that begin with this number, one of those that names begin with."""
        lengths = self._lengths[start]
        if lengths is None:
            found = (some for key, some in length_keys(start) if pseudonym_of(self._key, key) in self._names)
            self._lengths[start] = lengths = frozenset(length for some in found for length in some)
        return lengths


@cache
def _numbers_under(key: bytes, kind: Literal["start", "whole"]) -> tuple[str, ...]:
    return tuple(pseudonym_of(key, Key(kind, str(number))) for number in range(NUMBERS))


def words_of(submission: Submission) -> Iterator[str]:
    """Every text of a submission that may mention people. A line for a name may describe a person, too."""
    yield submission.narrative
    yield from filter(None, (submission.harmed, submission.anything_else))
    yield from submission.places
    yield from (person.details for person in submission.reported if person.details)
    reporter = submission.reporter
    yield from (person.name for person in submission.reported)
    yield from submission.witnesses
    if reporter and reporter.name:
        yield reporter.name
