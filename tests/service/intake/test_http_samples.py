"""The programs of docs/integrate/http.md hand in a report, as they stand there."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from infra.assets import find_npm
from shared.access.principal import Grant, Role
from shared.events import ReportReceived
from tests.support.documented import DOCS, programs
from tests.support.intake_rig import Rig
from tests.support.people import COPIES
from tests.support.served import served

PROGRAMS = programs(DOCS / "integrate/http.md")
RUN = {
    "report.py": (sys.executable,),
    "report.mjs": ("node",),
    "report.go": ("go", "run"),
    "Report.java": ("java",),
}


async def run_against_intake(name: str, folder: Path) -> None:
    rig = Rig()
    token = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))])
    path = f"{find_npm().path}:{os.environ['PATH']}"
    given = {"TOKEN": token, "PATH": path}
    (folder / name).write_text(PROGRAMS[name], encoding="utf-8")
    async with served(rig.app) as port:
        program = await asyncio.create_subprocess_exec(
            *RUN[name],
            name,
            cwd=folder,
            env={**os.environ, **given, "INTAKE": f"http://127.0.0.1:{port}"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await program.communicate()
    assert program.returncode == 0, error.decode()
    (report_id,) = rig.store.reports
    assert out.decode().split() == [report_id, "accepted"]
    assert [fact.source for fact in rig.store.events() if isinstance(fact, ReportReceived)] == ["wiki"]


def test_every_program_of_the_page_is_run() -> None:
    assert PROGRAMS.keys() == RUN.keys()


async def test_the_program_in_python_hands_in_a_report(tmp_path: Path) -> None:
    await run_against_intake("report.py", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUN.keys() - {"report.py"}))
async def test_the_programs_in_other_languages_hand_in_a_report(name: str, tmp_path: Path) -> None:
    await run_against_intake(name, tmp_path)
