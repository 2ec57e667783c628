"""Commands of a page, run by a shell that stops at the first fault."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path


async def run(text: str, given: Mapping[str, str], folder: Path | None = None) -> tuple[int | None, str]:
    """How the shell ended, and all that it said. `python` is the one that runs the tests."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", text, cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **given},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            out, _ = await shell.communicate()
    finally:
        if shell.returncode is None:
            shell.kill()
    return shell.returncode, out.decode()
