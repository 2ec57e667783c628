"""The page of all settings, made from the settings classes of the services."""

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from infra.services import SERVICES
from shared.environment import PREFIX
from shared.settings import Settings

_INTRODUCTION = """\
# Settings

Made by `hearth settings doc`; `make check` compares it.

Every service reads its settings from environment variables. Instead of each variable, `…_FILE` may name a file that
holds the value; secrets come this way. A wrong or missing setting stops the start with exit status 2, and with one
sentence for each. `hearth secrets` makes the files of all keys.

An empty variable is as good as none. Blanks, line ends of Windows, marks of copying and one pair of quotes around a
value are no part of it. Put a secret that begins and ends with a quote into quotes of the other kind.

"""


def settings_of(service: str) -> type[Settings] | None:
    """The settings class of a service, `IntakeSettings` in services/intake/settings.py; None where there is none."""
    name = f"services.{service}.settings"
    if importlib.util.find_spec(name) is None:
        return None
    found = getattr(importlib.import_module(name), f"{service.capitalize()}Settings")
    return found if issubclass(found, Settings) else None


def settings_page() -> str:
    """The page, in Markdown: what all services share first, then what each has of its own."""
    parts = [_INTRODUCTION, "## All services\n\n", _table(Settings.model_fields, but="port")]
    for service in SERVICES:
        kind = settings_of(service)
        if kind is None:
            continue
        own = {name: field for name, field in kind.model_fields.items() if _differs(name, field)}
        parts += [f"\n## {service.capitalize()}\n\n", _table(own) if own else "Nothing of its own.\n"]
    return "".join(parts)


def _differs(name: str, field: FieldInfo) -> bool:
    shared = Settings.model_fields.get(name)
    return shared is None or shared.default != field.default or shared.description != field.description


def _table(fields: dict[str, FieldInfo], but: str | None = None) -> str:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_kind(field)} | {_default(field)} | {_cell(field.description or '')} |\n"
        for name, field in fields.items()
        if name != but
    ]
    return "| variable | value | if unset | meaning |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _kind(field: FieldInfo) -> str:
    annotation = field.annotation
    kinds: dict[object, str] = {
        bytes: "secret: 32 bytes in base64",
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Path: "path",
        SecretStr: "secret text",  # pragma: allowlist secret  # the name of a kind
    }
    parts = get_args(annotation) if get_origin(annotation) is not Annotated else (annotation,)
    parts = tuple(get_args(part)[0] if get_origin(part) is Annotated else part for part in parts or (annotation,))
    return " or ".join(kinds.get(part, _name(part)) for part in parts if part is not type(None))


def _name(part: object) -> str:
    return f"`{part}`" if isinstance(part, str) else getattr(part, "__name__", str(part))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be set**"
    value = field.get_default(call_default_factory=False)
    return "–" if value in (None, "") else f"`{_cell(str(value))}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
