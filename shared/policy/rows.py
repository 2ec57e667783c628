"""The shape of each row of the policy files: types, names and durations, one row at a time."""

import re
from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.access.principal import Module
from shared.events import CaseState
from shared.input.mail_addresses import MailAddress
from shared.input.texts import TypedText
from shared.policy.business_days import WEEKDAYS, WEEKEND
from shared.policy.model import QUORUM, ClockStart, CommunityKind, Consent, Lane
from shared.policy.peer_support import Moment
from shared.policy.playbooks import ReplyCommand

_DURATION = re.compile(r"([0-9]+) (s|min|h|d)")
_UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=36_525)
"""A hundred years: so far ahead of every case, dates can still count."""


def parse_duration(text: str) -> timedelta:
    """`"3 h"` → three hours. Raises ValueError for anything but a whole positive number of s, min, h or d.

    It is a hundred years at most.
    """
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"“{text}” is not a duration: write a whole number above 0 and s, min, h or d, such as “3 h”")
    if int(match[1]) > _LONGEST // _UNITS[match[2]]:
        raise ValueError(f"“{text}” is longer than a hundred years")
    return int(match[1]) * _UNITS[match[2]]


def _is_duration(text: str) -> str:
    parse_duration(text)
    return text


def _is_state(text: str) -> str:
    if text not in set(CaseState):
        raise ValueError(f"“{text}” is no state of a case; there are: {', '.join(CaseState)}")
    return text


def _is_zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(f"“{text}” is no time zone of the IANA database, such as “Europe/Berlin”")
    return text


def _is_weekday(text: str) -> str:
    if text not in WEEKDAYS:
        raise ValueError(f"“{text}” is no day of the week; there are: {', '.join(WEEKDAYS)}")
    return text


Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Code = Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)?$")]
Duration = Annotated[str, AfterValidator(_is_duration)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]+)*$")]
Zone = Annotated[str, AfterValidator(_is_zone)]
Weekday = Annotated[str, AfterValidator(_is_weekday)]
State = Annotated[str, AfterValidator(_is_state)]
Names = Annotated[list[str], Field(min_length=1)]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CategoryRow(Row):
    code: Code
    source: str
    accuses: bool = True


class OutcomeRow(Row):
    code: Code
    needs: Consent
    quorum: Annotated[int, Field(ge=1, le=100)] | None = None
    sanction: bool = False
    reporter_first: bool = False
    timed: bool = False
    scoped: bool = False
    emergency: bool = False
    longest: Duration | None = None


class HearingRow(Row):
    id: Id
    outcomes: Names | None = None
    categories: Names | None = None
    flags: Names | None = None
    lanes: Annotated[list[Lane], Field(min_length=1)] | None = None
    within: Duration | None = None


class BodyRow(Row):
    id: Id
    name_key: str
    email: MailAddress
    training: list[Module] = ["A", "B"]
    stand_in: Id | None = None
    language: Language = "en"
    last_resort: bool = False
    calendar: Id | None = None
    # With one alone, that person could shut all others out.
    quorum: Annotated[int, Field(ge=2, le=100)] = QUORUM


class CommunityRow(Row):
    id: Id
    kind: CommunityKind
    name: Annotated[str, TypedText(200)]
    language: Language
    bodies: dict[str, str] = {}


class DeadlineRow(Row):
    id: Id
    starts: ClockStart
    within: Duration
    lanes: Annotated[list[Lane], Field(min_length=1)] | None = None
    pausable: bool = False
    met_by: list[str] = []
    warn: Duration | None = None
    escalate: Duration | None = None
    business: bool = False
    restarts: bool = True


class CalendarRow(Row):
    id: Id
    zone: Zone
    weekend: list[Weekday] = list(WEEKEND)
    holidays: list[date] = []


class HolidaysFile(Row):
    calendar: list[CalendarRow] = []


class PauseRow(Row):
    id: Code
    longest: Duration


class PausesFile(Row):
    # A file from before this row waits as long as one that came with Hearth.
    answer: Duration = "14 d"
    pause: list[PauseRow] = []


class ReportConditionRow(Row):
    categories: Names | None = None
    flags: Names | None = None
    settings: Names | None = None


class ConditionRow(ReportConditionRow):
    kinds: Annotated[list[CommunityKind], Field(min_length=1)] | None = None
    communities: Names | None = None


class RuleRow(Row):
    id: Id
    to: Names
    lane: Lane = "standard"
    act_by: str | None = None
    when: Annotated[list[ConditionRow], Field(min_length=1)] | None = None


class LifeConditionRow(Row):
    outcomes: Names | None = None
    lanes: Annotated[list[Lane], Field(min_length=1)] | None = None
    categories: Names | None = None
    kinds: Annotated[list[CommunityKind], Field(min_length=1)] | None = None
    communities: Names | None = None


class RetentionRow(Row):
    id: Id
    keep: Duration
    when: Annotated[list[LifeConditionRow], Field(min_length=1)] | None = None


class HoldRow(Row):
    id: Id
    reports: Names | None = None
    when: Annotated[list[LifeConditionRow], Field(min_length=1)] | None = None


class IdentityRow(Row):
    privacy: Literal["named", "confidential"]
    states: Annotated[list[State], Field(min_length=1)]
    fields: Annotated[list[Literal["name", "email"]], Field(min_length=1)]


class IdentityFile(Row):
    identity: list[IdentityRow] = []


class FollowUpRow(Row):
    id: Id
    outcomes: Names | None = None
    settings: Names | None = None
    after: Annotated[list[Duration], Field(min_length=1, max_length=12)]


class MeasureFollowUpRow(Row):
    id: Id
    outcomes: Names | None = None
    talk: Duration | None = None
    before: Duration | None = None
    after: Annotated[list[Duration], Field(max_length=12)] = []


class FollowUpFile(Row):
    tries: Annotated[int, Field(ge=1, le=5)]
    again_after: Duration
    follow_up: Annotated[list[FollowUpRow], Field(min_length=1)]
    measure: list[MeasureFollowUpRow] = []


class PeerSupportRow(Row):
    id: Id
    name: Annotated[str, TypedText(120)]
    languages: Annotated[list[Language], Field(min_length=1)]
    communities: Names | None = None
    region: Annotated[str, TypedText(120)] | None = None
    email: MailAddress | None = None
    url: Annotated[str, Field(pattern=r"^https://\S{1,300}$")] | None = None


class PeerSupportFile(Row):
    offered: list[Moment]
    peer_support: list[PeerSupportRow] = []


class FoldedRow(Row):
    categories: list[str]
    flags: list[str]


class ReplyRow(Row):
    id: Id
    command: ReplyCommand
    title: dict[Language, Annotated[str, TypedText(120)]]
    text: dict[Language, Annotated[str, Field(min_length=1, max_length=2_000)]]


class PlaybookRow(ReportConditionRow):
    id: Id
    mass: Names | None = None
    check: list[dict[Language, Annotated[str, TypedText(300)]]] = []
    reply: list[ReplyRow] = []


class PlaybooksFile(Row):
    folded: FoldedRow
    playbook: Annotated[list[PlaybookRow], Field(min_length=1)]


class PolicyFile(Row):
    version: Annotated[str, Field(pattern=r"^\d{4}-\d{2}(\.\d+)?$")]


class TaxonomyFile(Row):
    flags: Names
    settings: Names
    scopes: Names
    boundless: list[str] = []
    category: Annotated[list[CategoryRow], Field(min_length=1)]
    outcome: Annotated[list[OutcomeRow], Field(min_length=1)]
    hearing: list[HearingRow] = []


class RoutingFile(Row):
    body: Annotated[list[BodyRow], Field(min_length=1)]
    rule: list[RuleRow]


class DeadlinesFile(Row):
    deadline: Annotated[list[DeadlineRow], Field(min_length=1)]


class CommunitiesFile(Row):
    community: Annotated[list[CommunityRow], Field(min_length=1)]
    body: list[BodyRow] = []


class RetentionFile(Row):
    longest_undecided: Duration
    retention: Annotated[list[RetentionRow], Field(min_length=1)]
    hold: list[HoldRow] = []
