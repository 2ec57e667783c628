"""Everything that somebody can get from the four services with their token: every route, filter, page and proof."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx

from infra.local.system import System
from services.notification.delivery import DeliveryState as DeliveryState
from shared.events import FACTS, CaseState
from shared.policy import load_policy
from tests.support.every_app import SERVICES, build
from tests.support.route_walk import Thing, steps_of

LINK = re.compile(r'(?:href|action)="(/[^"#]*)"')
MOST_PAGES = 60
MOST_LINKS = 300
HTML = {"Accept": "text/html"}
STREAM = 2.0
"""Seconds of silence after which nobody listens to a stream any longer."""


@dataclass(frozen=True)
class Answer:
    """What came back, with its headers, and what was asked: an answer may repeat that."""

    asked: str
    status: int
    text: bytes


@dataclass(frozen=True)
class Known:
    """What somebody may have heard elsewhere, and asks for: ids, and words to search for."""

    thing: Thing
    event_ids: tuple[str, ...]
    traces: tuple[str, ...]
    people: tuple[str, ...]
    words: tuple[str, ...]


def everything(system: System, token: str, known: Known) -> list[Answer]:
    """Every answer that this token gets, to every request that can be thought of."""

    def of(name: str) -> list[Answer]:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=system.url(name), headers=headers, timeout=30) as http:
            asker = _Asker(http)
            return [
                *asker.routes(name, known.thing),
                *asker.paths(_MORE[name](http, known)),
                *asker.links(),
            ]

    for name in SERVICES:
        _app(name)
    with ThreadPoolExecutor(len(SERVICES)) as threads:
        return [answer for answers in threads.map(of, SERVICES) for answer in answers]


_app = lru_cache(build)


class _Asker:
    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._asked: set[str] = set()
        self._found: list[str] = []
        self._links = 0

    def routes(self, service: str, thing: Thing) -> Iterator[Answer]:
        for step in steps_of(_app(service), thing, thing.missing()):
            for accept in ({}, HTML):
                ask = step.ask
                content = ask.content or ({} if ask.method == "GET" else {"json": {}})
                yield self._send(ask.method, ask.path, {**ask.headers, **accept}, content)

    def paths(self, paths: Iterable[str]) -> Iterator[Answer]:
        for first in paths:
            path = first
            for _ in range(MOST_PAGES):
                answer = self._send("GET", path, {}, {})
                yield answer
                cursor = _next_of(answer)
                if not cursor:
                    break
                path = f"{first}{'&' if '?' in first else '?'}cursor={quote(cursor)}"

    def links(self) -> Iterator[Answer]:
        """What the pages lead to, and from there on."""
        for path in self._found:
            if path not in self._asked and self._links < MOST_LINKS:
                self._links += 1
                yield self._send("GET", path, HTML, {})

    def _send(self, method: str, path: str, headers: Mapping[str, str], content: Mapping[str, Any]) -> Answer:
        with self._http.stream(method, path, headers=dict(headers), **content) as answer:
            said = _body_of(answer)
        self._asked.add(path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            self._found += map(unescape, LINK.findall(said.decode()))
        text = said + repr(answer.headers.multi_items()).encode()
        return Answer(f"{method} {path} {content}", answer.status_code, text)


def _body_of(answer: httpx.Response) -> bytes:
    """What stands in an answer; of a stream of events, which ends after half a minute, what it says at first."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return answer.read()
    said = b""
    answer.request.extensions["timeout"]["read"] = STREAM
    with suppress(httpx.ReadTimeout):
        for part in answer.iter_bytes():
            said += part
    return said


def _next_of(answer: Answer) -> str | None:
    match = re.search(rb'"next":"([^"]+)"', answer.text)
    return match[1].decode() if match and answer.status == 200 else None


def _of_intake(http: httpx.Client, known: Known) -> Iterator[str]:
    yield from (f"/report?{word}" for word in known.words)


def _of_triage(http: httpx.Client, known: Known) -> Iterator[str]:
    yield from ("/v1/cases?limit=1", "/v1/cases?limit=200", "/v1/roster?limit=1")
    for state in CaseState:
        yield from (f"/v1/cases?state={state}&limit=1", f"/desk?state={state}")
    for body in load_policy().bodies:
        yield from (f"/v1/cases?body={body}&limit=1", f"/desk?body={body}")
    for person in known.people:
        yield from (f"/v1/roster/{person}", f"/desk/roster/{person}", f"/desk/roster?person={person}")


def _of_notification(http: httpx.Client, known: Known) -> Iterator[str]:
    yield "/v1/deliveries?limit=1"
    for state in DeliveryState:
        yield from (f"/v1/deliveries?state={state}&limit=1", f"/outbox?state={state}")


def _of_audit(http: httpx.Client, known: Known) -> Iterator[str]:
    events = "/v1/record/events"
    for log in http.get("/v1/record/logs").json().get("items", []):
        path, size = log["path"], log["size"]
        name = path.removeprefix("logs/")
        yield from (f"/v1/record/{path}/checkpoint", f"{events}?log={name}&limit=1000")
        yield from (f"/v1/record/consistency?log={name}&from={old}&to={size}" for old in range(min(size, 5)))
        yield from (f"/v1/record/{path}/tile/{level}/{tile}" for level in (0, "entries") for tile in _tiles(size))
    yield from (f"{events}?limit=100", f"{events}?from=2020-01-01T00:00:00Z&to=2999-01-01T00:00:00Z")
    yield from (f"{events}?type={kind}" for kind in FACTS)
    yield from (f"{events}?actor={actor}" for actor in (*known.people, "reporter", "service:triage"))
    yield from (f"{events}?trace_id={trace}" for trace in known.traces)
    yield from (f"{events}?community={community}" for community in load_policy().communities)
    yield from (f"{events}?case_id={known.thing.case_id}", f"/v1/record/cases/{known.thing.report_id}/timeline")
    for event_id in known.event_ids:
        yield from (f"{events}?event_id={event_id}", f"/v1/record/proofs/{event_id}", f"/audit?q={event_id}")
    yield from (f"/audit?q={quote(word)}" for word in (known.thing.code_name, known.thing.report_id, *known.words))


def _tiles(size: int) -> Iterator[str]:
    yield from (f"{index:03d}" for index in range(size // 256))
    if size % 256:
        yield from (f"{size // 256:03d}.p/{width}" for width in {1, size % 256})


_MORE = {"intake": _of_intake, "triage": _of_triage, "notification": _of_notification, "audit": _of_audit}


class Search:
    """Looks for texts in bytes, in whatever way those spell them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` by what they are."""
        self._texts = {name: text.lower() for name, text in texts.items()}
        # Case is let go of, also in base64: by chance so many letters do not come together.
        self._spelled = {name: [one.lower() for one in spellings(text)] for name, text in texts.items()}

    def find(self, text: bytes, asked: str = "") -> set[str]:
        """What stands in `text` and was not asked for."""
        lower = text.lower()
        named = {name for name, spelled in self._spelled.items() if any(one in lower for one in spelled)}
        return {name for name in named if self._texts[name] not in asked.lower()}


def spellings(text: str) -> Sequence[bytes]:
    """A text as programs may write it: in clear, as UTF-16, in hexadecimal, and in base64 wherever it begins."""
    raw = text.encode()
    found = [raw, quote(text, safe="").encode(), text.encode("utf-16-le"), raw.hex().encode()]
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        part = whole[4 if before else 0 : (before + len(raw)) // 3 * 4]
        found += [part, part.replace(b"+", b"-").replace(b"/", b"_")]
    return found
