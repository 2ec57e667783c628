"""Code names of people: two neutral words, as cases have them, so that no page shows a reference. Pure.

A name follows from the reference. Of people on the roster with the same two words, each has a number as well.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from services.triage.case.code_names import pair_of
from shared.ids import PERSON


def person_name(ref: str, digits: int = 0) -> str:
    """Two words that follow from the reference of a person, and a number of so many digits."""
    adjective, noun, number = pair_of(f"person {ref}")
    words = f"{adjective} {noun}".title()
    return f"{words} {number % 10**digits:0{digits}d}" if digits else words


def names_of(refs: Iterable[str]) -> dict[str, str]:
    """A name for each reference; no two of them have the same."""
    alike: dict[str, list[str]] = {}
    for ref in refs:
        alike.setdefault(person_name(ref), []).append(ref)
    return {ref: name for group in alike.values() for ref, name in _told_apart(group).items()}


def _told_apart(refs: list[str]) -> dict[str, str]:
    digits = 0 if len(refs) == 1 else 2
    while len(set(found := {ref: person_name(ref, digits) for ref in refs}.values())) < len(refs):
        digits += 1
    return dict(zip(refs, found, strict=True))


class PeopleNames:
    """The names of the people on the roster, made again when a person joins it."""

    def __init__(self, refs: Callable[[], Collection[str]]) -> None:
        """`refs` gives the references of everybody on the roster; nobody ever leaves it."""
        self._refs = refs
        self._names: Mapping[str, str] = {}

    def of(self, ref: str) -> str:
        """What pages and programs call this person; a person on no roster has a name as well."""
        refs = self._refs()
        if len(refs) != len(self._names):
            self._names = names_of(refs)
        return self._names.get(ref) or names_of({*refs, ref})[ref]

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
