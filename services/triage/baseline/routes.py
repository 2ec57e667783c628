"""The API of the baseline, for programs of coordinators and auditors: a bearer token of a person, JSON in and out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.triage.answers import ChangeOffered, FieldTaken
from services.triage.baseline.actions import BaselineDesk, ChangeSent, Offer
from services.triage.baseline.answers import (
    AnnotationShown,
    AttestationShown,
    CommunityList,
    CommunityShown,
    CommunitySummary,
    ProjectShown,
    ProjectVersionShown,
    ResponsibilityShown,
)
from services.triage.baseline.forms import CHANGES, INPUTS
from services.triage.baseline.registry import Annotation, Attestation, Project, ProjectVersion, Registry
from shared.events import FieldStated
from shared.policy import GLOBAL_COMMUNITY, Community
from shared.policy.baseline import Catalogue, Responsibility
from shared.policy.baseline.difference import Difference, diff
from shared.problems import NotFound
from shared.times import rfc3339
from shared.web.bodies import gives, json_response, parse_change
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, read_idempotency_key, seen_of, takes_change
from shared.web.paging import Cursors
from shared.web.queries import Whole

_PRIVATE = {"Cache-Control": "no-store"}
_CHANGE = takes_change(CHANGES.values(), required=True)
"""What the OpenAPI document says about a change; the community itself says what each takes."""
_CURSORS = Cursors(str)


def make_baseline_router(desk: BaselineDesk, gate: Gate) -> APIRouter:
    """The routes below /v1/baseline."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/baseline")

    @router.get("", responses=gives(CommunityList), **does("baseline.list"))
    async def list_communities(
        request: Request, cursor: str | None = None, limit: Annotated[Whole, Query(ge=1, le=200)] = 50
    ) -> Response:
        """The communities that the caller may read, by their ids, with what they attest and what ends next."""
        found = await desk.page(principal_of(request), _CURSORS.read(cursor), limit + 1)
        cut, after = _CURSORS.cut(found, limit, lambda pair: pair[0].id)
        items = [_summary(community, registry, desk.clock()) for community, registry in cut]
        return json_response({"items": items, "next": after}, headers=_PRIVATE)

    @router.get("/versions/{old}...{new}", responses=gives(Difference), **does("baseline.list"))
    async def show_difference(old: str, new: str) -> Response:
        """What differs between two versions of the catalogue, each by its date, with or without its digest."""
        before, after = (_version_named(desk.versions, wanted) for wanted in (old, new))
        return json_response(diff(before, after).document(), headers=_PRIVATE)

    @router.get("/{community}", responses=gives(CommunityShown), **does("baseline.read"))
    async def show_community(request: Request, community: str) -> Response:
        """What the baseline asks of a community, what it attests, and its projects and those that serve all.

        `actions` are the changes permitted now, with what they take. ETag is the version.
        """
        who = principal_of(request)
        known, registry = await desk.find(who, community)
        body = await _shown(desk, known, registry)
        body["actions"] = [show_offer(offer) for offer in desk.offers(who, known, registry)]
        return json_response(body, headers={**_PRIVATE, "ETag": f'"{registry.seq}"'})

    @router.post("/{community}/{change}", responses=gives(CommunityShown), **does("baseline.read", _CHANGE))
    async def make_change(request: Request, community: str, change: str) -> Response:
        """attest, withdraw, confirm, annotate, list_project, change_project or end_project.

        For a community that has said nothing yet, If-Match is `"0"`.
        """
        who, kind = principal_of(request), CHANGES.get(change)
        if kind is None:
            raise NotFound
        desk.admit(who, community, kind)
        cause = cause_of(who, f"baseline/{community}", read_idempotency_key(request))
        wanted = await parse_change(kind, await request.body() or b"{}", partial(desk.all_faults, who, community, kind))
        sent = ChangeSent(wanted, seen_of(request), cause)
        registry = await desk.carry_out(who, community, sent)
        body = await _shown(desk, desk.policy.communities[community], registry)
        return json_response(body, headers={**_PRIVATE, "ETag": f'"{registry.seq}"'})

    return router


def show_offer(offer: Offer) -> ChangeOffered:
    """A change as the API shows it."""
    fields: list[FieldTaken] = []
    for taken in INPUTS[offer.change.name]:
        shown: FieldTaken = {"name": taken.name, "kind": taken.kind, "required": taken.required}
        if taken.name in offer.options:
            shown["options"] = list(offer.options[taken.name])
        if taken.max_length:
            shown["max_length"] = taken.max_length
        fields.append(shown)
    return {"change": offer.change.name, "fields": fields}


def _version_named(versions: Sequence[Catalogue], wanted: str) -> Catalogue:
    """The version of the catalogue in an address. Raises Problem 404."""
    found = next((one for one in versions if wanted in (one.version, one.dated)), None)
    if found is None:
        raise NotFound
    return found


def _summary(community: Community, registry: Registry, at: datetime) -> CommunitySummary:
    running = [a for a in registry.attestations if a.holds(at)]
    return {
        "community": community.id,
        "name": community.name,
        "kind": community.kind,
        "version": registry.seq,
        "attested": {a.responsibility_id: a.claim for a in sorted(running, key=lambda a: a.responsibility_id)},
        "next_end": _time(min((a.valid_until for a in running), default=None)),
        "projects": sum(1 for p in registry.projects if p.newest.ended_on is None),
    }


async def _shown(desk: BaselineDesk, community: Community, registry: Registry) -> CommunityShown:
    at = desk.clock()
    everywhere = registry if community.id == GLOBAL_COMMUNITY else await desk.global_projects()
    listed = {source.id: source for source in (registry, everywhere)}.values()
    return {
        "community": community.id,
        "name": community.name,
        "kind": community.kind,
        "version": registry.seq,
        "catalogue_version": desk.catalogue.version,
        "responsibilities": [_responsibility(r) for r in desk.catalogue.for_kind(community.kind)],
        "attestations": [_attestation(a, at) for a in reversed(registry.attestations)],
        "annotations": [_annotation(a) for a in registry.annotations],
        "projects": [_project(p, source.id) for source in listed for p in source.projects],
    }


def _responsibility(row: Responsibility) -> ResponsibilityShown:
    attested, measured = row.attested, row.measured
    return {
        "id": row.id,
        "state": row.state,
        "group": row.group,
        "level": row.level,
        "setting": row.setting,
        "counts_from": row.counts_from.isoformat() if row.counts_from else None,
        "replaced_by": row.replaced_by,
        "not_applicable": row.not_applicable,
        "evidence": row.evidence,
        "attested": {
            "link": attested.link,
            "fields": [{"name": f.name, "kind": f.kind, "least": f.least} for f in attested.fields],
            "valid_days": attested.valid_for.days,
            "confirm": attested.confirm,
            "link_check_days": attested.link_check.days if attested.link_check else None,
        }
        if attested
        else None,
        "measured": {
            "metric": measured.metric,
            "threshold": {
                "op": measured.threshold.op,
                "value": measured.threshold.limit,
                "unit": measured.threshold.unit,
            },
            "window_days": measured.window / timedelta(days=1),
            "min_n": measured.min_n,
        }
        if measured
        else None,
        "surveyed": row.surveyed,
    }


def _attestation(made: Attestation, at: datetime) -> AttestationShown:
    standing = made.standing_at(at)
    ended_at = made.ended_at or (made.valid_until if made.valid_until <= at else None)
    return {
        "attestation_id": made.id,
        "responsibility_id": made.responsibility_id,
        "catalogue_version": made.catalogue_version,
        "claim": made.claim,
        "statement": made.statement,
        "link": made.link,
        "fields": stated(made.fields),
        "made_by": made.made_by,
        "role": made.made_role,
        "made_at": rfc3339(made.made_at),
        "valid_until": rfc3339(made.valid_until),
        "standing": standing.value,
        "ended_at": _time(ended_at),
        "ended_because": made.ended_because,
        "supersedes": made.supersedes,
        "confirmed_by": made.confirmed_by,
        "confirmed_role": made.confirmed_role,
        "confirmed_at": _time(made.confirmed_at),
        "link_state": made.link_state,
        "link_reason": made.link_reason,
        "link_digest": made.digest,
        "link_seen_at": _time(made.seen_at),
        "link_looked_at": _time(made.looked_at),
    }


def stated(values: Sequence[FieldStated]) -> dict[str, list[str]]:
    """The fields of an attestation by name, as the API shows and takes them."""
    return {field.name: list(field.values) for field in values}


def _annotation(made: Annotation) -> AnnotationShown:
    return {
        "responsibility_id": made.responsibility_id,
        "statement": made.statement,
        "made_by": made.made_by,
        "made_at": rfc3339(made.made_at),
    }


def _project(project: Project, community: str) -> ProjectShown:
    return {
        "project_id": project.id,
        "community": community,
        **_version(project.newest),
        "history": [_version(version) for version in project.versions],
    }


def _version(version: ProjectVersion) -> ProjectVersionShown:
    return {
        "title": version.title,
        "stakeholder": version.stakeholder,
        "lead": version.lead,
        "geography": version.geography,
        "phase": version.phase,
        "link": version.link,
        "responsibilities": list(version.responsibilities),
        "began_on": version.began_on.isoformat() if version.began_on else None,
        "ended_on": version.ended_on.isoformat() if version.ended_on else None,
        "event": version.change,
        "by": version.by,
        "at": rfc3339(version.at),
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
