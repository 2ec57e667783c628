"""Every command that a document names could run: its program, options, containers, files and addresses exist."""

import re
from pathlib import Path

import pytest

from tests.contract.shell_commands import begins_as_a_command, faults_of
from tests.contract.test_documents import PAGES, names
from tests.support.documented import fences

SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

ABSENT = (
    "docker compose up -d --wat",
    "docker compose run --rm heart doctor",
    "docker compose run --rm hearth docter",
    "docker compose run --rm -e HEARTH_TOKEN hearth erase --reasons requested X",
    "docker compose run --rm operator topics integrators wiki",
    "docker compose run --rm certificates --renewal",
    "docker compose --profile signin up -d",
    "docker compose restart kafka mango",
    "docker compose up -d --scale triages=3",
    "git pull && docker compose up --built",
    "hearth token issue --source wiki",
    "hearth token issue --source wiki --expires",
    "hearth token list everything",
    "hearth roster grant person:1 --role auditer",
    "hearth roster",
    "hearth verify https://audit.example --keys VKEY",
    "python verify.py export --sinse seen.json",
    "python records.py",
    "python -m services.audits",
    "python3 infra/prepair.py",
    "pip install confluent-kafka==1.0",
    "pip install requests-of-nobody",
    "npm install cloudevents@1.0.0",
    "make tests",
    "cp .env.sample .env",
    "curl http://127.0.0.1:8004/v1/record/key",
    'curl -fsS -H "$AS" "$AUDIT/v1/record/case/$CASE/timeline"',
    'curl --silent "$INTAKE/v1/policy"',
    'NOW=$(curl -fsS "$AUDIT/v1/record/heads")',
    "curl https://example.org",
    "kcat -L",
)


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_in_a_fence_of_the_shell_could_run(page: Path) -> None:
    assert [fault for said, text in fences(page) if said.startswith("sh") for fault in faults_of(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_in_a_sentence_could_run(page: Path) -> None:
    spans = [span for span in SPAN.findall(FENCE.sub("", page.read_text("utf-8"))) if begins_as_a_command(span)]
    # `a|b` in a sentence stands for either.
    assert [fault for span in spans for fault in faults_of(span.partition("|")[0], whole=False)] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_fence_with_commands_says_that_it_is_for_the_shell(page: Path) -> None:
    lines = [line for said, text in fences(page) if not said for line in text.splitlines()]
    assert [line for line in lines if begins_as_a_command(line)] == []


@pytest.mark.parametrize("command", ABSENT)
def test_a_command_that_could_not_run_is_found(command: str) -> None:
    (fault,) = faults_of(command)
    assert fault
