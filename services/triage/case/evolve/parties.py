"""What the facts of parties and disclosures change. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Disclosure, Party, Reply
from shared.events import CaseDisclosed, Event, PartyAdded, RespondentReplied


def _added(case: Case, fact: PartyAdded, _event: Event) -> Fields:
    return {"further_parties": (*case.further_parties, Party(fact.party, fact.party_role))}


def _disclosed(case: Case, fact: CaseDisclosed, event: Event) -> Fields:
    others = (other for other in case.disclosures if other.party != fact.party)
    disclosed = Disclosure(fact.party, fact.disclosure, event.time, fact.withheld_for, fact.reason_id, fact.told_id)
    return {"disclosures": (*others, disclosed)}


def _replied(case: Case, fact: RespondentReplied, event: Event) -> Fields:
    return {"replies": (*case.replies, Reply(fact.reply_id, fact.party, event.time))}


CHANGES = {PartyAdded: _added, CaseDisclosed: _disclosed, RespondentReplied: _replied}
