"""What the page of a case shows of its parties, and of what respondents were told."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request

from services.triage.case.case import RESPONDENT, Case
from services.triage.desk.contents import words_in
from services.triage.desk.names import CaseNames
from shared.clients.vault import Contents


def parties_of(names: CaseNames, request: Request, case: Case, contents: Contents | None) -> list[dict[str, Any]]:
    """Each respondent of the report and each further party, by name where the reader may see it."""
    said, receipts = words_in(contents), _receipts_in(contents)
    parties: list[dict[str, Any]] = []
    for token, role, name in _named(case, contents):
        told = case.disclosure_to(token)
        if name is None and told is None:
            continue
        ground = told.withheld_for if told else None
        shown = {
            "name": name,
            "role": names.code(request, "party-role", role),
            "waits": told is None and role == RESPONDENT,
            "disclosure": names.code(request, "disclosure", told.disclosure) if told else None,
            "at": told.at if told else None,
            "ground": names.code(request, "withheld-for", ground) if ground else None,
            "why": said.get(told.reason_id or "") if told else None,
            "told": said.get(told.told_id or "") if told else None,
            "receipt": receipts.get(told.told_id or "") if told else None,
            "replies": [(reply.at, said.get(reply.id)) for reply in case.replies if reply.party == token],
        }
        parties.append(shown)
    return parties


def needs_attention(party: Mapping[str, Any]) -> bool:
    """Whether handlers have something to do with it: the party has written, or waits to be told, or for the receipt."""
    return bool(party["waits"] or party["replies"] or party["receipt"])


def _receipts_in(contents: Contents | None) -> dict[str, str]:
    """The receipts that no respondent has used yet, by the ids of the words that they open."""
    written = contents.sections.get("correspondence", {}) if contents else {}
    return {one["id"]: one["receipt"] for one in written.get("statements", ()) if "receipt" in one}


def people_in(role: str, case: Case, contents: Contents | None) -> list[tuple[str, str]]:
    """The parties of this role with a name at hand, each by the token of the case, as a choice."""
    return [(token, name) for token, its, name in _named(case, contents) if its == role and name]


def _named(case: Case, contents: Contents | None) -> Iterator[tuple[str, str, str | None]]:
    people = contents.sections.get("reported", {}).get("people", ()) if contents else ()
    # Of several spellings of one person, the first.
    known: Mapping[str, str] = {person["party"]: person["name"] for person in reversed(people) if "party" in person}
    yield from ((token, RESPONDENT, known.get(token)) for token in case.subjects)
    said = words_in(contents)
    yield from ((party.token, party.role, said.get(party.token)) for party in case.further_parties)
