"""A second version of the baseline, made from the packaged one, so that difference and transition are real in tests."""

import json
from pathlib import Path

import pytest

from shared.policy import PolicyError
from shared.policy.baseline import load_catalogue
from shared.policy.baseline.loader import PACKAGED

NEXT = "2027-06-01"
_HEAD = "[[responsibility]]\n"
ADDED = """\
[[responsibility]]
id = "HB-22"
state = "active"
group = "follow-up"
level = 3
setting = "both"
kinds = ["wiki", "affiliate", "event", "technical_space"]
not_applicable = "never"
sources = ["initiative"]
evidence = "any"
attested.link = "required"
attested.valid_days = 365
attested.confirm = "none"
attested.link_check_days = 30
"""
WORDS = {
    "hb-01-requirement-2": "The community shows how to report wherever people look for it.",
    "hb-04-requirement-2": "The community gives a first response to 90% of its reports within 5 days.",
    "hb-22-requirement": "The community offers peer support before, during and after a case.",
    "hb-22-why": "Support that begins with the decision begins late.",
    "hb-22-recommendation": "Offer it in the acknowledgement.",
}


def packaged_text() -> str:
    """The newest packaged version."""
    return (PACKAGED / f"{load_catalogue().dated}.toml").read_text(encoding="utf-8")


def edited(text: str, responsibility: str, *edits: tuple[str, str]) -> str:
    """The text with spots of one row changed; each spot must be there once."""
    head, *rows = text.split(_HEAD)
    place = next(n for n, row in enumerate(rows) if row.startswith(f'id = "{responsibility}"'))
    for old, new in edits:
        assert rows[place].count(old) == 1, (responsibility, old)
        rows[place] = rows[place].replace(old, new)
    return _HEAD.join([head, *rows])


def next_text() -> str:
    """A version after the packaged one: something added, retired, and changed in each way."""
    packaged = load_catalogue()
    text = packaged_text().replace(
        f'version = "{packaged.dated}"', f'version = "{NEXT}"\nprevious = "{packaged.version}"'
    )
    text = text.replace(f"effective_from = {packaged.effective_from}", f"effective_from = {NEXT}")
    text = edited(text, "HB-01", ('"HB-01"\n', '"HB-01"\nwording = 2\n'))
    text = edited(text, "HB-02", ("valid_days = 180", "valid_days = 90"))
    text = edited(text, "HB-04", ('"HB-04"\n', '"HB-04"\nwording = 2\n'), ("value = 7,", "value = 5,"))
    text = edited(text, "HB-10", ("level = 3", "level = 2"))
    text = edited(text, "HB-12", ('kinds = ["event", "affiliate"]', 'kinds = ["event"]'))
    text = edited(text, "HB-14", ('state = "active"', 'state = "retired"\nreplaced_by = "HB-22"'))
    text = edited(text, "HB-16", ('state = "upcoming"', 'state = "upcoming"\ncounts_from = 2027-12-01'))
    text = edited(text, "HB-19", ('state = "upcoming"', 'state = "active"'))
    return f"{text}\n{ADDED}"


def write_version(policy: Path, text: str, name: str = NEXT, words: dict[str, str] | None = None) -> Path:
    """Write a version, and its messages, into the folder of a deployment's policy. Gives that folder."""
    folder = policy / "baseline"
    (folder / "i18n").mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "i18n/en.json").write_text(json.dumps(WORDS if words is None else words), encoding="utf-8")
    return policy


def faults_of(policy: Path, text: str, name: str = NEXT, words: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a version, line by line, once it is written into the folder of a deployment's policy."""
    with pytest.raises(PolicyError) as caught:
        load_catalogue(write_version(policy, text, name, words))
    return str(caught.value).splitlines()
