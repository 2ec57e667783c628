"""Code names of people: two neutral words, as cases have them, so that no page shows a reference. Pure.

A name follows from the reference. Of people on the roster with the same two words, the first one has these alone, and
each who came later a number as well: who comes onto the roster changes the name of nobody.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime

from shared.access.principal import Principal
from shared.code_words import pair_of
from shared.ids import PERSON

DIGITS = (0, *range(2, 20))
"""How many digits of its number a name has: as few as it takes."""
_BEFORE = datetime.min.replace(tzinfo=UTC)
"""When a person came onto the roster whose entry does not say it."""


def person_name(ref: str, digits: int = 0) -> str:
    """Two words that follow from the reference of a person, and a number of so many digits."""
    adjective, noun, number = pair_of(f"person {ref}")
    words = f"{adjective} {noun}".title()
    return f"{words} {number % 10**digits:0{digits}d}" if digits else words


def names_of(refs: Iterable[str]) -> dict[str, str]:
    """A name for each reference; no two of them have the same, and none depends on those behind it."""
    taken: dict[str, str] = {}
    for ref in refs:
        taken[_name_beside(ref, taken)] = ref
    return {ref: name for name, ref in taken.items()}


def _name_beside(ref: str, taken: Container[str]) -> str:
    return next(name for digits in DIGITS if (name := person_name(ref, digits)) not in taken)


class PeopleNames:
    """The names of the people on the roster, made again when a person joins it."""

    def __init__(self, everybody: Callable[[], Mapping[str, Principal]]) -> None:
        """`everybody` gives the people on the roster by their references; nobody ever leaves it."""
        self._everybody = everybody
        self._names: Mapping[str, str] = {}
        self._taken: frozenset[str] = frozenset()

    def of(self, ref: str) -> str:
        """What pages and programs call this person; a person on no roster has a name as well."""
        people = self._everybody()
        if len(people) != len(self._names):
            self._names = names_of(sorted(people, key=lambda one: (people[one].since or _BEFORE, one)))
            self._taken = frozenset(self._names.values())
        return self._names.get(ref) or _name_beside(ref, self._taken)

    def meant(self, name: str) -> str | None:
        """The person on the roster who is called so, in large or small letters; None where nobody is."""
        wanted = " ".join(name.split()).casefold()
        return next((ref for ref in self._everybody() if self.of(ref).casefold() == wanted), None)

    def in_answer(self, answer: object) -> dict[str, str]:
        """The names of all people in an answer to a program, by the references in it."""
        match answer:
            case str() if PERSON.fullmatch(answer):
                return {answer: self.of(answer)}
            case Mapping():
                return self.in_answer(list(answer.values()))
            case list() | tuple():
                return {ref: name for part in answer for ref, name in self.in_answer(part).items()}
            case _:
                return {}
