"""What every command on a case has: a name, the fields it takes, and what it decides. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from services.triage.case.case import Case
from shared.access.principal import Principal, Role
from shared.events import CaseFact, CaseState
from shared.ids import PERSON
from shared.input.texts import is_blank, is_too_long, trim
from shared.policy import Policy
from shared.problems import FieldError
from shared.times import parse_day

WORDS_LIMIT = 5_000
"""Characters of a question or a reason."""
REFERENCE_LIMIT = 80

FieldKind = Literal[
    "words", "choice", "choices", "reference", "mention", "day", "case", "entry", "name", "party", "parties"
]
TOKEN = re.compile(r"[0-9a-f]{32}")
"""A token that holds within one case: of a mention, or of a person."""
ENTRY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The id of something that a command added to the case; shared.ids.derive makes it."""
Fault = tuple[str, str]
"""What is wrong with a value: a code, and a sentence in English."""


class FieldWrong(Exception):
    """A value that a field does not take: a code, and a sentence in English."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Words:
    """Words that the vault keeps under `id`; a fact names only the id."""

    id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What one attribute of a command takes: it annotates the attribute, and has its `name`.

    `optional`: anybody may leave it out. `empty`: what the attribute is where the field was left out, or has a fault.
    `schema`: the JSON Schema of what the API takes.
    """

    kind: ClassVar[FieldKind]
    limit: ClassVar[int] = REFERENCE_LIMIT
    missing: ClassVar[str] = "This field needs an answer."
    empty: ClassVar[Any] = ""
    schema: ClassVar[Mapping[str, Any]] = {"type": "string"}

    name: str = ""
    optional: bool = False

    def may_leave_out(self, principal: Principal) -> bool:
        """Whether this person may give the command without it."""
        return self.optional

    def left_out(self, principal: Principal) -> Any:
        """What it means where this person leaves it out."""
        return self.empty

    def read(self, value: object, policy: Policy) -> Any:
        """What the value, as it was sent, means: None for nothing. Raises FieldWrong."""
        if value is not None and not isinstance(value, str):
            raise FieldWrong("string_type", "Must be a text.")
        text = trim(value or "")
        if is_blank(text):
            return None
        if is_too_long(text, self.limit):
            raise FieldWrong("string_too_long", f"At most {self.limit} characters.")
        if fault := self.fault_of(text, policy):
            raise FieldWrong(*fault)
        return text

    @property
    def required(self) -> bool:
        """Whether nobody may leave it out."""
        return not self.optional

    def options(self, policy: Policy) -> tuple[str, ...]:
        """What it can be chosen from; empty if it is no choice."""
        return ()

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """What is wrong with a text that is neither empty nor too long."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsField(Field):
    """Words of the handler, an attribute of type Words (with `optional`: or None). The vault keeps them as `kept_as`.

    `outlived`: the command is carried out although the report is erased, and the vault takes no words of it any more.
    """

    kind: ClassVar[FieldKind] = "words"
    limit = WORDS_LIMIT

    kept_as: str
    outlived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField(Field):
    """One of the codes that `offers` gives for a policy. `said_as`: what begins the keys of their messages."""

    kind: ClassVar[FieldKind] = "choice"

    offers: Callable[[Policy], tuple[str, ...]]
    said_as: str = ""

    @property
    def prefix(self) -> str:
        """What begins the keys of their messages: the field's own name, where `said_as` says nothing else."""
        return self.said_as or self.name

    def options(self, policy: Policy) -> tuple[str, ...]:
        """What the policy offers."""
        return self.offers(policy)

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """A code that is not offered."""
        return None if text in self.offers(policy) else ("unknown_choice", "Choose one of the options.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesField(ChoiceField):
    """Any number of the codes that `offers` gives for a policy, or none: an attribute of type tuple[str, ...]."""

    kind: ClassVar[FieldKind] = "choices"
    empty = ()
    schema: ClassVar[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}}

    optional: bool = True

    def read(self, value: object, policy: Policy) -> tuple[str, ...] | None:
        """The codes, each once, in the order of the policy. One text counts as a list of one."""
        if value is None:
            return None
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(code, str) for code in given):
            raise FieldWrong("list_type", "Must be a list of texts.")
        codes = {trim(code) for code in given if not is_blank(code)}
        offered = self.offers(policy)
        if not codes <= set(offered):
            raise FieldWrong("unknown_choice", "Choose from the options.")
        return tuple(code for code in offered if code in codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayField(Field):
    """A day, an attribute of type date (with `optional`: or None); empty is date.min."""

    kind = "day"
    empty = date.min

    def left_out(self, principal: Principal) -> None:
        """No day."""

    def read(self, value: object, policy: Policy) -> date | None:
        """The day, such as 2026-11-28. The first day of the calendar is `empty`, and its last one has no end."""
        text = super(DayField, self).read(value, policy)
        try:
            day = parse_day(text) if text else None
        except ValueError:
            day = date.min
        if day in (date.min, date.max):
            raise FieldWrong("date_parsing", "Write a day such as 2026-11-28.")
        return day


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceField(Field):
    """The reference of a person. Left out by a person who has one of the roles `oneself`, it means them.

    `gets_case`: the person has the case from then on, and must be one that may look into it. `by_token`: the token
    that the case has for a person does as well.
    """

    kind = "reference"
    missing = "Say who is meant."

    oneself: tuple[Role, ...] = ()
    gets_case: bool = False
    by_token: bool = False

    @property
    def required(self) -> bool:
        """Whether nobody may mean themselves, and somebody must be meant."""
        return not (self.optional or self.oneself)

    def may_leave_out(self, principal: Principal) -> bool:
        """Whether the person may mean themselves, in whichever role they give the command."""
        return self.optional or any(grant.role in self.oneself for grant in principal.grants)

    def left_out(self, principal: Principal) -> str:
        """The person; with `optional`, nobody."""
        return "" if self.optional else principal.ref

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """Anything but a reference: no name of a person may ever stand in an event."""
        if PERSON.fullmatch(text) or (self.by_token and TOKEN.fullmatch(text)):
            return None
        return "not_a_reference", "Write a reference such as person:5f2c81aa90b1c2d3, never a name."


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionField(Field):
    """The id of a mention, as intake shows it among the contents of the report."""

    kind = "mention"

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """Anything but an id: no words may ever stand in an event."""
        return None if TOKEN.fullmatch(text) else ("unknown_choice", "Choose one of the mentions.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryField(Field):
    """The id of something that the case holds, such as an agreement."""

    kind = "entry"

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """Anything but an id: no words may ever stand in an event."""
        return None if ENTRY.fullmatch(text) else ("unknown_choice", "Choose one of the entries.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseField(Field):
    """Another case, by its code name or id: an attribute of type Case, or None where it cannot be found.

    The giver of the command must be permitted the same action on that case. Else it is like one that is not there.
    """

    kind = "case"
    missing = "Say which case is meant."
    empty = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameField(WordsField):
    """The name of a person, as people write it. It goes to the vault as words of the handler do, and nowhere else."""

    kind = "name"
    limit = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyField(Field):
    """The token that the case has for a party of this role: the id of the name, where a handler added the party."""

    kind: ClassVar[FieldKind] = "party"

    role: str = "respondent"

    def fault_of(self, text: str, policy: Policy) -> Fault | None:
        """Anything but a token or an id: no name of a person may ever stand in an event."""
        is_one = TOKEN.fullmatch(text) or ENTRY.fullmatch(text)
        return None if is_one else ("unknown_choice", f"Choose one of the {self.role}s.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartiesField(PartyField):
    """The tokens that the case has for any number of respondents, or none: an attribute of type tuple[str, ...]."""

    kind = "parties"
    empty = ()
    schema: ClassVar[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}}

    optional: bool = True

    def left_out(self, principal: Principal) -> tuple[str, ...]:
        """Nobody."""
        return ()

    def read(self, value: object, policy: Policy) -> tuple[str, ...] | None:
        """The tokens, each once, sorted: not even their order tells anything. One text counts as a list of one."""
        given = [value] if isinstance(value, str) else value
        if given is not None and not (isinstance(given, list) and all(isinstance(one, str) for one in given)):
            raise FieldWrong("list_type", "Must be a list of texts.")
        read = (super(PartiesField, self).read(one, policy) for one in given or ())
        return tuple(sorted({token for token in read if token})) or None


class Command:
    """A command on a case: a frozen dataclass. Its attributes are its values, annotated by their fields.

    `by_people`: people give it, so that it has a form, a route and the action `case.<name>`; `button`: the desk has a
    button for it without any value, beside its form; `own_place`: the desk offers it at what it is about, and not among
    the others; `sorts`: its answer tells what the policy says of the case now; `judges`:
    who refused a party a recusal does not give it; `by_asked`: people of
    the body give it that the case is referred to. A command with an attribute `by` gets
    the actor who gives it; one with an attribute `token` gets the token that the case has for its person, or without a
    person for the actor; one with an attribute `people` gets those who could handle the case. One with
    the attributes `other_ref` and `own_ref` gets what the case calls the other case in its events, and what that one
    calls it (see services.triage.case.tokens); one with the attribute `survivor` gets the case of which this one is a
    part, and names it as the other one; one with the attribute `assignee_stays` gets whether the person who has
    the other case may see this one; one with the attribute `kin` gets the cases that came of the same report, and those
    that were ever merged with one of them.
    """

    __slots__ = ()

    name: ClassVar[str]
    by_people: ClassVar[bool] = True
    by_asked: ClassVar[bool] = False
    button: ClassVar[bool] = False
    own_place: ClassVar[bool] = False
    sorts: ClassVar[bool] = False
    judges: ClassVar[bool] = False

    @classmethod
    def said_in(cls, state: CaseState) -> str:
        """The code of its words on the desk, where the case is in this state."""
        return cls.name

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Whether there is anything in this case that it could be about; elsewhere it is not offered."""
        return True

    @classmethod
    def chosen(cls, case: Case) -> Mapping[str, Any]:
        """What its form shows of this case before anybody has typed anything, by field."""
        return {}

    @classmethod
    def offered(cls, case: Case, serving: Collection[str], policy: Policy) -> Mapping[str, Sequence[str]]:
        """By field what its choices offer here, where that is less than the policy has. `serving`: bodies of the case
        that the person serves.
        """
        return {}

    def leads(self, case: Case) -> CaseState:
        """To which state it leads, where TRANSITIONS names several for the state of the case."""
        return case.state

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """Whether there is anything in it for this person (a reference) in this role; else it is not offered."""
        return True

    @property
    def named(self) -> Mapping[str, str]:
        """The people (references) that it names as those that the case is about, by their tokens."""
        return {}

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Which of its values do not fit this case. `now` is UTC-aware.

        What was wrong in itself is an empty text here, so that a person hears of all faults in one round.
        """
        return ()

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The facts that it causes on its way to `state`; none when it has been done already. `now` is UTC-aware.

        To be called where it has no faults.
        """
        raise NotImplementedError

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """What happens to the `other` case that a field names; `case` is the first, as it was. `now` is UTC-aware.

        Both cases are written together, or neither. To be called where `decide` gave facts.
        """
        return []


def takes(command: type[Command], name: str) -> bool:
    """Whether the command has an attribute of this name."""
    # mypy cannot know that every command is a dataclass.
    return name in command.__dataclass_fields__  # type: ignore[attr-defined]


def fields_of(command: type[Command]) -> tuple[Field, ...]:
    """The fields of a command, in the order in which its class has them."""
    hints = get_type_hints(command, include_extras=True)
    # mypy cannot know that every command is a dataclass.
    names = [field.name for field in fields(command)]  # type: ignore[arg-type]
    annotated = ((name, get_args(hints[name])) for name in names if get_origin(hints[name]) is Annotated)
    return tuple(
        replace(extra, name=name) for name, (_, *extras) in annotated for extra in extras if isinstance(extra, Field)
    )
