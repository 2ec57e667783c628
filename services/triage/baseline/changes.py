"""What every change of a registry has: a name, its values, what is wrong with them, and the facts it causes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from services.triage.baseline.registry import Registry
from services.triage.baseline.words import LINK_LIMIT, fault_of_link, fault_of_words, tidied
from shared.access.principal import Role
from shared.events import BaselineFact
from shared.input.texts import TypedText
from shared.policy import Community
from shared.policy.baseline import Catalogue
from shared.problems import FieldError
from shared.times import Utc

_TEXT = StringConstraints(max_length=8 * LINK_LIMIT)
# The checks of words count characters as people do; here only what nobody types is refused.
Text = Annotated[str, _TEXT, AfterValidator(tidied)]
Code = Annotated[str, TypedText(80)]


def _cut(at: datetime) -> datetime:
    # MongoDB stores no finer.
    return at - timedelta(microseconds=at.microsecond % 1000)


UtcTime = Annotated[Utc, AfterValidator(_cut)]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a change is judged by. `holders`: those of the people it names who hold a role in the community now.

    `role`: in which role it is made. `at` is UTC-aware. `cause`: the id of the request. `digest`: that of the page
    behind its link, which was seen at `seen_at`; None where nobody has looked, or the look found no page.
    """

    community: Community
    catalogue: Catalogue
    role: Role
    at: datetime
    cause: str
    holders: frozenset[str] = frozenset()
    digest: str | None = None
    seen_at: datetime | None = None


class BaselineChange(BaseModel):
    """One change of a registry.

    Of one that has faults, `faults` judges what is readable (shared.input.readable): what it needs may be empty text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: ClassVar[str]

    @classmethod
    def action(cls) -> str:
        """Its action in shared/access/actions.py."""
        return f"baseline.{cls.name}"

    def maker_in(self, registry: Registry) -> str:
        """Who made what it is about; empty where nobody did."""
        return ""

    def people(self) -> Iterable[str]:
        """The references of people that it names."""
        return ()

    def page(self) -> str | None:
        """The link of the page that it vouches for."""
        return None

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """What is wrong with its values, beyond their shape."""
        return ()

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """The facts that it causes; none if it changes nothing. To be called where it has no faults."""
        raise NotImplementedError


def faults_of_words(pointer: str, text: str, limit: int, *, needed: bool = False) -> Iterable[FieldError]:
    """What is wrong with a text of people."""
    if not text:
        if needed:
            yield FieldError(pointer, "missing", "This field needs an answer.")
    elif fault := fault_of_words(text, limit):
        yield FieldError(pointer, *fault)


def faults_of_link(link: str) -> Iterable[FieldError]:
    """What is wrong with the address of a page."""
    if fault := fault_of_link(link):
        yield FieldError("/link", *fault)


def unknown_responsibility(pointer: str, wanted: str, catalogue: Catalogue) -> FieldError:
    """The fault of an id that the catalogue does not have."""
    known = sorted(catalogue.responsibilities)
    near = get_close_matches(wanted, known, n=3, cutoff=0.4) or known
    return FieldError(pointer, "unknown_responsibility", f"The catalogue has no such id; it has: {', '.join(near)}.")
