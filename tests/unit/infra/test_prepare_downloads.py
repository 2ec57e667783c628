"""Downloads are checked, and a cache folder is whole or absent."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from infra.local import downloads
from infra.local.downloads import DownloadError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the sums of one jar."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sums = tmp_path / "sums"
    sums.write_text(f"{hashlib.sha256(b'right').hexdigest()}  kafka.jar\n")
    monkeypatch.setattr(downloads, "JAR_SUMS", sums)
    return tmp_path / "hearth"


class Maven:
    """Writes one jar where it is told, as `dependency:copy-dependencies` does."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.calls = 0

    def __call__(self, command: list[str | Path], **_: object) -> None:
        self.calls += 1
        libs = Path(next(str(part).partition("=")[2] for part in command if "outputDirectory" in str(part)))
        libs.mkdir()
        (libs / "kafka.jar").write_bytes(self.content)


def test_jars_are_fetched_once() -> None:
    maven = Maven(b"right")
    folder = downloads.fetch_kafka(maven)
    assert (folder / "libs" / "kafka.jar").read_bytes() == b"right"
    assert downloads.fetch_kafka(maven) == folder
    assert maven.calls == 1


def test_a_jar_that_is_not_the_expected_one_leaves_nothing_behind(cache: Path) -> None:
    with pytest.raises(DownloadError, match=r"kafka\.jar"):
        downloads.fetch_kafka(Maven(b"wrong"))
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    assert downloads.fetch_kafka(Maven(b"right")).exists()


def test_an_additional_jar_is_not_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "libs"
    folder.mkdir()
    (folder / "kafka.jar").write_bytes(b"right")
    downloads.check_sums(folder, tmp_path / "sums")
    (folder / "other.jar").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"other\.jar"):
        downloads.check_sums(folder, tmp_path / "sums")


def test_a_failing_download_is_named_with_its_command() -> None:
    def fail(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command)

    with pytest.raises(DownloadError, match="mvn -q -B"):
        downloads.fetch_kafka(fail)


def test_a_change_of_what_is_wanted_is_another_folder(tmp_path: Path) -> None:
    before = downloads.kafka_folder()
    (tmp_path / "sums").write_text(f"{hashlib.sha256(b'newer').hexdigest()}  kafka.jar\n")
    assert downloads.kafka_folder() != before


class KeycloakArchive:
    """Writes an archive where Maven is told to; Java only notes that it was called."""

    def __init__(self, content: bytes = b"right") -> None:
        self.content = content
        self.calls: list[str] = []

    def __call__(self, command: list[str | Path], **_: object) -> None:
        self.calls.append(str(command[0]))
        if command[0] == "mvn":
            folder = Path(next(str(part).partition("=")[2] for part in command if "outputDirectory" in str(part)))
            folder.mkdir()
            with zipfile.ZipFile(folder / "keycloak.zip", "w") as archive:
                archive.writestr(zipfile.ZipInfo("keycloak-1/lib/quarkus-run.jar"), self.content)


def test_keycloak_is_fetched_checked_and_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetching, sums = KeycloakArchive(), tmp_path / "keycloak.sha256"
    fetching(["mvn", f"-DoutputDirectory={tmp_path / 'right'}"])
    digest = hashlib.sha256((tmp_path / "right" / "keycloak.zip").read_bytes()).hexdigest()
    sums.write_text(f"{digest}  keycloak.zip\n")
    monkeypatch.setattr(downloads, "KEYCLOAK_SUMS", sums)
    with pytest.raises(DownloadError, match=r"keycloak\.zip"):
        downloads.fetch_keycloak(KeycloakArchive(b"wrong"))
    assert not downloads.keycloak_folder().exists()
    fetching.calls.clear()
    folder = downloads.fetch_keycloak(fetching)
    assert (folder / "lib" / "quarkus-run.jar").read_bytes() == b"right"
    assert downloads.fetch_keycloak(fetching) == folder
    assert fetching.calls == ["mvn", "java"]
