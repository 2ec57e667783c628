"""The environment as people write it: what editors, Windows and Docker leave around a value is no part of it."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from shared.input.texts import AROUND

PREFIX = "HEARTH_"
_AROUND = f"{AROUND}\ufeff\u200b\u2060"
"""Blanks of all kinds and widths, line ends, and marks of copying."""
_QUOTES = "\"'"


def cleaned(value: str) -> str | None:
    """The value without blanks, marks and one pair of quotes around it; None where nothing is left.

    `.env` files of Docker keep quotes. `"Trust, Safety" <a@b.example>` keeps its own, because they are not around all.
    """
    value = value.strip(_AROUND)
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES and value[0] not in value[1:-1]:
        value = value[1:-1].strip(_AROUND)
    return value or None


def read_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Our variables that have a value, by their names in capitals."""
    ours = {name.upper(): value for name, value in environment.items() if name.upper().startswith(PREFIX)}
    return {name: value for name, given in ours.items() if (value := cleaned(given)) is not None}


def tidy(environment: MutableMapping[str, str]) -> None:
    """Leave of our variables those that have a value, cleaned, for what reads the environment by itself."""
    for name in [name for name in environment if name.upper().startswith(PREFIX)]:
        value = cleaned(environment[name])
        if value is None:
            del environment[name]
        else:
            environment[name] = value


def read_secret(path: Path) -> str | None:
    """What a file of one value holds. Raises OSError, and ValueError where that is not UTF-8 text."""
    return cleaned(path.read_text(encoding="utf-8"))
