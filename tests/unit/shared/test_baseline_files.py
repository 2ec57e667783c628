"""What is wrong in a catalogue file is named by file, line and row; everything at once."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import Finding, PolicyError
from shared.policy.baseline import METRICS, load_catalogue
from tests.support.catalogues import edited, faults_of, packaged_text, write_version

DATED = load_catalogue().dated
FIELDS = 'name = "contacts", kind = "people", least = 2'


@pytest.mark.parametrize(
    ("responsibility", "old", "new", "said"),
    [
        ("HB-03", ', unit = "h"', "", "“measured.threshold.unit” is missing"),
        ("HB-03", 'unit = "h"', 'unit = "weeks"', "“measured.threshold.unit”"),
        ("HB-03", 'unit = "h"', 'unit = "%"', "acknowledged_within is measured in d or h, not in %"),
        ("HB-03", "value = 24", "value = nan", "“measured.threshold.value”"),
        ("HB-03", "value = 24", "value = -1", "“measured.threshold.value”"),
        ("HB-03", 'op = "<="', 'op = "about"', "“measured.threshold.op”"),
        (
            "HB-03",
            '"acknowledged_within"',
            '"niceness"',
            "there is no metric “niceness”: use acknowledged_within, first",
        ),
        ("HB-03", "percentile = 90", "percentile = 900", "“percentile” must be from 1 to 100"),
        ("HB-03", "percentile = 90", "median = 1", "acknowledged_within has no parameter “median”"),
        (
            "HB-03",
            "measured.params = { percentile = 90 }\n",
            "",
            "acknowledged_within needs the parameter “percentile”",
        ),
        ("HB-03", "min_n = 5", "min_n = 4", "fewer than 5 cases could tell of single ones: “min_n” is 4"),
        ("HB-03", "min_n = 5", "min_n = 0", "“measured.min_n”"),
        ("HB-03", "min_cases = 5", "min_cases = 4", "“min_cases”"),
        ("HB-13", 'not_applicable = "never"', 'min_cases = 5\nnot_applicable = "never"', "what is attested decides"),
        ("HB-08", 'not_applicable = "never"', 'min_cases = 5\nnot_applicable = "never"', "a metric of cases"),
        ("HB-03", 'window = "180 d"', 'window = "half a year"', "“half a year” is not a duration"),
        ("HB-03", 'window = "180 d"', 'window = "999999999999 d"', "is longer than a hundred years"),
        ("HB-03", 'clock = "wall"', 'clock = "sundial"', "“measured.clock”"),
        ("HB-03", "measured.open_cases = true\n", "", "“measured.open_cases” is missing"),
        ("HB-03", "valid_days = 180", "valid_days = 366", "“attested.valid_days”"),
        ("HB-03", "valid_days = 180", 'valid_days = "180"', "“attested.valid_days”"),
        ("HB-03", "valid_days = 180", "valid_for = 180", "unknown key “attested.valid_for”"),
        ("HB-03", 'link = "required"', 'link = "none"', "there is no link to look at: “link” is none"),
        ("HB-03", '"enforcement-guidelines"', '"hearsay"', "no [[source]] has the id “hearsay”"),
        ("HB-03", '"wiki", ', '"forum", ', "“kinds.0”"),
        ("HB-03", '"wiki", ', '"global", ', "“kinds.0”"),
        ("HB-03", 'kinds = ["wiki", "affiliate", "event", "technical_space"]', "kinds = []", "“kinds”"),
        ("HB-03", 'group = "time"', 'group = "money"', "“group”"),
        ("HB-03", "level = 2", "level = 4", "“level”"),
        ("HB-03", "level = 2", "level = true", "“level”: write 1, 2 or 3"),
        ("HB-03", "level = 2", "level = 2.0", "“level”: write 1, 2 or 3"),
        ("HB-03", 'kinds = ["wiki", ', 'kinds = ["wiki", "wiki", ', "“wiki” stands twice"),
        ("HB-03", 'window = "180 d"', 'window = "23 h"', "“window” must be as long as the threshold at least"),
        ("HB-03", 'window = "180 d"', 'window = "3661 d"', "and 3660 d at most"),
        ("HB-03", "value = 24,", "value = 1e300,", "“window” must be as long as the threshold at least"),
        ("HB-03", 'id = "HB-03"', 'id = "hb-3"', "“id”"),
        ("HB-03", 'id = "HB-03"', 'id = "HB-02"', "the id “HB-02” stands twice"),
        ("HB-03", 'id = "HB-03"', 'id = "HB-99"', "i18n/en.json has no message “hb-99-requirement”"),
        ("HB-03", "level = 2", "level = 1", "level 1 is reached by attestation alone"),
        ("HB-07", 'evidence = "any"', 'evidence = "all"', "level 1 is reached by attestation alone"),
        ("HB-01", 'confirm = "none"', 'confirm = "auditor"', "level 1 is reached by attestation alone"),
        (
            "HB-13",
            'not_applicable = "never"',
            'not_applicable = "with_reason"',
            "the reason is given in an attestation",
        ),
        ("HB-14", 'evidence = "any"', 'evidence = "any"\nsurveyed = true', "surveys do not exist yet"),
        ("HB-14", 'state = "active"', 'state = "active"\ncounts_from = 2027-01-01', "this is active"),
        (
            "HB-14",
            'state = "active"',
            'state = "active"\nreplaced_by = "HB-15"',
            "“replaced_by” is for what is retired",
        ),
        ("HB-14", 'state = "active"', 'state = "retired"\nreplaced_by = "HB-77"', "there is no responsibility “HB-77”"),
        ("HB-14", 'state = "active"', 'state = "retired"\nreplaced_by = "HB-14"', "in a circle: HB-14 → HB-14"),
        ("HB-02", FIELDS, f"{FIELDS} }}, {{ {FIELDS}", "“contacts” stands twice"),
        ("HB-02", '"contacts"', '"Contact person"', "“attested.fields.0.name”"),
        ("HB-02", '"contacts"', '"shoe_size"', "no message “baseline-field-shoe-size”"),
        ("HB-02", "least = 2", "least = 0", "“attested.fields.0.least”"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_its_line(
    tmp_path: Path, responsibility: str, old: str, new: str, said: str
) -> None:
    text = edited(packaged_text(), responsibility, (old, new))
    lines = faults_of(tmp_path, text, DATED, {})
    [line] = [line for line in lines if said in line]
    number = int(line.split(":")[1])
    start = text.splitlines().index(new.splitlines()[0] if new.startswith("id =") else f'id = "{responsibility}"')
    assert line.startswith(f"{DATED}.toml:{number}: responsibility ")
    assert start <= number <= start + 25


@pytest.mark.parametrize(
    ("responsibility", "old", "new", "key"),
    [
        ("HB-05", ', unit = "d" }', " }", "measured.threshold"),
        ("HB-05", '"decided_within"', '"niceness"', "measured.metric"),
        ("HB-05", "valid_days = 180", "valid_days = 400", "attested.valid_days"),
        ("HB-05", "level = 2", "level = 9", "level"),
    ],
)
def test_the_line_is_that_of_the_key(tmp_path: Path, responsibility: str, old: str, new: str, key: str) -> None:
    text = edited(packaged_text(), responsibility, (old, new))
    [line] = faults_of(tmp_path, text, DATED, {})
    assert text.splitlines()[int(line.split(":")[1]) - 1].startswith(key)


def test_a_circle_of_replacements_is_named_whole(tmp_path: Path) -> None:
    text = packaged_text()
    for one, other in (("HB-13", "HB-14"), ("HB-14", "HB-15"), ("HB-15", "HB-13")):
        text = edited(text, one, ('state = "active"', f'state = "retired"\nreplaced_by = "{other}"'))
    assert [line.rpartition(": ")[2] for line in faults_of(tmp_path, text, DATED, {})] == [
        "HB-13 → HB-14 → HB-15 → HB-13",
        "HB-14 → HB-15 → HB-13 → HB-14",
        "HB-15 → HB-13 → HB-14 → HB-15",
    ]


def test_a_row_that_leads_into_a_circle_does_not_hang_the_check(tmp_path: Path) -> None:
    text = packaged_text()
    for one, other in (("HB-13", "HB-14"), ("HB-14", "HB-15"), ("HB-15", "HB-14")):
        text = edited(text, one, ('state = "active"', f'state = "retired"\nreplaced_by = "{other}"'))
    assert len([line for line in faults_of(tmp_path, text, DATED, {}) if "circle" in line]) == 2


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = edited(packaged_text(), "HB-03", ("min_n = 5", "min_n = 1"), ('unit = "h"', 'unit = "%"'))
    text = edited(text, "HB-14", ('state = "active"', 'state = "retired"\nreplaced_by = "HB-99"'))
    assert len(faults_of(tmp_path, text, DATED, {})) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "2026-11-01"', 'version = "2026-13-01"', "“version”"),
        ('version = "2026-11-01"', 'version = "November"', "“version”"),
        ("effective_from = 2026-11-01\n", "", "“effective_from” is missing"),
        ("effective_from = 2026-11-01\n", "effective_from = 2026-11-01\nowner = 1\n", "unknown key “owner”"),
        ('read_on = "2026-07"', 'read_on = "last summer"', "“read_on”"),
        ('read_on = "2026-07"', 'read_on = "2026-02-30"', "“read_on”"),
        ('oldid = "589377"', 'oldid = "latest"', "“oldid”"),
        ('url = "https://meta', 'url = "http://meta', "“url”"),
        ('id = "ucoc"', 'id = "initiative"', "the id “initiative” stands twice"),
        ('id = "ucoc"', "id = ", "not TOML"),
    ],
)
def test_a_mistake_at_the_top_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = packaged_text()
    assert any(said in line for line in faults_of(tmp_path, text.replace(old, new, 1), DATED, {}))


def test_a_file_that_is_no_text_or_has_no_rows_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path, "", DATED, {}) / "baseline"
    (folder / f"{DATED}.toml").write_bytes(b"version = '\xff'")
    with pytest.raises(PolicyError, match="not UTF-8 text"):
        load_catalogue(tmp_path)
    assert "“responsibility” is missing" in "\n".join(faults_of(tmp_path, "version = '2026-11-01'\n", DATED, {}))


@pytest.mark.parametrize(
    "sentence", ["", " ", "Be nice", "Be nice. Be fair.", "At least $1 contacts take reports.", "Be nice!", "."]
)
def test_a_requirement_is_one_sentence(tmp_path: Path, sentence: str) -> None:
    [line] = faults_of(tmp_path, packaged_text(), DATED, {"hb-03-requirement": sentence})
    assert "responsibility HB-03: “hb-03-requirement” must be one sentence without parameters" in line


def test_messages_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    write_version(tmp_path, packaged_text(), DATED, {})
    (tmp_path / "baseline/i18n/en.json").write_text("{")
    with pytest.raises(PolicyError, match=r"baseline/i18n:1: .*en\.json"):
        load_catalogue(tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the policy folder is missing"):
        load_catalogue(tmp_path / "nowhere")
    assert load_catalogue(tmp_path) == load_catalogue()


def test_the_table_of_metrics_says_what_each_one_counts() -> None:
    assert {name for name, metric in METRICS.items() if metric.counts == "people"} == {
        "agreements_current",
        "trainings_current",
    }


WORDS_OF_TOML = st.sampled_from(
    [
        "",
        "1",
        "-1",
        "1e400",
        "true",
        "[]",
        "{}",
        '""',
        '"x"',
        '"HB-02"',
        "2026-11-01",
        "nan",
        "[[responsibility]]",
        "=",
        "'",
    ]
)


@given(line=st.integers(min_value=0, max_value=len(packaged_text().splitlines()) - 1), word=WORDS_OF_TOML)
def test_whatever_stands_in_a_line_the_catalogue_loads_or_says_what_is_wrong(line: int, word: str) -> None:
    lines = packaged_text().splitlines()
    lines[line] = f"{lines[line].partition('=')[0]}= {word}"
    with tempfile.TemporaryDirectory() as folder:
        policy = write_version(Path(folder), "\n".join(lines), DATED, {})
        try:
            load_catalogue(policy)
            found: tuple[Finding, ...] = ()
        except PolicyError as error:
            found = error.findings
    assert all(finding.file and finding.line >= 1 and finding.text for finding in found)
