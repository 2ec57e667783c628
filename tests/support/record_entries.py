"""Entries of the record as an auditor gets them, read back into events."""

from typing import Any

from shared.events import FACTS, Actor, Event
from shared.times import parse_rfc3339


def event_in(entry: dict[str, Any]) -> Event:
    """The event that an entry holds; its trace is left out, as an entry has only the id of it."""
    ce = entry["ce"]
    return Event(
        id=ce["id"],
        source=ce["source"],
        subject=ce["subject"],
        time=parse_rfc3339(ce["time"]),
        case_id=entry["key"],
        case_seq=entry["case_seq"],
        actor=Actor(entry["actor"]["ref"], entry["actor"]["role"]),
        cause=entry["cause"],
        policy_version=entry["policy_version"],
        fact=FACTS[ce["type"]].model_validate(entry["data"]),
    )
