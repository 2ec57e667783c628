"""Documents of registries keep their shape: what an earlier version wrote is read, and written again as it was."""

from datetime import UTC, datetime
from typing import Any

import bson

from services.triage.baseline.registry import Registry, Standing
from services.triage.baseline.store import document_of, registry_of

AT, END = datetime(2026, 11, 28, 9, 30, tzinfo=UTC), datetime(2027, 11, 28, 9, 30, tzinfo=UTC)
ATTESTED: dict[str, Any] = {
    "id": "a-1",
    "responsibility_id": "HB-02",
    "catalogue_version": "2026-11-01+0a1b2c3d",
    "claim": "met",
    "statement": "Two people answer reports.",
    "made_by": "person:00000000000000c0",
    "made_role": "coordinator",
    "made_at": AT,
    "valid_until": END,
    "link": "https://meta.wikimedia.org/wiki/Policy",
    "fields": [{"name": "contacts", "values": ["person:00000000000000a1"]}],
    "supersedes": None,
    "standing": "running",
    "ended_at": None,
    "ended_by": None,
    "ended_because": None,
    "confirmed_by": "person:00000000000000a2",
    "confirmed_role": "auditor",
    "confirmed_at": AT,
    "reminded": [30],
    "digest": "0" * 64,
    "seen_at": AT,
    "link_state": "unreachable",
    "link_fault": None,
    "link_reason": "timeout",
    "looked_at": AT,
    "missed": 1,
    "missed_since": AT,
}
VERSION: dict[str, Any] = {
    "title": "Peers",
    "stakeholder": "WMF",
    "lead": "Trust & Safety",
    "geography": "Global",
    "phase": "Pilot",
    "link": None,
    "responsibilities": ["HB-14"],
    "began_on": "2026-01-02",
    "ended_on": None,
    "change": "baseline.project_listed",
    "by": "service:triage",
    "at": AT,
}
DOCUMENT: dict[str, Any] = {
    "attestations": [ATTESTED],
    "annotations": [
        {"responsibility_id": "HB-03", "statement": "We moved.", "made_by": "person:00000000000000c0", "made_at": AT}
    ],
    "projects": [{"id": "p-1", "versions": [VERSION]}],
}


def test_a_stored_registry_is_read_and_written_as_it_was() -> None:
    registry = registry_of({**DOCUMENT, "_id": "swwiki", "seq": 4, "version": 3, "applied": [], "outbox": []})
    assert (registry.id, registry.seq, registry.attestations[0].standing) == ("swwiki", 4, Standing.RUNNING)
    codec = bson.CodecOptions[dict[str, Any]](tz_aware=True)
    assert bson.decode(bson.encode(document_of(registry)), codec) == DOCUMENT


def test_a_field_that_a_document_lacks_or_has_too_many_is_no_obstacle() -> None:
    assert registry_of({"_id": "swwiki", "mood": "good"}) == Registry("swwiki")
    made = {name: ATTESTED[name] for name in list(ATTESTED)[:9]} | {"mood": "good"}
    assert registry_of({"_id": "swwiki", "attestations": [made]}).attestations[0].missed == 0
