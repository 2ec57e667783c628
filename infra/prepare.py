"""Make this machine ready: `python3 infra/prepare.py [check|demo|test]`. Does nothing when nothing is missing.

It makes `.venv`, installs the locked packages and this project, makes the browser assets, and fetches Kafka, MongoDB
and (for `test`) Keycloak into the cache. Only the system can give Java, Maven, Go and Chromium: as root on Debian or
Ubuntu this program installs them with apt-get, otherwise it names them in one line, with the command that installs
them. `check` needs only the Python packages, `demo` all but Go and Chromium, `test` everything.

It uses the standard library only, because it runs before anything is installed. Any Python since 3.9 can run it far
enough to find a newer one.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
SYSTEM_PYTHON = "/usr/bin/python3"
OLDEST_JAVA = 17
OLDEST_GO = 18
GO_MODULES = ("tests/support/go/cloudevents", "tests/support/go/kafka")
GOALS = ("check", "demo", "test")

Check = Callable[["Machine"], bool]


class Missing(Exception):
    """Something is missing that this program cannot install. The text is one line that says what to do."""


@dataclass
class Machine:
    """The machine as this program sees and changes it. Tests hand in another one."""

    which: Callable[[str], str | None] = shutil.which
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    say: Callable[[str], None] = print
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    library_folders: Sequence[str] = ("/lib/*", "/usr/lib/*", "/usr/lib", "/usr/lib64", "/usr/local/lib")

    def works(self, *command: str) -> bool:
        """Whether a command runs and ends with status 0."""
        try:
            return self.run(command, capture_output=True, text=True, check=False).returncode == 0
        except OSError:
            return False

    def has_library(self, name: str) -> bool:
        """Whether a shared library lies where the loader looks."""
        return any(glob.glob(f"{folder}/{name}") for folder in self.library_folders)  # noqa: PTH207  # absolute patterns

    @property
    def has_apt(self) -> bool:
        return self.which("apt-get") is not None


@dataclass(frozen=True)
class Need:
    """Something that the system must give. `packages` are names on Debian and Ubuntu; the first available one is
    taken.
    """

    name: str
    is_there: Check
    packages: tuple[str, ...]
    goals: tuple[str, ...]
    otherwise: str = ""
    """What happens without it; empty if nothing works without it."""


def has_java(machine: Machine) -> bool:
    """Whether the `java` on the PATH is new enough for Kafka."""
    return _says_version(machine, ["java", "-version"], r'version "(?:1\.)?(\d+)', OLDEST_JAVA)


def has_compiler(machine: Machine) -> bool:
    """Whether Java's compiler is there, with which tests run programs of documents."""
    return machine.which("javac") is not None


def has_go(machine: Machine) -> bool:
    """Whether the `go` on the PATH, with which tests run programs that use packages of others, is new enough for it."""
    return _says_version(machine, ["go", "version"], r"go1\.(\d+)", OLDEST_GO)


def _says_version(machine: Machine, command: Sequence[str], pattern: str, oldest: int) -> bool:
    try:
        shown = machine.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return False
    # Java writes its version to the standard error.
    found = re.search(pattern, shown.stdout + shown.stderr)
    return found is not None and int(found.group(1)) >= oldest


def has_jars_or_maven(machine: Machine) -> bool:
    """Whether Kafka's jars are in the cache, or can be fetched into it."""
    return _downloads().kafka_folder().exists() or machine.which("mvn") is not None


def has_keycloak_or_maven(machine: Machine) -> bool:
    """The same, and whether Keycloak, with which tests sign in, is in the cache or can be fetched."""
    return has_jars_or_maven(machine) and (_downloads().keycloak_folder().exists() or machine.which("mvn") is not None)


def has_mongod_libraries(machine: Machine) -> bool:
    """Whether a MongoDB server of the cache can run, or another one is on the PATH."""
    if machine.which("mongod"):
        return True
    return machine.has_library("libcurl.so.4") and machine.has_library("libssl.so.3")


def has_chromium(machine: Machine) -> bool:
    return any(machine.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def wants_memory(machine: Machine) -> bool:
    """Whether the user asked for the broker that needs no Java."""
    return machine.environment.get("BROKER") == "memory"


NEEDS = (
    Need(
        "Java 17 or newer",
        has_java,
        ("openjdk-17-jre-headless", "openjdk-21-jre-headless", "openjdk-25-jre-headless", "default-jre-headless"),
        ("demo", "test"),
        "Kafka cannot run, and the demo takes the broker in memory (BROKER=memory)",
    ),
    Need(
        "Maven",
        has_jars_or_maven,
        ("maven",),
        ("demo",),
        "Kafka's jars cannot be fetched, and the demo takes the broker in memory (BROKER=memory)",
    ),
    Need(
        "a Java that compiles",
        has_compiler,
        ("openjdk-17-jdk-headless", "openjdk-21-jdk-headless", "openjdk-25-jdk-headless", "default-jdk-headless"),
        ("test",),
    ),
    Need("Maven", has_keycloak_or_maven, ("maven",), ("test",)),
    Need("libcurl and libssl for MongoDB", has_mongod_libraries, ("libcurl4", "libcurl4t64"), ("demo", "test")),
    Need("Go 1.18 or newer", has_go, ("golang-go",), ("test",)),
    Need("Chromium", has_chromium, ("chromium",), ("test",)),
)
KAFKA_NEEDS = ("Java 17 or newer", "Maven")


def find_python(machine: Machine) -> str:
    """A Python that is new enough: the system's, this one, or another one on the PATH. Raises Missing.

    Distributions build Python with optimisations that pyenv leaves out, and the tests need a fifth less time with it.
    A `.venv` that works is kept: who wants another Python makes it first.
    """
    fits = f"import ensurepip, sys, venv; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    if machine.works(SYSTEM_PYTHON, "-c", fits):
        return SYSTEM_PYTHON
    if sys.version_info >= OLDEST_PYTHON:
        return sys.executable
    newer = [f"python3.{minor}" for minor in (14, 13, 12, 11)]
    for name in newer:
        if machine.which(name):
            return name
    install_or_raise(machine, [("Python 3.11 or newer", tuple(reversed(newer)))])
    return next(name for name in reversed(newer) if machine.which(name))


def install_or_raise(machine: Machine, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    """Install (name, packages to choose from) with one apt-get. Raises Missing where that is not possible."""
    names = ", ".join(name for name, _ in wanted)
    usual = " ".join(packages[0] for _, packages in wanted)
    if not machine.has_apt:
        raise Missing(f"Missing: {names}. Install it with your system's packages (on Debian: apt-get install {usual}).")
    if not machine.is_root:
        raise Missing(f"Missing: {names}. Install it with: sudo apt-get install {usual}")
    machine.say(f"Installing {names} …")
    apt_get(machine, "update", "-qq")
    chosen = []
    for name, packages in wanted:
        package = next((p for p in packages if machine.works("apt-get", "install", "-s", "-qq", p)), None)
        if package is None:
            raise Missing(f"Missing: {name}. This system has no package of that kind ({', '.join(packages)}).")
        chosen.append(package)
    apt_get(machine, "install", "-y", "-qq", "--no-install-recommends", *chosen)


def apt_get(machine: Machine, *arguments: str) -> None:
    """One quiet apt-get that asks nothing. Raises Missing with its last words if it fails."""
    command = ["apt-get", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = {**machine.environment, "DEBIAN_FRONTEND": "noninteractive"}
    done = machine.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise Missing(f"`apt-get {' '.join(arguments)}` failed: {last}")


def system_needs(machine: Machine, goal: str) -> bool:
    """Install what the system must give for a goal. Returns whether Kafka can run. Raises Missing."""
    skipped = KAFKA_NEEDS if wants_memory(machine) and goal == "demo" else ()
    needs = [need for need in NEEDS if goal in need.goals and need.name not in skipped and not need.is_there(machine)]
    must = [need for need in needs if goal == "test" or not need.otherwise]
    may = [need for need in needs if need not in must]
    if must:
        install_or_raise(machine, [(need.name, need.packages) for need in must])
    if may:
        try:
            install_or_raise(machine, [(need.name, need.packages) for need in may])
        except Missing as missing:
            machine.say(f"{missing} Until then {may[0].otherwise}.")
            return False
    return not skipped


def make_venv(machine: Machine, python: str) -> None:
    """`.venv`, unless it works here already. Raises Missing."""
    if venv_is_here() and machine.works(str(venv_python()), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        return
    if not machine.works(python, "-c", "import ensurepip, venv"):
        done = machine.run(
            [python, "-c", "import sys; print('python%d.%d-venv' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        )
        install_or_raise(machine, [("Python's venv module", (done.stdout.strip(), "python3-venv"))])
    shutil.rmtree(ROOT / ".venv", ignore_errors=True)
    step(machine, "Python environment", [python, "-m", "venv", str(ROOT / ".venv")])


def install_packages(machine: Machine) -> None:
    """The locked packages and this project in `.venv`, unless the locks are those of last time. Raises Missing."""
    stamp, wanted = ROOT / ".venv" / "hearth-packages", digest("requirements-dev.lock", "pyproject.toml")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = [str(venv_python()), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    # The lock is complete, so nothing is resolved again. What is imported is compiled then.
    step(
        machine,
        "Python packages",
        [*pip, "--no-deps", "--no-compile", "--require-hashes", "-r", "requirements-dev.lock"],
    )
    step(machine, "This project", [*pip, "--no-deps", "--no-build-isolation", "-e", "."])
    stamp.write_text(wanted)


def make_assets(machine: Machine) -> None:
    """Browser assets. Raises Missing."""
    if (ROOT / "infra" / "assets.py").exists():
        step(machine, "Browser assets", [str(venv_python()), "-m", "infra.assets"])


def fetch_parts(machine: Machine, kafka: bool, keycloak: bool) -> None:
    """Kafka, MongoDB and Keycloak into the cache, as far as they are wanted. Raises Missing."""
    wanted = [*(["Kafka"] if kafka else []), "MongoDB", *(["Keycloak"] if keycloak else [])]
    options = [*([] if kafka else ["--no-kafka"]), *(["--keycloak"] if keycloak else [])]
    step(machine, ", ".join(wanted), [str(venv_python()), "-m", "infra.local.fetch", *options])


def step(machine: Machine, name: str, command: Sequence[str], folder: str = ".") -> None:
    """Run one step in a folder of the tree, and tell its time if it took a while. Raises Missing with the command."""
    began = time.monotonic()
    if machine.run(command, cwd=ROOT / folder, check=False, text=True).returncode:
        raise Missing(f"{name}: this failed, its reason stands above: {' '.join(command)}")
    seconds = time.monotonic() - began
    if seconds > 1:
        machine.say(f"{name}: done in {seconds:.0f} s.")


def prepare(machine: Machine, goal: str) -> None:
    """Everything for a goal. Raises Missing."""
    python = find_python(machine)
    if sys.version_info < OLDEST_PYTHON:
        # The rest of the program needs the newer one.
        sys.exit(machine.run([python, __file__, goal], check=False).returncode)
    kafka = system_needs(machine, goal)
    make_venv(machine, python)
    install_packages(machine)
    if goal != "check":
        make_assets(machine)
        fetch_parts(machine, kafka, keycloak=goal == "test")
    if goal == "test":
        for folder in GO_MODULES:
            step(machine, "Go modules", ["go", "mod", "download"], folder)


def is_done(machine: Machine, goal: str) -> bool:
    """Whether the last run for this goal still holds: the inputs are the same, and what it made is still there."""
    try:
        done = json.loads(stamp_file().read_text())
    except (OSError, ValueError):
        return False
    if done.get(goal) != inputs(machine) or not venv_is_here():
        return False
    if goal == "check":
        return True
    downloads = _downloads()
    made = [downloads.mongod_program(), ROOT / "shared" / "web" / "assets"]
    made += [] if wants_memory(machine) else [downloads.kafka_folder()]
    made += [downloads.keycloak_folder()] if goal == "test" else []
    programs = [] if wants_memory(machine) else [machine.which("java") is not None]
    programs += (
        [has_chromium(machine), has_compiler(machine), machine.which("go") is not None] if goal == "test" else []
    )
    return all(path is not None and path.exists() for path in made) and all(programs)


def remember(machine: Machine, goal: str) -> None:
    """Note that the goal is reached. `test` reaches the other goals, too."""
    try:
        done = json.loads(stamp_file().read_text())
    except (OSError, ValueError):
        done = {}
    for reached in GOALS[: GOALS.index(goal) + 1]:
        done[reached] = inputs(machine)
    stamp_file().write_text(json.dumps(done))


def inputs(machine: Machine) -> str:
    """What a run depends on."""
    locks = ("requirements-dev.lock", "pyproject.toml", "package-lock.json", "infra/node.lock")
    parts = (
        "infra/local/pom.xml",
        "infra/local/kafka-jars.sha256",
        "infra/local/mongod.lock",
        "infra/local/keycloak.sha256",
        *(f"{folder}/go.sum" for folder in GO_MODULES),
    )
    found = digest(*locks, *parts, "infra/assets.py", "infra/prepare.py")
    return f"{found} memory" if wants_memory(machine) else found


def digest(*files: str) -> str:
    """A hash over files of the tree. A missing file counts as empty."""
    paths = [ROOT / file for file in files]
    return hashlib.sha256(b"\0".join(path.read_bytes() if path.exists() else b"" for path in paths)).hexdigest()


def venv_python() -> Path:
    return ROOT / ".venv" / "bin" / "python"


def venv_is_here() -> bool:
    """Whether `.venv` was made in this folder: the scripts of a moved or copied one start another Python."""
    try:
        head = venv_python().with_name("pip").read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return False
    # The interpreter stands in the first line, or in the second where its path is long or has blanks.
    named = re.search(r"(/.*)/python", "\n".join(head))
    return named is not None and venv_python().exists() and Path(named[1]).resolve() == venv_python().parent.resolve()


def stamp_file() -> Path:
    return ROOT / ".venv" / "hearth-prepared.json"


def _downloads() -> ModuleType:
    """infra.local.downloads. It is imported late, because it needs Python 3.11, and this program may begin with
    less.
    """
    sys.path.insert(0, str(ROOT))
    try:
        from infra.local import downloads
    finally:
        sys.path.remove(str(ROOT))
    return downloads


def main(arguments: Sequence[str], machine: Machine | None = None) -> int:
    machine = machine or Machine()
    goal = arguments[0] if arguments else "test"
    if goal not in GOALS or len(arguments) > 1:
        machine.say(f"usage: python3 infra/prepare.py [{'|'.join(GOALS)}]")
        return 2
    if sys.version_info >= OLDEST_PYTHON and is_done(machine, goal):
        return 0
    (ROOT / ".data").mkdir(exist_ok=True)
    with (ROOT / ".data" / "prepare.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            prepare(machine, goal)
        except Missing as missing:
            machine.say(str(missing))
            return 1
        remember(machine, goal)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
