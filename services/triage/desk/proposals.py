"""What the page of a case shows of its decision: a proposal with its votes, measures and appeals."""

from collections.abc import Collection, Iterator
from typing import Any

from fastapi import Request

from services.triage.case.case import RESPONDENT, Case
from services.triage.case.commands.emergency import EndMeasure, ReviewEmergency
from services.triage.case.commands.returns import NoteReturn
from services.triage.case.extent import Extent
from services.triage.case.hearing import awaited_until
from services.triage.case.values import Measure
from services.triage.case.voting import Tally
from services.triage.desk.contents import words_in
from services.triage.desk.names import CaseNames
from services.triage.desk.parties import people_in
from shared.access.principal import Principal, Role
from shared.clients.vault import Contents


def proposal_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    case: Case,
    tally: Tally | None,
    contents: Contents | None,
) -> dict[str, Any] | None:
    """The proposal of a case in the reader's language; None where there is none, or where its votes are not known."""
    proposal = case.proposal
    if proposal is None or tally is None:
        return None
    said = words_in(contents)
    counted = {*tally.in_favour, *tally.against}

    def person(ref: str) -> str:
        return names.person(request, reader, Role.RESPONDER, ref)

    return {
        "text": names.said(
            request, "desk-proposal-by", person(proposal.by), names.code(request, "outcome", proposal.outcome)
        ),
        "scope": names.code(request, "scope", proposal.scope) if proposal.scope else None,
        "until": proposal.last_day,
        **extent_shown(names, case, proposal.extent, contents),
        "reason": said.get(proposal.reason_id),
        "votes": [
            {
                "text": names.said(request, f"desk-vote-{'for' if vote.in_favour else 'against'}", person(vote.by)),
                "void": vote.by not in counted,
                "reason": said.get(vote.reason_id or ""),
            }
            for vote in proposal.votes
        ],
        "count": names.said(request, "desk-proposal-votes", len(tally.in_favour), len(tally.against), tally.voters),
        "needs": [names.said(request, f"desk-needs-{need}") for need in tally.needs],
        "awaited_until": awaited_until(case) if "answer" in tally.needs else None,
    }


def extent_shown(names: CaseNames, case: Case, extent: Extent, contents: Contents | None) -> dict[str, Any]:
    """Which people a measure is for, and where it holds, as far as it says so and the words are at hand."""
    known = dict(people_in(RESPONDENT, case, contents))
    return {
        "people": [known[token] for token in extent.respondents if token in known],
        "project": names.community(extent.project) if extent.project else None,
        "pages": words_in(contents).get(extent.pages_id or ""),
    }


def measures_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    case: Case,
    contents: Contents | None,
    permitted: Collection[str],
) -> list[dict[str, Any]]:
    """The measures of a case in the reader's language, and what the reader can do about each.

    `permitted`: the commands that the reader may give.
    """
    said = words_in(contents)
    return [
        {
            "id": measure.id,
            "text": names.said(
                request,
                "desk-measure",
                names.code(request, "outcome", measure.kind),
                names.code(request, "scope", measure.scope),
                # The person who brought it in did not decide on it.
                names.body(request, case.own_body)
                if measure.imported
                else names.person(request, reader, Role.RESPONDER, measure.by),
            ),
            "begun_at": measure.begun_at,
            **extent_shown(names, case, measure.extent, contents),
            "until": measure.last_day,
            "state": names.code(request, "desk-measure", measure.state),
            "stands": measure.stands,
            "emergency": measure.emergency,
            "review_by": measure.review_by,
            "reason": said.get(measure.reason_id),
            "return_at": measure.return_at if measure.stands and not measure.conversation else None,
            "return_due": measure.stands and measure.return_due_at is not None and not measure.conversation,
            "conversation": names.code(request, "conversation", measure.conversation) if measure.conversation else None,
            "conversation_why": said.get(measure.conversation_id or ""),
            "end_by": names.person(request, reader, Role.RESPONDER, measure.end_by)
            if measure.stands and measure.end_by
            else None,
            "end_why": said.get(measure.end_id or ""),
            "offers": [command for command, fits in _fitting(measure, reader) if command in permitted and fits],
        }
        for measure in case.measures
    ]


def _fitting(measure: Measure, reader: Principal) -> Iterator[tuple[str, bool]]:
    """The commands about a measure, and whether it is one for them."""
    yield NoteReturn.name, measure.return_at is not None and not measure.conversation
    yield ReviewEmergency.name, measure.review_by is not None and measure.by != reader.ref
    yield EndMeasure.name, measure.stands and measure.until is not None and measure.end_by != reader.ref


def appeals_of(
    names: CaseNames, request: Request, reader: Principal, case: Case, contents: Contents | None
) -> list[dict[str, Any]]:
    """The appeals of a case in the reader's language, in their order, and with them those that were refused."""
    said = words_in(contents)

    def text(party: str, ground: str) -> str:
        return names.said(
            request, "desk-appeal-of", names.code(request, "party", party), names.code(request, "appeal-ground", ground)
        )

    refused: list[dict[str, Any]] = [
        {
            "text": text(appeal.party, appeal.ground),
            "at": appeal.at,
            "reason": said.get(appeal.id),
            "refused": names.said(request, "desk-appeal-refused", names.code(request, "refusal", appeal.refusal)),
        }
        for appeal in case.refused_appeals
    ]
    taken: list[dict[str, Any]] = [
        {
            "text": text(appeal.party, appeal.ground),
            "at": appeal.at,
            "reason": said.get(appeal.reason_id),
            "refused": None,
            "verdict": names.said(
                request,
                "desk-appeal-verdict",
                names.person(request, reader, Role.RESPONDER, appeal.decided_by or ""),
                names.code(request, "verdict", appeal.verdict),
            )
            if appeal.verdict
            else None,
            "why": said.get(appeal.verdict_id or ""),
        }
        for appeal in case.appeals
    ]
    return sorted([*taken, *refused], key=lambda appeal: appeal["at"])
