"""Whom the words of a report mention: people on the roster, found by their pseudonyms. Pure."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from services.intake.report.pseudonym import pseudonym_of
from services.intake.report.submission import Submission
from shared.names import STARTS, Key, mails_in, spans_in

MOST_TRIED = 20_000
"""So many spans of one report are compared with the names on the roster."""
_DESCRIPTION = 4
"""A line with more words than a name has describes a person, and is searched as well."""


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
        keys = islice(dict.fromkeys(self._keys_in(texts)), MOST_TRIED)
        return {key: of.text for of in keys if (key := pseudonym_of(self._key, of)) in names}

    def _keys_in(self, texts: Iterable[str]) -> Iterator[Key]:
        for text in texts:
            yield from (Key("folded", span) for span in spans_in(text, self._begun))
            yield from (Key("address", address) for address in mails_in(text))


@cache
def _starts_under(key: bytes) -> tuple[str, ...]:
    return tuple(pseudonym_of(key, Key("start", str(number))) for number in range(STARTS))


def words_of(submission: Submission) -> Iterator[str]:
    """Every text of a submission that may mention people, beside the lines that only name them."""
    yield submission.narrative
    yield from filter(None, (submission.harmed, submission.anything_else))
    yield from submission.places
    yield from (person.details for person in submission.reported if person.details)
    reporter = submission.reporter
    names = [*(p.name for p in submission.reported), *submission.witnesses, (reporter and reporter.name) or ""]
    yield from (name for name in names if len(name.split()) > _DESCRIPTION)
