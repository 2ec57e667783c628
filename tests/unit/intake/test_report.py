"""Reports as values: what is accepted, what of them may be known, and how people become pseudonyms."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.report.pseudonym import party_token, people_in
from services.intake.report.submission import (
    MOST_PEOPLE,
    MOST_PLACES,
    NAME_LIMIT,
    NARRATIVE_LIMIT,
    PASSAGE_LIMIT,
    PLACE_LIMIT,
    WHOLE_LIMIT,
    Submission,
    facts_of,
    find_faults,
    find_further_faults,
    receive,
    sections_of,
)
from shared.input.texts import clean, is_blank, trim_line
from shared.names import normalise_name
from shared.policy import load_policy
from shared.problems import faults_of
from shared.web.bounds import BODY_LIMIT
from tests.support.cases import cases

POLICY = load_policy()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = b"k" * 32

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
filled = words.filter(lambda text: not is_blank(clean(text)))
lines = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn"]), min_size=1, max_size=40
).filter(lambda text: not is_blank(text))
moments = st.datetimes(datetime(1901, 1, 1), datetime(2026, 11, 24), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis wants naive bounds
optional = st.none() | words
submissions = st.fixed_dictionaries(
    {"community": st.sampled_from(sorted(POLICY.communities)), "narrative": filled},
    optional={
        "category": st.sampled_from(sorted(POLICY.categories)),
        "flags": st.lists(st.sampled_from(POLICY.flags), max_size=12),
        "setting": st.sampled_from(POLICY.settings),
        "privacy": st.sampled_from(["named", "confidential"]),
        "language": st.sampled_from(["en", "pt-br", "zh-hans", "sw"]),
        "occurred": moments.map(lambda at: {"at": at.isoformat()})
        | st.tuples(moments, moments).map(lambda two: {"from": min(two).isoformat(), "to": max(two).isoformat()}),
        "harmed": optional,
        "places": st.lists(filled, max_size=5),
        "anything_else": optional,
        "reported": st.lists(st.fixed_dictionaries({"name": lines}, optional={"details": optional}), max_size=4),
        "reporter": st.fixed_dictionaries(
            {}, optional={"name": lines, "email": st.emails(domains=st.just("mail.example"))}
        ),
    },
)


def read(body: dict[str, Any]) -> Submission:
    return Submission.model_validate_json(json.dumps(body))


def strings_in(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return set().union(*(strings_in(part) for part in value.values()), set())
    return set().union(*(strings_in(part) for part in value), set()) if isinstance(value, list) else set()


@given(submissions)
def test_no_word_is_lost_between_submission_and_vault(body: dict[str, Any]) -> None:
    sections = {name: json.loads(data) for name, data in sections_of(read(body), {}).items()}
    private = {
        name: body[name] for name in ("narrative", "harmed", "places", "anything_else", "reported") if name in body
    }
    expected = strings_in(private) | strings_in(body.get("reporter", {}))
    assert {trim_line(text) for text in strings_in(sections)} == set(map(trim_line, expected))


@given(submissions)
def test_what_is_told_of_a_report_has_none_of_its_words(body: dict[str, Any]) -> None:
    submission = read(body)
    assert find_faults(submission, POLICY, NOW) == []
    facts = facts_of(submission, "http")
    fact = receive("id", facts, people_in(KEY, submission), partial(party_token, KEY), "digest", NOW)
    codes = {"id", "http", "digest", facts.community, facts.category, facts.setting, facts.language}
    told = strings_in(json.loads(fact.model_dump_json()))
    allowed = codes | {
        facts.privacy,
        *facts.flags,
        *fact.subjects,
        fact.reporter or "",
        *fact.witnesses,
        *fact.reporter_aliases,
    }
    assert {text for text in told - allowed if not text.endswith("Z")} == set()


@pytest.mark.parametrize("name", cases("names_in_scripts"))
def test_a_name_stays_as_it_is_written_with_its_joiners_and_blanks(name: str) -> None:
    people = {"reported": [{"name": name}], "witnesses": [name], "reporter": {"name": name}}
    submission = read({"community": "enwiki", "narrative": "x", **people})
    assert (submission.reported[0].name, submission.witnesses) == (name, (name,))
    assert submission.reporter
    assert submission.reporter.name == name


@pytest.mark.parametrize("name", ["\u200b", "\u200e \u3000", "a\u2028b", "a\nb"])
def test_a_name_is_visible_and_on_one_line(name: str) -> None:
    with pytest.raises(ValidationError):
        read({"community": "enwiki", "narrative": "x", "witnesses": [name]})


@pytest.mark.parametrize("link", cases("links_with_escapes"))
def test_a_place_may_be_a_link_with_a_long_title(link: str) -> None:
    assert read({"community": "enwiki", "narrative": "x", "places": [link]}).places == (link,)


LARGEST = {
    "narrative": NARRATIVE_LIMIT * "😀",
    "harmed": PASSAGE_LIMIT * "😀",
    "anything_else": PASSAGE_LIMIT * "😀",
    "places": [PLACE_LIMIT * "😀"] * MOST_PLACES,
    "witnesses": [NAME_LIMIT * "😀"] * MOST_PEOPLE,
    "reported": [{"name": NAME_LIMIT * "😀", "details": 1_000 * "😀"}] * MOST_PEOPLE,
    "reporter": {"name": NAME_LIMIT * "😀", "email": "a@b.example"},
}
"""As much as a report may say, in letters that take the most bytes."""


def test_every_text_within_the_limits_fits_into_a_body_however_it_is_escaped() -> None:
    body = {"community": "enwiki", **LARGEST}
    assert len(json.dumps(body, indent=4)) < BODY_LIMIT
    assert len(urlencode({name: str(value) for name, value in body.items()})) < BODY_LIMIT
    assert find_faults(read(body), POLICY, NOW) == []
    assert WHOLE_LIMIT * len(json.dumps("😀")[1:-1]) <= BODY_LIMIT * 9 // 10


def test_all_texts_together_have_a_limit_and_the_longest_is_named() -> None:
    reported = [{"name": "Example User", "details": "x" * PASSAGE_LIMIT}] * 15
    body = {"community": "enwiki", "narrative": "x" * NARRATIVE_LIMIT, "reported": reported}
    (fault,) = find_faults(read(body), POLICY, NOW)
    assert (fault.pointer, fault.code) == ("/narrative", "whole_too_long")


@given(submissions)
def test_times_are_cut_to_what_the_store_keeps(body: dict[str, Any]) -> None:
    for at in (facts_of(read(body), "http").occurred or {}).values():
        assert at.microsecond % 1000 == 0
        assert at.utcoffset() == timedelta(0)


@given(
    st.dictionaries(
        st.sampled_from([*Submission.model_fields, "other"]), st.none() | st.integers() | words | st.lists(words)
    )
)
def test_any_object_is_either_a_submission_or_pointed_at(body: dict[str, Any]) -> None:
    try:
        read(body)
    except ValidationError as error:
        faults = faults_of(error)
        assert faults
        assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in faults)


def test_the_name_of_an_unknown_field_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as caught:
        read({"community": "enwiki", "narrative": "x", "He hit me": 1, "reported": [{"name": "x", "born in": 1}]})
    assert {fault.pointer for fault in faults_of(caught.value)} == {"", "/reported/0"}


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("some_one", "Some one"),
        ("User:some one", "Some one"),
        ("user:Some__one ", "Some one"),
        ("  some\tone", "Some one"),
        ("ßeta", "ßeta"),
        ("éva", "Éva"),
        ("e\u0301va", "Éva"),
        ("علي", "علي"),
        ("User:", ""),
    ],
)
def test_names_are_written_as_mediawiki_does(name: str, normal: str) -> None:
    assert normalise_name(name) == normal


@given(st.text(max_size=40))
def test_normalising_again_changes_nothing(name: str) -> None:
    once = normalise_name(name)
    if not once.casefold().startswith("user:"):
        assert normalise_name(once) == once


def test_a_reporter_and_a_reported_person_of_one_name_share_a_pseudonym() -> None:
    both = read({"community": "enwiki", "narrative": "x", "reported": [{"name": "A"}], "reporter": {"name": "User:a"}})
    found = people_in(KEY, both)
    assert not set(found.reporter[0]).isdisjoint(found.subjects[0])
    assert people_in(b"j" * 32, both) != found


def test_a_reporter_without_a_name_is_known_by_the_address() -> None:
    bodies = [
        {"community": "enwiki", "narrative": "x", "reporter": {"email": e}} for e in ("A@b.example", "a@B.example")
    ]
    first, second = (people_in(KEY, read(body)).reporter for body in bodies)
    assert first[0][0] == second[0][0]


def test_what_stands_in_a_list_that_is_too_long_is_not_judged() -> None:
    said = {"community": "enwiki", "narrative": "x", "witnesses": ["%41 " * 75] * 4_000, "flags": ["none"]}
    assert [fault.pointer for fault in find_further_faults(said, POLICY, NOW)] == ["/flags/0"]
