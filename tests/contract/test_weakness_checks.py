"""The looks for weaknesses in `make check` and `make audit` see what they are there to see."""

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra import advisories
from infra.local.ports import LOOPBACK

ROOT = Path(__file__).parents[2]
LOCK = "packaging==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\nrich==2.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["hearth_pat_", "hearth_int_"])
def test_a_token_of_ours_is_found_wherever_it_was_left(tmp_path: Path, kind: str) -> None:
    left = tmp_path / "notes.md"
    left.write_text(f"Try it with {kind}{secrets.token_urlsafe(32)} please.\n", encoding="utf-8")
    scan = ("detect_secrets.pre_commit_hook", "--no-verify", "--plugin", "infra/token_detector.py", str(left))
    found = run(*scan)
    assert (found.returncode, "Hearth Token" in found.stdout) == (1, True), found
    left.write_text(f"Tokens begin with {kind}, and are shown once.\n", encoding="utf-8")
    assert run(*scan).returncode == 0


def test_the_look_for_weak_code_is_not_switched_off_for_what_matters(tmp_path: Path) -> None:
    weak = tmp_path / "weak.py"
    weak.write_text("import subprocess\n\n\ndef do(order):\n    subprocess.run(order, shell=True)\n", encoding="utf-8")
    found = run("bandit", "--quiet", "--configfile", "pyproject.toml", str(weak))
    assert (found.returncode, "B602" in found.stdout) == (1, True), found


@contextmanager
def source(weak: Sequence[str], status: int = 200) -> Iterator[str]:
    """A source of advisories on this machine, which knows one about each of these packages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            package = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]
            versions = [{"introduced": "0"}, {"fixed": "9.9"}]
            affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": versions}]}]
            found = [{"id": "TEST-1", "summary": "It leaks.", "affected": affected}]
            body = json.dumps({"vulns": found} if package["name"] in weak else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> str:
    path = tmp_path / "some.lock"
    path.write_text(LOCK, encoding="utf-8")
    return str(path)


def test_a_package_with_a_known_weakness_fails_the_audit_and_is_named(
    lock: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with source(weak=["rich"]) as address:
        assert advisories.main(["--osv-url", address, "--lock", lock]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "rich 2.0: TEST-1, mended in 9.9",
        "Advisories: 1 known about 2 packages.",
    ]


def test_packages_without_a_known_weakness_pass_the_audit(lock: str, capsys: pytest.CaptureFixture[str]) -> None:
    with source(weak=[]) as address:
        assert advisories.main(["--osv-url", address, "--lock", lock]) == 0
    assert capsys.readouterr().out == "Advisories: nothing known about 2 packages.\n"


@pytest.mark.parametrize("away", [True, False], ids=["away", "failing"])
def test_a_source_that_does_not_answer_is_said_in_one_line_and_fails_nothing(
    lock: str, capsys: pytest.CaptureFixture[str], away: bool
) -> None:
    with source(weak=["rich"], status=500) as address:
        if not away:
            assert advisories.main(["--osv-url", address, "--lock", lock]) == 0
    if away:
        assert advisories.main(["--osv-url", address, "--lock", lock]) == 0
    assert capsys.readouterr().out == "Advisories: no source can be reached from here, so nothing was looked up.\n"


def test_a_lock_that_cannot_be_read_is_not_taken_for_a_source_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="pip-audit failed"):
        advisories.main(["--lock", str(tmp_path / "missing.lock")])
