"""Hearth's event contracts: the envelope and one model per fact."""

from collections.abc import Mapping

from shared.events.access import ContentRead, RecordRead
from shared.events.cases import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseTriaged,
    DeadlineSet,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
)
from shared.events.envelope import Actor, Draft, Event, Fact, Message, decode, encode, stamp
from shared.events.erasures import ReportErased
from shared.events.notifications import (
    NotificationFact,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
)
from shared.events.reports import ReportAnswered, ReportReceived
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
        CaseClosed,
        NotificationSent,
        NotificationSuppressed,
        NotificationFailed,
        ContentRead,
        RecordRead,
        CheckpointSealed,
    )
}

__all__ = [
    "FACTS",
    "Actor",
    "CaseAssigned",
    "CaseClosed",
    "CaseDecided",
    "CaseFact",
    "CaseOpened",
    "CaseTriaged",
    "CheckpointSealed",
    "ContentRead",
    "DeadlineSet",
    "Draft",
    "Event",
    "Fact",
    "InformationReceived",
    "InformationRequested",
    "InvestigationStarted",
    "Message",
    "NotificationFact",
    "NotificationFailed",
    "NotificationSent",
    "NotificationSuppressed",
    "RecordRead",
    "ReportAnswered",
    "ReportErased",
    "ReportReceived",
    "decode",
    "encode",
    "stamp",
]
