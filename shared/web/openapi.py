"""What the OpenAPI documents say beyond what the framework knows: where a service answers, who may call what, problem
details and whole schemas.
"""

import json
from pathlib import Path
from typing import Any

from shared.access.principal import Role
from shared.access.table import TABLE

DECLARED = "x-hearth-action"
"""Under this name an operation says its action."""
EXAMPLES = Path(__file__).parent / "examples"
"""By service and operation: what it was sent and what it answered in a test (tests/support/exchanges.py)."""
PROBLEM = "Problem"
PROBLEM_TYPE = "application/problem+json"
_JSON = "application/json"
_DEFINITIONS = "#/$defs/"
_SCHEMAS = "#/components/schemas/"
_NEVER_SENT = ("HTTPValidationError", "ValidationError")
"""The framework's own answers. shared.web.app gives problem details instead."""
_FIELD_ERROR = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
    "required": ["pointer", "code", "detail"],
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "title": PROBLEM,
    "description": "RFC 9457; docs/errors.md lists the types.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "request_id": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": _FIELD_ERROR},
    },
    "required": ["type", "title", "status", "request_id"],
}
_TOKEN, _SERVICE = "token", "service"
_SCHEMES = {
    _TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an integrator (`hearth_int_…`) or a person (`hearth_pat_…`), from an operator.",
    },
    _SERVICE: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token that another service of Hearth signs for one call.",
    },
}
_ABOUT = {
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "description": "JSON in UTF-8. A refusal is a problem document (RFC 9457). Pass over fields that you do not know: "
    "later versions add some. Examples are messages of tests; their lists are shortened.",
}
_ANSWER = {
    "description": "Any refusal, as problem details",
    "content": {PROBLEM_TYPE: {"schema": {"$ref": _SCHEMAS + PROBLEM}}},
}


def complete(document: dict[str, Any], service: str, address: str) -> dict[str, Any]:
    """The document of a `service` that answers at `address`: with who may call each operation, examples, a problem as a
    further answer of each, and definitions where references find them.

    Changes the document that it is given.
    """
    document["info"] |= _ABOUT
    document["servers"] = [{"url": address}]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _NEVER_SENT:
        schemas.pop(name, None)
    schemas[PROBLEM] = _PROBLEM_SCHEMA
    for operation in _operations(document):
        _name_problem(operation)
        operation["security"] = _security_of(operation[DECLARED])
        _bound(operation.get("parameters", []))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            _hoist(content["schema"], schemas)
    _show(document, service)
    needed = {name for one in _operations(document) for shown in one["security"] for name in shown}
    document["components"]["securitySchemes"] = {name: _SCHEMES[name] for name in _SCHEMES if name in needed}
    return document


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for operations in document["paths"].values() for operation in operations.values()]


def _show(document: dict[str, Any], service: str) -> None:
    path = EXAMPLES / f"{service}.json"
    shown = json.loads(path.read_bytes()) if path.exists() else {}
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            exchange = shown.get(f"{method.upper()} {address}", {})
            taken = operation.get("requestBody", {}).get("content", {}).get(_JSON, {})
            if "request" in exchange and "examples" not in taken:
                taken["example"] = exchange["request"]
            for status, answer in operation["responses"].items():
                given = answer.get("content", {}).get(_JSON)
                if "answer" in exchange and given and status.startswith("2"):
                    given["example"] = exchange["answer"]


def _bound(part: Any) -> None:
    # The models leave a bound in their own words where a validator of ours stands before it.
    if isinstance(part, dict):
        for ours, theirs in (("ge", "minimum"), ("le", "maximum")):
            if isinstance(part.get(ours), int):
                part[theirs] = part.pop(ours)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _bound(inner)


def _security_of(action: str) -> list[dict[str, list[str]]]:
    roles = {row.role for row in TABLE if row.action == action}
    if Role.ANYONE in roles:
        # A token is optional; one that opens nothing is refused even here.
        return [{}, {_TOKEN: []}]
    return [{_SERVICE: []}] if roles == {Role.SERVICE} else [{_TOKEN: []}]


def _name_problem(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if _NEVER_SENT[0] in str(answers.get("422")):
        del answers["422"]
    answers.setdefault("4XX", _ANSWER)
    answers.setdefault("default", _ANSWER)


def _hoist(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the definitions of a body to those of the document, because a reference starts at the document's root.

    Raises ValueError for two definitions of one name: a reference would lead to either.
    """
    for name, definition in schema.pop("$defs", {}).items():
        _point(definition)
        if schemas.setdefault(name, definition) != definition:
            raise ValueError(f"{name} stands for two schemas in one document")
    _point(schema)


def _point(part: Any) -> None:
    if isinstance(part, dict):
        if str(part.get("$ref", "")).startswith(_DEFINITIONS):
            part["$ref"] = _SCHEMAS + part["$ref"].removeprefix(_DEFINITIONS)
        for inner in part.values():
            _point(inner)
    elif isinstance(part, list):
        for inner in part:
            _point(inner)
