"""How handlers work on cases: what the desk folds, what they check, and words to begin a text with. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ENGLISH = "en"
ReplyCommand = Literal["ask", "tell", "decide", "propose_decision"]
"""The commands with a form that words can be put into."""
Wordings = Mapping[str, str]
"""A text, by language; always in English."""


def worded(text: Wordings, language: str) -> str:
    """The text in a language, or in its stem, or else in English."""
    return text.get(language) or text.get(language.partition("-")[0]) or text[ENGLISH]


@dataclass(frozen=True, slots=True)
class Reply:
    """Words that are put into the form of a command."""

    id: str
    command: ReplyCommand
    title: Wordings
    text: Wordings


@dataclass(frozen=True, slots=True)
class Playbook:
    """What handlers check in cases of these categories (None: of all), and replies for them."""

    id: str
    categories: frozenset[str] | None
    checks: Sequence[Wordings]
    replies: Sequence[Reply]


@dataclass(frozen=True, slots=True)
class Playbooks:
    """All of them, and which reports are folded."""

    folded_categories: frozenset[str] = frozenset()
    folded_flags: frozenset[str] = frozenset()
    playbooks: Sequence[Playbook] = ()

    def of(self, category: str) -> Playbook:
        """The first that fits; the last fits every category."""
        return next(one for one in self.playbooks if one.categories is None or category in one.categories)

    def replies(self, category: str) -> list[Reply]:
        """Those of the playbook that fits, then those of the one for every case."""
        own, every = self.of(category), self.playbooks[-1]
        return [*own.replies, *(every.replies if own is not every else ())]

    def folds(self, category: str, flags: Iterable[str]) -> bool:
        """Whether the words of a report are shown only when asked for."""
        return category in self.folded_categories or not self.folded_flags.isdisjoint(flags)
