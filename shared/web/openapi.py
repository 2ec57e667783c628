"""What the OpenAPI documents say beyond what the framework knows: problem details and whole schemas."""

from typing import Any

PROBLEM = "Problem"
PROBLEM_TYPE = "application/problem+json"
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
_ANSWER = {
    "description": "Any refusal, as problem details",
    "content": {PROBLEM_TYPE: {"schema": {"$ref": _SCHEMAS + PROBLEM}}},
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with a problem as a further answer of every operation, and definitions where references find them.

    Changes the document that it is given.
    """
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _NEVER_SENT:
        schemas.pop(name, None)
    schemas[PROBLEM] = _PROBLEM_SCHEMA
    for operations in document["paths"].values():
        for operation in operations.values():
            _name_problem(operation)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _hoist(content["schema"], schemas)
    return document


def _name_problem(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if _NEVER_SENT[0] in str(answers.get("422")):
        del answers["422"]
    answers.setdefault("default", _ANSWER)


def _hoist(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the definitions of a body to those of the document, because a reference starts at the document's root."""
    for name, definition in schema.pop("$defs", {}).items():
        schemas[name] = definition
        _point(definition)
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
