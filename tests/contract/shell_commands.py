"""Whether the commands that a document names could run here: each program, command, option, container, file, path.

Nothing is started. A word in capitals, or with `…` in it, stands for what the reader puts in its place.
"""

import argparse
import enum
import importlib.util
import json
import re
import shlex
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

import typer.main
from fastapi import FastAPI
from starlette.routing import Match
from typer.core import TyperCommand, TyperGroup

from infra.cli import app as command_line
from infra.commands.verify import build_parser as parser_of_hearth_verify
from infra.services import SERVICES
from services.audit.verify import build_parser as parser_of_verify
from tests.contract.test_compose import COMPOSE
from tests.contract.test_compose_secure import SECURE_FILE
from tests.support.documented import DOCS, programs
from tests.support.every_app import build

ROOT = DOCS.parent
OTHERS = {"cat", "cd", "echo", "export", "git", "mongosh", "rm", "sed", "sha256sum", "vault"}
"""Programs of others, of which only the name is looked at."""
CONTAINERS: Mapping[str, Mapping[str, Any]] = {
    name: {**COMPOSE["services"].get(name, {}), **SECURE_FILE["services"].get(name, {})}
    for name in COMPOSE["services"].keys() | SECURE_FILE["services"].keys()
}
WORDS_OF_COMPOSE: Mapping[str, tuple[set[str], set[str]]] = {
    "up": ({"-d", "--wait", "--build", "--force-recreate"}, {"--scale"}),
    "down": ({"-v"}, set()),
    "run": ({"--rm", "--build"}, {"-e"}),
    **dict.fromkeys(("restart", "start", "stop", "ps", "pull", "build"), (set[str](), set[str]())),
    "logs": ({"-f"}, set()),
    "rm": ({"--stop"}, set()),
}
"""Commands of Docker Compose: their options without a value, and those with one."""
WORDS_OF_CURL = ({"-f", "-s", "-S", "-sS", "-fsS"}, {"-H", "-X", "-d", "-o", "--json"})
ADDRESSES = {f"${name.upper()}": name for name in SERVICES} | {
    f"http://127.0.0.1:{service.port}": name for name, service in SERVICES.items()
}


class Fault(Exception):
    """Why a command could not run. The text is one sentence."""


def commands_in(script: str) -> Iterator[list[str]]:
    """The words of each command of a script. Raises ValueError for an open quote."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        passed_over = False
        for word in lexer:
            if set(word) <= set("<>"):
                passed_over = True
            elif set(word) <= set("&|;()"):
                yield from [words] if words else []
                words = []
            elif not passed_over and (words or not re.match(r"[A-Z_]+=", word)):
                words.append(word)
            else:
                passed_over = False
        yield from [words] if words else []


def faults_of(script: str, *, whole: bool = True) -> list[str]:
    """What could not run in a script. `whole`: nothing that a command needs may be missing."""
    return [f"{' '.join(words)}: {fault}" for words in commands_in(script) for fault in _faults(words, whole)]


def begins_as_a_command(line: str) -> bool:
    """Whether a line begins with the name of a program that is known here."""
    words = re.sub(r"^([A-Z_]+=\S* )+", "", line).split()
    return len(words) > 1 and words[0] in {*CHECKS, *OTHERS}


def _faults(words: Sequence[str], whole: bool) -> list[str]:
    name, *arguments = words
    try:
        if name not in OTHERS:
            check = CHECKS.get(name)
            _must(check is not None, "this program is not known here")
            cast("Check", check)(arguments, whole)
    except Fault as fault:
        return [str(fault)]
    return []


def _must(holds: object, fault: str) -> None:
    if not holds:
        raise Fault(fault)


def _is_open(word: str) -> bool:
    """Whether a word stands for what the reader puts in its place."""
    return "…" in word or word.isupper() or word.startswith("$")


def _split(arguments: Sequence[str], flags: Container[str], valued: Container[str]) -> tuple[dict[str, str], list[str]]:
    """The options before and between the words, by name, and the words."""
    options: dict[str, str] = {}
    rest = list(arguments)
    words: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in valued:
            _must(rest, f"{word} needs a value")
            options[word] = rest.pop(0)
        elif word in flags:
            options[word] = ""
        else:
            _must(not word.startswith("-"), f"{word} is no option that is known here")
            words.append(word)
    return options, words


def _check_compose(arguments: Sequence[str], whole: bool) -> None:
    _must(arguments and arguments[0] == "compose", "only docker compose is known here")
    rest = list(arguments[1:])
    while rest and rest[0] == "--profile":
        profiles = {profile for container in CONTAINERS.values() for profile in container.get("profiles", ())}
        _must(rest[1:] and rest[1] in profiles, "there is no such profile")
        rest = rest[2:]
    _must(rest and rest[0] in WORDS_OF_COMPOSE, "there is no such command of compose")
    command, *rest = rest
    flags, valued = WORDS_OF_COMPOSE[command]
    if command == "run":
        place = next((at for at, word in enumerate(rest) if word in CONTAINERS or _is_open(word)), len(rest))
        while place < len(rest) and place and rest[place - 1] in valued:
            place = next((at for at, word in enumerate(rest) if at > place and word in CONTAINERS), len(rest))
        _split(rest[:place], flags, valued)
        _must(place < len(rest), "no such container")
        if rest[place] in CONTAINERS:
            _check_container(CONTAINERS[rest[place]], rest[place + 1 :], whole)
        return
    options, names = _split(rest, flags, valued)
    for name in [*names, *(value.partition("=")[0] for value in options.values() if value)]:
        _must(name in CONTAINERS or _is_open(name), f"there is no container {name}")


def _check_container(container: Mapping[str, Any], arguments: Sequence[str], whole: bool) -> None:
    said = arguments or container.get("command", ())
    words = [str(word) for word in (*container.get("entrypoint", ()), *said)]
    faults = _faults(words, whole)
    _must(not faults, " ".join(faults))


def _check_hearth(arguments: Sequence[str], whole: bool) -> None:
    command: TyperCommand | TyperGroup = cast("TyperGroup", typer.main.get_command(command_line))
    rest = list(arguments)
    is_open = any("…" in word for word in rest)
    while True:
        if rest and rest[0] == "verify" and isinstance(command, TyperGroup):
            return _check_parser(parser_of_hearth_verify(), rest[1:], whole)
        given, rest = _parse(command, rest, whole)
        _check_values(command, given, whole and not is_open)
        if not isinstance(command, TyperGroup):
            return _must(not rest or is_open, f"{' '.join(rest)} is too much")
        if not rest:
            return _must(not whole or command.invoke_without_command or "help" in given, "a command is missing")
        if _is_open(rest[0]):
            return None
        _must(rest[0] in command.commands, f"there is no command {rest[0]}")
        command = cast("TyperCommand", command.commands[rest.pop(0)])


def _parse(command: TyperCommand | TyperGroup, words: list[str], whole: bool) -> tuple[dict[str, Any], list[str]]:
    """The values of a command by name, and the words behind them."""
    context: Any = typer.Context(cast("Any", command))
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except Exception as error:
        told = str(getattr(error, "message", error))
        _must(not whole and told.endswith("requires an argument.") and words[-1] != "…", told)
        return _parse(command, [*words, "…"], whole)
    return given, rest


def _check_values(command: TyperCommand | TyperGroup, given: Mapping[str, Any], whole: bool) -> None:
    for parameter in command.params:
        value = given.get(cast("str", parameter.name))
        if value is None:
            must = parameter.required and not parameter.envvar
            _must(not (whole and must) or "help" in given, f"{parameter.opts[0]} is missing")
            continue
        kind = cast("Any", parameter).type_descriptor.annotation if hasattr(parameter, "type_descriptor") else str
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            for one in value if isinstance(value, list) else [value]:
                known = {str(member.value) for member in kind}
                _must(_is_open(one) or one in known, f"{one} is none of {', '.join(sorted(known))}")


def _check_parser(parser: argparse.ArgumentParser, arguments: Sequence[str], whole: bool) -> None:
    def refuse(message: str) -> Any:
        is_missing = re.search(r"are required|expected one argument", message)
        raise Fault("" if is_missing and not whole else message)

    parser.error = refuse  # type: ignore[method-assign]  # it would end the program
    try:
        parser.parse_args(list(arguments))
    except Fault as fault:
        _must(not str(fault), str(fault))


def _check_python(arguments: Sequence[str], whole: bool) -> None:
    _must(arguments, "a program is missing")
    if arguments[0] == "-m":
        _must(arguments[1:], "a module is missing")
        if arguments[1] == "pip":
            return _check_pip(arguments[2:], whole)
        return _must(importlib.util.find_spec(arguments[1]), f"there is no module {arguments[1]}")
    if arguments[0] == "verify.py":
        return _check_parser(parser_of_verify(), arguments[1:], whole)
    written = {name for page in DOCS.glob("integrate/*.md") for name in programs(page)}
    return _must(arguments[0] in written or (ROOT / arguments[0]).is_file(), f"there is no program {arguments[0]}")


def _check_pip(arguments: Sequence[str], _: bool) -> None:
    _must(arguments and arguments[0] == "install", "only pip install is known here")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements-dev.lock").read_text("utf-8"), re.MULTILINE))
    for package in arguments[1:]:
        name, _, version = package.partition("==")
        _must(name in locked, f"the tests do not run with a package {name}")
        _must(not version or version == locked[name], f"the tests run with {name}=={locked.get(name)}")


def _check_npm(arguments: Sequence[str], _: bool) -> None:
    _must(arguments and arguments[0] == "install", "only npm install is known here")
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    locked = packages["dependencies"] | packages["devDependencies"]
    for package in arguments[1:]:
        name, _, version = package.rpartition("@")
        _must(locked.get(name) == version, f"the tests run with {name}@{locked.get(name)}")


def _check_go(arguments: Sequence[str], _: bool) -> None:
    _must(arguments and arguments[0] in ("mod", "get", "run"), "there is no such command of go")
    if arguments[0] == "get":
        locked = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/support/**/go.mod"))
        for package in arguments[1:]:
            name, _, version = package.partition("@")
            modules = re.findall(r"(\S+\.\S+/\S+) (v\S+)", locked)
            _must(any(name.startswith(m) and version == v for m, v in modules), f"the tests run with another {name}")


def _check_make(arguments: Sequence[str], _: bool) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in arguments:
        _must("=" in word or re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE), f"there is no target {word}")


def _check_copy(arguments: Sequence[str], _: bool) -> None:
    _, files = _split(arguments, {"-p"}, set())
    _must(files and (files[0].startswith("secrets/") or (ROOT / files[0]).exists()), "there is no such file")


@lru_cache
def _application(service: str) -> FastAPI:
    return build(service)


def _check_curl(arguments: Sequence[str], _: bool) -> None:
    options, words = _split(arguments, *WORDS_OF_CURL)
    method = options.get("-X", "POST" if options.keys() & {"-d", "--json"} else "GET")
    _must(len(words) == 1, "one address is needed")
    begin = next((begin for begin in ADDRESSES if words[0].startswith(f"{begin}/")), None)
    _must(begin is not None, "none of our services is at this address")
    path = words[0].removeprefix(cast("str", begin)).partition("?")[0]
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    routes = _application(ADDRESSES[cast("str", begin)]).routes
    _must(any(route.matches(scope)[0] is Match.FULL for route in routes), f"there is no {method} {path}")


Check = Callable[[Sequence[str], bool], None]
CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "docker": _check_compose,
        "hearth": _check_hearth,
        "make": _check_make,
        "curl": _check_curl,
        "python": _check_python,
        "python3": _check_python,
        "pip": _check_pip,
        "npm": _check_npm,
        "go": _check_go,
        "cp": _check_copy,
    }
)
