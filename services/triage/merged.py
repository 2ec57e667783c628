"""Cases that are part of another one follow it: to another handling body, its outcome and its clocks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.commands.merging import Follow
from services.triage.case.tokens import Tokens
from services.triage.own_steps import own_step
from services.triage.stored import CaseChange, CaseStore, StoredCase
from shared.aggregates import change
from shared.policy import Policy


def to_follow(written: Iterable[CaseChange]) -> list[Case]:
    """Those of the changed cases of which others are part, and that differ in what these follow."""
    return [one.case for one in written if one.case.absorbed and (one.stored is None or _differs(one.case, one.stored))]


def _differs(case: Case, before: StoredCase) -> bool:
    return _followed(case) != _followed(before.case)


def _followed(case: Case) -> tuple[object, ...]:
    return case.body, case.outcome, case.absorbed, case.deadlines, case.messages, case.questions, case.recusals


async def follow(
    survivors: Iterable[Case], cases: CaseStore, tokens: Tokens, policy: Policy, clock: Callable[[], datetime]
) -> int:
    """Let the cases that are part of these follow them, as they are stored by then. Returns how many did.

    It may be repeated in any number. Raises Unavailable.
    """
    parts = {part: case.id for case in survivors for ref in case.absorbed if (part := tokens.case_meant(case.id, ref))}
    refs = {part: tokens.ref_of(survivor_id, part) for part, survivor_id in parts.items()}
    known: Mapping[str, StoredCase] = {}
    asked = set[str]()

    async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
        nonlocal known
        if not asked or case_id in asked:
            # Survivors are loaded after their parts, so again after a lost race: else a part could follow an older one.
            known = await cases.load(set(parts.values()))
            asked.clear()
        asked.add(case_id)
        survivor = known.get(parts[case_id])
        if stored is None or survivor is None or not _is_part(stored.case, survivor.case, tokens):
            return None
        # Nothing is to be done where it is a case for itself again.
        return own_step(stored, Follow(survivor.case, refs[case_id]), NOBODY, policy, clock())

    return len(await change(cases, parts, decide)) if parts else 0


def _is_part(case: Case, survivor: Case, tokens: Tokens) -> bool:
    return case.merged_into is not None and tokens.case_meant(case.id, case.merged_into) == survivor.id
