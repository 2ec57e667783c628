"""The command line where it needs no server: exit statuses, secrets, policy, tokens, contracts and documents."""

import base64
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import cli
from infra.commands.doctor import check_settings
from infra.commands.documents.settings_page import settings_page
from infra.commands.kafka.dead_letters import PREVIEW_BYTES, preview
from infra.commands.keys.secrets import SECRETS
from infra.commands.keys.service_keys import PEERS, SERVICE_FILES, keys_file
from infra.services import SERVICES
from services.intake.keys.keyring import keep, parse_keyring, write_keyring
from services.intake.vault.cipher import key_id_of
from shared.policy.loader import PACKAGED
from shared.settings import Settings
from shared.sign_in.identity import person_ref
from shared.times import now
from tests.support.command_line import Capture, run_json

KEY = b"k" * 32
FILES = (*SECRETS, *SERVICE_FILES)
ANN = "person:00000000000000a1"
AWAY = ["--mongo", "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=200"]


@pytest.fixture
def identity_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "identity_key"
    file.write_bytes(base64.b64encode(KEY))
    monkeypatch.setenv("HEARTH_IDENTITY_KEY_FILE", str(file))
    return file


def test_an_unknown_command_or_option_is_a_matter_of_usage(capsys: Capture) -> None:
    assert cli.main(["dance"]) == 2
    assert cli.main(["topics", "check", "--dance"]) == 2
    assert cli.main([]) == 2
    assert "Usage" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: Capture) -> None:
    commands = ["topics create", "topics check", "policy check", "dead-letters list", "dead-letters show"]
    commands += [
        "dead-letters retry",
        "dead-letters discard",
        "schemas check",
        "schemas freeze",
        "access doc",
        "forgiving doc",
        "lifecycle doc",
    ]
    commands += [f"token {name}" for name in ("issue", "list", "rotate", "revoke")]
    commands += [f"roster {name}" for name in ("grant", "revoke", "training", "agreement", "leave", "sign-out")]
    commands += ["roster show", "roster person"]
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


def test_the_files_belong_to_the_user_who_runs_the_services(tmp_path: Path, capsys: Capture) -> None:
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
    # Where people sign in is no secret of ours.
    monkeypatch.setenv("HEARTH_SIGN_IN_ISSUER", "https://id.example")
    monkeypatch.setenv("HEARTH_SIGN_IN_CLIENT_ID", "hearth")
    monkeypatch.setenv("HEARTH_SERVICE_PEERS_FILE", str(tmp_path / PEERS))
    monkeypatch.setenv("HEARTH_SERVICE_KEYS_FILE", str(tmp_path / keys_file("triage")))
    assert [f.detail for f in check_settings() if not f.ok] == []


@pytest.mark.parametrize(
    ("variable", "wrong", "command"),
    [
        ("HEARTH_KAFKA", "kafka", ["topics", "check"]),
        ("HEARTH_MONGO", "mongo:27017", ["roster", "show"]),
        ("HEARTH_SMTP", "mail.example.org", ["doctor"]),
        ("HEARTH_INTAKE_URL", "intake:8001", ["doctor"]),
        ("HEARTH_TOPIC_PREFIX", "a b", ["topics", "check"]),
        ("HEARTH_KAFKA_CA", "/nowhere/ca.pem", ["topics", "check"]),
        ("HEARTH_INTEGRATOR_KAFKA", "kafka", ["topics", "integrator", "wiki-bot"]),
    ],
)
def test_a_command_says_in_one_sentence_which_setting_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, variable: str, wrong: str, command: list[str]
) -> None:
    monkeypatch.setattr(os, "environ", {variable: wrong, "TERM": "dumb", "COLUMNS": "500"})
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    option = variable.removeprefix("HEARTH_").lower().replace("_", "-")
    assert variable in said or f"--{option}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("nothing", ["", " ", "\r", "\ufeff", '""'])
def test_an_empty_variable_is_none_for_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, nothing: str
) -> None:
    monkeypatch.setattr(os, "environ", {"HEARTH_POLICY_DIR": nothing, "HEARTH_MONGO": nothing})
    assert run_json(capsys, "policy", "check")["findings"] == []


def test_the_packaged_policy_is_valid(capsys: Capture) -> None:
    found = run_json(capsys, "policy", "check")
    assert found["version"]
    assert found["findings"] == []
    assert found["addresses"]["u4c"] == "u4c@committees.example"


def test_policy_check_shows_each_address_as_it_goes_over_the_wire(tmp_path: Path, capsys: Capture) -> None:
    text = (PACKAGED / "routing.toml").read_text(encoding="utf-8")
    own = text.replace("stewards@global.example", "stewards@bücher.example").replace("u4c@committees", "ус@committees")
    (tmp_path / "routing.toml").write_text(own, encoding="utf-8")
    addresses = run_json(capsys, "policy", "check", str(tmp_path))["addresses"]
    assert addresses["stewards"] == "stewards@xn--bcher-kva.example"
    assert cli.main(["policy", "check", str(tmp_path)]) == 0
    assert "u4c: ус@committees.example (only by a mail server that offers SMTPUTF8)" in capsys.readouterr().out


def test_a_wrong_policy_is_a_finding_with_its_line(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "policy.toml").write_text('version = "1"\ncolour = "red"\n')
    found = run_json(capsys, "policy", "check", str(tmp_path), status=1)
    assert {"file": "policy.toml", "line": 2} in [{"file": f["file"], "line": f["line"]} for f in found["findings"]]
    assert cli.main(["policy", "check", str(tmp_path)]) == 1
    assert "policy.toml:2: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--expires", "2999-01-01"], "either --source (an integrator) or --person"),
        (["--expires", "2999-01-01", "--source", "wiki", "--person", ANN], "either --source"),
        (["--source", "wiki"], "Missing option '--expires'"),
        (["--source", "wiki", "--expires", "2026-01-01"], "--expires is over already"),
        (["--source", "wiki", "--expires", "2999-01-01"], "at most 400 days"),
        (["--source", "wiki", "--expires", "in spring"], "write a date such as"),
        (["--source", "wiki", "--expires", "2026-13-40"], "write a date such as"),
        (["--source", "The Wiki", "--expires", "DAY"], "small letters"),
        (["--source", "wiki", "--expires", "DAY", "--community", "dewiki"], "knows no community dewiki"),
        (["--person", "Ann Other", "--expires", "DAY"], "write the reference that"),
    ],
)
def test_a_token_that_would_open_nothing_is_not_issued(capsys: Capture, options: list[str], reason: str) -> None:
    day = f"{now() + timedelta(days=1):%Y-%m-%d}"
    options = [day if option == "DAY" else option for option in options]
    assert cli.main(["token", "issue", *AWAY, *options]) == 2
    captured = capsys.readouterr()
    assert reason in " ".join(captured.err.split())
    assert captured.out == ""


@pytest.mark.parametrize("overlap", ["8", "8 weeks", "-1h", "8hh", "0h", ""])
def test_an_overlap_that_is_no_duration_is_refused(capsys: Capture, overlap: str) -> None:
    assert cli.main(["token", "rotate", "x", *AWAY, "--expires", "2999-01-01", f"--overlap={overlap}"]) == 2
    assert "--overlap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (["grant", ANN], "Missing option '--role'"),
        (["grant", "Ann Other", "--role", "operator"], "write the reference that"),
        (["grant", ANN[:-1], "--role", "operator"], "write the reference that"),
        (["grant", ANN, "--role", "service"], "not a role of people"),
        (["grant", ANN, "--role", "integrator"], "not a role of people"),
        (["grant", ANN, "--role", "king"], "'king' is not one of"),
        (["grant", ANN, "--role", "responder"], "needs at least one --body"),
        (["grant", ANN, "--role", "responder", "--body", "arbcom"], "no handling body arbcom; it has: enwiki_arbcom"),
        (["grant", ANN, "--role", "coordinator", "--community", "dewiki"], "knows no community dewiki"),
        (["grant", ANN, "--role", "auditor", "--scope", "all"], "no scope all; there are: meta, proof, export"),
        (["grant", ANN, "--role", "operator", "--until", "2026-01-01"], "--until is over already"),
        (["revoke", ANN, "--role", "king"], "'king' is not one of"),
        (["training", ANN, "Z"], "no training module Z"),
        (["training", ANN, "A", "--completed", "2999-01-01"], "--completed is in the future"),
        (["training", ANN, "A", "--until", "2026-01-01"], "--until is over already"),
        (["agreement", ANN, "--until", "2026-01-01"], "--until is over already"),
        (["agreement", ANN], "Say --until when the agreement holds, or --end to end it."),
        (["leave", ANN, "--end", "--until", "2999-01-01"], "--end ends all leave"),
        (["leave", ANN, "--from", "2999-02-01", "--until", "2999-01-01"], "--until lies before --from"),
        (["sign-out", "everybody"], "write the reference that"),
        (["names", ANN, "Ann Other"], "No such command 'names'"),
    ],
)
def test_a_change_of_the_roster_that_makes_no_sense_reaches_no_database(
    capsys: Capture, order: list[str], reason: str
) -> None:
    assert cli.main(["roster", *order, *(AWAY if order[0] != "names" else [])]) == 2
    captured = capsys.readouterr()
    assert reason in " ".join(captured.err.split())
    assert captured.out == ""


@pytest.mark.parametrize(
    "order",
    [
        ["roster", "show"], ["token", "list"], ["roster", "sign-out", ANN], ["token", "revoke", "token:x"],
        ["secrets", "rotate"], ["secrets", "versions"],
    ],
)  # fmt: skip
def test_a_database_that_is_away_is_said_in_one_sentence(
    capsys: Capture, order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "master_key"
    file.write_text(keep(KEY))
    monkeypatch.setenv("HEARTH_MASTER_KEY_FILE", str(file))
    assert cli.main([*order, *AWAY]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("MongoDB does not answer")
    said = run_json(capsys, *order, *AWAY, status=1)
    assert str(said["error"]).startswith("MongoDB does not answer")
    assert file.read_text() == keep(KEY)


def test_the_reference_of_an_account_is_what_its_sign_in_will_be(capsys: Capture, identity_key: Path) -> None:
    issuer, subject = "https://id.example/realms/wiki", "248289761001"
    order = ["roster", "person", "--issuer", issuer, "--subject", subject]
    said = run_json(capsys, *order)
    assert said == {"person": person_ref(KEY, issuer, subject)}
    assert cli.main([*order, "--identity-key-file", str(identity_key)]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == said["person"]
    assert identity_key.read_text().strip() not in captured.out + captured.err
    assert run_json(capsys, *order[:-1], "248289761002") != said


@pytest.mark.parametrize("text", ["", "not base64", base64.b64encode(b"short").decode(), "\x00"])
def test_without_the_identity_key_there_is_no_reference(capsys: Capture, identity_key: Path, text: str) -> None:
    identity_key.write_text(text)
    assert cli.main(["roster", "person", "--issuer", "https://id.example", "--subject", "1"]) == 2
    assert "hearth secrets" in capsys.readouterr().err
    identity_key.unlink()
    assert cli.main(["roster", "person", "--issuer", "https://id.example", "--subject", "1"]) == 2


@pytest.mark.usefixtures("identity_key")
@pytest.mark.parametrize(("issuer", "subject"), [("", "1"), ("https://id.example", " "), ("a\x1fb", "1")])
def test_an_account_that_is_none_has_no_reference(capsys: Capture, issuer: str, subject: str) -> None:
    assert cli.main(["roster", "person", "--issuer", issuer, "--subject", subject]) == 2
    assert capsys.readouterr().out == ""


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
    for command in (["asyncapi", "export"], ["settings", "doc"], ["access", "doc"]):
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
