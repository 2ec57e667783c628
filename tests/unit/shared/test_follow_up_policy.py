"""follow_up.toml says when people are asked how it goes; the loader refuses what could never hold."""

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from shared.policy import PolicyError, load_policy

LAST = '[[follow_up]]\nid = "every-case"\nafter = ["7 d", "30 d"]\n'


def policy_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "follow_up.toml").write_text('tries = 2\nagain_after = "14 d"\n' + text, encoding="utf-8")
    return tmp_path


def test_a_row_for_an_outcome_goes_before_the_one_for_every_case(tmp_path: Path) -> None:
    own = '[[follow_up]]\nid = "mediation"\noutcomes = ["mediation"]\nafter = ["24 h"]\n'
    policy = load_policy(policy_with(tmp_path, own + LAST))
    assert policy.check_ins("mediation", "online") == (timedelta(days=1),)
    assert policy.check_ins("warning", "in_person") == (timedelta(days=7), timedelta(days=30))


def test_every_case_that_is_followed_up_has_a_check_in_after_30_days() -> None:
    policy = load_policy(None)
    for outcome, setting in product(policy.outcomes, policy.settings):
        assert timedelta(days=30) in policy.check_ins(outcome, setting), (outcome, setting)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[follow_up]]\nid = "a"\noutcomes = ["pillory"]\nafter = ["7 d"]\n' + LAST,
            "no “pillory” among its outcomes",
        ),
        ('[[follow_up]]\nid = "a"\nsettings = ["moon"]\nafter = ["7 d"]\n' + LAST, "no “moon” among its settings"),
        (LAST.replace('"30 d"', '"48 h"'), "`after` has to rise from step to step"),
        (LAST.replace('"30 d"', '"7 d"'), "`after` has to rise from step to step"),
        (LAST.replace('"30 d"', '"soon"'), "“soon” is not a duration"),
        (LAST.replace('["7 d", "30 d"]', "[]"), "“after”"),
        (LAST + LAST.replace("every-case", "too-late"), "it can never match"),
        (LAST + LAST, "this id is already taken"),
        (LAST + 'settings = ["online"]\n', "the last row has to fit every case"),
    ],
)
def test_a_mistake_is_named_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(policy_with(tmp_path, text))
    assert any(said in f"{finding}" for finding in caught.value.findings), caught.value.findings
    assert {Path(finding.file).name for finding in caught.value.findings} == {"follow_up.toml"}
