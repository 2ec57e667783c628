"""Every problem that the code can answer with is explained in docs/errors.md."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RAISED = re.compile(r'Problem\(\s*(?:\d{3}|status)\s*,\s*"([a-z-]+)"')


def test_every_error_code_is_explained() -> None:
    explained = set(re.findall(r"`/errors/([a-z-]+)`", (ROOT / "docs/errors.md").read_text(encoding="utf-8")))
    files = [path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
    raised = {code for path in files for code in RAISED.findall(path.read_text(encoding="utf-8"))}
    assert len(raised) > 20
    assert raised - explained == set()
