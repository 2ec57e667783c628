"""TOML text that remembers its lines, so that a finding names file, line and rule."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"^\s*\[{1,2}\s*([A-Za-z0-9_.-]+)\s*\]{1,2}")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+|\"[^\"]+\")\s*(?:\.|=)")
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
        """The line (from 1) of the `index`-th table of that name, or of a key in it; else the nearest line that is
        known.
        """
        named = [found for found in self.tables if found.name == table]
        if index < len(named):
            return named[index].keys.get(key, named[index].line)
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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyError([Finding(path.name, 1, "", "the file is missing")]) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PolicyError([Finding(path.name, line, "", "not UTF-8 text")]) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_LINE.search(str(error))
        line = int(match[1]) if match and match[1] else text.count("\n") + 1
        raise PolicyError(
            [Finding(path.name, line, "", f"not TOML: {_TOML_LINE.sub('', str(error)).strip()}")]
        ) from None
    return Source(file=path.name, data=data, tables=_scan(text), lines=tuple(text.splitlines()))


def _scan(text: str) -> tuple[_Table, ...]:
    tables = [_Table(name="", line=1, keys={})]
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside:
            if header := _HEADER.match(line):
                tables.append(_Table(name=header[1], line=number, keys={}))
            elif key := _KEY.match(line):
                tables[-1].keys.setdefault(key[1].strip('"'), number)
        for fence in ('"""', "'''"):
            # A multi-line string may hold lines that look like tables. An odd number of fences opens or closes one.
            if line.count(fence) % 2 and inside in ("", fence):
                inside = "" if inside else fence
    return tuple(tables)
