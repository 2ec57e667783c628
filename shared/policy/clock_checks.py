"""Checks of deadlines, and of the calendars by which they count. Each gives findings and raises nothing."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import get_args

from shared.events import FACTS, CaseFact, DeadlineFact
from shared.policy.business_days import WEEKDAYS
from shared.policy.checks import twice
from shared.policy.model import MEASURE_REVIEW, Lane
from shared.policy.rows import CommunitiesFile, DeadlinesFile, HolidaysFile, RoutingFile, parse_duration
from shared.policy.source import Finding, Source

_STEPS = sorted(
    fact.name for fact in FACTS.values() if issubclass(fact, CaseFact) and not issubclass(fact, DeadlineFact)
)
"""The facts that can be a step of a case."""


def check_deadlines(sources: Mapping[str, Source], deadlines: DeadlinesFile, routing: RoutingFile) -> list[Finding]:
    """A rule's `act_by` names a deadline that runs from the receipt, in the rule's own lane.

    A referral has its deadline in every lane.
    """
    source = sources["routing.toml"]
    rows = {row.id: row for row in deadlines.deadline}
    findings: list[Finding] = []
    for index, rule in enumerate(routing.rule):
        if rule.act_by is None:
            continue
        deadline = rows.get(rule.act_by)
        if deadline is None:
            text = f"deadlines.toml has no “{rule.act_by}”"
        elif deadline.starts != "received":
            text = f"“{rule.act_by}” does not run from the receipt of a report"
        elif deadline.lanes and rule.lane not in deadline.lanes:
            text = f"“{rule.act_by}” does not apply to the lane “{rule.lane}”"
        else:
            continue
        findings.append(Finding(source.file, source.line_of("rule", index, "act_by"), f"rule {rule.id}", text))
    answered = {lane for row in deadlines.deadline if row.starts == "referred" for lane in row.lanes or get_args(Lane)}
    if missing := sorted({*get_args(Lane)} - answered):
        text = f"no deadline starts when a case is referred in these lanes: {', '.join(missing)}"
        findings.append(Finding(sources["deadlines.toml"].file, 1, "", text))
    return findings


def check_met_by(source: Source, deadlines: DeadlinesFile) -> list[Finding]:
    """Each deadline is met by a fact of a case, and each deadline that runs from the report is met by some fact."""
    findings: list[Finding] = []
    if all(row.id != MEASURE_REVIEW for row in deadlines.deadline):
        findings.append(Finding(source.file, 1, "", f"the deadline “{MEASURE_REVIEW}” is missing"))
    for index, row in enumerate(deadlines.deadline):
        entry = f"deadline {row.id}"
        for name in row.met_by:
            if name not in _STEPS:
                line = source.line_naming(name, "deadline", index, "met_by")
                near = ", ".join(get_close_matches(name, _STEPS, n=3, cutoff=0.4) or _STEPS)
                findings.append(Finding(source.file, line, entry, f"“{name}” is no fact of a case; there are: {near}"))
        if row.warn and parse_duration(row.warn) >= parse_duration(row.within):
            text = f"`warn` has to be shorter than `within`, which is {row.within}"
            findings.append(Finding(source.file, source.line_of("deadline", index, "warn"), entry, text))
        if row.starts == "received" and not row.met_by:
            text = "nothing could ever keep it: name the facts that do in `met_by`"
            findings.append(Finding(source.file, source.line_of("deadline", index), entry, text))
    return findings


def check_calendars(
    sources: Mapping[str, Source],
    holidays: HolidaysFile,
    deadlines: DeadlinesFile,
    communities: CommunitiesFile,
    routing: RoutingFile,
) -> list[Finding]:
    """Each calendar has business days, each body names one that there is, and whole days are counted by it."""
    own = sources["holidays.toml"]
    findings = list(twice(own, "calendar", [row.id for row in holidays.calendar]))
    for index, row in enumerate(holidays.calendar):
        if not set(WEEKDAYS) - set(row.weekend):
            text = "leaves no day of the week on which people work"
            findings.append(Finding(own.file, own.line_of("calendar", index, "weekend"), f"calendar {row.id}", text))
    known = {row.id for row in holidays.calendar}
    for name, file in (("routing.toml", routing), ("communities.toml", communities)):
        for index, body in enumerate(file.body):
            if body.calendar is not None and body.calendar not in known:
                text = f"“{body.calendar}” is no calendar of holidays.toml"
                line = sources[name].line_of("body", index, "calendar")
                findings.append(Finding(sources[name].file, line, f"body {body.id}", text))
    clocks = sources["deadlines.toml"]
    for index, rule in enumerate(deadlines.deadline):
        if rule.business and not rule.within.endswith(" d"):
            line, text = clocks.line_of("deadline", index, "within"), "business days are whole days: write “5 d”"
            findings.append(Finding(clocks.file, line, f"deadline {rule.id}", text))
    return findings
