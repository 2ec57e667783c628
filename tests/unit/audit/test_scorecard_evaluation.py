"""The rules of a result, each by facts that stand in a small record."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.audit.record.leaf import Place, keep_hash
from services.audit.scorecard.evaluation import evaluate
from services.audit.scorecard.result import Item, Outcome, ReasonCode, Scorecard
from services.audit.scorecard.rows import Round
from shared.events import (
    Actor,
    BaselineAnnotated,
    BaselineConfirmed,
    BaselineExpired,
    BaselineLinkChecked,
    BaselineWithdrawn,
    Fact,
    ProjectEnded,
    ProjectListed,
)
from shared.policy import load_policy
from shared.policy.baseline import Catalogue, load_catalogue
from tests.support.scorecard_record import (
    AUDITOR,
    COORDINATOR,
    DAY,
    HOUR,
    START,
    SmallRecord,
    attested,
    met,
    on_roster,
    opened,
    triaged,
)

POLICY, CATALOGUE = load_policy(), load_catalogue(version="2026-11-01")
LEVEL_1 = ("HB-01", "HB-02", "HB-07")


def card_of(record: SmallRecord, sealed: Round | None = None, catalogue: Catalogue = CATALOGUE) -> Scorecard:
    return evaluate("enwiki", record.rows(), catalogue, record.as_of(sealed), POLICY)


def item_of(record: SmallRecord, responsibility: str = "HB-01", sealed: Round | None = None) -> Item:
    return next(i for i in card_of(record, sealed).items if i.responsibility_id == responsibility)


def says(item: Item) -> tuple[str, str]:
    return item.outcome.value, item.reason.value


def about(fact: type[Fact], responsibility: str = "HB-01", **given: object) -> Fact:
    named = {"community": "enwiki", "attestation_id": f"a-{responsibility}", "responsibility_id": responsibility}
    return fact.model_validate(named | given)


def tell(record: SmallRecord, fact: Fact, at: datetime, actor: Actor = COORDINATOR, *, skip: int = 0) -> None:
    record.tell(fact, "enwiki", at, actor, skip=skip)


def add_cases(record: SmallRecord, count: int, acknowledged: timedelta | None, received: datetime = START) -> None:
    """Cases that were acknowledged after this time (None: not yet)."""
    for number in range(count):
        key = f"case-{received:%m%d%H}-{acknowledged}-{number}"
        record.tell(opened(received), key, received)
        if acknowledged is not None:
            record.tell(triaged(received), key, received + acknowledged)
            record.tell(met("acknowledgement", received + acknowledged), key, received + acknowledged)


class TestAttestations:
    def test_nothing_said_is_no_evidence(self) -> None:
        record = SmallRecord()
        record.seal(START)
        item = item_of(record)
        assert says(item) == ("no_evidence", "never_attested")
        assert item.attested is None

    def test_an_attestation_is_met_until_it_ends_and_then_no_evidence(self) -> None:
        record = SmallRecord()
        tell(record, attested(ends=START + 10 * DAY), START)
        before = record.seal(START + 10 * DAY - timedelta(milliseconds=1))
        record.seal(START + 10 * DAY)
        assert says(item_of(record, sealed=before)) == ("met", "attested")
        expired = item_of(record)
        assert says(expired) == ("no_evidence", "expired")
        assert expired.since == START + 10 * DAY
        tell(record, about(BaselineExpired, valid_until=START + 10 * DAY), START + 11 * DAY)
        record.seal(START + 11 * DAY)
        assert says(item_of(record)) == ("no_evidence", "expired")

    def test_no_attestation_holds_for_longer_than_its_rule_allows(self) -> None:
        record = SmallRecord()
        tell(record, attested(ends=START + 9_000 * DAY), START)
        record.seal(START + 365 * DAY)
        assert says(item_of(record)) == ("no_evidence", "expired")

    def test_an_attestation_from_the_future_counts_from_its_seal_on(self) -> None:
        record = SmallRecord()
        tell(record, attested(ends=START + 9_000 * DAY), START + 4_000 * DAY)
        record.seal(START)
        item = item_of(record)
        assert item.attested is not None
        assert item.attested.made_at == START
        assert item.attested.ends_at == START + 365 * DAY

    def test_a_withdrawn_attestation_is_no_evidence_and_wakes_no_earlier_one(self) -> None:
        record = SmallRecord()
        tell(record, attested(attestation_id="first"), START)
        tell(record, attested(supersedes="first"), START + DAY)
        tell(record, about(BaselineWithdrawn, statement="It moved."), START + 2 * DAY)
        record.seal(START + 3 * DAY)
        assert says(item_of(record)) == ("no_evidence", "withdrawn")

    @pytest.mark.parametrize(
        ("claim", "responsibility", "expected"),
        [
            ("not_met", "HB-01", ("not_met", "said_not_met")),
            ("not_applicable", "HB-01", ("needs_review", "said_not_applicable")),
            ("something_new", "HB-01", ("no_evidence", "never_attested")),
        ],
    )
    def test_a_claim_is_taken_at_its_word(self, claim: str, responsibility: str, expected: tuple[str, str]) -> None:
        record = SmallRecord()
        tell(record, attested(responsibility, claim=claim), START)
        record.seal(START + DAY)
        assert says(item_of(record, responsibility)) == expected

    def test_what_needs_a_second_coordinator_is_not_confirmed_by_the_first(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-09"), START)
        tell(record, about(BaselineConfirmed, "HB-09"), START + HOUR)
        alone = record.seal(START + DAY)
        assert says(item_of(record, "HB-09", alone)) == ("needs_review", "unconfirmed")
        tell(record, about(BaselineConfirmed, "HB-09"), START + DAY, Actor("person:c2", "coordinator"))
        record.seal(START + 2 * DAY)
        assert says(item_of(record, "HB-09")) == ("met", "attested")

    def test_that_a_responsibility_does_not_apply_needs_the_same_confirmation(self) -> None:
        optional = replace(CATALOGUE.responsibilities["HB-09"], not_applicable="with_reason")
        catalogue = replace(CATALOGUE, responsibilities={**CATALOGUE.responsibilities, "HB-09": optional})

        def result() -> tuple[str, str]:
            items = card_of(record, catalogue=catalogue).items
            return says(next(item for item in items if item.responsibility_id == "HB-09"))

        record = SmallRecord()
        tell(record, attested("HB-09", claim="not_applicable"), START)
        record.seal(START + DAY)
        assert result() == ("needs_review", "unconfirmed")
        tell(record, about(BaselineConfirmed, "HB-09"), START + DAY, Actor("person:c2", "coordinator"))
        record.seal(START + 2 * DAY)
        assert result() == ("not_applicable", "said_not_applicable")

    def test_what_needs_an_auditor_is_not_confirmed_by_a_coordinator(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-06"), START)
        tell(record, about(BaselineConfirmed, "HB-06"), START + HOUR, Actor("person:c2", "coordinator"))
        alone = record.seal(START + DAY)
        assert says(item_of(record, "HB-06", alone)) == ("needs_review", "unconfirmed")
        tell(record, about(BaselineConfirmed, "HB-06"), START + DAY, AUDITOR)
        record.seal(START + 2 * DAY)
        assert says(item_of(record, "HB-06")) == ("met", "attested")

    @pytest.mark.parametrize(
        ("looks", "expected"),
        [
            (["unchanged"], ("met", "attested")),
            (["gone"], ("needs_review", "link_gone")),
            (["changed"], ("needs_review", "link_changed")),
            (["unreachable"], ("met", "attested")),
            (["unreachable", "unreachable"], ("needs_review", "source_unreachable")),
            (["gone", "unreachable"], ("needs_review", "link_gone")),
            (["gone", "unreachable", "unchanged"], ("met", "attested")),
        ],
    )
    def test_a_link_that_is_gone_or_changed_needs_a_review(self, looks: list[str], expected: tuple[str, str]) -> None:
        record = SmallRecord()
        tell(record, attested(), START)
        for number, state in enumerate(looks, start=1):
            tell(record, about(BaselineLinkChecked, link_state=state), START + number * DAY)
        record.seal(START + 20 * DAY)
        assert says(item_of(record)) == expected

    def test_what_the_record_lacks_after_an_attestation_needs_a_review(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-14"), START, skip=2)
        whole = record.seal(START + HOUR)
        tell(record, attested("HB-01"), START + 2 * HOUR, skip=1)
        record.seal(START + DAY)
        assert says(item_of(record, "HB-14", whole)) == ("met", "attested")
        assert says(item_of(record, "HB-14")) == ("needs_review", "record_gap")
        assert says(item_of(record, "HB-01")) == ("met", "attested")

    def test_an_attestation_of_an_older_catalogue_counts_while_its_id_exists(self) -> None:
        record = SmallRecord()
        tell(record, attested(catalogue_version="2019-01-01"), START)
        tell(record, attested("HB-99", catalogue_version="2019-01-01"), START)
        record.seal(START + DAY)
        card = card_of(record)
        assert says(item_of(record)) == ("met", "attested")
        assert "HB-99" not in {item.responsibility_id for item in card.items}

    def test_an_explanation_stands_beside_a_result_and_changes_nothing(self) -> None:
        record = SmallRecord()
        told = BaselineAnnotated(community="enwiki", responsibility_id="HB-01", statement="We are at it.")
        tell(record, told, START)
        explained = record.seal(START + HOUR)
        tell(record, told.model_copy(update={"statement": ""}), START + DAY)
        record.seal(START + DAY)
        item = item_of(record, sealed=explained)
        assert item.annotation == "We are at it."
        assert says(item) == ("no_evidence", "never_attested")
        assert item_of(record).annotation is None


class TestMeasured:
    def test_what_is_measured_beats_what_is_said_and_both_are_shown(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-03"), START)
        tell(record, about(BaselineConfirmed, "HB-03"), START + HOUR, AUDITOR)
        add_cases(record, 5, 30 * HOUR)
        record.seal(START + 3 * DAY)
        item = item_of(record, "HB-03")
        assert says(item) == ("not_met", "contradicted")
        assert item.attested is not None
        assert item.measured is not None
        assert item.measured.value == 30

    def test_a_community_that_says_not_met_is_not_met_whatever_is_measured(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-03", claim="not_met"), START)
        add_cases(record, 5, HOUR)
        record.seal(START + 3 * DAY)
        assert says(item_of(record, "HB-03")) == ("not_met", "contradicted")

    def test_fewer_cases_than_asked_show_no_value_and_what_is_said_counts(self) -> None:
        record = SmallRecord()
        add_cases(record, 4, 30 * HOUR)
        few = record.seal(START + 3 * DAY)
        item = item_of(record, "HB-03", few)
        assert says(item) == ("no_evidence", "too_few_cases")
        assert item.measured is not None
        assert item.measured.value is None
        assert item.measured.n == 4
        tell(record, attested("HB-03"), START + 3 * DAY)
        tell(record, about(BaselineConfirmed, "HB-03"), START + 3 * DAY, AUDITOR)
        record.seal(START + 4 * DAY)
        assert says(item_of(record, "HB-03")) == ("met", "attested")

    def test_a_deadline_missed_while_the_case_is_open_counts_now(self) -> None:
        record = SmallRecord()
        add_cases(record, 5, HOUR)
        add_cases(record, 1, None, START + DAY)
        good = record.seal(START + 2 * DAY)
        late = record.seal(START + 2 * DAY + timedelta(seconds=1))
        assert says(item_of(record, "HB-03", good)) == ("met", "measured")
        item = item_of(record, "HB-03", late)
        assert says(item) == ("not_met", "threshold_missed")
        assert item.measured is not None
        assert item.measured.open_count == 1

    def test_cases_that_only_wait_prove_nothing_yet(self) -> None:
        record = SmallRecord()
        add_cases(record, 6, None)
        record.seal(START + HOUR)
        assert says(item_of(record, "HB-03")) == ("no_evidence", "window_not_closed")

    def test_with_evidence_of_both_kinds_asked_each_is_needed(self) -> None:
        rule = replace(CATALOGUE.responsibilities["HB-03"], evidence="all")
        catalogue = replace(CATALOGUE, responsibilities={"HB-03": rule})
        record = SmallRecord()
        add_cases(record, 5, HOUR)
        measured = record.seal(START + 3 * DAY)
        assert says(card_of(record, measured, catalogue).items[0]) == ("no_evidence", "never_attested")
        tell(record, attested("HB-03"), START + 3 * DAY)
        tell(record, about(BaselineConfirmed, "HB-03"), START + 3 * DAY, AUDITOR)
        record.seal(START + 4 * DAY)
        assert says(card_of(record, catalogue=catalogue).items[0]) == ("met", "measured")

    def test_a_community_without_appeals_has_no_evidence_of_them(self) -> None:
        record = SmallRecord()
        record.seal(START)
        assert says(item_of(record, "HB-09")) == ("no_evidence", "too_few_cases")
        assert item_of(record, "HB-16").outcome is Outcome.UPCOMING

    def test_entries_that_nobody_can_read_are_said_with_every_measure(self) -> None:
        record = SmallRecord()
        add_cases(record, 5, HOUR)
        record.put("cases/0", keep_hash(Place("cases", 0, 99, 0), b"x", "invalid_json").entry)
        record.seal(START + 3 * DAY)
        item = item_of(record, "HB-03")
        assert item.measured is not None
        assert item.measured.excluded == (("unreadable_entries", 1),)
        assert card_of(record).unreadable == (("cases/0", 1),)


class TestLevels:
    def test_a_new_community_reaches_level_1_by_attestation_alone(self) -> None:
        record = SmallRecord()
        for responsibility in LEVEL_1:
            tell(record, attested(responsibility), START)
        record.seal(START + DAY)
        card = card_of(record)
        assert card.level_reached == 1
        assert card.next_level_missing == ("HB-03", "HB-04", "HB-05", "HB-06", "HB-08", "HB-09")

    def test_a_level_needs_everything_of_the_levels_below_it(self) -> None:
        record = SmallRecord()
        for responsibility in CATALOGUE.responsibilities:
            if responsibility != "HB-02":
                tell(record, attested(responsibility), START)
        record.seal(START + DAY)
        card = card_of(record)
        assert (card.level_reached, card.next_level_missing) == (0, ("HB-02",))

    def test_what_is_upcoming_does_not_count(self) -> None:
        record = SmallRecord()
        tell(record, attested("HB-17"), START)
        record.seal(START + DAY)
        item = item_of(record, "HB-17")
        assert says(item) == ("upcoming", "attested")
        assert not item.counts

    def test_people_without_an_agreement_take_level_1_away(self) -> None:
        record = SmallRecord()
        for responsibility in LEVEL_1:
            tell(record, attested(responsibility), START)
        record.tell(on_roster("person:r1"), "person:r1", START)
        good = record.seal(START + DAY)
        record.tell(on_roster("person:r2", confidential_until=START + 2 * DAY), "person:r2", START + DAY)
        record.seal(START + 2 * DAY)
        assert says(item_of(record, "HB-07", good)) == ("met", "measured")
        assert says(item_of(record, "HB-07")) == ("not_met", "contradicted")
        assert card_of(record).level_reached == 0


class TestScorecards:
    def test_the_same_checkpoint_gives_the_same_digest_and_a_later_one_another(self) -> None:
        record = SmallRecord()
        tell(record, attested(), START)
        first = record.seal(START + DAY)
        digest = card_of(record).digest
        tell(record, attested("HB-14"), START + DAY)
        record.seal(START + 2 * DAY)
        assert card_of(record, first).digest == digest
        assert card_of(record).digest != digest

    def test_there_is_no_single_score(self) -> None:
        fields = {name for name in Scorecard.__dataclass_fields__ if "score" in name or "percent" in name}
        assert fields == set()

    def test_a_community_that_left_the_policy_keeps_its_history_and_has_no_level(self) -> None:
        record = SmallRecord()
        for responsibility in LEVEL_1:
            tell(record, attested(responsibility), START)
        record.seal(START + DAY)
        without = replace(POLICY, communities={k: v for k, v in POLICY.communities.items() if k != "enwiki"})
        card = evaluate("enwiki", record.rows(), CATALOGUE, record.as_of(), without)
        assert card.kind is None
        assert card.level_reached == 0
        assert [item.responsibility_id for item in card.items] == list(LEVEL_1)

    def test_the_trend_has_the_level_of_each_earlier_month(self) -> None:
        record = SmallRecord()
        for responsibility in LEVEL_1:
            tell(record, attested(responsibility), START + DAY)
        november = record.seal(START + 2 * DAY)
        tell(record, about(BaselineWithdrawn, statement="It moved."), START + 40 * DAY)
        december = record.seal(START + 41 * DAY)
        record.seal(START + 65 * DAY)
        card = evaluate("enwiki", record.rows([november, december]), CATALOGUE, record.as_of(), POLICY)
        assert [(point.at, point.level, point.met) for point in card.trend] == [
            (november.at, 1, 3),
            (december.at, 0, 2),
        ]

    def test_what_is_measured_is_the_same_since_the_end_of_a_month(self) -> None:
        record = SmallRecord()
        months = [record.seal(START + 10 * DAY)]
        add_cases(record, 5, HOUR, START + 31 * DAY)
        months += [record.seal(START + days * DAY) for days in (58, 90)]
        record.seal(START + 95 * DAY)
        card = evaluate("enwiki", record.rows(months), CATALOGUE, record.as_of(), POLICY)
        since = {item.responsibility_id: (item.outcome.value, item.since) for item in card.items}
        assert since["HB-03"] == ("met", START + 58 * DAY)
        assert since["HB-04"] == ("not_met", START + 58 * DAY)
        assert since["HB-01"] == ("no_evidence", START + 10 * DAY)

    def test_projects_stand_as_they_were_last_told(self) -> None:
        record = SmallRecord()
        listed = ProjectListed(community="enwiki", project_id="p1", title="Peer Support", responsibilities=("HB-14",))
        tell(record, listed, START)
        before = record.seal(START + HOUR)
        tell(record, ProjectEnded(**listed.model_dump() | {"phase": "Ended"}), START + DAY)
        record.seal(START + DAY)
        assert [(p.title, p.phase, p.ended) for p in card_of(record, before).projects] == [("Peer Support", "", False)]
        assert [(p.phase, p.ended) for p in card_of(record).projects] == [("Ended", True)]

    def test_reasons_say_what_programs_may_rely_on(self) -> None:
        assert {ReasonCode.EXPIRED, ReasonCode.RECORD_GAP, ReasonCode.CONTRADICTED} <= set(ReasonCode)


class TestMinCases:
    """A row that asks for both, and is measured from eight cases on."""

    ROWS = CATALOGUE.responsibilities
    BOTH = replace(ROWS["HB-03"], evidence="all", min_cases=8)

    def result(self, cases: int, *, said: bool, confirmed: bool = True, taken: timedelta = HOUR) -> tuple[str, str]:
        record = SmallRecord()
        add_cases(record, cases, taken)
        if said:
            tell(record, attested("HB-03"), START)
        if said and confirmed:
            tell(record, about(BaselineConfirmed, "HB-03"), START + HOUR, AUDITOR)
        record.seal(START + 10 * DAY)
        catalogue = replace(CATALOGUE, responsibilities={**self.ROWS, "HB-03": self.BOTH})
        (item,) = (i for i in card_of(record, catalogue=catalogue).items if i.responsibility_id == "HB-03")
        assert item.measured is not None
        assert (item.measured.value is None, item.measured.min_n) == ((True, 8) if cases < 8 else (False, 5))
        return says(item)

    def test_with_too_few_cases_what_is_attested_decides_alone(self) -> None:
        for cases in (0, 4, 7):
            assert self.result(cases, said=True) == ("met", "attested")
            assert self.result(cases, said=True, taken=9 * DAY) == ("met", "attested")

    def test_with_too_few_cases_a_level_still_needs_the_attestation(self) -> None:
        for cases in (0, 7):
            assert self.result(cases, said=False) == ("no_evidence", "too_few_cases")
            assert self.result(cases, said=True, confirmed=False) == ("needs_review", "unconfirmed")

    def test_with_enough_cases_both_are_needed(self) -> None:
        assert self.result(8, said=True) == ("met", "measured")
        assert self.result(8, said=False) == ("no_evidence", "never_attested")
        assert self.result(8, said=True, taken=9 * DAY) == ("not_met", "contradicted")

    def test_cases_that_cannot_be_measured_are_not_too_few(self) -> None:
        record = SmallRecord()
        add_cases(record, 9, HOUR)
        for number in range(9):
            # A number is missing in each case.
            record.tell(met("first_response", START + DAY), f"case-{START:%m%d%H}-{HOUR}-{number}", START + DAY, skip=1)
        tell(record, attested("HB-03"), START)
        tell(record, about(BaselineConfirmed, "HB-03"), START + HOUR, AUDITOR)
        record.seal(START + 10 * DAY)
        catalogue = replace(CATALOGUE, responsibilities={**self.ROWS, "HB-03": self.BOTH})
        (item,) = (i for i in card_of(record, catalogue=catalogue).items if i.responsibility_id == "HB-03")
        assert says(item) == ("no_evidence", "too_few_cases")
