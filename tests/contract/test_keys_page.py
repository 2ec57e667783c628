"""docs/keys.md says of every secret what it protects, and what losing or leaking it means."""

import re
from pathlib import Path

from pydantic import SecretStr

from infra.commands.documents.settings_page import settings_of
from infra.commands.keys.secrets import SECRETS
from infra.commands.keys.service_keys import SERVICE_FILES
from infra.services import SERVICES

PAGE = (Path(__file__).parents[2] / "docs/keys.md").read_text(encoding="utf-8")
ROWS = {
    name: [cell.strip() for cell in cells]
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for first, *cells in [line.strip("| ").split(" | ")]
    for name in re.findall(r"`(\w+)`", first)
}


def secret_settings() -> set[str]:
    kinds = {bytes, SecretStr}
    return {
        name
        for service in SERVICES
        if (settings := settings_of(service))
        for name, field in settings.model_fields.items()
        if kinds & {field.annotation, *getattr(field.annotation, "__args__", ())}
    }


def test_every_secret_has_its_row() -> None:
    assert ROWS.keys() >= {*SECRETS, *SERVICE_FILES, *secret_settings()}
    for name, cells in ROWS.items():
        assert len(cells) == 3, name
        assert all(cells), name


def test_the_loss_of_the_master_key_is_said_for_what_it_is() -> None:
    assert "no report can ever be read again" in ROWS["master_key"][1]
    assert "**A lost master key means that no report can ever be read again.**" in PAGE


def test_every_command_and_variable_on_the_page_exists() -> None:
    settings = settings_of("intake")
    assert settings is not None
    for name in re.findall(r"HEARTH_(\w+)", PAGE):
        assert name.lower() in settings.model_fields
    for command in re.findall(r"hearth secrets ([\w-]+)", PAGE):
        assert command in {"rotate", "drop", "versions", "join", "rotate-services"}
