"""Certificates and passwords: made once, each readable by its reader alone, renewed under the same authority."""

import json
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from infra import cli, credentials
from infra.credentials import Credentials, Names, ends_of, read_secret
from shared.connections import KafkaAccess, MongoAccess
from shared.times import now

Capture = pytest.CaptureFixture[str]


def certificate_in(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.fixture
def made(tmp_path: Path) -> Credentials:
    made = Credentials(tmp_path / "secrets")
    made.make(Names(("kafka.example", "10.0.0.7"), ("mongo.example",)))
    return made


def test_everything_but_the_authoritys_certificate_is_readable_by_its_owner_alone(made: Credentials) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()}
    assert modes.pop("ca.pem") == 0o644
    assert len(modes) == 16
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_a_server_is_known_by_its_names_and_the_operator_by_none(made: Credentials) -> None:
    for name, host in (("kafka", "kafka.example"), ("mongo", "mongo.example")):
        certificate = certificate_in(made.certificate(name))
        certificate.verify_directly_issued_by(certificate_in(made.ca))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {host, "localhost"} == set(names.get_values_for_type(x509.DNSName))
        assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    operator = certificate_in(made.certificate("operator"))
    with pytest.raises(x509.ExtensionNotFound):
        operator.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    uses = operator.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in uses


def test_integrators_know_kafka_by_the_address_that_they_are_told(tmp_path: Path) -> None:
    told = "kafka.example.org:9095,[2001:db8::1]:9095"
    assert cli.main(["certificates", "--directory", str(tmp_path), "--integrator-kafka", told]) == 0
    certificate = certificate_in(tmp_path / "kafka.pem")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"kafka", "kafka.example.org", "localhost"} == set(names.get_values_for_type(x509.DNSName))
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["2001:db8::1", "127.0.0.1"]


def test_passwords_are_long_and_different(made: Credentials) -> None:
    found = [read_secret(path) for path in made.folder.iterdir() if path.suffix == "" and path.name != "ca"]
    assert len(found) == len(set(found)) == 11
    assert min(map(len, found)) == 43


def test_nothing_is_made_twice_and_renewing_touches_certificates_only(made: Credentials) -> None:
    before = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    assert {m.state for m in made.make()} == {"kept"}
    assert {path.name: path.read_bytes() for path in made.folder.iterdir()} == before
    renewed = {m.name for m in made.make(renew=True) if m.state == "renewed"}
    after = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    assert renewed == {name for name in after if after[name] != before[name]}
    assert renewed == {"kafka.pem", "mongo.pem", "operator.pem"}
    certificate_in(made.certificate("kafka")).verify_directly_issued_by(certificate_in(made.ca))


def test_a_certificate_that_ends_soon_is_a_finding_until_it_is_renewed(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["certificates", "--directory", str(tmp_path), "--json"]
    with monkeypatch.context() as short:
        short.setattr(credentials, "CERTIFICATE_LIFE", timedelta(days=30))
        assert cli.main(command) == 0
    capsys.readouterr()
    assert cli.main(command) == 1
    states = {file["name"]: file["state"] for file in json.loads(capsys.readouterr().out)["files"]}
    assert {name for name, state in states.items() if state == "ends soon"} == {
        "kafka.pem",
        "mongo.pem",
        "operator.pem",
    }
    assert cli.main([*command, "--renew"]) == 0
    assert ends_of(tmp_path / "kafka.pem") - now() > timedelta(days=700)


def test_no_password_or_key_is_ever_printed(tmp_path: Path, capsys: Capture) -> None:
    assert cli.main(["certificates", "--directory", str(tmp_path)]) == 0
    assert cli.main(["certificates", "--directory", str(tmp_path), "--json"]) == 0
    printed = "".join(capsys.readouterr())
    secrets = [read_secret(path) for path in tmp_path.iterdir() if not path.name.endswith(".pem")]
    assert [secret for secret in secrets if secret[:20] in printed] == []


def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    assert cli.main(["certificates", "--directory", str(tmp_path)]) == 1
    assert "damaged" in capsys.readouterr().err
    assert (tmp_path / "ca.pem").read_text() == "not a certificate"


def test_an_authority_without_its_key_renews_nothing_and_breaks_nothing(made: Credentials, capsys: Capture) -> None:
    before = made.certificate("kafka").read_bytes()
    (made.folder / "ca.key").unlink()
    assert cli.main(["certificates", "--directory", str(made.folder)]) == 0
    assert cli.main(["certificates", "--directory", str(made.folder), "--renew"]) == 2
    assert "ca.key" in capsys.readouterr().err
    assert made.certificate("kafka").read_bytes() == before


def test_an_authority_whose_key_alone_was_written_is_finished_by_the_next_run(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "secrets"
    Credentials(folder).make()
    for path in folder.glob("*.pem"):
        path.unlink()
    key = (folder / "ca.key").read_bytes()
    assert cli.main(["certificates", "--directory", str(folder), "--json"]) == 0
    states = {file["name"]: file["state"] for file in json.loads(capsys.readouterr().out)["files"]}
    assert (states["ca.key"], states["ca.pem"], states["kafka.pem"]) == ("kept", "made", "made")
    assert (folder / "ca.key").read_bytes() == key
    certificate_in(folder / "kafka.pem").verify_directly_issued_by(certificate_in(folder / "ca.pem"))


def test_a_damaged_key_of_the_authority_is_told_and_left_alone(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "ca.key").write_text("not a key")
    assert cli.main(["certificates", "--directory", str(tmp_path)]) == 1
    assert "damaged" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ca.key"]


def test_without_settings_nothing_is_encrypted_and_nobody_signs_in() -> None:
    assert KafkaAccess().options() == {"security_protocol": "PLAINTEXT", "ssl_context": None}
    assert MongoAccess("intake").options() == {}


def test_a_client_checks_who_the_server_is(made: Credentials) -> None:
    context = KafkaAccess("sasl_ssl", "intake", "secret", made.ca).options()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    options = MongoAccess("intake", "secret", made.ca).options()
    assert options["tls"] is True
    assert not {"tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"} & options.keys()


def test_a_password_does_not_show_in_what_holds_it(made: Credentials) -> None:
    for access in (KafkaAccess("sasl_ssl", "u", "hidden"), MongoAccess("u", "hidden"), made.operator_at_mongo()):
        assert "hidden" not in repr(access)
        assert access.password not in repr(access)
