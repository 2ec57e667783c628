"""What each operation is sent, and what it answers: the examples of the OpenAPI documents.

    python -m tests.support.exchanges

writes them anew. The tests compare what is written with what the services answer.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from shared.web.openapi import EXAMPLES
from tests.support.worlds import WORLDS, World

JSON = "application/json"
_TOKENS = frozenset({"access_token", "id_token", "ticket"})


async def exchanges_of(world: World) -> dict[str, dict[str, Any]]:
    """By operation: the body that was sent, where it takes one, and the answer in JSON, where it has one."""
    document = world.app.openapi()
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
        if "requestBody" in operation or gives_json(operation)
    ]
    found = {}
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as http:
        # What is read comes after what is changed, and an erasure last, because it leaves nothing for the others.
        for name, operation in sorted(operations, key=lambda pair: ("erasures" in pair[0], pair[0].startswith("GET"))):
            found[name] = await _exchange(world, http, name, operation)
    return found


def gives_json(operation: Mapping[str, Any]) -> bool:
    """Whether an operation answers in JSON when all is well."""
    answers = operation["responses"].items()
    return any(status.startswith("2") and JSON in answer.get("content", {}) for status, answer in answers)


async def _exchange(world: World, http: httpx.AsyncClient, name: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    known = {**world.known, **world.apart.get(name, {})}
    method, _, path = name.partition(" ")
    query: dict[str, Any] = {}
    headers = dict(world.caller(name))
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", known[parameter["name"]][0])
        elif parameter.get("required"):
            (query if parameter["in"] == "query" else headers)[parameter["name"]] = known[parameter["name"]][0]
    found: dict[str, Any] = {}
    if taken := operation.get("requestBody"):
        found["request"] = world.bodies[name] if name in world.bodies else _body(taken["content"][JSON], known)
    answer = await http.request(method, path, params=query, headers=headers, json=found.get("request"))
    assert answer.is_success, (name, path, answer.status_code, answer.text)
    if answer.headers.get("content-type") == JSON:
        found["answer"] = answer.json()
    return found


def _body(taken: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    if "examples" in taken:
        return next(iter(taken["examples"].values()))["value"]
    return {name: known[name][0] for name in taken["schema"]["properties"] if name in known}


def shape(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Every place in a JSON value, and what stands there. The items of a list stand at one place."""
    inner: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inner = [(f"{place}/{name}", one) for name, one in value.items()]
    elif isinstance(value, list):
        inner = [(f"{place}/-", one) for one in value]
    yield place, type(value).__name__
    for further, one in inner:
        yield from shape(one, further)


def shortened(value: Any) -> Any:
    """The same, without items of lists that show nothing new, and without most of a token. It has the same shape."""
    if isinstance(value, dict):
        return {name: f"{one[:12]}..." if one and name in _TOKENS else shortened(one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    kept, seen = [], set[tuple[str, str]]()
    for one in value:
        if not seen.issuperset(new := set(shape(one))):
            seen |= new
            kept.append(shortened(one))
    return kept


def write() -> None:
    """Write the examples of every service."""
    logging.disable(logging.CRITICAL)
    EXAMPLES.mkdir(exist_ok=True)
    for service, make in WORLDS.items():
        with asyncio.Runner() as runner:
            found = shortened(runner.run(exchanges_of(runner.run(make()))))
        path = EXAMPLES / f"{service}.json"
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
