"""Hearth's event contracts: the envelope and one model per fact."""

from collections.abc import Iterator, Mapping
from types import ModuleType

from shared.events import (
    access,
    appeals,
    baseline,
    cases,
    deadlines,
    decisions,
    disclosures,
    erasures,
    follow_up,
    handling,
    joint,
    linking,
    measures,
    notes,
    notifications,
    parties,
    patterns,
    recusals,
    referrals,
    reports,
    roster,
    scorecards,
    seals,
    sorting,
    submissions,
    waiting,
)
from shared.events.access import *  # noqa: F403  # every fact, without a second list of them
from shared.events.appeals import *  # noqa: F403
from shared.events.baseline import *  # noqa: F403
from shared.events.cases import *  # noqa: F403
from shared.events.deadlines import *  # noqa: F403
from shared.events.decisions import *  # noqa: F403
from shared.events.disclosures import *  # noqa: F403
from shared.events.envelope import *  # noqa: F403
from shared.events.envelope import Fact as Fact
from shared.events.erasures import *  # noqa: F403
from shared.events.follow_up import *  # noqa: F403
from shared.events.handling import *  # noqa: F403
from shared.events.joint import *  # noqa: F403
from shared.events.linking import *  # noqa: F403
from shared.events.measures import *  # noqa: F403
from shared.events.notes import *  # noqa: F403
from shared.events.notifications import *  # noqa: F403
from shared.events.parties import *  # noqa: F403
from shared.events.patterns import *  # noqa: F403
from shared.events.recusals import *  # noqa: F403
from shared.events.referrals import *  # noqa: F403
from shared.events.reports import *  # noqa: F403
from shared.events.roster import *  # noqa: F403
from shared.events.scorecards import *  # noqa: F403
from shared.events.seals import *  # noqa: F403
from shared.events.sorting import *  # noqa: F403
from shared.events.submissions import *  # noqa: F403
from shared.events.waiting import *  # noqa: F403


def _facts_in(module: ModuleType) -> Iterator[type[Fact]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Fact) and "name" in vars(value):
            yield value


_MODULES = (
    reports, parties, erasures, cases, handling, sorting, notes, waiting, recusals, referrals, joint, disclosures,
    decisions, appeals, measures, linking, follow_up, deadlines, notifications, access, roster, baseline, scorecards,
    seals, submissions, patterns,
)  # fmt: skip
FACTS: Mapping[str, type[Fact]] = {fact.type(): fact for module in _MODULES for fact in _facts_in(module)}
"""Every fact by its CloudEvents type: each class with a name in the modules above."""
