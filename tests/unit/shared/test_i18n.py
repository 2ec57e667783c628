"""Messages: MediaWiki's syntax, plurals by CLDR, fallback, the choice of a language, and what `make check` finds."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.i18n.messages import (
    SHARED_MESSAGES,
    Messages,
    MissingMessage,
    direction,
    find_language,
    main,
    message_key,
    negotiate,
    problems,
    write_time,
)
from shared.i18n.wording import Value, WordingError, parse
from shared.policy import load_policy

SHIPPED = [
    "ar",
    "bn",
    "de",
    "en",
    "es",
    "fa",
    "fr",
    "ha",
    "hi",
    "id",
    "it",
    "ja",
    "ko",
    "pl",
    "pt-br",
    "ru",
    "sw",
    "tr",
    "zh-hans",
]
STATES = [
    "received",
    "triaged",
    "assigned",
    "investigating",
    "awaiting_information",
    "decided",
    "following_up",
    "closed",
    "referred",
    "merged",
    "appealed",
    "reopened",
]


def said(language: str, text: str, *values: Value) -> str:
    return Messages({language: {"key": text}}, strict=True).text(language, "key", *values)


def write(folder: Path, **files: dict[str, object] | str) -> Path:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name.replace('_', '-')}.json").write_text(text, encoding="utf-8")
    return folder


def test_values_stand_where_the_message_wants_them() -> None:
    assert said("en", "$2 before $1", "one", "two") == "two before one"


def test_a_value_that_is_missing_stays_visible() -> None:
    assert said("en", "for $2", "one") == "for $2"


def test_what_is_filled_in_is_never_read_as_a_message() -> None:
    assert said("en", "You wrote: $1 $2", "{{PLURAL:5|a|b}} $2", "x") == "You wrote: {{PLURAL:5|a|b}} $2 x"


@pytest.mark.parametrize(
    ("language", "number", "form"),
    [
        ("en", 1, "a"), ("en", 0, "b"), ("en", 2, "b"), ("en", 1.5, "b"),
        ("fr", 0, "a"), ("fr", 1, "a"), ("fr", 2, "c"), ("fr", 1_000_000, "b"),
        ("pl", 1, "a"), ("pl", 3, "b"), ("pl", 5, "c"), ("pl", 22, "b"),
        ("ru", 21, "a"), ("ru", 11, "c"),
        ("ar", 0, "a"), ("ar", 1, "b"), ("ar", 2, "c"), ("ar", 5, "d"), ("ar", 50, "e"), ("ar", 100, "f"),
        ("ja", 1, "a"), ("zh-hans", 7, "a"), ("pt-br", 1, "a"), ("hi", 0, "a"), ("tr", 2, "b"),
    ],
)  # fmt: skip
def test_each_language_counts_by_its_own_rules(language: str, number: float, form: str) -> None:
    assert said(language, "{{PLURAL:$1|a|b|c|d|e|f}}", number) == form


def test_too_few_plural_forms_use_the_last_one() -> None:
    assert [said("pl", "{{PLURAL:$1|plik|pliki}}", number) for number in (1, 3, 5)] == ["plik", "pliki", "pliki"]


def test_an_exact_number_can_have_its_own_form() -> None:
    text = "{{PLURAL:$1|0=no cases|12=a dozen|$1 case|$1 cases}}"
    assert [said("en", text, number) for number in (0, 1, 12, 13)] == ["no cases", "1 case", "a dozen", "13 cases"]


@pytest.mark.parametrize("value", ["", "many", "NaN", "inf", "1e400000", "-", "٣"])
def test_a_value_that_is_no_number_does_no_harm(value: str) -> None:
    assert said("en", "{{PLURAL:$1|one|more}}", value) == "more"


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert said("en", "$1", 1234567) == "1,234,567"
    assert said("de", "$1", Decimal("1234.5")) == "1.234,5"
    assert said("fa", "{{PLURAL:$1|$1 مورد|$1 موارد}}", 1) == "1 مورد"


def test_identifiers_are_not_written_as_numbers() -> None:
    assert said("de", "$1", "1234567") == "1234567"


def test_gender_picks_its_form_and_falls_back() -> None:
    text = "{{GENDER:$1|he|she|they}}"
    assert [said("en", text, value) for value in ("male", "female", "unknown", "")] == ["he", "she", "they", "they"]
    assert said("en", "{{GENDER:$1|he|she}}", "unknown") == "he"
    assert said("en", "{{GENDER:$1|they}}", "female") == "they"


def test_forms_may_hold_further_choices() -> None:
    text = "{{PLURAL:$1|{{GENDER:$2|his|her|their}} report|$1 reports}}"
    assert [said("en", text, 1, "female"), said("en", text, 3, "female")] == ["her report", "3 reports"]


@pytest.mark.parametrize("text", ["{{PLURAL:$1|one", "{{PLURAL:$1}}", "closed }}", "{{GENDER:$1|{{PLURAL:$2|x}}"])
def test_a_message_that_is_not_well_formed_is_refused(text: str) -> None:
    with pytest.raises(WordingError):
        parse(text)


@given(st.text(), st.text())
def test_any_text_without_braces_is_said_as_it_is(before: str, after: str) -> None:
    text = f"{before} $1 {after}".replace("$", "€").replace("€1", "$1").replace("}}", "").replace("{{", "")
    assert said("en", text, "·") == text.replace("$1", "·")


def test_a_language_falls_back_to_the_nearest_and_then_to_english() -> None:
    messages = Messages({"en": {"a": "A", "b": "B", "c": "C"}, "pt": {"a": "pt", "b": "pt"}, "pt-br": {"a": "br"}})
    assert [messages.text("pt-br", key) for key in "abc"] == ["br", "pt", "C"]
    assert messages.text("xx-unheard", "a") == "A"


def test_english_text_in_another_language_counts_in_english() -> None:
    messages = Messages({"en": {"n": "{{PLURAL:$1|one|many}}"}, "ja": {}})
    assert messages.text("ja", "n", 1) == "one"
    assert messages.text("ja", "n", 2) == "many"


def test_a_missing_message_is_shown_to_readers_and_stops_tests() -> None:
    assert Messages({"en": {}}).text("en", "absent") == "⧼absent⧽"
    with pytest.raises(MissingMessage):
        Messages({"en": {}}, strict=True).text("en", "absent")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"), ("de-AT,en;q=0.5", "de"), ("en;q=0.2, fr ; q=0.9", "fr"), ("pt", "pt-br"), ("pt-PT", "pt-br"),
        ("zh-CN", "zh-hans"), ("zh-Hans-CN", "zh-hans"), ("ZH-HANS", "zh-hans"), ("xx, ar", "ar"), ("de;q=0, fr", "fr"),
        ("*", "en"), ("", "en"), (None, "en"), (";;;,,=q", "en"), ("de;q=banana, fr;q=0.1", "fr"), ("fr;q=1.0", "fr"),
        ("de_DE", "de"), ("xx, pt_BR;q=0.1", "pt-br"),
    ],
)  # fmt: skip
def test_the_reader_gets_the_best_language_there_is(header: str | None, language: str) -> None:
    assert negotiate(header, SHIPPED) == language


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("DE", "de"), ("pt-BR", "pt-br"), ("pt_BR.UTF-8", "pt-br"), ("de_", "de"), ("fr_FR@euro", "fr"),
        ("zh_TW_#Hant", "zh-hans"), ("\u200ear", "ar"), ("en;q=0.8", "en"), ("user", None), ("qqx", None), ("", None),
        ("*", None), ("i-klingon", None),
    ],
)  # fmt: skip
def test_a_language_is_found_however_it_is_written(written: str, language: str | None) -> None:
    assert find_language(written, SHIPPED) == language


@given(st.text())
def test_no_header_breaks_the_choice_of_a_language(header: str) -> None:
    assert negotiate(header, SHIPPED) in SHIPPED


def test_right_to_left_languages_are_known() -> None:
    assert [language for language in SHIPPED if direction(language) == "rtl"] == ["ar", "fa"]


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 11, 24, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert write_time("en", at) == "Nov 23, 2026, 23:05 UTC"
    assert write_time("de", at.astimezone(UTC)) == "23.11.2026, 23:05 UTC"


def test_later_folders_win_and_documentation_is_no_language(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    write(first, en={"@metadata": {}, "a": "1", "b": "1"}, qqq={"a": "x", "b": "x"})
    write(second, en={"@metadata": {}, "b": "2"}, de={"a": "eins"})
    messages = Messages.load([first, second])
    assert messages.languages == ("en", "de")
    assert [messages.text("de", "a"), messages.text("de", "b")] == ["eins", "2"]


@pytest.mark.parametrize("content", ["[1]", '{"a": 1}', '{"a": "{{PLURAL:"}', "{", '{"a": "1", "a": "2"}'])
def test_a_broken_file_is_named_when_loading(tmp_path: Path, content: str) -> None:
    write(tmp_path, en=content)
    with pytest.raises(ValueError, match=r"en\.json"):
        Messages.load([tmp_path])


@pytest.mark.parametrize(
    ("files", "finding"),
    [
        ({"qqq": {}}, "en.json is missing"),
        ({"en": {"a": "A"}}, "qqq.json is missing"),
        ({"en": {"a": "A"}, "qqq": {}}, "“a” is not documented"),
        ({"en": {"a": "A"}, "qqq": {"a": " "}}, "“a” is not documented"),
        ({"en": {}, "qqq": {"a": "?"}}, "en.json has no “a”"),
        ({"en": {"a": "$1"}, "qqq": {"a": "?"}, "de": {"a": "$2"}}, "“a” uses $2, en.json $1"),
        ({"en": {"a": "A"}, "qqq": {"a": "?"}, "de": {"b": "B"}}, "de.json: en.json has no “b”"),
        ({"en": {"a": "A"}, "qqq": {"a": "?"}, "de": {"a": "}}"}}, "de.json: “a”: “}}” without"),
        (
            {"en": {"a": "{{PLURAL:$1|x|y}}"}, "qqq": {"a": "?"}, "ja": {"a": "{{PLURAL:$1|x|y}}"}},
            "“a” has more plural forms than ja (1)",
        ),
        ({"en": '{"a": "1", "a": "2"}', "qqq": {"a": "?"}}, "“a” stands twice"),
    ],
)
def test_the_check_names_what_is_wrong(tmp_path: Path, files: dict[str, dict[str, object] | str], finding: str) -> None:
    found = problems([write(tmp_path, **files)])
    assert [finding in one for one in found] == [True], found


def test_a_key_of_two_folders_is_found(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write(folder, en={"a": "A"}, qqq={"a": "?"})
    assert ["is also a message of" in one for one in problems(folders)] == [True]


def test_a_choice_may_leave_a_value_out_of_some_of_its_forms(tmp_path: Path) -> None:
    files: dict[str, dict[str, object] | str] = {
        "en": {"a": "{{PLURAL:$1|one|$1}}"}, "qqq": {"a": "?"}, "ja": {"a": "{{PLURAL:$1|0=none|$1}}"}
    }  # fmt: skip
    assert problems([write(tmp_path, **files)]) == []


def test_the_command_prints_what_is_wrong_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SHARED_MESSAGES)]) == 0
    assert main([str(write(tmp_path, en={"a": "A"}, qqq={}))]) == 1
    assert "“a” is not documented" in capsys.readouterr().out


def test_the_shared_messages_are_in_order() -> None:
    assert problems([SHARED_MESSAGES]) == []


def test_every_name_of_the_policy_and_every_state_has_its_message() -> None:
    policy = load_policy()
    wanted = {
        *(message_key("category", code) for code in policy.categories),
        *(message_key("category-group", category.group) for category in policy.categories.values()),
        *(message_key("flag", flag) for flag in policy.flags),
        *(message_key("setting", setting) for setting in policy.settings),
        *(message_key("outcome", outcome) for outcome in policy.outcomes),
        *(message_key("deadline", name) for name in policy.deadlines),
        *(message_key("lane", rule.lane) for rule in policy.rules),
        *(message_key("kind", community.kind) for community in policy.communities.values()),
        *(message_key("state", state) for state in STATES),
        *(body.name_key for body in policy.bodies.values()),
    }
    messages = Messages.load([SHARED_MESSAGES])
    assert {key for key in wanted if not messages.has(key)} == set()
