"""What is wrong in a policy file is named by file, line and row; everything at once."""

import re
from pathlib import Path

import pytest

from shared.policy import PolicyError, load_policy
from shared.policy.loader import FILES, PACKAGED

ROUTING = (PACKAGED / "routing.toml").read_text(encoding="utf-8")
CATCH_ALL = '\n[[rule]]\nid = "rest"\nto = ["stewards"]\n'

YEAR = 'longest = "366 d"\n'


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def replaced(name: str, old: str, new: str) -> tuple[str, int]:
    """A packaged file with one spot changed, and the line of that spot."""
    text = (PACKAGED / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    return text.replace(old, new), text[: text.index(old)].count("\n") + 1


def findings(folder: Path) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(folder)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("name", "old", "new", "entry", "text"),
    [
        (
            "patterns.toml",
            'deadlines = ["acknowledgement", ',
            'deadlines = ["aknowledgement", ',
            "systemic missed-deadlines",
            "no [[deadline]] has the id “aknowledgement”",
        ),
        (
            "patterns.toml",
            'flag = "systemic_failure"',
            'flag = "systemic"',
            "systemic missed-deadlines",
            "flags has no “systemic”",
        ),
        (
            "patterns.toml",
            "cases = 5",
            "cases = 11",
            "systemic missed-deadlines",
            "`cases` cannot be more than `breaches`",
        ),
        (
            "routing.toml",
            'flags = ["cross_wiki"]',
            'flags = ["crosswiki"]',
            "rule several-wikis",
            "flags has no “crosswiki”",
        ),
        (
            "routing.toml",
            '"welfare.self_harm"',
            '"welfare.harm"',
            "rule danger-to-life",
            "categories has no “welfare.harm”",
        ),
        (
            "routing.toml",
            'email = "legal@foundation.example"',
            'quorum = 1\nemail = "legal@foundation.example"',
            "body legal",
            "“quorum”",
        ),
        (
            "routing.toml",
            'email = "legal@foundation.example"',
            'language = "Klingon"\nemail = "legal@foundation.example"',
            "body legal",
            "“language”",
        ),
        ("routing.toml", '"power_abuse.*"', '"power.*"', "rule affiliate-governance", "categories has no “power.*”"),
        (
            "routing.toml",
            'to = ["legal"]',
            'to = ["leagle"]',
            "rule legal-threat",
            "no [[body]] defines the handling body “leagle”",
        ),
        (
            "routing.toml",
            '"local.safety", "u4c"',
            '"local.saftey", "u4c"',
            "rule in-person-or-event",
            "no community names a local part for “local.saftey”",
        ),
        (
            "routing.toml",
            'act_by = "emergency_action"',
            'act_by = "soon"',
            "rule danger-to-life",
            "deadlines.toml has no “soon”",
        ),
        (
            "routing.toml",
            'act_by = "emergency_action"',
            'act_by = "child_protection_action"',
            "rule danger-to-life",
            "does not apply to the lane “emergency”",
        ),
        (
            "routing.toml",
            'act_by = "emergency_action"',
            'act_by = "appeal_window"',
            "rule danger-to-life",
            "does not run from the receipt",
        ),
        (
            "routing.toml",
            'lane = "emergency"',
            'lane = "urgent"',
            "rule danger-to-life",
            "“lane”: Input should be 'standard', 'emergency'",
        ),
        ("routing.toml", 'lane = "emergency"', "lane = 3", "rule danger-to-life", "“lane”: Input should be"),
        ("routing.toml", 'lane = "emergency"', 'line = "emergency"', "rule danger-to-life", "unknown key “line”"),
        (
            "deadlines.toml",
            'within = "3 h"',
            'within = "-3 h"',
            "deadline emergency_action",
            "“-3 h” is not a duration",
        ),
        (
            "deadlines.toml",
            'met_by = ["case.triaged"]',
            'met_by = ["case.triaged", "case.assined"]',
            "deadline acknowledgement",
            "“case.assined” is no fact of a case; there are: case.assigned",
        ),
        (
            "deadlines.toml",
            'met_by = ["case.triaged"]',
            'met_by = ["deadline.met"]',
            "deadline acknowledgement",
            "“deadline.met” is no fact of a case",
        ),
        ("deadlines.toml", 'within = "3 h"', 'within = "0 h"', "deadline emergency_action", "“0 h” is not a duration"),
        (
            "deadlines.toml",
            'within = "3 h"',
            'within = "99999999999999 d"',
            "deadline emergency_action",
            "longer than a hundred years",
        ),
        (
            "deadlines.toml",
            'within = "28 d"',
            'within = "3000000 d"',
            "deadline decision",
            "longer than a hundred years",
        ),
        ("deadlines.toml", 'within = "28 d"', 'within = "２８ d"', "deadline decision", "is not a duration"),
        ("pauses.toml", 'answer = "14 d"', 'answer = "0 d"', "", "is not a duration"),
        (
            "deadlines.toml",
            'within = "3 h"',
            "within = 3",
            "deadline emergency_action",
            "“within”: Input should be a valid string",
        ),
        (
            "deadlines.toml",
            'starts = "appealed"',
            'starts = "closed"',
            "deadline appeal_decision",
            "“starts”: Input should be 'received'",
        ),
        (
            "communities.toml",
            'kind = "technical_space"',
            'kind = "forum"',
            "community mediawiki_code_review",
            "“kind”: Input should be",
        ),
        (
            "communities.toml",
            '{ committee = "wmxx_committee" }',
            '{ committee = "nobody" }',
            "community wikimedia_examplia",
            "which no [[body]] defines",
        ),
        (
            "communities.toml",
            'email = "arbcom@en-wiki.example"',
            'email = "nowhere"',
            "body enwiki_arbcom",
            "“email”: Write one address such as name@example.org.",
        ),
        (
            "peer_support.toml",
            'id = "peer-support-network"',
            'communities = ["nowiki"]\nid = "peer-support-network"',
            "peer_support peer-support-network",
            "communities.toml has no “nowiki”",
        ),
        ("peer_support.toml", '"desk"]', '"dusk"]', "", "offered"),
        ("identity.toml", 'privacy = "named"', 'privacy = "anonymous"', "identity 1", "“privacy”: Input should be"),
        (
            "identity.toml",
            'states = ["investigating", "awaiting_information"]',
            'states = ["looking"]',
            "identity 2",
            "“looking” is no state of a case",
        ),
        (
            "identity.toml",
            'states = ["investigating", "awaiting_information"]',
            'states = ["investigating", "investigating"]',
            "identity confidential",
            "“investigating” stands here twice",
        ),
        ("policy.toml", 'version = "2026-11.23"', 'version = "new"', "", "“version”: String should match"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_row(
    tmp_path: Path, name: str, old: str, new: str, entry: str, text: str
) -> None:
    content, line = replaced(name, old, new)
    found = findings(write(tmp_path, name, content))
    assert any(one.startswith(f"{name}:{line}: {entry}") and text in one for one in found), found


def test_an_id_given_twice_is_named_at_its_second_place(tmp_path: Path) -> None:
    content, line = replaced("communities.toml", 'id = "arwiki"', 'id = "swwiki"')
    assert findings(write(tmp_path, "communities.toml", content)) == [
        f"communities.toml:{line - 1}: community swwiki: this id is already taken"
    ]


def test_a_body_of_a_community_cannot_take_the_id_of_a_global_one(tmp_path: Path) -> None:
    content, line = replaced("communities.toml", 'id = "hackathon_safety"', 'id = "u4c"')
    assert f"communities.toml:{line - 1}: body u4c: this id is already taken" in findings(
        write(tmp_path, "communities.toml", content)
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "entry", "text"),
    [
        ("routing.toml", "last_resort = true\n", "", "", "one [[body]] must have `last_resort = true`"),
        (
            "communities.toml",
            'id = "hackathon_safety"\n',
            'id = "hackathon_safety"\nlast_resort = true\n',
            "body hackathon_safety",
            "there is one already",
        ),
        (
            "routing.toml",
            "last_resort = true\n",
            'last_resort = true\nstand_in = "u4c"\n',
            "body ombuds_commission",
            "it cannot have a stand-in",
        ),
        (
            "routing.toml",
            'email = "stewards@global.example"\nstand_in = "u4c"',
            'email = "stewards@global.example"\nstand_in = "ombuds_commission"',
            "body stewards",
            "“ombuds_commission” is no stand-in",
        ),
        (
            "communities.toml",
            'email = "safety@hackathon.example"',
            'email = "Ombuds@commissions.example"',
            "body hackathon_safety",
            "this is the address of “ombuds_commission”",
        ),
        ("routing.toml", 'to = ["legal"]', 'to = ["ombuds_commission"]', "rule legal-threat", "is no target"),
        (
            "communities.toml",
            'bodies = { committee = "wmxx_committee" }',
            'bodies = { committee = "ombuds_commission" }',
            "community wikimedia_examplia",
            "is no local part",
        ),
    ],
)
def test_the_last_resort_stands_apart_from_all_other_bodies(
    tmp_path: Path, name: str, old: str, new: str, entry: str, text: str
) -> None:
    content, _ = replaced(name, old, new)
    found = findings(write(tmp_path, name, content))
    assert any(entry in line and text in line for line in found), found


def test_a_rule_below_one_that_takes_everything_can_never_match(tmp_path: Path) -> None:
    text = f'{ROUTING}\n[[rule]]\nid = "late"\nto = ["u4c"]\nwhen = [{{ flags = ["ongoing"] }}]\n{CATCH_ALL}'
    line = text[: text.index('id = "late"')].count("\n")
    assert (
        f"routing.toml:{line}: rule late: can never match: the rule “anywhere-else” above it takes everything"
        in findings(write(tmp_path, "routing.toml", text))
    )


def test_a_rule_whose_every_case_is_taken_above_can_never_match(tmp_path: Path) -> None:
    narrow = """[[rule]]
id = "narrow"
to = ["legal"]
when = [{ kinds = ["wiki"], flags = ["legal_threat", "minor_involved"] }]

"""
    spot = '[[rule]]\nid = "personal-data"'
    text = ROUTING.replace(spot, narrow + spot)
    line = text[: text.index('id = "narrow"')].count("\n")
    assert findings(write(tmp_path, "routing.toml", text)) == [
        f"routing.toml:{line}: rule narrow: can never match: the rules above it take everything that it would"
    ]


def test_a_flag_given_twice_is_named(tmp_path: Path) -> None:
    content, _ = replaced("taxonomy.toml", '  "ongoing",', '  "ongoing", "off_wiki",')
    line = content[: content.index("flags = [")].count("\n") + 1
    assert findings(write(tmp_path, "taxonomy.toml", content)) == [
        f"taxonomy.toml:{line}: “off_wiki” stands more than once in flags"
    ]


@pytest.mark.parametrize(
    ("old", "new", "at", "entry", "text"),
    [
        ('needs = "four_eyes"', 'needs = "alone"', "needs", "restriction", "a sanction needs a second person"),
        ("quorum = 50\n", "", "code", "permanent_ban", "“quorum” is for what needs “two_thirds”"),
        ("quorum = 50", "quorum = 101", "quorum", "permanent_ban", "“quorum”"),
        ('"two_thirds"\nquorum', '"four_eyes"\nquorum', "quorum", "permanent_ban", "“quorum” is for what"),
        ('"two_thirds"\nquorum', '"half"\nquorum', "needs", "permanent_ban", "“needs”"),
        (f"timed = true\n{YEAR}scoped = true\nemergency", "emergency", "emergency", "restriction", "only a measure"),
        (f"timed = true\n{YEAR}", "timed = true\n", "code", "restriction", "a sanction that ends on a date"),
        ("quorum = 50\n", f"quorum = 50\n{YEAR}", "longest", "permanent_ban", "“longest” is for what ends"),
        ('code = "referral"', 'code = "warning"', "code", "warning", "this id is already taken"),
    ],
)
def test_an_outcome_that_cannot_be_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, at: str, entry: str, text: str
) -> None:
    packaged = (PACKAGED / "taxonomy.toml").read_text(encoding="utf-8")
    head, table, rows = packaged.partition("[[outcome]]")
    own = head + table + rows.replace(old, new, 1)
    lines = own.splitlines()
    first = max(number for number, line in enumerate(lines, 1) if line == f'code = "{entry}"')
    line = first if at != "code" else first - 1
    while at != "code" and not lines[line - 1].startswith(f"{at} = "):
        line += 1
    (found,) = findings(write(tmp_path, "taxonomy.toml", own))
    assert found.startswith(f"taxonomy.toml:{line}: outcome {entry}: {text}")


def test_a_policy_that_a_body_of_one_person_could_not_follow_is_refused(tmp_path: Path) -> None:
    own = (PACKAGED / "taxonomy.toml").read_text(encoding="utf-8").replace('needs = "alone"', 'needs = "four_eyes"')
    assert "one outcome must need nobody else" in findings(write(tmp_path, "taxonomy.toml", own))[0]


def test_without_a_rule_that_always_matches_the_policy_is_refused(tmp_path: Path) -> None:
    text = ROUTING[: ROUTING.index("# Always matches")]
    line = text[: text.index('id = "one-wiki"')].count("\n")
    assert any(
        one.startswith(f"routing.toml:{line}: rule one-wiki: the last rule must have no `when`")
        for one in findings(write(tmp_path, "routing.toml", text))
    )


def test_a_clock_that_nothing_can_stop_is_refused(tmp_path: Path) -> None:
    content = (PACKAGED / "deadlines.toml").read_text()
    own = content.replace('met_by = ["case.triaged"]\n', "")
    line = own[: own.index('id = "acknowledgement"')].count("\n")
    found = findings(write(tmp_path, "deadlines.toml", own))
    assert [one for one in found if one.startswith(f"deadlines.toml:{line}: deadline acknowledgement: nothing could")]


def test_a_routing_without_any_rule_is_refused(tmp_path: Path) -> None:
    text = "rule = []\n" + ROUTING[: ROUTING.index("[[rule]]")]
    assert any("the last rule must" in one for one in findings(write(tmp_path, "routing.toml", text)))


def test_a_rule_that_leaves_a_community_without_a_body_is_refused(tmp_path: Path) -> None:
    content, _ = replaced("communities.toml", 'bodies = { admins = "arwiki_admins", oversight = "stewards" }', "")
    found = findings(write(tmp_path, "communities.toml", content))
    line = ROUTING[: ROUTING.index('to = ["local.arbcom", "local.admins"]')].count("\n") + 1
    assert f"routing.toml:{line}: rule one-wiki: finds no handling body for “arwiki”" in found


def test_a_policy_without_the_global_community_is_refused(tmp_path: Path) -> None:
    content, _ = replaced("communities.toml", 'id = "global"', 'id = "everywhere"')
    assert "communities.toml:1: the community “global” is missing" in findings(
        write(tmp_path, "communities.toml", content)
    )


def test_malformed_toml_is_named_with_its_line(tmp_path: Path) -> None:
    text = ROUTING.replace('to = ["legal"]', 'to = ["legal"')
    # The parser notices the missing bracket on the line after it.
    line = text[: text.index('to = ["legal"\n')].count("\n") + 2
    assert findings(write(tmp_path, "routing.toml", text))[0].startswith(f"routing.toml:{line}: not TOML: ")


def test_text_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(b'# one\n# \xff\nversion = "2026-11.18"\n')
    assert findings(tmp_path) == ["policy.toml:2: not UTF-8 text"]


def test_a_file_with_a_byte_order_mark_and_a_copied_name_is_read(tmp_path: Path) -> None:
    text = (PACKAGED / "communities.toml").read_text(encoding="utf-8").replace('name = "', 'name = "\u200e')
    write(tmp_path, "communities.toml", f"\ufeff{text}")
    names = [community.name for community in load_policy(tmp_path).communities.values()]
    assert names == [community.name for community in load_policy().communities.values()]


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    write(tmp_path, "deadlines.toml", (PACKAGED / "deadlines.toml").read_text().replace('"3 h"', '"3"'))
    write(tmp_path, "policy.toml", "version = 1\nowner = 2\n")
    found = findings(tmp_path)
    assert [re.sub(r":\d+:.*", "", one) for one in found] == ["deadlines.toml", "policy.toml", "policy.toml"]


def test_what_cannot_be_read_as_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").mkdir()
    assert findings(tmp_path) == ["policy.toml:1: the file cannot be read: Is a directory"]


def test_a_file_of_another_name_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    assert findings(write(tmp_path, "routings.toml", ROUTING))[0].startswith("routings.toml:1: not a policy file")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "the policy folder is missing" in findings(tmp_path / "absent")[0]


def test_a_folder_replaces_whole_files_and_keeps_the_others(tmp_path: Path) -> None:
    write(tmp_path, "policy.toml", 'version = "2027-03.1"\n')
    changed, packaged = load_policy(tmp_path), load_policy()
    assert changed.version.startswith("2027-03.1+")
    assert changed.rules == packaged.rules


def test_the_version_follows_the_content_and_ignores_comments(tmp_path: Path) -> None:
    for name in FILES:
        write(tmp_path, name, "# a remark\n" + (PACKAGED / name).read_text(encoding="utf-8"))
    assert load_policy(tmp_path).version == load_policy().version
    content, _ = replaced("deadlines.toml", 'within = "28 d"', 'within = "29 d"')
    assert load_policy(write(tmp_path, "deadlines.toml", content)).version != load_policy().version


def test_text_that_only_looks_like_a_table_does_not_shift_the_lines(tmp_path: Path) -> None:
    text = 'version = """\n[[rule]]\nversion = 3\n"""\nextra = 1\n'
    assert "policy.toml:5: unknown key “extra”" in findings(write(tmp_path, "policy.toml", text))
