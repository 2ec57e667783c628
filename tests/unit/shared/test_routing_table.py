"""The routing table of the Enforcement Guidelines, row by row, against the packaged policy.

Source: Universal Code of Conduct, Enforcement Guidelines 3.1.2, "Enforcement by type of violations",
https://foundation.wikimedia.org/wiki/Policy:Universal_Code_of_Conduct/Enforcement_guidelines (oldid 589377, read in
July 2026). What the guidelines leave open (the lanes, their hours, and who comes after a local body) is a proposal.
"""

from datetime import timedelta
from typing import NamedTuple

import pytest

from shared.policy import ReportFacts, Triage, load_policy

POLICY = load_policy()
HOURS_3, HOURS_24 = timedelta(hours=3), timedelta(hours=24)


class Report(NamedTuple):
    """What routing sees of one report."""

    community: str
    category: str = "harassment.insults"
    flags: tuple[str, ...] = ()
    setting: str = "online"

    @property
    def triage(self) -> Triage:
        return POLICY.triage(ReportFacts(self.community, self.category, frozenset(self.flags), self.setting))


class Row(NamedTuple):
    """A row of the table: what the guidelines say, what decides it here, and reports with the bodies they go to."""

    says: str
    rules: tuple[str, ...]
    examples: dict[Report, str]
    lane: str = "standard"
    act_within: timedelta | None = None


TABLE = {
    "threats-of-physical-violence": Row(
        "violations involving any sort of threats of physical violence: Trust & Safety",
        ("danger-to-life",),
        {
            Report("enwiki", "harassment.threats", ("physical_violence",)): "trust_safety",
            Report("swwiki", "content_abuse.hate_speech", ("physical_violence", "cross_wiki")): "trust_safety",
            Report("mediawiki_code_review", "harassment.threats", ("physical_violence",)): "trust_safety",
            Report("examplia_hackathon_2026", flags=("physical_violence",), setting="in_person"): "trust_safety",
            Report("wikimedia_examplia", "power_abuse.office", ("physical_violence", "legal_threat")): "trust_safety",
            Report("global", "unclassified", ("physical_violence", "minor_involved")): "trust_safety",
        },
        lane="emergency",
        act_within=HOURS_3,
    ),
    "self-harm": Row(
        "threats of self-harm: Trust & Safety, as an emergency",
        ("danger-to-life",),
        {
            Report("enwiki", "welfare.self_harm"): "trust_safety",
            Report("arwiki", "welfare.self_harm", ("minor_involved",)): "trust_safety",
            Report("wikimania_2026", "welfare.self_harm", setting="hybrid"): "trust_safety",
            Report("global", "welfare.self_harm", setting="third_party"): "trust_safety",
        },
        lane="emergency",
        act_within=HOURS_3,
    ),
    "child-protection": Row(
        "child sexual abuse material and grooming: the legal and child-protection desk",
        ("child-protection",),
        {
            Report("enwiki", "harassment.sexual_harassment", ("minor_involved",)): "child_protection",
            Report("swwiki", "harassment.hounding", ("minor_involved", "off_wiki")): "child_protection",
            Report("examplia_hackathon_2026", flags=("minor_involved",), setting="in_person"): "child_protection",
            Report("global", "unclassified", ("minor_involved", "legal_threat")): "child_protection",
        },
        lane="child_protection",
        act_within=HOURS_24,
    ),
    "legal-threats": Row(
        "violations involving litigation or legal threats: Legal",
        ("legal-threat",),
        {
            Report("enwiki", "harassment.threats", ("legal_threat",)): "legal",
            Report("wikimedia_examplia", "power_abuse.office", ("legal_threat",)): "legal",
            Report("mediawiki_code_review", flags=("legal_threat", "personal_data_exposed")): "legal",
        },
    ),
    "non-public-personal-data": Row(
        "disclosure of non-public personal data: oversighters, or sometimes Trust & Safety",
        ("personal-data",),
        {
            Report("enwiki", "harassment.doxing"): "enwiki_oversight",
            Report("swwiki", flags=("personal_data_exposed",)): "stewards",
            Report("arwiki", "harassment.doxing", ("cross_wiki",)): "stewards",
            Report("mediawiki_code_review", "harassment.doxing"): "trust_safety",
            Report("examplia_hackathon_2026", "harassment.doxing", setting="in_person"): "trust_safety",
        },
    ),
    "affiliate-governance": Row(
        "violations related to affiliate governance: the Affiliations Committee or its equivalent",
        ("affiliate-governance",),
        {
            Report("wikimedia_examplia", "power_abuse.office"): "affiliations_committee",
            Report("wikimedia_examplia", "power_abuse.seniority", setting="in_person"): "affiliations_committee",
            Report("wikimedia_examplia", "harassment.other", ("systemic_failure",)): "affiliations_committee",
        },
    ),
    "technical-spaces": Row(
        "violations of the code in technical spaces: Technical Code of Conduct Committee",
        ("technical-space",),
        {
            Report("mediawiki_code_review", "harassment.trolling"): "technical_conduct",
            Report("mediawiki_code_review", "power_abuse.seniority", ("systemic_failure",)): "technical_conduct",
            Report("mediawiki_code_review", "content_abuse.hate_speech", ("cross_wiki",)): "technical_conduct",
        },
    ),
    "systemic-failure": Row(
        "systemic failure to follow the code: the U4C",
        ("systemic-failure",),
        {
            Report("arwiki", "power_abuse.office", ("systemic_failure",)): "u4c",
            Report("enwiki", "unclassified", ("systemic_failure", "cross_wiki")): "u4c",
            Report("examplia_hackathon_2026", flags=("systemic_failure",), setting="in_person"): "u4c",
        },
    ),
    "one-wiki": Row(
        "violations on a single wiki: handled by its own structures, an arbitration committee or else administrators",
        ("one-wiki",),
        {
            Report("enwiki"): "enwiki_arbcom",
            Report("enwiki", "unclassified", ("ongoing", "retaliation")): "enwiki_arbcom",
            Report("swwiki", "harassment.hounding"): "swwiki_admins",
            Report("arwiki", "content_abuse.harmful_symbols"): "arwiki_admins",
        },
    ),
    "several-wikis": Row(
        "violations on several wikis: global sysops and stewards, with those who handle single wikis",
        ("several-wikis",),
        {
            Report("enwiki", "harassment.hounding", ("cross_wiki",)): "stewards",
            Report("swwiki", "content_abuse.vandalism", ("cross_wiki", "ongoing")): "stewards",
            Report("global", "harassment.trolling", ("cross_wiki",)): "stewards",
        },
    ),
    "off-wiki": Row(
        "violations off wiki: the U4C where no local structure exists, such as an arbitration committee",
        ("off-wiki",),
        {
            Report("swwiki", "harassment.hounding", ("off_wiki",)): "u4c",
            Report("arwiki", setting="third_party"): "u4c",
            Report("global", "harassment.threats", ("off_wiki",)): "u4c",
            Report("enwiki", "harassment.hounding", ("off_wiki",)): "enwiki_arbcom",
            Report("wikimedia_examplia", setting="third_party"): "wmxx_committee",
        },
    ),
    "in-person": Row(
        "violations at in-person events: the safety team of the event, which may refer to the U4C; events that the "
        "Foundation hosts: Trust & Safety",
        ("in-person-or-event",),
        {
            Report("examplia_hackathon_2026", setting="in_person"): "hackathon_safety",
            Report("examplia_hackathon_2026", "harassment.sexual_harassment"): "hackathon_safety",
            Report("wikimania_2026", setting="in_person"): "trust_safety",
            Report("wikimania_2026", "harassment.trolling", ("off_wiki",), "hybrid"): "trust_safety",
            Report("enwiki", setting="in_person"): "u4c",
            Report("wikimedia_examplia", setting="hybrid"): "u4c",
        },
    ),
}
"""The rows of the guidelines. Two rules more are for what they leave out: see the tests below."""

EXAMPLES = [
    pytest.param(row, report, body, id=f"{name}-{number}")
    for name, row in TABLE.items()
    for number, (report, body) in enumerate(row.examples.items(), start=1)
]


@pytest.mark.parametrize(("row", "report", "body"), EXAMPLES)
def test_a_report_goes_where_the_enforcement_guidelines_send_it(row: Row, report: Report, body: str) -> None:
    found = report.triage
    assert (found.body, found.lane, found.act_within) == (body, row.lane, row.act_within)
    assert found.rule in row.rules


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in TABLE.items()])
def test_every_row_is_shown_by_several_reports_of_several_places(row: Row) -> None:
    assert len(row.examples) >= 3
    assert len({report.community for report in row.examples}) > 1 or "kinds" in _asked_by(row.rules[0])


def test_every_rule_of_the_policy_stands_in_the_table_or_is_named_as_our_own() -> None:
    # The guidelines name the structures of single wikis, and no one for an affiliate's daily life or for a place
    # that nobody recognised.
    own = {"affiliate", "anywhere-else"}
    assert {rule.id for rule in POLICY.rules} == own | {name for row in TABLE.values() for name in row.rules}
    assert Report("wikimedia_examplia").triage.body == "wmxx_committee"
    assert Report("global", "unclassified").triage.body == "stewards"


def _asked_by(rule_id: str) -> set[str]:
    """What every condition of a rule asks for."""
    [rule] = [rule for rule in POLICY.rules if rule.id == rule_id]
    asked = [
        {part for part in ("categories", "flags", "settings", "kinds") if getattr(condition, part) is not None}
        for condition in rule.when
    ]
    return set.intersection(*asked)
