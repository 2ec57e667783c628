"""Erasure over HTTP, for people who may order it, by the ids of reports or of their cases."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.intake.answers import ErasureAnswer, ErasureItem, ErasureResult
from services.intake.erasure.actions import Erasing, Erasure, ErasureReason
from services.intake.fields import PRIVATE, Body, Identifier
from services.intake.stored import Store, StoredReport
from services.intake.vault.resources import resource_of
from shared.access.authorization import demand, is_permitted
from shared.access.principal import Principal
from shared.field_words import UUID, of_form
from shared.ids import new_id
from shared.problems import FieldError
from shared.times import now
from shared.web.bodies import gives, json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does, principal_of

MOST_IDS = 500
# Nothing but a random id, because it stands in events for ever. Who made the request is written down elsewhere.
RequestId = Annotated[str, of_form(UUID)]


class ErasureOrder(Body):
    """POST /v1/erasures. The same `request_id` with the same ids gives the same answer."""

    reason: ErasureReason
    request_id: RequestId | None = None
    report_ids: Annotated[tuple[Identifier, ...], Field(max_length=MOST_IDS)] = ()
    case_ids: Annotated[tuple[Identifier, ...], Field(max_length=MOST_IDS)] = ()
    dry_run: bool = False


def _faults_of(order: ErasureOrder) -> Iterable[FieldError]:
    if not order.report_ids and not order.case_ids:
        yield FieldError("/report_ids", "missing", "Name reports or cases.")


MadeOf = Callable[[StoredReport], Sequence[str]]
"""Who says which reports were made of one (services.intake.mailbox.further.FurtherReports.made_of)."""


def make_erasure_router(erasing: Erasing, store: Store, gate: Gate, made_of: MadeOf) -> APIRouter:
    """The route.

    A report looks unknown to people who may not erase it: those it names, those recused from its case, and coordinators
    of other bodies and communities than those of its case.
    """
    router = gate.router(Callers.PROGRAMS)

    @router.post("/v1/erasures", responses=gives(ErasureAnswer), **does("report.erase", takes(ErasureOrder)))
    async def erase(request: Request) -> Response:
        """Destroy the data keys of reports, for good. Each id gets a result: erased, already (by another request) or
        unknown. With `dry_run` nothing is erased, and a report with its keys gets `standing`. Repeat after a 503."""
        who = principal_of(request)
        actor = who.actor(demand(who, "report.erase", None, now()).role)
        order = parse_body(ErasureOrder, await request.body(), _faults_of)
        request_id = order.request_id or new_id()
        found = [(asked, r if r and _may(who, r) else None) for asked, r in await _find(store, order)]
        known = [report for _, report in found if report is not None]
        if order.dry_run:
            results: dict[str, ErasureResult] = {
                report.id: "standing" if report.vault else "already" for report in known
            }
        else:
            erasure = Erasure(order.reason, request_id, actor)
            results = dict(await erasing.erase([report.id for report in known], erasure))
        made = await _made_of(known, made_of, store, who)
        items = [_item(asked, report, results, made) for asked, report in found]
        body: ErasureAnswer = {
            "request_id": request_id,
            "reason": order.reason,
            "dry_run": order.dry_run,
            "items": items,
        }
        return json_response(body, headers=PRIVATE)

    return router


def _may(who: Principal, report: StoredReport) -> bool:
    return is_permitted(who, "report.erase", resource_of(report), now())


Found = list[tuple[str, StoredReport | None]]


async def _find(store: Store, order: ErasureOrder) -> Found:
    by_id = await store.load(order.report_ids) if order.report_ids else {}
    by_case = await store.load_by_case(order.case_ids) if order.case_ids else {}
    found: Found = [(asked, by_id.get(asked)) for asked in dict.fromkeys(order.report_ids)]
    return found + [(asked, by_case.get(asked)) for asked in dict.fromkeys(order.case_ids)]


async def _made_of(
    reports: Iterable[StoredReport], made_of: MadeOf, store: Store, who: Principal
) -> Mapping[str, list[str]]:
    """The reports that were made of each, as far as they hold words and this person may erase them."""
    made = {report.id: made_of(report) for report in reports}
    ids = {one for ids in made.values() for one in ids}
    there = await store.load(ids) if ids else {}
    # Before triage has opened its case, nobody knows who has no part in it.
    standing = {i for i, one in there.items() if one.vault and one.status.seq and _may(who, one)}
    return {report_id: [one for one in ids if one in standing] for report_id, ids in made.items()}


def _item(
    asked: str,
    report: StoredReport | None,
    results: Mapping[str, ErasureResult],
    made: Mapping[str, list[str]],
) -> ErasureItem:
    if report is None:
        return {"id": asked, "result": "unknown"}
    item: ErasureItem = {
        "id": asked,
        "report_id": report.id,
        "case_id": report.case_id,
        "state": report.status.state,
        "result": results[report.id],
    }
    return {**item, "came_of_it": made[report.id]} if made[report.id] else item
