"""How handlers work on cases: what the desk folds, what they check, and words to begin a text with. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.policy.conditions import ReportFacts, RowCondition

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
    """What handlers check in cases that fit the condition, and replies for them.

    `mass`: it is for reports that are part of a flood by one of these rules (`[[mass]]` of patterns.toml). None: for
    all reports.
    """

    id: str
    condition: RowCondition
    mass: frozenset[str] | None
    checks: Sequence[Wordings]
    replies: Sequence[Reply]

    def fits(self, facts: ReportFacts, mass: str | None) -> bool:
        """Whether it is for this case. `mass`: the rule by which the case is part of a flood."""
        return self.condition.fits_report(facts) and (self.mass is None or mass in self.mass)


@dataclass(frozen=True, slots=True)
class Playbooks:
    """All of them, and which reports are folded."""

    folded_categories: frozenset[str] = frozenset()
    folded_flags: frozenset[str] = frozenset()
    playbooks: Sequence[Playbook] = ()

    def of(self, facts: ReportFacts, mass: str | None = None) -> Playbook:
        """The first that fits; the last fits every case. `mass`: the rule by which the case is part of a flood."""
        return next(one for one in self.playbooks if one.fits(facts, mass))

    def replies(self, facts: ReportFacts, mass: str | None = None) -> list[Reply]:
        """Those of the playbook that fits, then those of the one for every case."""
        own, every = self.of(facts, mass), self.playbooks[-1]
        return [*own.replies, *(every.replies if own is not every else ())]

    def folds(self, category: str, flags: Iterable[str]) -> bool:
        """Whether the words of a report are shown only when asked for."""
        return category in self.folded_categories or not self.folded_flags.isdisjoint(flags)
