"""What handlers see to by what a case is, words by language, and what the desk folds, as the policy says."""

from pathlib import Path

import pytest

from shared.policy import PolicyError, ReportFacts, load_policy
from shared.policy.playbooks import worded

PLAYBOOKS = load_policy().playbooks
EVERY = '[[playbook]]\nid = "every"\n'
FIRST = EVERY.replace("every", "first")
FOLDED = "[folded]\ncategories = []\nflags = []\n"


def facts(category: str, *flags: str, setting: str = "online") -> ReportFacts:
    return ReportFacts("enwiki", category, frozenset(flags), setting)


def test_the_first_playbook_that_fits_is_taken_and_the_last_fits_every_case() -> None:
    assert PLAYBOOKS.of(facts("harassment.doxing")).id == "doxing"
    assert PLAYBOOKS.of(facts("content_abuse.vandalism")).id == "every-case"
    ids = [reply.id for reply in PLAYBOOKS.replies(facts("harassment.doxing"))]
    assert ids == ["where-else", "which-edits", "no-news-yet", "reasons"]
    assert [reply.id for reply in PLAYBOOKS.replies(facts("unclassified"))] == ["which-edits", "no-news-yet", "reasons"]


@pytest.mark.parametrize(
    ("category", "playbook"),
    [
        ("welfare.self_harm", "self-harm"),
        ("harassment.threats", "threats"),
        ("harassment.hounding", "hounding"),
        ("power_abuse.office", "abuse-of-office"),
        ("content_abuse.harmful_symbols", "hate"),
    ],
)
def test_kinds_of_the_worked_incidents_have_playbooks_of_their_own(category: str, playbook: str) -> None:
    assert PLAYBOOKS.of(facts(category)).id == playbook
    assert PLAYBOOKS.of(facts(category)).checks
    assert PLAYBOOKS.of(facts(category)).replies


@pytest.mark.parametrize(
    ("about", "mass", "playbook"),
    [
        (facts("harassment.insults", setting="in_person"), None, "in-person"),
        (facts("harassment.threats", setting="hybrid"), None, "in-person"),
        (facts("unclassified", "ongoing", "retaliation"), None, "retaliation"),
        (facts("harassment.insults", "retaliation", setting="in_person"), None, "retaliation"),
        (facts("content_abuse.vandalism"), "same-page", "many-at-once"),
        (facts("content_abuse.vandalism"), "some-other-rule", "every-case"),
        # What a person needs at once comes first.
        (facts("harassment.doxing", "retaliation", setting="in_person"), "same-person", "doxing"),
        (facts("welfare.self_harm", setting="in_person"), None, "self-harm"),
    ],
)
def test_what_no_category_says_has_playbooks_of_its_own(about: ReportFacts, mass: str | None, playbook: str) -> None:
    found = PLAYBOOKS.of(about, mass)
    assert found.id == playbook
    assert found.checks
    assert found.replies
    assert PLAYBOOKS.replies(about, mass)[: len(found.replies)] == list(found.replies)


def test_all_that_a_playbook_names_has_to_fit(tmp_path: Path) -> None:
    row = FIRST + 'categories = ["harassment.*"]\nflags = ["off_wiki"]\nsettings = ["in_person"]\n'
    (tmp_path / "playbooks.toml").write_text(FOLDED + row + EVERY, encoding="utf-8")
    playbooks = load_policy(tmp_path).playbooks
    fitting = facts("harassment.threats", "off_wiki", setting="in_person")
    others = (
        facts("harassment.threats", "off_wiki"),
        facts("harassment.threats", setting="in_person"),
        facts("unclassified", "off_wiki", setting="in_person"),
    )
    assert [playbooks.of(one).id for one in (fitting, *others)] == ["first", "every", "every", "every"]


def test_each_text_of_a_playbook_is_in_english_and_french() -> None:
    for playbook in PLAYBOOKS.playbooks:
        texts = [*playbook.checks, *(text for reply in playbook.replies for text in (reply.title, reply.text))]
        assert [text for text in texts if not {"en", "fr"} <= text.keys()] == []


def test_a_text_is_in_the_language_or_its_stem_or_else_in_english() -> None:
    text = {"en": "Where?", "fr": "Où ?"}
    assert [worded(text, language) for language in ("fr", "fr-ca", "sw")] == ["Où ?", "Où ?", "Where?"]


def test_reports_are_folded_by_category_or_by_flag() -> None:
    assert PLAYBOOKS.folds("harassment.threats", ())
    assert PLAYBOOKS.folds("unclassified", ["ongoing", "minor_involved"])
    assert not PLAYBOOKS.folds("harassment.trolling", ["ongoing"])


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (FOLDED.replace("flags = []", 'flags = ["loud"]') + EVERY, "playbooks.toml:3: folded: .* no “loud”"),
        (FOLDED + EVERY + 'categories = ["none"]\n', "playbooks.toml:6: playbook every: .* no “none”"),
        (FOLDED + FIRST + 'flags = ["ongoing",\n "loud"]\n' + EVERY, "playbooks.toml:7: playbook first: .* no “loud”"),
        (FOLDED + FIRST + 'settings = ["on_paper"]\n' + EVERY, "playbooks.toml:6: playbook first: .* no “on_paper”"),
        (FOLDED + FIRST + 'mass = ["flood"]\n' + EVERY, "playbooks.toml:6: playbook first: patterns.* no “flood”"),
        (FOLDED + FIRST + 'flag = ["ongoing"]\n' + EVERY, "playbooks.toml:6: playbook first: unknown key “flag”"),
        (FOLDED + EVERY + EVERY.replace("every", "more"), "playbooks.toml:4: playbook every: it fits every case"),
        (FOLDED + EVERY + 'check = [{ fr = "Où ?" }]\n', "playbooks.toml:6: playbook every: a check has no text"),
        (FOLDED + EVERY + 'categories = ["unclassified"]\n', "playbooks.toml:.: playbook every: the last playbook"),
        (FOLDED + EVERY + 'flags = ["ongoing"]\n', "playbooks.toml:.: playbook every: the last playbook"),
        (
            FOLDED
            + EVERY
            + '[[playbook.reply]]\nid = "a"\ncommand = "ask"\ntitle = { en = "A" }\ntext = { fr = "B" }\n',
            "playbooks.toml:6: playbook every, reply a: it has no title or text in English",
        ),
    ],
    ids=["folded", "category", "flag", "setting", "mass", "key", "shadowed", "check", "last", "flagged", "reply"],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, text: str, finding: str) -> None:
    (tmp_path / "playbooks.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=finding):
        load_policy(tmp_path)
