"""Erasure as a part of intake."""

from functools import partial

from services.intake.erasure.actions import Erasing, KnownPeople
from services.intake.erasure.replay import Replay, ReplayBarrier
from services.intake.erasure.retention import RetentionSweeper
from services.intake.erasure.routes import MadeOf, make_erasure_router
from services.intake.store import ReportStore
from shared.parts import Part
from shared.policy import Policy
from shared.runtime import Runtime
from shared.succession import Succession, ToldBefore
from shared.web.gate import Gate


def build(
    runtime: Runtime,
    store: ReportStore,
    barrier: ReplayBarrier,
    policy: Policy,
    every: float,
    gate: Gate,
    people: KnownPeople,
    succession: Succession,
    told: ToldBefore,
    made_of: MadeOf,
) -> Part:
    """Erases by order, and what retention finds due `every` so many seconds; opens the barrier after a replay.

    `people`: those on the roster, who stay shut out of a report that named them. `told`: what was told of names before.
    `made_of`: which reports were made of one.
    """
    erasing, read = Erasing(barrier, people, succession), partial(runtime.read_to_end, "erasures")
    return Part(
        [make_erasure_router(erasing, barrier, gate, made_of)],
        tasks=[runtime.clock.behind(RetentionSweeper(store, erasing, policy, every=every, clock=runtime.clock).run)],
        # A restored database tells nothing new of a report before it knows what was told of it.
        prepare=[told.catch_up, Replay(read, store, barrier, people).run],
    )
