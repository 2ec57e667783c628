"""The four services as their settings build them; nothing of them is started, so nothing is connected."""

from typing import Any

from fastapi import FastAPI

from services.audit.app import build_app as build_audit
from services.audit.settings import AuditSettings
from services.intake.app import build_app as build_intake
from services.intake.settings import IntakeSettings
from services.notification.app import build_app as build_notification
from services.notification.settings import NotificationSettings
from services.triage.app import build_app as build_triage
from services.triage.settings import TriageSettings
from tests.support.people import PROVIDER, SIGN_IN
from tests.support.service_keys import files_of

KEYS: dict[str, Any] = {"form_key": b"k" * 32}
OF_INTAKE: dict[str, Any] = {"master_key": b"m" * 32, "receipt_pepper": b"p" * 32, "pseudonym_key": b"n" * 32}
SERVICES = ("intake", "triage", "notification", "audit")


def build(service: str, **given: Any) -> FastAPI:
    """The application of a service, with `given` settings beside its keys."""
    common = {**KEYS, **files_of(service), **given}
    match service:
        case "intake":
            return build_intake(IntakeSettings(**OF_INTAKE, **PROVIDER, **common))
        case "triage":
            return build_triage(TriageSettings(**SIGN_IN, **common))
        case "notification":
            return build_notification(NotificationSettings(**SIGN_IN, **common))
        case _:
            return build_audit(AuditSettings(signing_key=b"s" * 32, **SIGN_IN, **common))
