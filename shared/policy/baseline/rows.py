"""The shape of each row of a catalogue file: types, names and durations, one row at a time."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from shared.policy.baseline.metrics import LEAST_CASES
from shared.policy.baseline.model import Confirm, FieldKind, Group, Level, Setting, State, Unit
from shared.policy.rows import Duration, Id, Names, Row
from shared.times import parse_day

Kind = Literal["wiki", "affiliate", "event", "technical_space"]


def _is_day(text: str) -> str:
    parse_day(text)
    return text


def _is_day_or_month(text: str) -> str:
    parse_day(text if len(text) > len("2026-07") else f"{text}-01")
    return text


def _is_whole(value: object) -> object:
    # `true` and `1.0` are equal to 1, and would stand in pages as they were written.
    if type(value) is not int:
        raise ValueError("write 1, 2 or 3")
    return value


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_is_day)]
DayOrMonth = Annotated[str, Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$"), AfterValidator(_is_day_or_month)]
ResponsibilityId = Annotated[str, Field(pattern=r"^[A-Z]{2,8}-\d{2,3}$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]


class SourceRow(Row):
    id: Id
    url: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    oldid: Annotated[str, Field(pattern=r"^\d+$")] | None = None
    read_on: DayOrMonth


class FieldRow(Row):
    name: FieldName
    kind: FieldKind
    least: Annotated[int, Field(ge=1, le=20)] = 1


class AttestedRow(Row):
    link: Literal["required", "optional", "none"]
    fields: list[FieldRow] = Field(default_factory=list)
    valid_days: Annotated[int, Field(ge=1, le=365)]
    confirm: Confirm
    link_check_days: Annotated[int, Field(ge=1, le=365)] | None = None


class ThresholdRow(Row):
    op: Literal["<=", ">=", "=="]
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: Unit


class MeasuredRow(Row):
    metric: str
    params: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    threshold: ThresholdRow
    window: Duration
    min_n: Annotated[int, Field(ge=1)]
    open_cases: bool
    clock: Literal["wall", "policy"]


class ResponsibilityRow(Row):
    id: ResponsibilityId
    state: State
    group: Group
    level: Annotated[Level, BeforeValidator(_is_whole)]
    setting: Setting
    kinds: Annotated[list[Kind], Field(min_length=1)]
    min_cases: Annotated[int, Field(ge=LEAST_CASES)] | None = None
    not_applicable: Literal["never", "with_reason"]
    sources: Names
    evidence: Literal["any", "all"]
    attested: AttestedRow | None = None
    measured: MeasuredRow | None = None
    surveyed: bool = False
    counts_from: date | None = None
    replaced_by: ResponsibilityId | None = None
    wording: Annotated[int, Field(ge=1)] = 1
    maps: list[str] = Field(default_factory=list)


class CatalogueFile(Row):
    version: Day
    effective_from: date
    previous: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}\+[0-9a-f]{8}$")] | None = None
    source: Annotated[list[SourceRow], Field(min_length=1)]
    responsibility: Annotated[list[ResponsibilityRow], Field(min_length=1)]
