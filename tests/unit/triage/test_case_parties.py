"""Further people become parties to a case, and it is recorded what respondents were told, and why no more."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.parties import AddParty, Disclose
from services.triage.case.lifecycle import FieldsRefused
from shared.events import CaseDisclosed, CaseState, DeadlineFact, PartyAdded
from tests.unit.triage.test_case_referral import after, opened

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
JANE, JOHN, ADDED = "7" * 32, "8" * 32, "5f0c9a1e-0000-5000-8000-000000000001"
WHY = Words("why")


def reported_case() -> Case:
    return opened(subjects=(JANE, JOHN), witnesses=("9" * 32,), reporter="a" * 32, parties_apart=True)


def refused(case: Case, command: Command) -> set[tuple[str, str]]:
    with pytest.raises(FieldsRefused) as caught:
        after(case, command)
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


@pytest.mark.parametrize("role", ["respondent", "witness", "target"])
def test_a_further_party_is_a_token_and_what_the_person_is(role: str) -> None:
    case, events = after(reported_case(), AddParty(role, Words(ADDED, "Jane_Doe")))
    assert events[0].fact == PartyAdded(previous="triaged", state="triaged", party=ADDED, party_role=role)
    assert "Jane" not in f"{events} {case}"
    assert (case.state, case.recused) == (reported_case().state, ())
    assert (ADDED in case.respondents) is (role == "respondent")


@pytest.mark.parametrize("state", [state for state in CaseState if state not in ("received", "merged")])
def test_parties_and_disclosures_are_recorded_whenever_they_are_known(state: CaseState) -> None:
    case = replace(reported_case(), state=state, reachable=False)
    for command in (AddParty("witness", Words(ADDED)), Disclose(JANE, "given", "", None)):
        known, events = after(case, command)
        told = [event for event in events if not isinstance(event.fact, DeadlineFact)]
        assert (len(told), known.state) == (1, state)


def test_a_disclosure_says_what_it_was_before_and_takes_its_place() -> None:
    case, events = after(reported_case(), Disclose(JANE, "withheld", "danger", WHY))
    assert events[0].fact == CaseDisclosed(
        previous="triaged",
        state="triaged",
        party=JANE,
        disclosure="withheld",
        withheld_for="danger",
        reason_id="why",
    )
    case, events = after(case, Disclose(JANE, "given", "", None))
    assert isinstance(events[0].fact, CaseDisclosed)
    assert (events[0].fact.previous_disclosure, events[0].fact.disclosure) == ("withheld", "given")
    assert [(told.party, told.disclosure, told.withheld_for) for told in case.disclosures] == [(JANE, "given", None)]
    assert after(case, Disclose(JANE, "given", "", None)) == (case, [])


def test_a_person_who_was_added_as_a_respondent_is_told_as_well() -> None:
    case, _ = after(reported_case(), AddParty("respondent", Words(ADDED)))
    assert case.respondents == (JANE, JOHN, ADDED)
    told, _ = after(case, Disclose(ADDED, "redacted", "", WHY))
    assert told.disclosures[0].party == ADDED


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        (Disclose(JANE, "withheld", "", None), {("/withheld_for", "missing"), ("/why", "missing")}),
        (Disclose(JANE, "withheld", "danger", None), {("/why", "missing")}),
        (Disclose(JANE, "withheld", "", WHY), {("/withheld_for", "missing")}),
        (Disclose(JANE, "redacted", "", None), {("/why", "missing")}),
        (Disclose(JANE, "given", "danger", WHY), {("/withheld_for", "not_withheld")}),
        (Disclose("9" * 32, "given", "", None), {("/respondent", "unknown_choice")}),
        (Disclose("a" * 32, "given", "", None), {("/respondent", "unknown_choice")}),
        (Disclose(ADDED, "given", "", None), {("/respondent", "unknown_choice")}),
    ],
)
def test_what_is_missing_or_fits_nothing_is_refused(command: Disclose, faults: set[tuple[str, str]]) -> None:
    assert refused(reported_case(), command) == faults


def test_where_nobody_is_reported_there_is_nobody_to_tell() -> None:
    assert not Disclose.applies(opened())
    assert Disclose.applies(reported_case())
    # Pseudonyms of reports from before would link cases.
    assert opened(subjects=(JANE,)).subjects == ()
