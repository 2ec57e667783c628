"""What a policy may not mean, though it works: each with file and line."""

import json

import pytest

from shared.policy import load_policy
from shared.policy.loader import PACKAGED, notes_of
from shared.policy.notes import new_notes

ROUTING = (PACKAGED / "routing.toml").read_text(encoding="utf-8")
LAST = '[[rule]]\nid = "anywhere-else"'


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def notes(name: str, text: str) -> list[str]:
    """The notes on a policy with this file that the packaged policy has not got."""
    assert load_policy(None, {name: text})
    return [str(one) for one in new_notes(notes_of(), notes_of(None, {name: text}))]


def test_overlapping_rules_are_named_with_their_lines_and_a_report_that_only_their_order_decides() -> None:
    rule = '[[rule]]\nid = "hate"\nto = ["u4c"]\nwhen = [{ categories = ["content_abuse.hate_speech"] }]\n\n'
    text = ROUTING.replace(LAST, rule + LAST)
    [said] = notes("routing.toml", text)
    line = line_of(text, 'id = "hate"') - 1
    assert said.startswith(f"routing.toml:{line}: rule hate: overlaps with ")
    nearest = line_of(text, 'id = "one-wiki"') - 1
    assert f"“one-wiki” (line {nearest}), which come first: such as enwiki, content_abuse.hate_speech, online" in said
    assert said.endswith("which goes to enwiki_arbcom and not to u4c")


def test_every_rule_that_takes_a_report_of_a_later_one_is_named() -> None:
    bodies, a, b = ROUTING[: ROUTING.index("[[rule]]")], "harassment.insults", "harassment.threats"
    more = ', { flags = ["ongoing"] }'
    rules = (("x", "legal", [a], ""), ("y", "u4c", [a, b], ""), ("z", "trust_safety", [a, b], more))
    text = bodies + "".join(
        f'[[rule]]\nid = "{name}"\nto = ["{to}"]\nwhen = [{{ categories = {json.dumps(categories)} }}{more}]\n\n'
        for name, to, categories, more in rules
    )
    text += f'{LAST}\nto = ["stewards"]\n'
    found = {one.entry: one.text for one in notes_of(None, {"routing.toml": text}) if one.file == "routing.toml"}
    assert "“x”" in found["rule y"]
    assert "“x”" in found["rule z"]
    assert "“y”" in found["rule z"]
    assert "such as enwiki, harassment.threats, online, which goes to u4c and not to trust_safety" in found["rule z"]


def test_two_rules_that_need_two_flags_overlap_by_a_report_with_both() -> None:
    rule = '[[rule]]\nid = "ongoing"\nto = ["u4c"]\nwhen = [{ flags = ["ongoing"] }]\n\n'
    [said] = notes("routing.toml", ROUTING.replace(LAST, rule + LAST))
    assert "“legal-threat”" in said


def test_a_policy_with_very_many_kinds_of_reports_is_looked_at_in_part_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.policy.notes.MOST_TRIED", 100)
    assert any("in part" in one.text for one in notes_of())


def test_the_emergency_lane_overlaps_with_what_comes_after_it_and_nothing_comes_before_it() -> None:
    found = {one.entry: one.text for one in notes_of()}
    assert "rule danger-to-life" not in found
    assert "“danger-to-life”" in found["rule child-protection"]
    assert "rule anywhere-else" not in found


def test_rules_that_send_the_same_reports_to_the_same_body_do_not_overlap() -> None:
    when = '[{ kinds = ["wiki"], categories = ["content_abuse.hate_speech"] }]'
    rule = f'[[rule]]\nid = "hate"\nto = ["local.arbcom", "local.admins"]\nwhen = {when}\n\n'
    wiki = '[[rule]]\nid = "one-wiki"'
    assert not any("“hate”" in one for one in notes("routing.toml", ROUTING.replace(wiki, rule + wiki)))


def test_a_line_that_only_moved_is_no_news() -> None:
    assert notes("routing.toml", "# one line more\n" + ROUTING) == []


@pytest.mark.parametrize("row", ['{ flags = ["legal_threat"], settings = ["online"] }', '{ flags = ["legal_threat"] }'])
def test_a_row_that_says_nothing_new_is_named(row: str) -> None:
    text = ROUTING.replace('[{ flags = ["legal_threat"] }]', f'[{{ flags = ["legal_threat"] }}, {row}]')
    line = line_of(text, f", {row}")
    expected = f"routing.toml:{line}: rule legal-threat: table 2 of `when` says nothing that another one does not say"
    assert expected in notes("routing.toml", text)


def test_a_category_that_only_the_last_rule_takes_is_named() -> None:
    bodies = ROUTING[: ROUTING.index("[[rule]]")]
    rule = '[[rule]]\nid = "most"\nto = ["u4c"]\nwhen = [{ categories = ["harassment.*", "content_abuse.*"] }]\n\n'
    text = f'{bodies}{rule}{LAST}\nto = ["stewards"]\n'
    taxonomy = (PACKAGED / "taxonomy.toml").read_text(encoding="utf-8")
    line = line_of(taxonomy, 'code = "unclassified"') - 1
    said = "no rule but the last one, “anywhere-else”, is for it: nobody was named to handle it"
    found = notes("routing.toml", text)
    assert f"taxonomy.toml:{line}: category unclassified: {said}" in found
    assert not any("category harassment" in one for one in found)


def test_a_category_that_only_the_last_rule_takes_in_some_places_is_named_with_them() -> None:
    bodies = ROUTING[: ROUTING.index("[[rule]]")]
    groups = '{ categories = ["harassment.*", "content_abuse.*", "power_abuse.*", "welfare.*"] }'
    own = '{ categories = ["unclassified"], communities = ["arwiki"] }'
    rule = f'[[rule]]\nid = "most"\nto = ["u4c"]\nwhen = [{groups}, {own}]\n\n'
    found = notes("routing.toml", f'{bodies}{rule}{LAST}\nto = ["stewards"]\n')
    [said] = [one for one in found if "category unclassified" in one]
    assert "no rule but the last one, “anywhere-else”, is for it in enwiki" in said
    assert "arwiki" not in said
    assert not any("category harassment" in one for one in found)
    narrower = own.replace("}", ', settings = ["online"] }')
    found = notes("routing.toml", f'{bodies}{rule.replace(own, narrower)}{LAST}\nto = ["stewards"]\n')
    [said] = [one for one in found if "category unclassified" in one]
    assert "arwiki (hybrid, in_person, third_party)" in said


def test_a_community_of_which_the_last_rule_takes_most_categories_is_named_once() -> None:
    found = [one for one in notes_of() if "last one" in one.text]
    assert [(one.file, one.entry) for one in found] == [("communities.toml", "community global")]
    assert "is for most categories here (online)" in found[0].text
    gone = ROUTING.replace('kinds = ["technical_space"]', 'communities = ["enwiki"]')
    assert any("community mediawiki_code_review" in one for one in notes("routing.toml", gone))


def test_a_deadline_of_a_lane_into_which_no_rule_leads_has_no_owner() -> None:
    text = ROUTING.replace('lane = "child_protection"\nact_by = "child_protection_action"\n', "")
    deadlines = (PACKAGED / "deadlines.toml").read_text(encoding="utf-8")
    line = line_of(deadlines, 'lanes = ["child_protection"]')
    assert (
        f"deadlines.toml:{line}: deadline child_protection_action: no rule leads into its lanes (child_protection): "
        "nobody has to keep it"
    ) in notes("routing.toml", text)


def test_a_lane_in_which_no_clock_runs_is_named() -> None:
    deadlines = (PACKAGED / "deadlines.toml").read_text(encoding="utf-8")
    rows = deadlines.split("[[deadline]]")
    urgent = '\nlanes = ["emergency", "child_protection"]\nmet_by'
    is_open = ['starts = "received"' in row and "lanes" not in row for row in rows]
    bounded = [row.replace("\nmet_by", urgent, 1) if every else row for row, every in zip(rows, is_open, strict=True)]
    line = line_of(ROUTING, 'id = "legal-threat"') - 1
    said = "rule legal-threat: no deadline runs from the receipt in the lane “standard”"
    assert f"routing.toml:{line}: {said}" in notes("deadlines.toml", "[[deadline]]".join(bounded))
