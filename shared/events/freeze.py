"""Frozen JSON Schemas: one file per fact and version, written once, and checks that they are kept and only grow.

`python -m shared.events.freeze` checks; with `--write` it adds the schemas of new versions.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from shared.addresses import SCHEMAS as ADDRESS
from shared.events import FACTS, Fact

SCHEMAS = Path(__file__).parent / "schemas"
_NAMES = ("title", "description", "$id")


@cache
def schema_of(fact: type[Fact]) -> Mapping[str, Any]:
    """The JSON Schema (2020-12) of a fact's data, as it is published. Made once, because many documents show it."""
    schema = fact.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ADDRESS + fact.schema_path(),
        **schema,
    }


@cache
def published() -> Mapping[str, bytes]:
    """Every schema by its path below the address of schemas, such as `case.opened/1.0.json`."""
    return {path.relative_to(SCHEMAS).as_posix(): path.read_bytes() for path in sorted(SCHEMAS.glob("*/*.json"))}


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without `$defs`: each stands where a reference led to it, so that the schema can stand in a document.

    Leaves out what only a document of its own has: its address and dialect.
    """
    definitions = schema.get("$defs", {})

    def expand(node: Any) -> Any:
        if isinstance(node, list):
            return [expand(one) for one in node]
        if not isinstance(node, dict):
            return node
        told = {name: expand(value) for name, value in node.items() if name != "$ref"}
        reference = node.get("$ref", "")
        return {**expand(definitions[reference.removeprefix("#/$defs/")]), **told} if reference else told

    own = {name: value for name, value in schema.items() if name not in ("$schema", "$id", "$defs")}
    return {name: value if name == "examples" else expand(value) for name, value in own.items()}


def find_problems(facts: Mapping[str, type[Fact]] = FACTS, folder: Path = SCHEMAS) -> list[str]:
    """What breaks the promise: a version not frozen, a frozen one that changed, a minor that is not compatible."""
    problems = []
    for fact in facts.values():
        path = folder / fact.schema_path()
        if not path.exists():
            problems.append(f"{fact.name} {fact.version} is not frozen yet: run `hearth schemas freeze`")
        elif json.loads(path.read_text(encoding="utf-8")) != schema_of(fact):
            problems.append(f"{fact.name} {fact.version} changed: give it a new version instead")
        frozen = sorted((folder / fact.name).glob("*.json"), key=_version_of)
        for older, newer in pairwise(frozen):
            if _version_of(older)[0] == _version_of(newer)[0]:
                old, new = (json.loads(p.read_text(encoding="utf-8")) for p in (older, newer))
                problems += [f"{fact.name} {older.stem} to {newer.stem}: {reason}" for reason in find_breaks(old, new)]
    return problems


def find_breaks(old: Mapping[str, Any], new: Mapping[str, Any], at: str = "") -> list[str]:
    """Why a reader of `old` would fail on data of `new`, or a reader of `new` on stored data of `old`.

    Within a major, fields may be added if they are optional for readers; nothing is removed, retyped or newly required.
    """
    breaks = []
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name, field in old_fields.items():
        place = f"{at}/{name}"
        if name not in new_fields:
            breaks.append(f"{place} was removed")
            continue
        before, after = _shape(field), _shape(new_fields[name])
        if before != after:
            breaks.append(f"{place} changed from {json.dumps(before)} to {json.dumps(after)}")
    # A field with a default is required in serialised data but not of readers; what counts is whether it has a default.
    added = (name for name in new_fields if name not in old_fields)
    breaks += [f"{at}/{name} is new and has no default" for name in added if "default" not in new_fields[name]]
    for name, definition in old.get("$defs", {}).items():
        if name in new.get("$defs", {}):
            breaks += find_breaks(definition, new["$defs"][name], f"{at}/$defs/{name}")
    return breaks


def freeze(facts: Mapping[str, type[Fact]] = FACTS, folder: Path = SCHEMAS) -> list[Path]:
    """Write the schemas of versions that are not frozen yet; never touches one that is."""
    written = []
    for fact in facts.values():
        path = folder / fact.schema_path()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema_of(fact), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            written.append(path)
    return written


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every promise is kept, 1 with one line per finding."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if "--write" in arguments:
        for path in freeze():
            print(f"frozen: {path.relative_to(SCHEMAS)}")  # noqa: T201  # a command's answer
    problems = find_problems()
    for problem in problems:
        print(problem)  # noqa: T201  # a command's answer
    return 1 if problems else 0


def _shape(field: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key not in _NAMES and key != "default"}


def _version_of(path: Path) -> tuple[int, int]:
    major, _, minor = path.stem.partition(".")
    return int(major), int(minor)


if __name__ == "__main__":
    sys.exit(main())
