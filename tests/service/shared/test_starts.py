"""Each service as a process: it starts with what people write into `.env`, or says in one sentence why not."""

import asyncio
import base64
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.services import SERVICES
from tests.support.cases import cases
from tests.support.service_keys import files_of

pytestmark = pytest.mark.slow

KEY = base64.b64encode(b"k" * 32).decode()
SECRETS = ("FORM_KEY", "IDENTITY_KEY", "SIGNING_KEY", "MASTER_KEY", "RECEIPT_PEPPER", "PSEUDONYM_KEY")


def environment(service: str) -> dict[str, str]:
    files = {f"HEARTH_{name.upper()}": str(file) for name, file in files_of(service).items()}
    sign_in = {"HEARTH_SIGN_IN_ISSUER": "https://id.example", "HEARTH_SIGN_IN_CLIENT_ID": "hearth"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    # A MongoDB that another test has started at the usual port may keep an earlier policy.
    alone = {"HEARTH_PORT": "0", "HEARTH_MONGO": "mongodb://127.0.0.1:1/?replicaSet=rs0"}
    return others | {f"HEARTH_{name}": KEY for name in SECRETS} | files | sign_in | alone


async def start(service: str, given: dict[str, str]) -> tuple[int | None, str]:
    """Start a service; returns its exit status and what it said of errors, or None once it has begun to run."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}",
        env=environment(service) | given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    # The first line of the log comes when the parts begin to run.
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    if line:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        return None, ""
    said = (await process.stderr.read()).decode()
    return await process.wait(), said


@pytest.mark.parametrize("case", cases("starts"))
async def test_intake_starts_or_says_in_one_sentence_why_not(case: dict[str, Any]) -> None:
    status, said = await start("intake", case["set"])
    if case["says"] is None:
        assert (status, said) == (None, "")
    else:
        assert (status, said.splitlines()) == (2, [case["says"]])


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no policy file stands here: policy.toml, taxonomy.toml, deadlines.toml,"),
        ({"policy.toml": "version = 1\ncolour = 'red'\n"}, "policy.toml:"),
        ({"poliy.toml": ""}, "not a policy file"),
    ],
)
async def test_a_policy_that_cannot_be_used_stops_the_start(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    status, said = await start("intake", {"HEARTH_POLICY_DIR": str(tmp_path)})
    (line,) = said.splitlines()
    assert status == 2
    assert line.startswith("HEARTH_POLICY_DIR is wrong: ")
    assert says in line


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_answers_a_wrong_setting_with_a_traceback(service: str) -> None:
    status, said = await start(service, {"HEARTH_FORM_KEY": "", "HEARTH_KAFKA": "kafka", "HEARTH_MONGO": "mongo:27017"})
    assert status == 2
    assert [line.partition(" is ")[0] for line in said.splitlines()] == [
        "HEARTH_KAFKA", "HEARTH_MONGO", "HEARTH_FORM_KEY",
    ]  # fmt: skip
