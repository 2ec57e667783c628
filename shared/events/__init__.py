"""Hearth's event contracts: the envelope and one model per fact."""

from collections.abc import Mapping

from shared.events.access import AccessRefused, ContentRead, NamesTried, RecordRead
from shared.events.cases import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseState,
    CaseTriaged,
    DeadlineSet,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
    RecusalDeclared,
)
from shared.events.envelope import Actor, Draft, Event, Fact, Message, decode, encode, stamp
from shared.events.erasures import ReportErased
from shared.events.notifications import (
    NotificationFact,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
)
from shared.events.reports import ReportAnswered, ReportReceived, parties_of
from shared.events.roster import GrantHeld, LeaveTaken, RosterEntryChanged, RosterTokenChanged, TrainingHeld
from shared.events.seals import CheckpointSealed

FACTS: Mapping[str, type[Fact]] = {
    fact.type(): fact
    for fact in (
        ReportReceived,
        ReportAnswered,
        ReportErased,
        CaseOpened,
        CaseTriaged,
        CaseAssigned,
        InvestigationStarted,
        InformationRequested,
        InformationReceived,
        CaseDecided,
        RecusalDeclared,
        CaseClosed,
        NotificationSent,
        NotificationSuppressed,
        NotificationFailed,
        ContentRead,
        NamesTried,
        RecordRead,
        AccessRefused,
        RosterEntryChanged,
        RosterTokenChanged,
        CheckpointSealed,
    )
}

__all__ = [
    "FACTS",
    "AccessRefused",
    "Actor",
    "CaseAssigned",
    "CaseClosed",
    "CaseDecided",
    "CaseFact",
    "CaseOpened",
    "CaseState",
    "CaseTriaged",
    "CheckpointSealed",
    "ContentRead",
    "DeadlineSet",
    "Draft",
    "Event",
    "Fact",
    "GrantHeld",
    "InformationReceived",
    "InformationRequested",
    "InvestigationStarted",
    "LeaveTaken",
    "Message",
    "NamesTried",
    "NotificationFact",
    "NotificationFailed",
    "NotificationSent",
    "NotificationSuppressed",
    "RecordRead",
    "RecusalDeclared",
    "ReportAnswered",
    "ReportErased",
    "ReportReceived",
    "RosterEntryChanged",
    "RosterTokenChanged",
    "TrainingHeld",
    "decode",
    "encode",
    "parties_of",
    "stamp",
]
