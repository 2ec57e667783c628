"""Who is there to talk with, apart from the people who handle reports, and when Hearth offers it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Moment = Literal["receipt", "status", "wanted", "acknowledgement", "check_in", "desk"]
"""A moment at which peer support can be offered; see peer_support.toml."""


@dataclass(frozen=True, slots=True)
class PeerSupport:
    """Peers to talk with. `communities` None: those of all communities. At least one of `email` and `url` is there."""

    name: str
    languages: tuple[str, ...]
    communities: frozenset[str] | None = None
    region: str | None = None
    email: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PeerSupportDirectory:
    """All of them, and the moments at which they are offered."""

    offered: frozenset[Moment] = frozenset()
    entries: Sequence[PeerSupport] = ()

    def at(self, moment: Moment, community: str, language: str) -> tuple[PeerSupport, ...]:
        """What is offered to a reporter of this community: first those who speak the language, then the others."""
        if moment not in self.offered:
            return ()
        near = [one for one in self.entries if one.communities is None or community in one.communities]
        stem = language.partition("-")[0]
        # Those of the community itself come before those of all.
        return tuple(sorted(near, key=lambda one: (stem not in one.languages, one.communities is None)))
