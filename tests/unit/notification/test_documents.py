"""What notification stores: documents of earlier versions are read, and new ones can be read by them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.notification.delivery import Delivery, DeliveryState
from services.notification.routing.summary import CaseSummary
from services.notification.store import DELIVERIES, SUMMARIES, to_document
from shared.policy import Deadline

AT = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "case_id": "c1",
    "report_id": "r1",
    "recipient": "body:u4c",
    "notice": "new_case",
    "channel": "email",
    "language": "en",
    "cause": "e1",
    "trace": None,
    "planned_at": AT,
    "received_at": AT,
    "policy_version": "2026-11+00000000",
    "code_name": "amber-harbour",
    "lane": "standard",
    "deadlines": [["decision", AT]],
    "mail": "d1",
    "due_at": AT,
    "attempts": 0,
    "state": "planned",
    "shuts_out": ["person:ann"],
}
"""A planned delivery as the first version stored it, but for its id."""
AGGREGATE = {"version": 1, "seq": 0, "applied": ["e1"], "outbox": [], "outbox_due": AT, "claim": "x"}
DELIVERY = Delivery(
    "d1", "c1", "r1", "body:u4c", "new_case", "email", "en", "e1", None, AT, AT, "2026-11+00000000", "amber-harbour",
    "standard", (Deadline("decision", AT),), "d1", AT, shuts_out=("person:ann",),
)  # fmt: skip


def test_a_delivery_that_the_first_version_stored_is_read() -> None:
    assert DELIVERIES.from_document({"_id": "d1", **FIELDS, **AGGREGATE}) == DELIVERY
    waiting = {**FIELDS, "mail": None, "due_at": None, "gather_at": AT}
    assert DELIVERIES.from_document({"_id": "d1", **waiting}) == DELIVERY.wait_until(AT)
    ended = {**FIELDS, "state": "sent", "reason": None, "message_id": "1@host", "settled_at": AT}
    sent = replace(DELIVERY, state=DeliveryState.SENT, message_id="1@host", settled_at=AT)
    assert DELIVERIES.from_document({"_id": "d1", **ended}) == sent
    bare = {name: value for name, value in FIELDS.items() if name != "shuts_out"}
    assert DELIVERIES.from_document({"_id": "d1", **bare}) == replace(DELIVERY, shuts_out=())


def test_a_delivery_is_stored_as_the_first_version_stored_it() -> None:
    document = to_document(DELIVERY)
    assert document.pop("heard") == 0
    assert {name: value for name, value in document.items() if value is not None or name in FIELDS} == {
        **FIELDS,
        "deadlines": (("decision", AT),),
        "shuts_out": ("person:ann",),
    }
    assert "gather_at" not in document
    assert to_document(DELIVERY.wait_until(AT))["gather_at"] == AT


def test_a_summary_that_the_first_version_stored_is_read() -> None:
    document = {
        "_id": "c1",
        "report_id": "r1",
        "code_name": "amber-harbour",
        "language": "de",
        "contactable": True,
        "received_at": AT,
        "parties": ["person:ann"],
    }
    summary = CaseSummary("c1", "r1", "amber-harbour", "de", True, AT, ("person:ann",))
    assert SUMMARIES.from_document(document) == summary
    del document["parties"]
    assert SUMMARIES.from_document(document) == replace(summary, parties=())
