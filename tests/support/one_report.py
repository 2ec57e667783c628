"""One report in all four services, each on stores in memory: handed in, opened as a case, told of, and recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Message

from services.audit.record.leaf import Leaf, Place, write_seal
from services.audit.record.log import SEALS
from services.intake.report.pseudonym import pseudonyms_for
from services.notification.routing.plan import plan
from services.triage.case.case import Case
from shared.access.principal import Principal
from shared.events import Event
from shared.ids import case_id_of
from shared.times import now, rfc3339
from shared.web.forms import TOKEN_FIELD
from tests.fakes.memory_sessions import MemorySessions
from tests.fakes.notification_fakes import MemoryStore
from tests.support import intake_rig, triage_rig
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.notification_rig import app_over
from tests.support.notification_world import ROUTES, summary_of
from tests.support.people import coordinator, responder

BODY, ASKED_BODY, COMMUNITY = "enwiki_arbcom", "stewards", "enwiki"
NAMES = {"reported": "Zebedee Thunderclap", "witness": "Wilhelmina Foghorn", "reporter": "Quixotina Marmalade"}
ADDRESS = "quixotina@reporter.example"
WORDS = {"narrative": "the purple lighthouse keeper shouted", "details": "a beard of seaweed"}
HOMES = {"intake": None, "triage": "/desk", "notification": "/outbox", "audit": "/audit"}
"""Below which address the pages of a service stand that people sign in to."""
CLERK = coordinator("c1e4c1e4", BODY)
COLLEAGUE = responder("c011ea6e", BODY, communities=(COMMUNITY,))
"""Somebody on the roster whom the report has nothing to do with."""


def pseudonyms_of(who: str) -> tuple[str, ...]:
    """Under which pseudonyms somebody of NAMES stands in the report."""
    addresses = [ADDRESS] if who == "reporter" else []
    return pseudonyms_for(intake_rig.SECRETS.pseudonyms, [NAMES[who]], addresses)


@dataclass
class OneReport:
    """The services by name, the sessions of those that people sign in to, and what the report became."""

    apps: dict[str, FastAPI]
    sessions: dict[str, MemorySessions]
    case: Case
    events: list[Event]
    forms: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[str, ...]:
        """What nobody may see who is shut out: the ids, the code name, and the words."""
        measures = (measure.id for measure in self.case.measures)
        return (
            self.case.id,
            self.case.report_id,
            self.case.code_name,
            *measures,
            *WORDS.values(),
            *NAMES.values(),
            ADDRESS,
        )

    async def form_of(self, service: str) -> tuple[str, str]:
        """The cookie and the token of this service's forms, as one browser gets them."""
        if service not in self.forms:
            home = HOMES[service]
            answer = await send(self.apps[service], "GET", f"{home}/sign-in" if home else "/report", HTML)
            cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-hearth_form="))
            self.forms[service] = cookie.partition(";")[0], hidden_fields(answer.text)[TOKEN_FIELD]
        return self.forms[service]


HTML = {"Accept": "text/html", **SAME_ORIGIN}


async def send(
    app: FastAPI, method: str, path: str, headers: Mapping[str, str], *, source: str = "192.0.2.1", **content: Any
) -> httpx.Response:
    """One request from this address, without following where it leads; 500 where the application fails."""
    request = httpx.Request(method, _address_of(path), headers=dict(headers), **content)
    body = request.read()
    # What the transport of httpx does for streams would take longer than to ask, and what is asked is read whole.
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https", "root_path": "",
        "method": method, "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "path": request.url.path, "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query, "server": ("localhost", None), "client": (source, 50_000),
    }  # fmt: skip
    status, given, parts, ended = 500, [], [], asyncio.Event()
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        if message := next(sent, None):
            return message
        await ended.wait()
        return {"type": "http.disconnect"}

    async def answer(message: Message) -> None:
        nonlocal status, given
        if message["type"] == "http.response.start":
            status, given = message["status"], message["headers"]
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                ended.set()

    with suppress(Exception):
        await app(scope, receive, answer)
    return httpx.Response(status, headers=given, content=b"".join(parts), request=request)


@lru_cache(maxsize=1000)
def _address_of(path: str) -> httpx.URL:
    # To read an address takes longer than to ask, and the same few are asked thousands of times.
    return httpx.URL(f"https://localhost{path}")


async def hand_in(
    recused: Sequence[Principal],
    reported: str = NAMES["reported"],
    narrative: str = WORDS["narrative"],
    referred: bool = False,
) -> OneReport:
    """A report that names everybody of NAMES, and whose case these people are recused from.

    `reported`: another way to write the name of the person reported. `narrative`: other words.
    `referred`: ASKED_BODY is asked to take the case over.
    """
    intake = intake_rig.Rig()
    sent = await intake.post(
        narrative=narrative,
        category="harassment.insults",
        reported=[{"name": reported, "details": WORDS["details"]}],
        witnesses=[NAMES["witness"]],
        reporter={"name": NAMES["reporter"], "email": ADDRESS},
    )
    told: list[Event] = list(intake.store.reports[sent["report_id"]]["outbox"])
    received = [event for event in told if event.fact.topic == "reports"]
    parties = [event for event in told if event.fact.topic == "parties"]
    async with triage_rig.make_rig() as desk:
        await desk.parties.follow(parties)
        await desk.intake.take(received)
        desk.entries.enrol(COLLEAGUE)
        case = desk.cases.stored[case_id_of(sent["report_id"])].case
        desk.vault.sections[case.report_id] = {"content": {"narrative": narrative}}
        measure = {"measure": "restriction", "until": f"{now() + timedelta(days=9):%Y-%m-%d}", "scope": "pages"}
        answer = await desk.order(case, "act_in_emergency", {**measure, "why": "It goes on."}, COLLEAGUE)
        assert answer.status_code == 200, answer.text
        for who in recused:
            answer = await desk.order(case, "recuse", {"person": who.ref, "ground": "involved"}, CLERK)
            assert answer.status_code == 200, answer.text
        if referred:
            answer = await desk.order(case, "refer", {"body": ASKED_BODY, "explanation": "Theirs."}, CLERK)
            assert answer.status_code == 200, answer.text
        opened = list(desk.cases.events)
    await intake.progress.project(opened)
    outbox, planned = await _told(received, opened)
    record, sessions = await _recorded({"reports/0": received, "cases/0": opened}), MemorySessions()
    await record.parties.follow(parties)
    told_of = app_over(outbox, sessions, desk.parties)
    apps = {"intake": intake.app, "triage": desk.app, "notification": told_of, "audit": record.app}
    of_each = {"triage": desk.sessions, "notification": sessions, "audit": record.sessions}
    assert planned
    return OneReport(apps, of_each, desk.cases.stored[case.id].case, [*received, *opened])


async def _told(received: Sequence[Event], opened: Sequence[Event]) -> tuple[MemoryStore, int]:
    store, summary = MemoryStore(), summary_of(*opened)
    await store.keep_summaries([summary], [])
    planned = [
        delivery.send_at_once(now())
        for event in (*received, *opened)
        for _, delivery in plan(event, summary, ROUTES, triage_rig.POLICY, now())
    ]
    await store.add(planned)
    return store, len(planned)


async def _recorded(logs: Mapping[str, Sequence[Event]]) -> AuditWorld:
    world = AuditWorld()
    for log, events in logs.items():
        topic, _, partition = log.partition("/")
        leaves = [leaf_of(event, topic, int(partition), offset) for offset, event in enumerate(events)]
        await world.add(log, leaves)
    seals = [write_seal(rfc3339(now()), "test.example", f"test.example\n{n}\ncm9vdA==\n\n— x y\n") for n in (1, 2)]
    await world.add(SEALS, [Leaf(Place(SEALS, 0, n, 0), seal) for n, seal in enumerate(seals)])
    return world
