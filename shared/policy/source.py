"""TOML text that remembers its lines, so that a finding names file, line and rule."""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

_File = TypeVar("_File", bound=BaseModel)

_HEADER = re.compile(r"^\s*\[{1,2}\s*([A-Za-z0-9_.-]+)\s*\]{1,2}")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\"[^\"]+\")\s*(?:\.|=)")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong in one file. `entry` is the id of the table it is about, or empty."""

    file: str
    line: int
    entry: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.entry + ': ' if self.entry else ''}{self.text}"


class PolicyError(ValueError):
    """The policy data cannot be used. `findings` holds everything that is wrong, in the order of the files."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(sorted(set(findings)))
        super().__init__("\n".join(str(finding) for finding in self.findings))


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    line: int
    keys: dict[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file with the lines of its tables and keys."""

    file: str
    data: dict[str, object]
    tables: tuple[_Table, ...]
    lines: tuple[str, ...]

    def tables_named(self, table: str) -> bool:
        """Whether the file writes this table with its own header."""
        return any(found.name == table for found in self.tables)

    def line_of(self, table: str = "", index: int = 0, key: str = "") -> int:
        """The line (from 1) of the `index`-th table of that name, or of a key in it (`a.b` for a dotted one); else the
        nearest line that is known.
        """
        named = [found for found in self.tables if found.name == table]
        if index < len(named):
            lines = named[index].keys
            while key not in lines and "." in key:
                key = key.rpartition(".")[0]
            return lines.get(key, named[index].line)
        # For an inline array (`rule = [{…}]`) the key at the top is the nearest line that is known.
        return self.tables[0].keys.get(table, 1)

    def line_naming(self, word: str, table: str, index: int, key: str) -> int:
        """The line of a quoted word at or after its key; the line of the key if the word is not found."""
        start = self.line_of(table, index, key)
        for number, line in enumerate(self.lines[start - 1 :], start=start):
            if f'"{word}"' in line or f"'{word}'" in line:
                return number
        return start


def read_source(path: Path) -> Source:
    """Parse one file. Raises PolicyError (with the line) if it can't be read or is not TOML."""
    try:
        # Some editors put a byte order mark before the text.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PolicyError([Finding(path.name, 1, "", "the file is missing")]) from None
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise PolicyError([Finding(path.name, 1, "", reason)]) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PolicyError([Finding(path.name, line, "", "not UTF-8 text")]) from None
    return parse_source(path.name, text)


def parse_source(name: str, text: str) -> Source:
    """Parse the text of one file. Raises PolicyError (with the line) if it is not TOML."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_LINE.search(str(error))
        line = int(match[1]) if match and match[1] else text.count("\n") + 1
        raise PolicyError([Finding(name, line, "", f"not TOML: {_TOML_LINE.sub('', str(error)).strip()}")]) from None
    except (RecursionError, ValueError):
        # tomllib lets these through: of brackets within brackets, and of numbers with thousands of digits.
        raise PolicyError(
            [Finding(name, 1, "", "not TOML that can be read: too deep, or a number is too long")]
        ) from None
    return Source(file=name, data=data, tables=_scan(text), lines=tuple(text.splitlines()))


def validated(model: type[_File], source: Source, findings: list[Finding]) -> _File | None:
    """The file as a model. Where it does not fit, None, and what is wrong is added to `findings`."""
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        findings += [_locate(source, problem["loc"], problem["type"], problem["msg"]) for problem in problems]
        return None


def digest(content: object) -> str:
    """Eight hexadecimal digits of parsed content: comments and spacing make no other policy."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _locate(source: Source, loc: tuple[int | str, ...], kind: str, message: str) -> Finding:
    table = str(loc[0]) if loc else ""
    if len(loc) < 2 or not isinstance(loc[1], int):
        return Finding(source.file, source.line_of(key=table), "", _say(kind, table, message))
    rows = source.data[table]
    row = rows[loc[1]] if isinstance(rows, list) else None
    entry = str(row.get("id") or row.get("code") or "") if isinstance(row, dict) else ""
    where = ".".join(str(part) for part in loc[2:])
    line = source.line_of(table, loc[1], where) if source.tables_named(table) else source.line_of(key=table)
    return Finding(source.file, line, f"{table} {entry or loc[1] + 1}", _say(kind, where, message))


def _say(kind: str, where: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return f"unknown key “{where}”"
        case "missing":
            return f"“{where}” is missing"
        case _:
            return f"“{where}”: {message.removeprefix('Value error, ')}"


def _scan(text: str) -> tuple[_Table, ...]:
    tables = [_Table(name="", line=1, keys={})]
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside:
            if header := _HEADER.match(line):
                tables.append(_Table(name=header[1], line=number, keys={}))
            elif key := _KEY.match(line):
                parts = [key[1].strip('"')] if key[1].startswith('"') else key[1].split(".")
                for length in range(1, len(parts) + 1):
                    tables[-1].keys.setdefault(".".join(parts[:length]), number)
        for fence in ('"""', "'''"):
            # A multi-line string may hold lines that look like tables. An odd number of fences opens or closes one.
            if line.count(fence) % 2 and inside in ("", fence):
                inside = "" if inside else fence
    return tuple(tables)
