"""The programs of docs/integrate/kafka.md, run as they stand there, with what the operator's command prints."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.assets import ROOT, find_npm
from infra.local.downloads import kafka_folder
from tests.support.documented import DOCS, programs

PROGRAMS = programs(DOCS / "integrate/kafka.md")
GO = Path(__file__).parent / "go/kafka"
"""The modules that the commands of the page find, pinned by their hashes."""
RUN = {
    "report.py": (sys.executable, "report.py"),
    "report.mjs": ("node", "report.mjs"),
    "report.go": ("go", "run", "."),
    "Report.java": ("java", "-cp", f"{kafka_folder() / 'libs'}/*", "Report.java"),
}
SECONDS = 240


async def run_program(name: str, folder: Path, needs: Mapping[str, str], ca: Path | None = None) -> str:
    """What the program of this name says at its end. `needs`: what `hearth topics integrator` told."""
    (folder / name).write_text(PROGRAMS[name], encoding="utf-8")
    # Where each language looks for what the page has the reader install.
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    for file in ("go.mod", "go.sum"):
        shutil.copy(GO / file, folder)
    given = {
        "KAFKA": needs["bootstrap.servers"],
        "NAME": needs["sasl.username"],
        "PASSWORD": needs["password"],
        "INBOX": needs["inbox"],
        "OUTCOMES": needs["outcomes"],
        "GROUP": needs["group.id"],
        **({"CA": str(ca)} if ca else {}),
    }
    program = await asyncio.create_subprocess_exec(
        *RUN[name],
        cwd=folder,
        env={**os.environ, **given, "PATH": f"{find_npm().path}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    telling = asyncio.create_task(program.communicate())
    try:
        await asyncio.wait({telling}, timeout=SECONDS)
    finally:
        if program.returncode is None:
            program.kill()
    out, error = await telling
    assert program.returncode == 0, f"{name}: {program.returncode}, {out.decode()} {error.decode()}"
    return out.decode().strip()
