"""HTTP for programs: `/v1/record/*`. Every route but that of the verifier keys needs an auditor."""

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse

from services.audit.answers import (
    ConsistencyProof,
    EntryList,
    EntryShown,
    InclusionProof,
    LogList,
    LogShown,
    VerifierKeys,
)
from services.audit.queries import Explorer, Proof, read_leaf
from services.audit.reads import ReadRecorder
from services.audit.record.log import SEALS, Entry, Head
from services.audit.record.query import RecordPlace, RecordQuery, TimelinePlace, write_position
from services.audit.record.withheld import Withheld
from services.audit.tlog.note import VerifierKey, encode_base64
from services.audit.tlog.tiles import ENTRIES, TILE_WIDTH, Tile
from services.audit.tlog.tree import hash_leaf
from shared.access.authorization import demand
from shared.access.principal import Principal
from shared.problems import FieldError, FieldsWrong, NotFound
from shared.times import now, parse_query_time, rfc3339
from shared.web.bodies import gives, gives_media, json_response
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.headers import FOR_ALL
from shared.web.paging import Cursors, PlaceT
from shared.web.queries import Whole, refuse_unknown_names

PURPOSE = "audit"
PROGRAM = Path(__file__).with_name("verify.py")
CURSORS = Cursors(RecordPlace)
TIMELINE_CURSORS = Cursors(TimelinePlace)
PYTHON = "text/x-python"
TLOG_PROOF = "text/plain; charset=utf-8"
_BYTES = gives_media("application/octet-stream")
_PROOF: dict[int | str, dict[str, Any]] = {200: {**gives(InclusionProof)[200], **gives_media("text/plain")[200]}}
_PURPOSE = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)

Purpose = Annotated[str | None, Query(alias="purpose")]
PurposeHeader = Annotated[str | None, Header(alias="Hearth-Purpose")]


def make_routes(explorer: Explorer, reads: ReadRecorder, gate: Gate, verifier: VerifierKey) -> APIRouter:
    """The routes of the record."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/record")
    program = PROGRAM.read_bytes()
    only_known = [Depends(refuse_unknown_names)]

    @router.get("/keys", responses=gives(VerifierKeys), **does("record.keys"))
    async def list_keys() -> Response:
        """The verifier keys. They are public, so that people can compare them with keys that came another way."""
        return json_response({"items": [{"name": verifier.name, "vkey": str(verifier)}], "next": None})

    @router.get("/verify.py", response_class=Response, responses=gives_media(PYTHON), **does("record.keys"))
    async def read_program() -> Response:
        """The program that verifies the record. It is only as true as this service: compare it with a release."""
        return Response(program, media_type=f"{PYTHON}; charset=utf-8", headers=FOR_ALL)

    @router.get("/logs", responses=gives(LogList), **does("record.heads"))
    async def list_logs(request: Request) -> Response:
        """Every log with its size and root."""
        heads = await explorer.heads()
        return json_response({"items": [_log_item(head, explorer) for head in heads], "next": None})

    @router.get("/logs/seals/checkpoint", response_class=PlainTextResponse, **does("record.heads"))
    @router.get("/logs/{topic}/{partition}/checkpoint", response_class=PlainTextResponse, **does("record.heads"))
    async def read_checkpoint(request: Request, topic: str = "", partition: str = "") -> Response:
        """The log's signed checkpoint (c2sp.org/tlog-checkpoint)."""
        signed = await explorer.checkpoint(name_log(topic, partition))
        return Response(signed.note, media_type=TLOG_PROOF, headers={"Cache-Control": "no-store"})

    @router.get("/logs/seals/tile/{path:path}", response_class=Response, responses=_BYTES, **does("record.heads"))
    @router.get(
        "/logs/{topic}/{partition}/tile/{path:path}", response_class=Response, responses=_BYTES, **does("record.heads")
    )
    async def read_tile(
        request: Request, path: str, topic: str = "", partition: str = "",
        purpose: Purpose = None, hearth_purpose: PurposeHeader = None,
    ) -> Response:  # fmt: skip
        """A hash tile or entry bundle (c2sp.org/tlog-tiles). Reads of entries are recorded, hourly for each log.

        A bundle has `{"leaf_hash":"…","withheld":true}` in place of an entry that the reader may not see. Its hash is
        not that of these bytes but the one that it states, which stands in the hash tile as well.
        """
        who = principal_of(request)
        log = name_log(topic, partition)
        try:
            tile = Tile.parse(f"tile/{path}")
        except ValueError:
            raise NotFound from None
        if tile.level == ENTRIES and log != SEALS:
            demand(who, "record.entries", None, now())
        content = await (explorer.bundle(who, log, tile) if tile.level == ENTRIES else explorer.tile(log, tile))
        if tile.level == ENTRIES and log != SEALS:
            query = "/v1/record/logs/{topic}/{partition}/tile/entries"
            await reads.note_once(who, query, log, read_purpose(purpose, hearth_purpose), now())
        return Response(content, media_type="application/octet-stream", headers={"Cache-Control": _keep(log, tile)})

    @router.get("/cases/{case_id}/timeline", responses=gives(EntryList), dependencies=only_known, **does("record.read"))
    async def read_timeline(
        request: Request, case_id: str, cursor: str | None = None,
        limit: Annotated[Whole, Query(ge=1, le=1000)] = 1000,
        purpose: Purpose = None, hearth_purpose: PurposeHeader = None,
    ) -> Response:  # fmt: skip
        """Every entry about a case, page by page, in order of the times of the events across all logs."""
        who = principal_of(request)
        stated = read_purpose(purpose, hearth_purpose)
        found, more = await explorer.timeline(who, case_id, TIMELINE_CURSORS.read(cursor), limit)
        await note(who, "/v1/record/cases/{id}/timeline", len(found), stated, case_id if found else None)
        return json_response({"items": [_item(one) for one in found], "next": _next(TIMELINE_CURSORS, more)})

    @router.get("/events", responses=gives(EntryList), dependencies=only_known, **does("record.read"))
    async def list_events(
        request: Request,
        log: str | None = None,
        event_id: str | None = None,
        case_id: str | None = None,
        type_: Annotated[str | None, Query(alias="type")] = None,
        actor: str | None = None,
        community: str | None = None,
        trace_id: str | None = None,
        since: Annotated[str | None, Query(alias="from")] = None,
        until: Annotated[str | None, Query(alias="to")] = None,
        cursor: str | None = None,
        limit: Annotated[Whole, Query(ge=1, le=1000)] = 100,
        purpose: Purpose = None,
        hearth_purpose: PurposeHeader = None,
    ) -> Response:
        """Entries in order of position; the cursor is a position, never a time.

        Without a filter but `log`, every entry stands in its place; one that the reader may not see has only `log`,
        `index`, `leaf_hash` and `withheld`. No filter finds such an entry. A page may be short, or empty, and have a
        `next` page.
        """
        who = principal_of(request)
        stated = read_purpose(purpose, hearth_purpose)
        log = None if log is None else short_name(log)
        given = {
            "event": event_id, "case": case_id, "type": type_, "actor": actor, "community": community,
            "trace": trace_id,
        }  # fmt: skip
        query = RecordQuery(
            {name: value for name, value in given.items() if value is not None},
            log,
            _time("from", since),
            _time("to", until),
            write_position(*place) if (place := CURSORS.read(cursor)) else None,
        )
        found, more = await explorer.events(who, query, limit)
        await note(who, "/v1/record/events", len(found), stated, case_id if found else None)
        return json_response({"items": [_item(one) for one in found], "next": _next(CURSORS, more)})

    @router.get("/proofs/{event_id}", responses=_PROOF, **does("record.prove"))
    async def read_proof(
        request: Request, event_id: str, purpose: Purpose = None, hearth_purpose: PurposeHeader = None
    ) -> Response:
        """The proof that an event is in the record: JSON, or a `.tlog-proof` file for `Accept: text/plain`.

        There is none of an event that the reader may not see; its hash tile proves its place.
        """
        who = principal_of(request)
        stated = read_purpose(purpose, hearth_purpose)
        as_file = event_id.endswith(".tlog-proof") or request.headers.get("accept", "").startswith("text/plain")
        entry = await explorer.event(who, event_id.removesuffix(".tlog-proof"))
        (proof,) = await explorer.prove([entry])
        await note(who, "/v1/record/proofs/{event_id}", 1, stated, entry.about.get("case"))
        if as_file:
            return Response(proof.bundle, media_type=TLOG_PROOF)
        return json_response(_proof_item(proof))

    @router.get("/consistency", responses=gives(ConsistencyProof), **does("record.heads"))
    async def read_consistency(
        request: Request,
        log: str,
        old: Annotated[Whole, Query(alias="from", ge=0)],
        new: Annotated[Whole, Query(alias="to", ge=0)],
    ) -> Response:
        """The proof that a log only grew between two sizes (RFC 6962 §2.1.2)."""
        log = short_name(log)
        proof = await explorer.consistency(log, old, new)
        return json_response({"log": log, "from": old, "to": new, "proof": [encode_base64(one) for one in proof]})

    def short_name(log: str) -> str:
        # Checkpoints and the list of logs name a log by its origin.
        return log.removeprefix(f"{verifier.name}/")

    async def note(who: Principal, query: str, results: int, purpose: str, case_id: str | None) -> None:
        await reads.note(who, query, results, purpose, now(), case_id)

    return router


def _keep(log: str, tile: Tile) -> str:
    if tile.level == ENTRIES and log != SEALS:
        # Entries name people by their references, and a copy would outlive the right to read them.
        return "no-store"
    return "private, max-age=31536000, immutable" if tile.width == TILE_WIDTH else "private, max-age=60"


def name_log(topic: str, partition: str) -> str:
    """The log of a path; the seal log if the path has no topic. Raises NotFound for a partition in another spelling."""
    if not topic:
        return SEALS
    if not partition.isascii() or not partition.isdigit() or str(int(partition)) != partition:
        raise NotFound
    return f"{topic}/{partition}"


def read_purpose(*stated: str | None) -> str:
    """The purpose that the reader states: a short code, as it stays in the record for ever. Raises Problem 422."""
    purpose = next((one for one in stated if one is not None), PURPOSE)
    if not _PURPOSE.fullmatch(purpose):
        raise _invalid(
            "purpose", "A purpose is up to 40 lower-case letters, digits and hyphens, such as quarterly-review."
        )
    return purpose


def _invalid(name: str, detail: str) -> FieldsWrong:
    error = FieldError(f"/{name}", "invalid", detail)
    return FieldsWrong([error])


def _time(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return rfc3339(parse_query_time(text))
    except ValueError:
        raise _invalid(name, "A time is RFC 3339, such as 2026-11-24T09:00:00Z.") from None


def _log_item(head: Head, explorer: Explorer) -> LogShown:
    signed = explorer.sign(head)
    topic, _, partition = head.log.rpartition("/")
    return {
        "log": signed.checkpoint.origin,
        "path": f"logs/{head.log}",
        "size": signed.size,
        "root": encode_base64(signed.root),
        "at": rfc3339(head.at) if head.at else None,
        "topic": topic or SEALS,
        "partition": int(partition) if topic else None,
    }


def _item(one: Entry | Withheld) -> EntryShown:
    if isinstance(one, Withheld):
        return {"log": one.log, "index": one.index, "leaf_hash": encode_base64(one.leaf_hash), "withheld": True}
    shown: EntryShown = {"log": one.log, "index": one.index, "entry": read_leaf(one)}
    if "event" in one.about:
        shown["proof"] = f"/v1/record/proofs/{one.about['event']}"
    return shown


def _next(cursors: Cursors[PlaceT], place: PlaceT | None) -> str | None:
    return None if place is None else cursors.write(place)


def _proof_item(proof: Proof) -> InclusionProof:
    return {
        "log": proof.signed.checkpoint.origin,
        "index": proof.entry.index,
        "size": proof.signed.size,
        "leaf_hash": encode_base64(hash_leaf(proof.entry.leaf)),
        "path": [encode_base64(one) for one in proof.path],
        "checkpoint": proof.signed.note,
        "entry": proof.entry.leaf.decode(),
    }
