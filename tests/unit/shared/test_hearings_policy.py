"""taxonomy.toml says which decisions the reporter hears of first; the loader refuses what could never hold."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.policy import PolicyError, load_policy
from shared.policy.loader import text_of

TAXONOMY = text_of("taxonomy.toml", None)
WITHOUT = TAXONOMY[: TAXONOMY.index("# Which decisions the reporter hears")]


def policy_with(tmp_path: Path, rows: str, taxonomy: str = WITHOUT) -> Path:
    (tmp_path / "taxonomy.toml").write_text(taxonomy + rows, encoding="utf-8")
    return tmp_path


def test_the_first_row_that_fits_decides_and_a_group_of_categories_has_a_short_name(tmp_path: Path) -> None:
    rows = (
        '[[hearing]]\nid = "a"\noutcomes = ["advice"]\ncategories = ["harassment.*"]\nwithin = "3 d"\n'
        '[[hearing]]\nid = "b"\noutcomes = ["advice"]\n'
    )
    policy = load_policy(policy_with(tmp_path, rows))
    first, second = (
        policy.hearing("advice", code, frozenset(), "standard") for code in ("harassment.doxing", "unclassified")
    )
    assert (first and first.within, second and second.within) == (timedelta(days=3), None)
    assert policy.hearing("warning", "unclassified", frozenset(), "standard") is None


def test_an_outcome_marked_as_before_is_asked_about_and_waits_for_no_answer(tmp_path: Path) -> None:
    marked = WITHOUT.replace('code = "advice"\n', 'code = "advice"\nreporter_first = true\n')
    hearing = load_policy(policy_with(tmp_path, "", marked)).hearing("advice", "unclassified", frozenset(), "emergency")
    assert hearing is not None
    assert hearing.within is None


@pytest.mark.parametrize(
    ("rows", "line", "said"),
    [
        ('[[hearing]]\nid = "a"\noutcomes = ["pillory"]\n', 3, "a: taxonomy.toml has no “pillory” among its outcomes"),
        ('[[hearing]]\nid = "a"\ncategories = ["moon.*"]\n', 3, "a: taxonomy.toml has no “moon.*” among its"),
        ('[[hearing]]\nid = "a"\nflags = ["tides"]\n', 3, "a: taxonomy.toml has no “tides” among its flags"),
        ('[[hearing]]\nid = "a"\nwithin = "soon"\n', 3, "a: “within”"),
        (
            '[[hearing]]\nid = "a"\nlanes = ["emergency"]\nwithin = "1 h"\n',
            4,
            "a: what is urgent waits for no answer: leave out `within`",
        ),
        (
            '[[hearing]]\nid = "a"\n[[hearing]]\nid = "b"\noutcomes = ["advice"]\n',
            3,
            "b: it can never match: the rows above take all of its cases",
        ),
        ('[[hearing]]\nid = "a"\nflags = ["ongoing"]\n[[hearing]]\nid = "a"\n', 4, "a: this id is already taken"),
    ],
    ids=["outcome", "category", "flag", "duration", "urgent", "never matches", "twice"],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_named_with_its_line(tmp_path: Path, rows: str, line: int, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(policy_with(tmp_path, rows))
    found = [str(finding) for finding in caught.value.findings]
    place = f"taxonomy.toml:{WITHOUT.count(chr(10)) + line}: hearing "
    assert any(one.startswith(place + said) for one in found), found
