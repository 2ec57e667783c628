"""The people on the roster that the words of a report mention, found by their pseudonyms. Pure."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from services.intake.report.pseudonym import pseudonym_of
from services.intake.report.submission import Submission
from shared.names import STARTS, Key, mails_in, spans_in

MOST_TRIED = 20_000
"""So many different spans of one report are compared with the names on the roster."""
MOST_OF_TEXT = 20_000
"""So many spans of one text are looked at, each time they stand there, so that no text hides the next one."""
MOST_OF_REPORT = 60_000
"""So many are looked at in all texts of a report."""


class Known:
    """The pseudonyms of all people on the roster. It finds them in texts, without knowing the names."""

    def __init__(self, key: bytes) -> None:
        """`key` is the deployment's key of pseudonyms."""
        self._key = key
        self._starts = _starts_under(key)
        self._names: frozenset[str] = frozenset()
        self._begun: frozenset[int] = frozenset()

    def mentioned(self, texts: Iterable[str], names: frozenset[str]) -> dict[str, str]:
        """Each of these pseudonyms that the texts mention, with the (folded) words that do."""
        if not names:
            return {}
        if names is not self._names and names != self._names:
            self._names = names
            self._begun = frozenset(number for number, key in enumerate(self._starts) if key in names)
        tried: set[Key] = set()
        found: dict[str, str] = {}
        for of in islice(self._keys_in(texts), MOST_OF_REPORT):
            if of not in tried and len(tried) < MOST_TRIED:
                tried.add(of)
                if (key := pseudonym_of(self._key, of)) in names:
                    found[key] = of.text
        return found

    def _keys_in(self, texts: Iterable[str]) -> Iterator[Key]:
        for text in texts:
            spans = islice(spans_in(text, self._begun), MOST_OF_TEXT)
            yield from (Key("folded", span) for span in spans)
            yield from (Key("address", address) for address in mails_in(text))


@cache
def _starts_under(key: bytes) -> tuple[str, ...]:
    return tuple(pseudonym_of(key, Key("start", str(number))) for number in range(STARTS))


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
