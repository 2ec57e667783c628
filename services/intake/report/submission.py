"""A report as it is handed in, what makes it acceptable, and what may be known of it outside the vault. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.copies import copier
from shared.events import ReportParties, ReportReceived
from shared.field_words import LANGUAGE, of_form
from shared.input.mail_addresses import MailAddress
from shared.input.readable import readable
from shared.input.texts import Trimmed, TypedText
from shared.names import LONGEST_LINE, names_at_most
from shared.policy import UNCLASSIFIED, Policy
from shared.problems import FieldError
from shared.times import Written

CLOCK_SKEW = timedelta(minutes=5)
"""How far a reporter's clock may be ahead of ours."""
OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
NARRATIVE_LIMIT = 20_000

Section = Literal["content", "reported", "reporter", "unknown"]
"""Parts of a report with a key each. `unknown`: by JSON pointer, the fields that Hearth does not know."""

NAME_LIMIT = 300
PASSAGE_LIMIT = 10_000
PLACE_LIMIT = 1_000
"""Characters of a place: the address of a page has its title, a section, and two versions."""
MOST_PEOPLE, MOST_PLACES = 50, 21
MOST_NAMES = 1000
"""Names in all lines of a report that name the reported, and in those that name witnesses. A line may hold several."""
WHOLE_LIMIT = 150_000
"""Code points of all texts together. So many fit into a body of BODY_LIMIT bytes, however they are written."""

NameLine = Annotated[str, TypedText(NAME_LIMIT, longest=LONGEST_LINE)]
Place = Annotated[str, TypedText(PLACE_LIMIT, one_line=False)]
Passage = Annotated[str, TypedText(PASSAGE_LIMIT, optional=True, one_line=False)]
Narrative = Annotated[str, TypedText(NARRATIVE_LIMIT, one_line=False)]
# A form with more questions than the API puts the answers of several into it.
AnythingElse = Annotated[str, TypedText(2 * PASSAGE_LIMIT, optional=True, one_line=False)]
Code = Annotated[str, TypedText(100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Occurred(_Part):
    """When it happened: exactly (`at`), or between `from` and `to`."""

    at: Written | None = None
    from_: Written | None = Field(None, alias="from")
    to: Written | None = None

    def times(self) -> dict[str, datetime]:
        """The times given, by their JSON name, in UTC and cut to milliseconds because MongoDB stores no finer."""
        given = (("at", self.at), ("from", self.from_), ("to", self.to))
        return {name: _cut(at) for name, at in given if at is not None}

    def faults(self, now: datetime) -> list[FieldError]:
        """What is wrong with the times, seen from `now` (UTC-aware)."""
        given = {name for name, at in (("at", self.at), ("from", self.from_), ("to", self.to)) if at is not None}
        if given not in ({"at"}, {"from", "to"}):
            return [FieldError("/occurred", "exact_or_range", "Give either at, or both from and to.")]
        found = []
        for name, at in (("at", self.at), ("from", self.from_), ("to", self.to)):
            if at is not None and at > now + CLOCK_SKEW:
                found.append(FieldError(f"/occurred/{name}", "future_date", "This date is in the future."))
            elif at is not None and at < OLDEST:
                found.append(FieldError(f"/occurred/{name}", "date_too_old", "This date is before 1900."))
        if self.from_ and self.to and self.from_ > self.to:
            found.append(FieldError("/occurred/to", "range_reversed", "The end is before the beginning."))
        return found


class Reported(_Part):
    """A person the report is about: a user name, or for a meeting in person whatever is known, and details."""

    name: NameLine
    details: Passage | None = None


class Reporter(_Part):
    """How to reach the reporter, who may give a name, an address, both or neither."""

    name: NameLine | None = None
    email: MailAddress | None = None


class Submission(_Part):
    """The body of POST /v1/reports, and what every other source is brought into."""

    community: Code
    category: Code = UNCLASSIFIED
    flags: tuple[Code, ...] = Field((), max_length=20)
    setting: Code = "online"
    language: Annotated[str, of_form(LANGUAGE, max_length=35)] = "en"
    privacy: Annotated[Literal["named", "confidential", "anonymous"], Trimmed] = "confidential"
    occurred: Occurred | None = None
    narrative: Narrative
    harmed: Passage | None = None
    places: tuple[Place, ...] = Field((), max_length=MOST_PLACES)
    exposure: Annotated[Literal["yes", "no", "unsure"] | None, Trimmed] = None
    anything_else: AnythingElse | None = None
    reported: tuple[Reported, ...] = Field((), max_length=MOST_PEOPLE)
    witnesses: tuple[NameLine, ...] = Field((), max_length=MOST_PEOPLE)
    reporter: Reporter | None = None

    @field_validator("occurred")
    @classmethod
    def _is_told(cls, value: Occurred | None) -> Occurred | None:
        # Programs write every field of a time, and null in those that they do not know.
        return None if value is not None and value.model_fields_set and value == Occurred() else value

    @property
    def contactable(self) -> bool:
        """Whether the reporter left an address."""
        return self.reporter is not None and self.reporter.email is not None


def find_faults(submission: Submission, policy: Policy, now: datetime) -> list[FieldError]:
    """What the policy and the calendar (`now`, UTC-aware) object to; empty means acceptable."""
    found = []
    if submission.community not in policy.communities:
        found.append(FieldError("/community", "unknown_community", "This community is not known here."))
    if submission.category not in policy.categories:
        found.append(FieldError("/category", "unknown_category", "This category is not in the taxonomy."))
    for place, flag in enumerate(submission.flags):
        if flag not in policy.flags:
            found.append(FieldError(f"/flags/{place}", "unknown_flag", "This flag is not in the taxonomy."))
    if submission.setting not in policy.settings:
        found.append(FieldError("/setting", "unknown_setting", "This setting is not in the taxonomy."))
    if submission.occurred is not None:
        found += submission.occurred.faults(now)
    reporter = submission.reporter
    if submission.privacy == "anonymous" and reporter is not None and (reporter.name or reporter.email):
        advice = "An anonymous report carries no name or address: leave reporter out, or choose confidential."
        found.append(FieldError("/reporter", "anonymous_with_contact", advice))
    lines = {"/reported": [person.name for person in submission.reported], "/witnesses": submission.witnesses}
    for pointer, names in lines.items():
        # Between two names stands a sign at least.
        if sum(map(len, names)) > MOST_NAMES and sum(map(names_at_most, names)) > MOST_NAMES:
            advice = f"At most {MOST_NAMES} names: write one person on a line."
            found.append(FieldError(pointer, "too_many_names", advice))
    texts = dict(_texts_of(submission))
    if sum(map(len, texts.values())) > WHOLE_LIMIT:
        longest = max(texts, key=lambda at: len(texts[at]))
        advice = f"All texts together have at most {WHOLE_LIMIT} characters."
        found.append(FieldError(longest, "whole_too_long", advice))
    return found


def find_further_faults(said: object, policy: Policy, now: datetime) -> list[FieldError]:
    """What the policy and the calendar object to in what can be read of a JSON document that is no submission."""
    left = readable(Submission, said)
    if left is None:
        return []
    if left.reporter is None and isinstance(said, Mapping) and said.get("reporter"):
        # An anonymous report says nothing here, and not even what cannot be read.
        left = left.model_copy(update={"reporter": Reporter(name="-")})
    return find_faults(left, policy, now)


def _texts_of(submission: Submission) -> Iterator[tuple[str, str]]:
    """The texts of people in a submission, by their JSON pointers."""
    yield "/narrative", submission.narrative
    yield "/harmed", submission.harmed or ""
    yield "/anything_else", submission.anything_else or ""
    yield "/places", "".join(submission.places)
    yield "/witnesses", "".join(submission.witnesses)
    for place, person in enumerate(submission.reported):
        yield f"/reported/{place}", person.name
        yield f"/reported/{place}/details", person.details or ""


def sections_of(submission: Submission, unknown: Mapping[str, Any]) -> dict[Section, bytes]:
    """The personal data, by section of the vault, as canonical JSON; a section without any data is absent.

    `unknown`: fields that Hearth does not know, by JSON pointer.
    """
    sections: dict[Section, bytes] = {
        "content": orjson.dumps(
            {
                "narrative": submission.narrative,
                "harmed": submission.harmed,
                "places": submission.places,
                "anything_else": submission.anything_else,
                "witnesses": submission.witnesses,
                # Only where it was answered, so that the digest of a report that was sent before stays the same.
                **({"exposure": submission.exposure} if submission.exposure else {}),
            }
        )
    }
    if submission.reported:
        people = [{"name": person.name, "details": person.details} for person in submission.reported]
        sections["reported"] = orjson.dumps({"people": people})
    reporter = submission.reporter
    if reporter is not None and (reporter.name or reporter.email):
        sections["reporter"] = orjson.dumps({"name": reporter.name, "email": reporter.email})
    if unknown:
        sections["unknown"] = orjson.dumps(unknown)
    return sections


@dataclass(frozen=True, slots=True)
class Facts:
    """What intake stores of a report in the clear: codes and times, and no words. Blank where nothing is known.

    `occurred` has UTC-aware times under `at`, or under `from` and `to`.
    """

    channel: str = ""
    community: str = ""
    category: str = ""
    flags: tuple[str, ...] = ()
    setting: str = ""
    language: str = ""
    privacy: str = ""
    contactable: bool = False
    occurred: Mapping[str, datetime] | None = None


def facts_of(submission: Submission, channel: str) -> Facts:
    """The facts of a submission that came over this channel."""
    return Facts(
        channel=channel,
        community=submission.community,
        category=submission.category,
        flags=tuple(dict.fromkeys(submission.flags)),
        setting=submission.setting,
        language=submission.language,
        privacy=submission.privacy,
        contactable=submission.contactable,
        occurred=submission.occurred.times() if submission.occurred else None,
    )


Pseudonyms = tuple[str, ...]
"""The pseudonyms that one text gives: of the name or the address of a person."""


@dataclass(frozen=True, slots=True)
class People:
    """The people a report names: the pseudonyms of each text that names somebody; see pseudonym.py.

    `reporter`: of the name and then of the address, as far as they are given. `mentioned`: of people that its words
    name. `pages`: of the pages and places that it names; `source`: of the reporter or the program that sent it.
    """

    subjects: tuple[Pseudonyms, ...] = ()
    reporter: tuple[Pseudonyms, ...] = ()
    witnesses: tuple[Pseudonyms, ...] = ()
    mentioned: Pseudonyms = ()
    pages: Pseudonyms = ()
    source: str | None = None

    @property
    def parties(self) -> Pseudonyms:
        """All pseudonyms of those that it names, each once."""
        return _flat((*self.subjects, *self.witnesses, *self.reporter))

    def told(self, report_id: str, salt: str, received_at: datetime) -> ReportParties:
        """The fact that tells the pseudonyms. It goes to the restricted topic only. `received_at` is UTC-aware."""
        return ReportParties(
            report_id=report_id,
            subjects=_flat(self.subjects),
            reporter=_flat(self.reporter),
            witnesses=_flat(self.witnesses),
            mentioned=self.mentioned,
            pages=self.pages,
            source=self.source,
            reported_at=received_at,
            salt=salt,
        )


copy_people = copier(People)
"""The people once more, with other fields."""


def _flat(texts: Iterable[Pseudonyms]) -> Pseudonyms:
    return tuple(dict.fromkeys(key for keys in texts for key in keys))


def receive(
    report_id: str,
    facts: Facts,
    people: People,
    token_of: Callable[[Pseudonyms], str],
    content_digest: str,
    received_at: datetime,
    source: str | None = None,
    writer: str | None = None,
) -> ReportReceived:
    """The fact that a report was received; of a range of times it tells the beginning.

    `token_of` gives the party token of the pseudonyms of a text. The tokens are sorted, so that not even their order
    tells anything.
    """
    occurred = facts.occurred or {}
    own = [token_of(keys) for keys in people.reporter]
    return ReportReceived(
        report_id=report_id,
        channel=facts.channel,
        community=facts.community,
        category=facts.category,
        flags=facts.flags,
        setting=facts.setting,
        language=facts.language,
        privacy=facts.privacy,
        contactable=facts.contactable,
        occurred_at=occurred.get("at") or occurred.get("from"),
        received_at=received_at,
        subjects=tuple(sorted({token_of(keys) for keys in people.subjects})),
        reporter=own[0] if own else None,
        witnesses=tuple(sorted({token_of(keys) for keys in people.witnesses})),
        reporter_aliases=tuple(own[1:]),
        source=source,
        writer=writer,
        content_digest=content_digest,
        parties_apart=True,
    )


def describe_faults(faults: Sequence[FieldError]) -> str:
    """The faults as pointers and codes, for a dead letter's detail."""
    return "; ".join(f"{fault.pointer or '/'}: {fault.code}" for fault in faults[:5])


def _cut(at: datetime) -> datetime:
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
