"""What another version of the baseline would make of each community, from the rows of audit's scorecards."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.commands.console import Trouble
from shared.connections import MongoAccess
from shared.mongo import PyMongoError, connect
from shared.policy import Policy
from shared.policy.baseline import Catalogue, in_force
from shared.problems import Unavailable
from shared.times import now

# The command line starts without any service.
if TYPE_CHECKING:
    from services.audit.scorecard.result import AsOf, Scorecard
    from services.audit.scorecard.store import MongoRows

AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Turn:
    """One responsibility that comes out differently: its outcome and reason, or None where it is not asked for."""

    responsibility: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes for one community; without turns and with the same level, nothing does."""

    community: str
    level_before: int
    level_after: int
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """From version `old`, which is in force, to version `new`, at the checkpoint of `sealed` entries of seals."""

    old: str
    new: str
    sealed: int
    shifts: tuple[Shift, ...]


def preview(
    uri: str, prefix: str, access: MongoAccess, policy: Policy, versions: tuple[Catalogue, ...], new: Catalogue
) -> Preview:
    """Evaluate each community of the policy twice. Raises Trouble while MongoDB or a first checkpoint is missing."""
    old = in_force(versions, now().date())
    return asyncio.run(_preview(uri, prefix, access, policy, old, new))


async def _preview(
    uri: str, prefix: str, access: MongoAccess, policy: Policy, old: Catalogue, new: Catalogue
) -> Preview:
    from services.audit.scorecard.store import MongoRows

    client = connect(uri, service="cli", access=access)
    try:
        rows = MongoRows(client[f"{prefix}{AUDIT}"])
        position = await rows.position()
        as_of = position.as_of if position else None
        if as_of is None:
            raise Trouble("Audit has no scorecards yet: nothing was sealed, or audit has not read it.")
        shifts = [await shift_of(rows, name, policy, as_of, old, new) for name in sorted(policy.communities)]
        return Preview(old.version, new.version, as_of.sealed, tuple(shifts))
    except (PyMongoError, Unavailable) as error:
        raise Trouble(f"MongoDB does not answer, or refuses: {error}.") from None
    finally:
        client.close()


async def shift_of(
    rows: "MongoRows", community: str, policy: Policy, as_of: "AsOf", old: Catalogue, new: Catalogue
) -> Shift:
    """What changes for a community of the policy at this checkpoint."""
    from services.audit.scorecard.evaluation import evaluate

    _, found = await rows.rows_of(community, policy.communities[community].bodies.values())
    before, after = (evaluate(community, found, catalogue, as_of, policy) for catalogue in (old, new))
    was, now_ = _outcomes(before), _outcomes(after)
    turns = [Turn(name, was.get(name), now_.get(name)) for name in sorted(was.keys() | now_.keys())]
    turned = tuple(turn for turn in turns if turn.before != turn.after)
    return Shift(community, before.level_reached, after.level_reached, turned)


def _outcomes(card: "Scorecard") -> dict[str, str]:
    return {item.responsibility_id: f"{item.outcome.value}, {item.reason.value}" for item in card.items}
