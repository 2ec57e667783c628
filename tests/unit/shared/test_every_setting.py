"""Every setting of every service: empty is unset, what editors leave around is no part of it, what is wrong is said."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.commands.documents.settings_page import settings_of
from infra.commands.keys.certificates import certificates
from infra.services import SERVICES
from services.intake.keys.settings import KeySettings
from shared.settings import Connections, load_settings
from tests.support.cases import cases
from tests.support.service_keys import PEERS_FILE, files_of

KEY, OTHER = (base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))
KINDS: dict[str, type[Connections]] = {name: kind for name in SERVICES if (kind := settings_of(name))} | {
    "command line": Connections,
    "rotation": KeySettings,
}
FIELDS = [(service, field) for service, kind in KINDS.items() for field in kind.model_fields]
BLANKS = ["", " ", "\t", "\r", "\r\n", "\ufeff", "\ufeff\r\n", "\u00a0", "\u3000\u200e"]
NOTHING = [*BLANKS, '""', "''", '" "', '"\r"', '\ufeff""\r']
MARKS = ["{}\r", "{}\r\n", "\ufeff{}", " {} ", "\t{}", "\u202a{}\u202c\u3000"]
AROUND = [*MARKS, '"{}"', "'{}'", '\ufeff"{}"\r', '" {} "']

ADDRESS = (
    "https://other.example",
    ["other.example", "//other.example", "ftp://other.example", "https://", "https://oth er.example",
     "https://other.example:port", "https://other.example:0", "https://other.example:", "https://u:p@other.example", "https://other..example",
     "https://other.example/path", "https://other.example?a=b", "https://bücher.example/ö", "https:other.example"],
)  # fmt: skip
SERVER = (
    "other.example:2500",
    ["other.example", ":25", "other.example:", "other.example:0", "other.example:99999", "http://other.example:25",
     "oth er.example:25", "other.example:²", "[::1:25", "other..example:25", ".example:25", "☃.example:25",
     f"{'x' * 64}.example:25"],
)  # fmt: skip
SERVERS = ("a.example:9092,b.example:9093", [*SERVER[1], ",", "a.example:9092,b"])
PERIOD = ("7", ["0", "-1", "nan", "inf", "1e300", "soon", "1 0", "1,5"])
COUNT = ("7", ["0", "-1", "1.5", "many", "1 0", "0x10", "1e3"])
SECRET = (OTHER, ["not base64!", base64.b64encode(b"short").decode(), "k" * 32])
WORDS: tuple[str, list[str]] = ("some words", [])
"""Any text will do."""
ROWS: dict[str, tuple[str, list[str]]] = {
    "kafka": SERVERS,
    "kafka_security": ("ssl", ["SSL", "tls", "plain text"]),
    "kafka_user": WORDS,
    "kafka_password": WORDS,
    "kafka_ca": ("{folder}/ca.pem", ["/nowhere/ca.pem", "{folder}", "{folder}/words"]),
    "kafka_certificate": ("{folder}/operator.pem", ["/nowhere/a.pem", "{folder}", "{folder}/words", "{folder}/ca.pem"]),
    "mongo": (
        "mongodb://other.example:27017/?replicaSet=rs1",
        ["other.example:27017", "mongodb://", "http://other.example", "mongodb://other.example:99999/",
         "mongodb://user:p@ss@other.example/", "mongodb://oth er.example/", "mongodb://other.example/?nosuch=1",
         "mongodb://other.example/?tlsCAFile=/nowhere", "mongodb+srv://", "mongodb+srv://oth er.example",
         "mongodb+srv://other.example:27017", "mongodb+srv://a.example,b.example", "mongodb+srv://127.0.0.1",
         # pragma: allowlist nextline secret
         "mongodb+srv://other.example/?tls=maybe", "mongodb+srv://u:p%@other.example", "mongodb+srv://o.example/a$b"],
    ),
    "mongo_user": WORDS,
    "mongo_password": WORDS,
    "mongo_ca": ("{folder}/ca.pem", ["/nowhere/ca.pem", "{folder}", "{folder}/words"]),
    "topic_prefix": ("other.", ["oth er", "other/", "other:", "ö", "x" * 101, "a\nb"]),
    "database_prefix": ("other_", ["oth er", "other.", "other/", "$", "\\", "ö" * 21, "x" * 41, 'a"b', "a\u200bb"]),
    "host": ("::1", ["http://127.0.0.1", "127.0.0.1:8001", "a host", "bücher.example", "/run/socket"]),
    "port": ("8123", ["http", "-1", "65536", "80 80", "8001/tcp", "1.5"]),
    "inside_port": ("9123", ["http", "0", "65536", "90 00"]),
    "form_key": SECRET,
    "policy_dir": ("{folder}/policy", []),
    "otlp_endpoint": ("https://other.example/otlp", [a for a in ADDRESS[1] if "/path" not in a]),
    "trace_ratio": ("0.5", ["1.5", "-0.1", "nan", "half"]),
    "log_level": ("warning", ["loud", "10", "info debug", "INFO,DEBUG"]),
    "batch": COUNT,
    "attempts": COUNT,
    "dead_letter_limit": COUNT,
    "token_rate": COUNT,
    "intake_url": ADDRESS,
    "triage_url": ADDRESS,
    "public_url": ADDRESS,
    "desk_url": ADDRESS,
    "audit_url": ADDRESS,
    "outbox_url": ADDRESS,
    "integrator_kafka": SERVERS,
    "hosts": ("a.example,b.example", ["https://a.example", "a b", "a.example/", "☃.example"]),
    "proxies": ("10.0.0.0/8,::1", ["proxy.example", "10.0.0.1/8", "10.0.0.0/40"]),
    "service_keys_file": ("{keys}", ["/nowhere/keys", "{folder}", "{folder}/words", "{peers}"]),
    "service_peers_file": ("{peers}", ["/nowhere/keys", "{folder}", "{folder}/words"]),
    "sign_in_provider": ("mediawiki", ["OpenID", "wiki"]),
    "sign_in_issuer": ("https://other.example/realm/", [*ADDRESS[1][:9], "https://a.example/?b", "http://a.example"]),
    "identity_key": SECRET,
    "sign_in_clients": ("a,b", [",", ", ,"]),
    "sign_in_client_id": WORDS,
    "sign_in_client_secret": WORDS,
    "master_key": (OTHER, ["not base64!", "{}"]),
    "master_key_file": ("{folder}/key", []),
    "receipt_pepper": SECRET,
    "pseudonym_key": SECRET,
    "exit_url": ("https://other.example/a?b", ["http://a.example", "a.example", "https://a.example/;b", "https://a b"]),
    "open_inbox": ("true", ["maybe", "2", "tr ue"]),
    "retention_seconds": PERIOD,
    "commit_queue": COUNT,
    "transit_address": ("https://other.example/vault", [a for a in ADDRESS[1] if "/path" not in a]),
    "transit_token": WORDS,
    "transit_token_file": ("{folder}/key", []),
    "transit_key": ("other", ["oth/er", "oth er", "../other"]),
    "transit_mount": ("other/mount", ["oth er", "../other", "a//b"]),
    "transit_namespace": ("team/other", ["té", "a\nb"]),
    "transit_ca": ("{folder}/ca.pem", ["/nowhere/ca.pem", "{folder}", "{folder}/words"]),
    "watch_seconds": PERIOD,
    "baseline_links": ("false", ["maybe", "2"]),
    "scorecard_url": ADDRESS,
    "smtp": SERVER,
    "smtp_user": WORDS,
    "smtp_password": WORDS,
    "smtp_tls": ("starttls", ["TLS", "yes"]),
    "smtp_connections": COUNT,
    "mail_from": (
        "Trust, Safety <safety@bücher.example>",
        ["Hearth", "Hearth <hearth>", "Hearth <h@h.example", "safety@", "a@b.example, c@d.example", "ус@other.example"],
    ),
    "gather_seconds": PERIOD,
    "lease_seconds": PERIOD,
    "log_origin": ("other.example/record", ["a b", "a+b"]),
    "signing_key": SECRET,
    "seal_seconds": PERIOD,
    "record_pause": ("0.5", ["-1", "6", "nan"]),
    "record_decoys": ("7", ["-1", "some"]),
    "scorecard": ("values", ["on", "Values"]),
}  # fmt: skip


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that settings may name: good ones and others."""
    made = tmp_path_factory.mktemp("settings")
    certificates(directory=made / "made", owner=os.geteuid())
    (made / "ca.pem").write_bytes(next((made / "made").rglob("ca.pem")).read_bytes())
    (made / "operator.pem").write_bytes(next((made / "made").rglob("operator.pem")).read_bytes())
    (made / "words").write_text("words\n")
    (made / "bytes").write_bytes(b"\xff\xfe\x00")
    (made / "key").write_text(f"\ufeff{OTHER}\r\n", encoding="utf-8")
    (made / "policy").mkdir()
    return made


class Start:
    """The start of a service in an environment that holds these variables and nothing else."""

    def __init__(self, service: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.status: object = None
        self._kind, self._monkeypatch, self._capsys = KINDS[service], monkeypatch, capsys
        self._names = {"folder": folder, "peers": PEERS_FILE, "keys": files_of(service).get("service_keys_file")}
        self._given = {
            "form_key": KEY, "identity_key": KEY, "signing_key": KEY, "master_key": KEY, "receipt_pepper": KEY,
            "pseudonym_key": KEY, "sign_in_issuer": "https://id.example", "sign_in_client_id": "hearth",
            "service_peers_file": str(PEERS_FILE), "service_keys_file": str(self._names["keys"]),
        }  # fmt: skip

    def text(self, template: str) -> str:
        for name, value in self._names.items():
            template = template.replace(f"{{{name}}}", str(value))
        return template

    def __call__(self, given: Mapping[str, str], *, but: str | None = None) -> dict[str, Any] | list[str]:
        """The settings, or what is said instead of them."""
        variables = {f"HEARTH_{name.upper()}": value for name, value in self._given.items() if name != but}
        self._monkeypatch.setattr(os, "environ", variables | dict(given))
        try:
            return load_settings(self._kind).model_dump()
        except SystemExit as ended:
            self.status = ended.code
            said: list[str] = self._capsys.readouterr().err.splitlines()
            return said


@pytest.fixture
def start(service: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Start:
    return Start(service, folder, monkeypatch, capsys)


def test_every_setting_has_a_row_here() -> None:
    assert {field for _, field in FIELDS} == set(ROWS)


@pytest.mark.parametrize(("service", "field"), FIELDS)
def test_an_empty_setting_is_as_good_as_none(start: Start, field: str) -> None:
    variable = f"HEARTH_{field.upper()}"
    unset = start({}, but=field)
    for nothing in NOTHING:
        assert start({variable: nothing}, but=field) == unset
        assert start({f"{variable}_FILE": nothing}, but=field) == unset


@pytest.mark.parametrize(("service", "field"), FIELDS)
def test_what_editors_leave_around_a_value_is_no_part_of_it(start: Start, field: str) -> None:
    variable, value = f"HEARTH_{field.upper()}", start.text(ROWS[field][0])
    also = {"HEARTH_SMTP_PASSWORD": "secret"} if field == "smtp_user" else {}
    plain = start(also | {variable: value}, but=field)
    assert isinstance(plain, dict), plain
    assert plain[field] is not None
    for around in AROUND:
        assert start(also | {variable: around.format(value)}, but=field) == plain


@pytest.mark.parametrize(("service", "field"), FIELDS)
def test_a_wrong_setting_is_said_in_one_sentence(start: Start, field: str) -> None:
    for wrong in [*ROWS[field][1], "\udcff"]:
        said = start({f"HEARTH_{field.upper()}": start.text(wrong)}, but=field)
        assert isinstance(said, list), (wrong, said)
        # A file may be a setting, and hold another.
        (line,) = [
            line for line in said if not line.startswith(f"HEARTH_{field.removesuffix('_file').upper()} ")
        ] or said
        assert start.status == 2
        assert line.startswith(f"HEARTH_{field.upper()} is wrong: ")
        assert line.endswith(".")
        assert "Value error" not in line
        assert "p@ss" not in line
        assert ROWS[field] is not SECRET or wrong not in line


@pytest.mark.parametrize(("service", "field"), [(s, f) for s, f in FIELDS if not f.endswith("_file")])
def test_a_file_of_a_setting_is_read_like_a_variable(start: Start, folder: Path, tmp_path: Path, field: str) -> None:
    variable, file = f"HEARTH_{field.upper()}", tmp_path / "value"
    also = {"HEARTH_SMTP_PASSWORD": "secret"} if field == "smtp_user" else {}
    value = start.text(ROWS[field][0])
    plain = start(also | {variable: value}, but=field)
    file.write_bytes(f"\ufeff{value}\r\n".encode())
    read = start(also | {f"{variable}_FILE": str(file)}, but=field)
    assert isinstance(plain, dict)
    assert isinstance(read, dict)
    # The paths of these two are settings themselves.
    assert {**read, f"{field}_file": None} == {**plain, f"{field}_file": None}
    file.write_bytes(b"\r\n")
    if f"{field}_file" not in plain:
        assert start({f"{variable}_FILE": str(file)}, but=field) == start({}, but=field)
    for wrong in ("/nowhere/value", str(folder), str(folder / "bytes")):
        said = start({f"{variable}_FILE": wrong}, but=field)
        assert isinstance(said, list)
        assert len(said) == 1
        assert said[0].startswith(f"{variable} is wrong: {wrong}, which {variable}_FILE names, ")


@pytest.mark.parametrize("service", ["notification"])
@pytest.mark.parametrize("case", cases("mail_senders"))
def test_a_sender_of_any_name_is_a_setting(start: Start, case: dict[str, str]) -> None:
    found = start({"HEARTH_MAIL_FROM": case["set"]})
    assert isinstance(found, dict)
    assert found["mail_from"] == case["set"]


@pytest.mark.parametrize("service", ["triage"])
def test_all_that_is_wrong_is_said_at_once(start: Start) -> None:
    said = start({"HEARTH_PORT": "x", "HEARTH_KAFKA": "x", "HEARTH_BATCH": "0"}, but="form_key")
    assert sorted(line.split()[0] for line in said) == [
        "HEARTH_BATCH", "HEARTH_FORM_KEY", "HEARTH_KAFKA", "HEARTH_PORT",
    ]  # fmt: skip


@pytest.mark.parametrize("service", ["intake"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://bücher.example:8443/", "https://xn--bcher-kva.example:8443"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("HTTPS://Other.example/", "https://Other.example"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_an_address_has_a_host_in_ascii_and_no_slash_at_the_end(start: Start, written: str, read: str) -> None:
    found = start({"HEARTH_PUBLIC_URL": written})
    assert isinstance(found, dict)
    assert found["public_url"] == read


@pytest.mark.parametrize("service", ["notification"])
def test_a_mail_server_has_a_host_in_ascii(start: Start) -> None:
    found = start({"HEARTH_SMTP": "пошта.example:25"})
    assert isinstance(found, dict)
    assert found["smtp"] == "xn--80a1acn3a.example:25"
