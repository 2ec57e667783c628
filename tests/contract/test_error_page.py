"""Every problem that the code can answer with, and every reason for a dead letter, is explained in docs/errors.md."""

import re
from pathlib import Path

from shared.kafka.topics import NO_TOKEN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
CODE = [path.read_text(encoding="utf-8") for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
RAISED = re.compile(r'(?:Problem|: |__init__)\(\s*(?:\d{3}|status)\s*,\s*"([a-z-]+)"')
"""Where a problem is raised, is made, or stands in a table of them."""
BURIED = re.compile(r'(?:Malformed\(|Fault\(record, )\s*"([a-z0-9_]+)"')
FOUND_IN_A_REPORT = re.compile(r'FieldError\([^,]+, "([a-z_]+)"')


def test_every_error_code_is_explained() -> None:
    explained = set(re.findall(r"`/errors/([a-z-]+)`", PAGE))
    raised = {code for text in CODE for code in RAISED.findall(text)}
    assert raised > {"access-ended", "beyond-own-reach", "not-found"}
    assert raised - explained == set()


def test_no_error_is_explained_that_the_code_does_not_know() -> None:
    explained = set(re.findall(r"`/errors/([a-z-]+)`", PAGE))
    assert {code for code in explained if not any(f'"{code}"' in text for text in CODE)} == set()


def test_every_reason_for_a_dead_letter_is_explained_and_no_other() -> None:
    explained = set(
        re.findall(
            r"`([a-z0-9_]+)`",
            PAGE.partition("## Dead letters")[2].partition("| code |")[2].replace("`reports.inbox`", ""),
        )
    )
    # A code that several modules know has a name there, and is no literal.
    buried = {NO_TOKEN} | {code for text in CODE for code in BURIED.findall(text)}
    # What is wrong with a report over HTTP is a dead letter over Kafka, by the same code.
    buried |= set(
        FOUND_IN_A_REPORT.findall((ROOT / "services/intake/report/submission.py").read_text(encoding="utf-8"))
    )
    assert len(buried) > 20
    assert explained == buried
