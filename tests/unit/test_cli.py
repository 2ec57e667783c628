"""The command line where it needs no server: exit statuses, secrets, policy, tokens, contracts and documents."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import cli
from infra.commands.dead_letters import PREVIEW_BYTES, preview
from infra.commands.doctor import check_settings
from infra.commands.secrets import SECRETS
from infra.commands.service_keys import PEERS, SERVICE_FILES, keys_file
from infra.commands.settings_page import settings_page
from infra.commands.tokens import pseudonymous
from infra.local.services import SERVICES
from shared.access import Role, read_token
from shared.keyring import key_id_of, parse_keyring, write_keyring
from shared.problems import Problem
from shared.settings import Settings
from shared.times import now

Capture = pytest.CaptureFixture[str]
KEY = b"k" * 32
FILES = (*SECRETS, *SERVICE_FILES)


def run_json(capsys: Capture, *arguments: str, status: int = 0) -> dict[str, object]:
    assert cli.main([*arguments, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def form_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "form_key"
    file.write_bytes(base64.b64encode(KEY))
    monkeypatch.setenv("HEARTH_FORM_KEY_FILE", str(file))


def test_an_unknown_command_or_option_is_a_matter_of_usage(capsys: Capture) -> None:
    assert cli.main(["dance"]) == 2
    assert cli.main(["topics", "check", "--dance"]) == 2
    assert cli.main([]) == 2
    assert "Usage" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: Capture) -> None:
    commands = ["topics create", "topics check", "policy check", "dead-letters list", "dead-letters show"]
    commands += ["dead-letters retry", "dead-letters discard", "token issue", "schemas check", "schemas freeze"]
    commands += ["asyncapi export", "settings doc", "replica-set initiate", "doctor", "secrets"]
    commands += ["secrets rotate", "secrets drop", "secrets versions"]
    commands += ["secrets rotate-services"]
    for command in commands:
        assert cli.main([*command.split(), "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_starting_the_command_line_loads_no_service() -> None:
    code = "import sys, infra.cli; sys.exit(any(name.startswith('services.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_broker_that_is_away_is_said_in_one_sentence(capsys: Capture) -> None:
    assert cli.main(["topics", "check", "--kafka", "127.0.0.1:1"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Kafka at 127.0.0.1:1 does not answer.\n")


def test_a_failure_is_one_json_document_too(capsys: Capture) -> None:
    said = run_json(capsys, "dead-letters", "list", "--kafka", "127.0.0.1:1", status=1)
    assert said == {"error": "Kafka at 127.0.0.1:1 does not answer."}


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "secrets"
    made = run_json(capsys, "secrets", "--directory", str(folder))
    assert made["files"] == dict.fromkeys(FILES, "made")
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(before) == set(FILES)
    assert len(set(before.values())) == len(FILES)
    for name, text in before.items():
        assert name in SERVICE_FILES or len(base64.b64decode(text, validate=False)) == 32
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    (folder / "form_key").unlink()
    again = run_json(capsys, "secrets", "--directory", str(folder))
    assert again["files"] == {name: "made" if name == "form_key" else "kept" for name in FILES}
    after = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in FILES if before[name] != after[name]} == {"form_key"}


def test_no_secret_is_ever_printed(tmp_path: Path, capsys: Capture) -> None:
    cli.main(["secrets", "--directory", str(tmp_path)])
    captured = capsys.readouterr()
    for name in SECRETS:
        assert (tmp_path / name).read_text().strip() not in captured.out + captured.err


def test_a_spoilt_or_open_secret_is_a_finding_and_stays_as_it_is(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "form_key").write_text("too short\n")
    run_json(capsys, "secrets", "--directory", str(tmp_path), status=1)
    (tmp_path / "master_key").chmod(0o644)
    found = run_json(capsys, "secrets", "--directory", str(tmp_path), status=1)
    assert found["files"] == dict.fromkeys(FILES, "kept") | {"form_key": "wrong", "master_key": "open"}
    assert (tmp_path / "form_key").read_text() == "too short\n"


def test_a_keyring_with_several_versions_is_kept_as_a_master_key(tmp_path: Path, capsys: Capture) -> None:
    run_json(capsys, "secrets", "--directory", str(tmp_path))
    file = tmp_path / "master_key"
    ring = parse_keyring(file.read_text()).announce(key_id_of(KEY), "file", base64.b64encode(KEY).decode(), now())
    write_keyring(file, ring)
    assert run_json(capsys, "secrets", "--directory", str(tmp_path))["files"]["master_key"] == "kept"
    file.write_text(ring.line()[:-9])
    assert run_json(capsys, "secrets", "--directory", str(tmp_path), status=1)["files"]["master_key"] == "wrong"


def test_the_files_belong_to_whoever_runs_the_services(tmp_path: Path, capsys: Capture) -> None:
    made = run_json(capsys, "secrets", "--directory", str(tmp_path))
    # Root gives them to the user of the image; anybody else is told to run the containers as themselves.
    assert made["owner"] == (10001 if os.geteuid() == 0 else os.geteuid())
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {made["owner"]}


def test_the_made_secrets_are_what_the_services_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["secrets", "--directory", str(tmp_path)])
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        monkeypatch.delenv(name)
    assert [f.check for f in check_settings() if f.ok] == []
    for name in SECRETS:
        monkeypatch.setenv(f"HEARTH_{name.upper()}_FILE", str(tmp_path / name))
    monkeypatch.setenv("HEARTH_SERVICE_PEERS_FILE", str(tmp_path / PEERS))
    monkeypatch.setenv("HEARTH_SERVICE_KEYS_FILE", str(tmp_path / keys_file("triage")))
    assert [f.detail for f in check_settings() if not f.ok] == []


def test_the_packaged_policy_is_valid(capsys: Capture) -> None:
    found = run_json(capsys, "policy", "check")
    assert found["version"]
    assert found["findings"] == []


def test_a_wrong_policy_is_a_finding_with_its_line(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "policy.toml").write_text('version = "1"\ncolour = "red"\n')
    found = run_json(capsys, "policy", "check", str(tmp_path), status=1)
    assert {"file": "policy.toml", "line": 2} in [
        {"file": f["file"], "line": f["line"]}
        for f in found["findings"]  # type: ignore[attr-defined]  # a list of findings
    ]
    assert cli.main(["policy", "check", str(tmp_path)]) == 1
    assert "policy.toml:2: " in capsys.readouterr().out


@pytest.mark.usefixtures("form_key")
def test_a_token_names_role_and_bodies_and_never_the_person(capsys: Capture) -> None:
    order = ["token", "issue", "--role", "responder", "--body", "enwiki_arbcom", "--body", "u4c", "--ref", "Ann Other"]
    assert cli.main(order) == 0
    captured = capsys.readouterr()
    token = captured.out.strip()
    principal = read_token(KEY, token, "people")
    assert principal.role is Role.RESPONDER
    assert principal.bodies == ("enwiki_arbcom", "u4c")
    assert re.fullmatch(r"responder:[0-9a-f]{8}", principal.ref)
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    assert "Ann" not in captured.out + captured.err + payload.decode()
    with pytest.raises(Problem, match="token-invalid"):
        read_token(KEY, token, "intake")


@pytest.mark.usefixtures("form_key")
def test_a_token_ends_when_it_was_said_to(capsys: Capture) -> None:
    found = run_json(capsys, "token", "issue", "--role", "auditor", "--ref", "Bo", "--life", "30min")
    claims = json.loads(base64.urlsafe_b64decode(str(found["token"]).split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == timedelta(minutes=30).total_seconds()


@pytest.mark.usefixtures("form_key")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--role", "responder"], "needs at least one --body"),
        (["--role", "responder", "--body", "arbcom"], "knows no handling body arbcom; it has: enwiki_arbcom"),
        (["--role", "service"], "not a role of people"),
        (["--role", "auditor", "--ref", "  "], "must not be empty"),
    ],
)
def test_a_token_that_would_open_nothing_is_not_issued(capsys: Capture, options: list[str], reason: str) -> None:
    assert cli.main(["token", "issue", "--ref", "Ann", *options]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("life", ["0h", "8", "8 weeks", "-1h", "99d", "8hh"])
def test_a_life_that_is_no_duration_is_refused(capsys: Capture, life: str) -> None:
    assert cli.main(["token", "issue", "--role", "auditor", "--ref", "Ann", f"--life={life}"]) == 2
    assert "--life" in capsys.readouterr().err


def test_without_a_key_no_token_is_issued(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEARTH_FORM_KEY", "HEARTH_FORM_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["token", "issue", "--role", "auditor", "--ref", "Ann"]) == 2
    assert "hearth secrets" in capsys.readouterr().err


@given(st.text(min_size=1).filter(str.strip))
def test_the_same_name_has_the_same_pseudonym_however_it_is_spaced(name: str) -> None:
    ref = pseudonymous(KEY, Role.AUDITOR, name)
    assert ref == pseudonymous(KEY, Role.AUDITOR, f"  {name} ")
    assert ref != pseudonymous(b"x" * 32, Role.AUDITOR, name)


def test_frozen_schemas_are_kept(capsys: Capture) -> None:
    assert run_json(capsys, "schemas", "check") == {"frozen": [], "findings": []}


@pytest.mark.parametrize("command", [("asyncapi", "export"), ("settings", "doc")])
def test_a_document_is_written_and_then_compared(capsys: Capture, tmp_path: Path, command: tuple[str, str]) -> None:
    page = str(tmp_path / "docs" / "page")
    assert run_json(capsys, *command, "--output", page, "--check", status=1)["same"] is False
    assert not Path(page).exists()
    assert run_json(capsys, *command, "--output", page)["written"] is True
    assert run_json(capsys, *command, "--output", page, "--check")["same"] is True
    Path(page).write_text("something else")
    assert run_json(capsys, *command, "--output", page, "--check", status=1)["same"] is False


def test_the_checked_in_documents_are_up_to_date(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(Path(cli.__file__).parents[1])
    for command in (["asyncapi", "export"], ["settings", "doc"]):
        assert cli.main([*command, "--check"]) == 0, capsys.readouterr().out


def test_the_settings_page_has_every_setting_and_no_value_of_a_secret() -> None:
    page = settings_page()
    for name in Settings.model_fields:
        assert f"`HEARTH_{name.upper()}`" in page
    for service in SERVICES:
        assert f"## {service.capitalize()}\n" in page
    for name in SECRETS:
        row = next(line for line in page.splitlines() if line.startswith(f"| `HEARTH_{name.upper()}`"))
        assert "32 bytes in base64" in row
        assert "| **must be set** |" in row


@given(st.binary(max_size=3 * PREVIEW_BYTES))
def test_a_preview_never_commands_the_terminal(data: bytes) -> None:
    assert all(character.isprintable() or character in "\t\r\n" for character in preview(data))


def test_a_preview_is_text_where_it_can_be() -> None:
    assert preview("naïve\n".encode()) == "naïve\n"
    assert preview(b"\xff\x00\xfe\xfd") == "hex ff00fefd"
    assert preview(b"\x1b[2J").startswith("hex ")
    assert preview(b"a" * 5000).endswith("a … (5000 bytes in all)")
    assert preview("é".encode() * 2048 + b"x").startswith("éé")


def test_verify_passes_its_arguments_on(capsys: Capture) -> None:
    assert cli.main(["verify", "--help"]) == 0
    assert "verify" in capsys.readouterr().out
    assert cli.main(["verify", "--no-such-option"]) == 2
