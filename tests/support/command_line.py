"""`hearth …` as a test runs it."""

import json
from typing import Any

import pytest

from infra import cli

Capture = pytest.CaptureFixture[str]


def run_json(capsys: Capture, *arguments: str, status: int = 0) -> dict[str, Any]:
    """The one JSON document that the command prints, when it ends with `status`."""
    capsys.readouterr()
    ended, said = cli.main([*arguments, "--json"]), capsys.readouterr()
    assert ended == status, said
    found = json.loads(said.out)
    assert isinstance(found, dict)
    return found
