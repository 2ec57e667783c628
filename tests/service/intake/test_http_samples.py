"""The programs of docs/integrate/http.md hand in a report, as they stand there."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from shared.access.principal import Grant, Role
from shared.events import ReportReceived
from tests.support.intake_rig import Rig
from tests.support.people import COPIES
from tests.support.served import served

PAGE = Path(__file__).parents[3] / "docs/integrate/http.md"
PROGRAMS = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
RUN = {
    "report.py": (sys.executable,),
    "report.mjs": ("node",),
    "report.go": ("go", "run"),
    "Report.java": ("java",),
}


async def run_against_intake(name: str, folder: Path) -> None:
    rig = Rig()
    token = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))])
    (folder / name).write_text(PROGRAMS[name], encoding="utf-8")
    async with served(rig.app) as port:
        program = await asyncio.create_subprocess_exec(
            *RUN[name],
            name,
            cwd=folder,
            env={**os.environ, "INTAKE": f"http://127.0.0.1:{port}", "TOKEN": token, "GOCACHE": str(folder / "go")},
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
    if shutil.which(RUN[name][0]) is None:
        pytest.skip(f"{name} was not run: this machine has no {RUN[name][0]}")
    await run_against_intake(name, tmp_path)
