"""From one version of the baseline to the next: what differs, what holds when, and what may never change."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import PolicyError
from shared.policy.baseline import ChangeKind, catalogue_versions, diff, in_force, load_catalogue
from tests.support.catalogues import ADDED, NEXT, WORDS, edited, faults_of, next_text, packaged_text, write_version

PACKAGED = load_catalogue()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return write_version(tmp_path, next_text())


def test_a_difference_names_everything_that_was_added_retired_or_changed(policy: Path) -> None:
    old, new = catalogue_versions(policy)
    found = {(str(c.kind), c.subject, c.part, c.before, c.after) for c in diff(old, new).changes}
    assert found == {
        ("added", "HB-22", "", None, "active"),
        ("retired", "HB-14", "", "active", "HB-22"),
        ("state", "HB-16", "counts_from", None, "2027-12-01"),
        ("state", "HB-19", "state", "upcoming", "active"),
        ("level", "HB-10", "level", "3", "2"),
        ("threshold", "HB-04", "measured.threshold", "<= 7 d", "<= 5 d"),
        ("evidence", "HB-02", "attested.valid_days", "180", "90"),
        ("applies", "HB-12", "kinds", "affiliate, event", "event"),
        ("wording", "HB-01", "requirement", "hb-01-requirement", "hb-01-requirement-2"),
        ("wording", "HB-04", "requirement", "hb-04-requirement", "hb-04-requirement-2"),
    }


def test_a_version_does_not_differ_from_itself_and_backwards_a_new_row_is_missing(policy: Path) -> None:
    old, new = catalogue_versions(policy)
    assert diff(old, old).changes == ()
    assert {c.subject for c in diff(new, old).changes if c.kind is ChangeKind.MISSING} == {"HB-22"}
    assert diff(old, new).document()["effective_from"] == NEXT


def test_the_newest_version_is_given_unless_another_one_is_asked_for(policy: Path) -> None:
    assert load_catalogue(policy).dated == NEXT
    assert load_catalogue(policy, PACKAGED.dated) == load_catalogue(policy, PACKAGED.version) == PACKAGED
    assert load_catalogue(policy).previous == PACKAGED.version
    with pytest.raises(PolicyError, match="there is no version “2031-01-01”"):
        load_catalogue(policy, "2031-01-01")
    with pytest.raises(PolicyError, match="there is no version"):
        load_catalogue(policy, f"{PACKAGED.dated}+00000000")


def test_a_version_holds_from_its_day_on(policy: Path) -> None:
    old, new = catalogue_versions(policy)
    assert in_force((new, old), date(2027, 5, 31)) == old
    assert in_force((old, new), date(2027, 6, 1)) == new


def test_an_upcoming_responsibility_counts_from_its_day_and_a_retired_one_no_more(policy: Path) -> None:
    rows = load_catalogue(policy).responsibilities
    assert [rows["HB-16"].counts_on(date(2027, month, day)) for month, day in ((11, 30), (12, 1))] == [False, True]
    assert not rows["HB-14"].counts_on(date(2030, 1, 1))
    assert "HB-14" not in {row.id for row in load_catalogue(policy).for_kind("wiki")}


def test_a_change_without_a_new_version_shows_in_the_digest_of_the_version(tmp_path: Path) -> None:
    text = edited(packaged_text(), "HB-02", ("valid_days = 180", "valid_days = 181"))
    changed = load_catalogue(write_version(tmp_path, text, PACKAGED.dated, {}))
    assert (changed.dated, changed.version == PACKAGED.version) == (PACKAGED.dated, False)
    words = {"hb-02-requirement": "At least five contacts take reports."}
    assert load_catalogue(write_version(tmp_path, packaged_text(), PACKAGED.dated, words)).version != PACKAGED.version


def test_comments_translations_and_advice_make_no_other_version(tmp_path: Path) -> None:
    words = {"hb-02-why": "Because.", "hb-02-recommendation": "Try."}
    assert load_catalogue(write_version(tmp_path, f"# Ours\n{packaged_text()}", PACKAGED.dated, words)) == PACKAGED


def test_a_version_that_another_one_follows_may_not_change(policy: Path) -> None:
    text = edited(packaged_text(), "HB-02", ("valid_days = 180", "valid_days = 181"))
    with pytest.raises(PolicyError, match=f"{NEXT}.toml:.*: {PACKAGED.dated} has changed"):
        load_catalogue(write_version(policy, text, PACKAGED.dated))


def test_the_words_of_a_version_that_another_one_follows_may_not_change(policy: Path) -> None:
    words = {"hb-02-requirement": "At least five contacts take reports."}
    with pytest.raises(PolicyError, match=f"{PACKAGED.dated} has changed"):
        load_catalogue(write_version(policy, next_text(), words={**WORDS, **words}))


@pytest.mark.parametrize(
    ("responsibility", "old", "new", "said"),
    [
        ("HB-03", 'group = "time"', 'group = "fairness"', "with another “group”, HB-03 means something else"),
        ("HB-03", 'setting = "both"', 'setting = "online"', "with another “setting”, HB-03 means something else"),
        (
            "HB-03",
            'metric = "acknowledged_within"',
            'metric = "first_response_within"',
            "with another “measured.metric”, HB-03 means something else",
        ),
        ("HB-03", 'op = "<="', 'op = ">="', "with another “measured.threshold”, HB-03 means something else"),
        ("HB-03", "value = 24,", "value = 12,", "its words still say 24: write new ones, with “wording” 2"),
        ("HB-05", "update_days = 14", "update_days = 10", "its words still say 14: write new ones, with “wording” 2"),
        ("HB-03", "level = 2", "level = 2\nwording = 3", "“wording” was 1: leave it, or write 2"),
        ("HB-03", 'state = "active"', 'state = "upcoming"', "HB-03 counted: retire it, or let it count"),
        ("HB-22", 'state = "active"', 'state = "retired"', "HB-22 is new, so it cannot be retired"),
    ],
)
def test_a_changed_meaning_is_refused_with_its_line(
    tmp_path: Path, responsibility: str, old: str, new: str, said: str
) -> None:
    text = edited(next_text(), responsibility, (old, new))
    words = None if "wording = 3" not in new else {"hb-03-requirement-3": "They do so.", **WORDS}
    with pytest.raises(PolicyError) as caught:
        load_catalogue(write_version(tmp_path, text, words=words))
    [line] = [line for line in str(caught.value).splitlines() if said in line]
    number = int(line.split(":")[1])
    changed = {
        n for n, (a, b) in enumerate(zip(text.splitlines(), next_text().splitlines(), strict=False), 1) if a != b
    }
    assert number in changed
    assert line.startswith(f"{NEXT}.toml:{number}: responsibility {responsibility}: ")


def test_an_id_that_was_retired_is_never_used_again(policy: Path) -> None:
    before = load_catalogue(policy)
    text = next_text().replace(f'"{NEXT}"', '"2028-06-01"').replace(PACKAGED.version, before.version)
    text = edited(text, "HB-14", ('state = "retired"\nreplaced_by = "HB-22"', 'state = "active"'))
    with pytest.raises(PolicyError, match="HB-14 was retired, and an id is never used again"):
        load_catalogue(write_version(policy, text, "2028-06-01"))


def test_an_id_that_is_left_out_is_missed(tmp_path: Path) -> None:
    text = next_text()
    start = text.index('[[responsibility]]\nid = "HB-21"')
    [line] = faults_of(tmp_path, text[:start] + ADDED)
    assert "responsibility HB-21: HB-21 is in 2026-11-01 and not here: keep its row, with state = “retired”" in line


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'previous = "{PACKAGED.version}"\n', "", f"“previous” must be {PACKAGED.version}"),
        (PACKAGED.version, "2025-01-01+00000000", f"“previous” must be {PACKAGED.version}"),
        (PACKAGED.version, f"{PACKAGED.dated}+00000000", f"{PACKAGED.dated} has changed"),
        (PACKAGED.version, PACKAGED.dated, "“previous”: String should match pattern"),
        (f"effective_from = {NEXT}", "effective_from = 2026-10-31", "“effective_from” is before that of 2026-11-01"),
        (f'version = "{NEXT}"', 'version = "2027-06-02"', "so the file must be 2027-06-02.toml"),
    ],
)
def test_a_version_names_the_one_before_it_and_comes_after_it(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert any(said in line for line in faults_of(tmp_path, next_text().replace(old, new)))


def test_the_first_version_follows_no_other_one(tmp_path: Path) -> None:
    text = packaged_text().replace("effective_from", 'previous = "2025-01-01+00000000"\neffective_from', 1)
    with pytest.raises(PolicyError, match="no version stands before this one"):
        load_catalogue(write_version(tmp_path, text, PACKAGED.dated, {}))


@given(st.sampled_from(sorted(PACKAGED.responsibilities)), st.sampled_from(sorted(PACKAGED.responsibilities)))
def test_two_rows_are_without_a_difference_only_if_they_are_equal(one: str, other: str) -> None:
    row = replace(PACKAGED.responsibilities[other], id=one)
    changed = replace(PACKAGED, responsibilities={**PACKAGED.responsibilities, one: row})
    assert (diff(PACKAGED, changed).changes == ()) == (row == PACKAGED.responsibilities[one])
