"""Erasure as a part of intake."""

from functools import partial

from services.intake.erasure.actions import Erasing
from services.intake.erasure.replay import Replay, ReplayBarrier
from services.intake.erasure.retention import RetentionSweeper
from services.intake.erasure.routes import make_erasure_router
from services.intake.settings import IntakeSettings
from services.intake.store import ReportStore
from shared.kafka.replay import read_to_end
from shared.parts import Part
from shared.policy import Policy
from shared.web.gate import Gate


def build(settings: IntakeSettings, store: ReportStore, barrier: ReplayBarrier, policy: Policy, gate: Gate) -> Part:
    """Erases what it is told to and what is due; opens the barrier when the database shows every erasure so far."""
    access, prefix = settings.kafka_access("intake"), settings.topic_prefix
    erasures = partial(read_to_end, settings.kafka, "erasures", client="intake", prefix=prefix, access=access)
    erasing = Erasing(barrier)
    return Part(
        [make_erasure_router(erasing, barrier, gate)],
        tasks=[RetentionSweeper(store, erasing, policy, every=settings.retention_seconds).run],
        prepare=[Replay(erasures, store, barrier).run],
    )
