"""What a community says of its responsibilities, judged by the rules of the catalogue. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.audit.scorecard.result import Attested, Outcome, ReasonCode
from services.audit.scorecard.rows import Step, has_gap, read_time
from shared.access.principal import Role
from shared.events.baseline import (
    BaselineAttested,
    BaselineConfirmed,
    BaselineLinkChecked,
    BaselineWithdrawn,
    Claim,
    LinkState,
)
from shared.policy.baseline.model import AttestedRule, Responsibility

_TOLERATED = 1
"""How many looks in a row may fail to reach the server of a link."""


@dataclass(frozen=True, slots=True)
class Word:
    """The word of a community on one responsibility: what it comes to, since when, and the attestation itself."""

    outcome: Outcome
    reason: ReasonCode
    since: datetime | None = None
    attested: Attested | None = None


NO_WORD = Word(Outcome.NO_EVIDENCE, ReasonCode.NEVER_ATTESTED)


def hear(responsibility: Responsibility, own: Sequence[Step], at: datetime) -> Word:
    """The word on a responsibility at this time (UTC-aware), from the settled steps of the community.

    The last attestation counts, and no earlier one comes back after it. A catalogue that is older makes no difference.
    """
    rule = responsibility.attested
    about = [step for step in own if step.said.get("responsibility_id") == responsibility.id]
    last = next((step for step in reversed(about) if step.name == BaselineAttested.name), None)
    if rule is None or last is None:
        return NO_WORD
    later = [s for s in about if s.said.get("attestation_id") == last.said["attestation_id"] and s.seq > last.seq]
    # No rule lets an attestation hold for longer, whatever the clock of its writer said.
    ends_at = min(read_time(last.said["valid_until"]), last.at + rule.valid_for)
    confirmed = _confirmed(rule, last, later)
    looks = [step for step in later if step.name == BaselineLinkChecked.name]
    attested = Attested(
        attestation_id=last.said["attestation_id"],
        claim=last.said["claim"],
        statement=last.said["statement"],
        link=last.said.get("link"),
        made_at=last.at,
        ends_at=ends_at,
        made_by_role=last.role,
        confirmed=confirmed is not None,
        place=last.place,
        catalogue_version=last.said["catalogue_version"],
        link_state=looks[-1].said["link_state"] if looks else None,
    )
    withdrawn = next((step for step in later if step.name == BaselineWithdrawn.name), None)
    if withdrawn is not None:
        return Word(Outcome.NO_EVIDENCE, ReasonCode.WITHDRAWN, withdrawn.at, attested)
    if ends_at <= at:
        return Word(Outcome.NO_EVIDENCE, ReasonCode.EXPIRED, ends_at, attested)
    outcome, reason, since = _weigh(responsibility, rule, last, confirmed, looks)
    if outcome in (Outcome.MET, Outcome.NOT_APPLICABLE) and has_gap(own, last.seq):
        # What is missing may be that the coordinator took it back.
        return Word(Outcome.NEEDS_REVIEW, ReasonCode.RECORD_GAP, None, attested)
    return Word(outcome, reason, since, attested)


def _weigh(
    responsibility: Responsibility, rule: AttestedRule, last: Step, confirmed: Step | None, looks: Sequence[Step]
) -> tuple[Outcome, ReasonCode, datetime]:
    """What an attestation that holds comes to, and since when."""
    claim = last.said["claim"]
    if claim == Claim.NOT_MET:
        return Outcome.NOT_MET, ReasonCode.SAID_NOT_MET, last.at
    if claim == Claim.NOT_APPLICABLE and responsibility.not_applicable != "with_reason":
        return Outcome.NEEDS_REVIEW, ReasonCode.SAID_NOT_APPLICABLE, last.at
    if claim not in (Claim.MET, Claim.NOT_APPLICABLE):
        return Outcome.NO_EVIDENCE, ReasonCode.NEVER_ATTESTED, last.at
    since = last.at
    if rule.confirm != "none":
        # Also that it does not apply: it brings a community as far as meeting it.
        if confirmed is None:
            return Outcome.NEEDS_REVIEW, ReasonCode.UNCONFIRMED, last.at
        since = confirmed.at
    if claim == Claim.NOT_APPLICABLE:
        return Outcome.NOT_APPLICABLE, ReasonCode.SAID_NOT_APPLICABLE, since
    if last.said.get("link") and rule.link != "none":
        state, changed = _see(last, looks)
        if state is not None:
            return Outcome.NEEDS_REVIEW, state, changed
        since = max(since, changed)
    return Outcome.MET, ReasonCode.ATTESTED, since


def _confirmed(rule: AttestedRule, last: Step, later: Sequence[Step]) -> Step | None:
    """The first confirmation that the rule accepts. Nobody confirms what they attested themselves."""
    roles = (Role.AUDITOR,) if rule.confirm == "auditor" else (Role.AUDITOR, Role.COORDINATOR)
    others = (s for s in later if s.name == BaselineConfirmed.name and s.actor != last.actor)
    return next((step for step in others if step.role in roles), None)


def _see(last: Step, looks: Sequence[Step]) -> tuple[ReasonCode | None, datetime]:
    """What is wrong with the link after all looks, and since when that is so. One failed look alone tells nothing."""
    wrong: ReasonCode | None = None
    since = last.at
    failed = 0 if last.said.get("link_digest") else 1
    for look in looks:
        state = look.said["link_state"]
        failed = failed + 1 if state == LinkState.UNREACHABLE else 0
        now: ReasonCode | None = None
        match state:
            case LinkState.GONE:
                now = ReasonCode.LINK_GONE
            case LinkState.CHANGED:
                now = ReasonCode.LINK_CHANGED
            case LinkState.UNREACHABLE:
                now = ReasonCode.SOURCE_UNREACHABLE if failed > _TOLERATED and wrong is None else wrong
        if now != wrong:
            wrong, since = now, look.at
    return wrong, since
