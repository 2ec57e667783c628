"""What the facts about mentions change: one person alone clears none. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import ClearedAlone
from shared.events import Event, MentionCleared


def _cleared(case: Case, fact: MentionCleared, event: Event) -> Fields:
    others = (one for one in case.cleared_alone if one.mention != fact.mention)
    alone = [ClearedAlone(fact.mention, event.actor.ref)] if fact.waits else []
    return {"cleared_alone": (*others, *alone)}


CHANGES = {MentionCleared: _cleared}
