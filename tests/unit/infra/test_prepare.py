"""What is missing on a machine is installed where we may, and otherwise named with the command that installs it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra import prepare
from infra.prepare import Machine, Missing

DEBIAN = ("apt-get",)
PACKAGES = ("openjdk-17-jre-headless", "openjdk-17-jdk-headless", "maven", "libcurl4", "golang-go", "chromium")
EVERYTHING = (*DEBIAN, "java", "javac", "mvn", "mongod", "chromium", "go")


@dataclass
class OtherMachine:
    """A machine that has these programs, and whose apt-get knows these packages; notes every command."""

    programs: Sequence[str]
    java: str = "17.0.15"
    go: str = "1.19.8"
    packages: Sequence[str] = (*PACKAGES, "python3-venv")
    modules: Sequence[str] = ("ensurepip", "venv")
    system_python: str | None = None
    """The version of the system's own Python."""
    failing: str = ""
    commands: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def machine(self, *, root: bool = True, environment: dict[str, str] | None = None) -> Machine:
        return Machine(
            which=lambda name: f"/usr/bin/{name}" if name in self.programs else None,
            run=self.run,
            say=self.said.append,
            is_root=root,
            environment=environment or {},
            library_folders=(),
        )

    def run(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        match list(command):
            case ["java", "-version"]:
                if "java" not in self.programs:
                    raise FileNotFoundError("java")
                return subprocess.CompletedProcess(command, 0, "", f'openjdk version "{self.java}" 2025-04-15')
            case ["go", "version"]:
                if "go" not in self.programs:
                    raise FileNotFoundError("go")
                return subprocess.CompletedProcess(command, 0, f"go version go{self.go} linux/amd64", "")
            case ["apt-get", "install", "-s", "-qq", package]:
                return subprocess.CompletedProcess(command, 0 if package in self.packages else 100, "", "")
            case [prepare.SYSTEM_PYTHON, "-c", program] if "sys.version_info <" in program:
                if self.system_python is None:
                    raise FileNotFoundError(prepare.SYSTEM_PYTHON)
                version = tuple(map(int, self.system_python.split(".")))
                fits = "ensurepip" in self.modules and version >= prepare.OLDEST_PYTHON
                return subprocess.CompletedProcess(command, 0 if fits else 1, "", "")
            case [_, "-c", "import ensurepip, venv"]:
                return subprocess.CompletedProcess(command, 0 if "ensurepip" in self.modules else 1, "", "")
            case [_, "-c", program] if "python%d" in program:
                return subprocess.CompletedProcess(command, 0, "python3.11-venv\n", "")
            case [first, "-c", _] if first.endswith(".venv/bin/python"):
                raise FileNotFoundError(first)
        line = " ".join(command)
        self.commands.append(line)
        failed = bool(self.failing) and self.failing in line
        return subprocess.CompletedProcess(command, 100 if failed else 0, "", "E: it is away" if failed else "")

    @property
    def installed(self) -> list[str]:
        """What was given to `apt-get install`, one entry a call."""
        return [c.partition("--no-install-recommends ")[2] for c in self.commands if " install " in c]


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    return tmp_path


def test_nothing_is_installed_where_nothing_is_missing() -> None:
    other = OtherMachine(EVERYTHING)
    assert prepare.system_needs(other.machine(), "test")
    assert other.commands == []
    assert other.said == []


def test_root_on_debian_gets_all_that_is_missing_with_one_update_and_one_install() -> None:
    other = OtherMachine(DEBIAN)
    assert prepare.system_needs(other.machine(), "test")
    assert [c.split()[5] for c in other.commands] == ["update", "install"]
    assert other.installed == [" ".join(PACKAGES)]


def test_an_old_java_counts_as_missing() -> None:
    for version in ("11.0.2", "1.8.0_392"):
        assert not prepare.has_java(OtherMachine(("java",), java=version).machine())
    for version in ("17", "17.0.15", "21-ea"):
        assert prepare.has_java(OtherMachine(("java",), java=version).machine())


def test_an_old_go_counts_as_missing() -> None:
    for version in ("1.17.13", "1.4"):
        assert not prepare.has_go(OtherMachine(("go",), go=version).machine())
    for version in ("1.18", "1.26.8"):
        assert prepare.has_go(OtherMachine(("go",), go=version).machine())


def test_the_next_package_is_taken_where_a_system_does_not_have_the_first() -> None:
    other = OtherMachine((*DEBIAN, "javac", "mvn", "mongod", "chromium", "go"), packages=("openjdk-21-jre-headless",))
    assert prepare.system_needs(other.machine(), "test")
    assert other.installed == ["openjdk-21-jre-headless"]


def test_without_root_it_names_everything_in_one_line_with_the_command() -> None:
    other = OtherMachine(DEBIAN)
    with pytest.raises(Missing) as missing:
        prepare.system_needs(other.machine(root=False), "test")
    line = str(missing.value)
    assert "\n" not in line
    assert line.startswith("Missing: Java 17 or newer, a Java that compiles, Maven, libcurl")
    assert line.endswith(
        "sudo apt-get install openjdk-17-jre-headless openjdk-17-jdk-headless maven libcurl4 golang-go chromium"
    )
    assert other.commands == []


def test_another_system_is_told_what_is_missing() -> None:
    with pytest.raises(Missing, match=r"Missing: Maven\. Install it with your system's packages"):
        prepare.system_needs(OtherMachine(("java", "javac", "mongod", "chromium", "go")).machine(), "test")


def test_the_demo_goes_on_in_memory_where_java_cannot_be_had() -> None:
    other = OtherMachine((*DEBIAN, "mongod"))
    assert not prepare.system_needs(other.machine(root=False), "demo")
    (sentence,) = other.said
    assert "sudo apt-get install openjdk-17-jre-headless maven" in sentence
    assert "BROKER=memory" in sentence


def test_the_demo_goes_on_in_memory_where_the_installation_fails() -> None:
    other = OtherMachine((*DEBIAN, "mongod"), failing="install -y")
    assert not prepare.system_needs(other.machine(), "demo")
    assert "E: it is away" in other.said[-1]


def test_a_demo_in_memory_does_not_ask_for_java() -> None:
    other = OtherMachine((*DEBIAN, "mongod"))
    assert not prepare.system_needs(other.machine(environment={"BROKER": "memory"}), "demo")
    assert other.commands == []
    assert other.said == []


def test_checks_need_nothing_of_the_system() -> None:
    other = OtherMachine(())
    prepare.system_needs(other.machine(), "check")
    assert other.commands == []


def test_a_failing_apt_get_is_named_with_its_reason() -> None:
    with pytest.raises(Missing, match=r"`apt-get update -qq` failed: E: it is away"):
        prepare.system_needs(OtherMachine(DEBIAN, failing="update").machine(), "test")


def test_mongod_of_the_cache_needs_its_libraries(tmp_path: Path) -> None:
    machine = OtherMachine(()).machine()
    machine.library_folders = (str(tmp_path / "*"),)
    assert not prepare.has_mongod_libraries(machine)
    (tmp_path / "lib").mkdir()
    for name in ("libcurl.so.4", "libssl.so.3"):
        (tmp_path / "lib" / name).touch()
    assert prepare.has_mongod_libraries(machine)


def test_the_venv_module_is_installed_where_debian_left_it_out() -> None:
    other = OtherMachine(DEBIAN, modules=())
    prepare.make_venv(other.machine(), "python3")
    assert other.installed == ["python3-venv"]
    assert other.commands[-1].startswith("python3 -m venv ")


def scripts_start(venv: Path, *, made_for: Path | None = None, head: str = "#!{}/bin/python3.11") -> None:
    """An environment whose scripts start its own Python, or that of another folder."""
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "bin" / "python").touch()
    (venv / "bin" / "pip").write_text(head.format(made_for or venv) + "\nimport sys\n")


@pytest.mark.parametrize("head", ["#!{}/bin/python3.11", '#!/bin/sh\n\'\'\'exec\' "{}/bin/python" "$0" "$@"'])
def test_an_environment_that_was_moved_or_copied_here_is_made_anew(tree: Path, tmp_path: Path, head: str) -> None:
    other = OtherMachine(EVERYTHING)
    machine = replace(other.machine(), run=lambda *_, **__: subprocess.CompletedProcess([], 0, "", ""))
    scripts_start(tree / ".venv", head=head)
    prepare.make_venv(machine, "python3")
    prepare.remember(machine, "check")
    assert prepare.is_done(machine, "check")
    for elsewhere in (tmp_path / "old" / ".venv", Path(f"{tree}-old") / ".venv", tree):
        scripts_start(tree / ".venv", made_for=elsewhere, head=head)
        prepare.remember(machine, "check")
        assert not prepare.is_done(machine, "check")
        prepare.make_venv(machine, "python3")
        assert not (tree / ".venv").exists()


@pytest.mark.slow
def test_a_real_environment_is_known_where_it_was_made_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("plain", "with a blank"):
        here = tmp_path / name
        subprocess.run([sys.executable, "-m", "venv", here / ".venv"], check=True)
        monkeypatch.setattr(prepare, "ROOT", here)
        assert prepare.venv_is_here()
        moved = here.rename(tmp_path / f"{name} elsewhere")
        monkeypatch.setattr(prepare, "ROOT", moved)
        assert not prepare.venv_is_here()


def test_the_locked_packages_are_installed_once_for_one_lock(tree: Path) -> None:
    (tree / ".venv").mkdir()
    (tree / "requirements-dev.lock").write_text("one")
    other = OtherMachine(())
    prepare.install_packages(other.machine())
    assert [c for c in other.commands if "--require-hashes -r requirements-dev.lock" in c]
    assert [c for c in other.commands if c.endswith("--no-deps --no-build-isolation -e .")]
    other.commands.clear()
    prepare.install_packages(other.machine())
    assert other.commands == []
    (tree / "requirements-dev.lock").write_text("two")
    prepare.install_packages(other.machine())
    assert len(other.commands) == 2


def test_a_failing_step_is_named_with_its_command_and_not_remembered(tree: Path) -> None:
    (tree / ".venv").mkdir()
    other = OtherMachine((), failing="pip")
    with pytest.raises(Missing, match="Python packages: this failed"):
        prepare.install_packages(other.machine())
    assert not (tree / ".venv" / "hearth-packages").exists()


def test_what_is_done_for_the_tests_is_done_for_the_demo_until_a_lock_changes(tree: Path) -> None:
    other = OtherMachine(EVERYTHING).machine()
    scripts_start(tree / ".venv")
    prepare.remember(other, "demo")
    assert prepare.is_done(other, "check")
    assert not prepare.is_done(other, "test")
    assert not prepare.is_done(other, "demo"), "Kafka is not in the cache"
    (tree / "requirements-dev.lock").write_text("new")
    assert not prepare.is_done(other, "check")


def test_a_wrong_goal_is_told_the_right_ones() -> None:
    other = OtherMachine(())
    assert prepare.main(["everything"], other.machine()) == 2
    assert other.said == ["usage: python3 infra/prepare.py [check|demo|test]"]


@pytest.mark.parametrize(
    ("version", "found"),
    [("3.11.2", prepare.SYSTEM_PYTHON), ("3.10.12", sys.executable), (None, sys.executable)],
    ids=["new", "old", "none"],
)
def test_the_systems_python_is_taken_before_this_one_if_it_is_new_enough(version: str | None, found: str) -> None:
    assert prepare.find_python(OtherMachine((), system_python=version).machine()) == found


def test_a_python_of_the_system_that_can_make_no_environment_is_left_alone() -> None:
    other = OtherMachine((), system_python="3.11.2", modules=("venv",))
    assert prepare.find_python(other.machine()) == sys.executable


def test_the_python_that_is_found_here_can_make_an_environment() -> None:
    program = "import ensurepip, sys, venv; print(sys.version_info >= (3, 11))"
    shown = subprocess.run([prepare.find_python(Machine()), "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "True\n"


@pytest.mark.parametrize(("goal", "fetched"), [("demo", "infra.local.fetch"), ("test", "infra.local.fetch --keycloak")])
def test_keycloak_is_fetched_for_the_tests_only(
    tree: Path, monkeypatch: pytest.MonkeyPatch, goal: str, fetched: str
) -> None:
    monkeypatch.setattr(prepare, "make_venv", lambda machine, python: (tree / ".venv").mkdir())
    other = OtherMachine(EVERYTHING)
    prepare.prepare(other.machine(), goal)
    (command,) = [command for command in other.commands if "infra.local.fetch" in command]
    assert command.endswith(f"-m {fetched}")


def test_tests_need_maven_until_keycloak_is_in_the_cache() -> None:
    machine = OtherMachine(()).machine()
    prepare._downloads().kafka_folder().mkdir(parents=True)
    assert prepare.has_jars_or_maven(machine)
    assert not prepare.has_keycloak_or_maven(machine)
    prepare._downloads().keycloak_folder().mkdir()
    assert prepare.has_keycloak_or_maven(machine)
