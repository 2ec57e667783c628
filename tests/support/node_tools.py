"""Checks by programs for Node, of the packages that package-lock.json pins. They need no network."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.assets import ROOT, find_npm

PROGRAMS = Path(__file__).parent / "node"


def run_node(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """What a program for Node says and how it ends. Packages are found from where the program stands."""
    node = find_npm().path / "node"
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    return subprocess.run(
        [node, *arguments], cwd=ROOT, env={**os.environ, **quiet}, capture_output=True, text=True, check=False
    )


def answer_of(program: str, arguments: Sequence[Path]) -> Any:
    """The JSON that a program of this folder answers."""
    done = run_node(PROGRAMS / program, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
