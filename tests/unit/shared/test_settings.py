"""Settings: from the environment or a file; a wrong one stops the start with one sentence a variable."""

import base64
from pathlib import Path

import pytest

from shared.settings import Connections, Key, Settings, load_settings

SECRET = base64.b64encode(b"k" * 32).decode()


class Example(Settings):
    other_key: Key


def test_a_secret_comes_from_the_variable_or_from_the_file_it_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "other_key"
    file.write_text(SECRET + "\n", encoding="utf-8")
    monkeypatch.setenv("HEARTH_FORM_KEY", SECRET)
    monkeypatch.setenv("HEARTH_OTHER_KEY_FILE", str(file))
    settings = load_settings(Example)
    assert settings.form_key == settings.other_key == b"k" * 32
    assert "kkkk" not in repr(settings)


def test_every_wrong_or_missing_variable_gets_its_own_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HEARTH_FORM_KEY", raising=False)
    monkeypatch.setenv("HEARTH_OTHER_KEY", "not base64!")
    monkeypatch.setenv("HEARTH_PORT", "99999")
    with pytest.raises(SystemExit) as ended:
        load_settings(Example)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert any(line.startswith("HEARTH_FORM_KEY is missing") for line in lines)
    assert any(line.startswith("HEARTH_PORT is wrong") for line in lines)
    assert "not base64!" not in "".join(lines)


def test_a_key_of_the_wrong_length_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTH_FORM_KEY", base64.b64encode(b"short").decode())
    with pytest.raises(SystemExit):
        load_settings(Settings)
    assert "HEARTH_FORM_KEY" in capsys.readouterr().err


def test_a_secret_file_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTH_FORM_KEY_FILE", "/nowhere/form_key")
    with pytest.raises(SystemExit):
        load_settings(Settings)
    assert "/nowhere/form_key" in capsys.readouterr().err


def test_a_password_is_needed_where_kafka_asks_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTH_KAFKA_SECURITY", "sasl_ssl")
    monkeypatch.setenv("HEARTH_KAFKA_CA", "/nowhere/ca.pem")
    with pytest.raises(SystemExit):
        load_settings(Connections)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert any(line.startswith("HEARTH_KAFKA_PASSWORD is wrong") for line in lines)
    assert any(line.startswith("HEARTH_KAFKA_CA is wrong") for line in lines)


def test_a_service_is_known_by_its_name_behind_the_prefixes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret words\n", encoding="utf-8")
    monkeypatch.setenv("HEARTH_KAFKA_PASSWORD_FILE", str(password))
    monkeypatch.setenv("HEARTH_MONGO_PASSWORD_FILE", str(password))
    settings = Connections(kafka_security="sasl_ssl", topic_prefix="a.", database_prefix="a_")
    kafka, mongo = settings.kafka_access("intake"), settings.mongo_access("intake")
    assert (kafka.user, kafka.password) == ("a.intake", "secret words")
    assert (mongo.user, mongo.password) == ("a_intake", "secret words")
    assert "secret words" not in repr((settings, kafka, mongo))
    assert Connections(kafka_user="another").kafka_access("intake").user == "another"
