"""The mailbox over HTTP: for programs of reporters and respondents, and for the service that writes handlers' words."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.intake.answers import AnswerTaken, AppealTaken, CheckInTaken, ConsentTaken, RecusalAskTaken, ReplyTaken
from services.intake.fields import ANSWER_LIMIT, PRIVATE, Body, Identifier, Receipt, Words
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.respondents import Respondents
from services.intake.mailbox.statements import Statements
from services.intake.mailbox.views import RespondentView, StatusView
from shared.input.texts import TypedText
from shared.problems import FieldError, FieldsWrong
from shared.web.bodies import gives, json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does

# A statement's id becomes the name of a field in the store.
_IDENTIFIER = re.compile(r"[a-z0-9-]{1,64}")
_BAD_STATEMENT_ID = FieldError("/statement_id", "invalid_id", "Small letters, digits and hyphens, 64 at most.")


class FollowUp(Body):
    """POST /v1/follow-up."""

    receipt: Receipt


class Answer(Body):
    """POST /v1/follow-up/answers."""

    receipt: Receipt
    question_id: Identifier
    text: Words


class CheckInAnswers(Body):
    """What a reporter answers to the questions of a check-in; each may be left out."""

    safe: Literal["yes", "no", "unsure"] | None = None
    treated_badly: Literal["yes", "no", "unsure"] | None = None
    agreed_kept: Literal["yes", "partly", "no", "unsure"] | None = None
    support: Literal["yes", "no"] | None = None


class CheckIn(Body):
    """POST /v1/follow-up/check-ins. `stop`: the reporter is never asked again, and may answer this one time.

    `stop` alone is taken also after an answer.
    """

    receipt: Receipt
    number: Annotated[int, Field(ge=1)]
    choice: Literal["answer", "decline", "stop"]
    answers: CheckInAnswers = CheckInAnswers()
    text: Annotated[str, TypedText(ANSWER_LIMIT, optional=True, one_line=False)] = ""

    @property
    def given(self) -> Mapping[str, str]:
        """The answers that were given."""
        return self.answers.model_dump(exclude_none=True)


class Consent(Body):
    """POST /v1/follow-up/consent: whether the reporter may be asked again how it goes. A no is for good."""

    receipt: Receipt
    consent: Literal["yes", "no"]


class Appeal(Body):
    """POST /v1/follow-up/appeals."""

    receipt: Receipt
    ground: Literal["inaction", "facts", "procedure", "proportion", "conflict", "new_information"]
    text: Words


class RespondentAppeal(Body):
    """POST /v1/respondent/appeals. Of an erased report no words are kept: `text` is left out then, and only then."""

    receipt: Receipt
    ground: Literal["inaction", "facts", "procedure", "proportion", "conflict", "new_information"]
    text: Annotated[str, TypedText(ANSWER_LIMIT, optional=True, one_line=False)] = ""


class RecusalAsk(Body):
    """POST /v1/follow-up/recusals and /v1/respondent/recusals: which person has a conflict, or why, in words."""

    receipt: Receipt
    text: Words


class Reply(Body):
    """POST /v1/respondent/replies."""

    receipt: Receipt
    text: Words


class Statement(Body):
    """PUT /v1/vault/reports/{report_id}/statements/{statement_id}."""

    kind: Literal[
        "question", "reason", "link", "referral", "note", "agreement", "party", "disclosure", "answer", "matter",
        "told", "message", "pages", "retaliation",
    ]  # fmt: skip
    text: Words


def make_mailbox_router(mailbox: Mailbox, respondents: Respondents, statements: Statements, gate: Gate) -> APIRouter:
    """The routes."""
    router = gate.router(Callers.PROGRAMS)

    @router.post("/v1/follow-up", responses=gives(StatusView), **does("report.follow_up", takes(FollowUp)))
    async def follow_up(request: Request) -> Response:
        """What a reporter may know of the case. The receipt stands in the body, so that no log holds it."""
        body = parse_body(FollowUp, await request.body())
        view = await mailbox.follow_up(body.receipt)
        return json_response(asdict(view), headers=PRIVATE)

    @router.post(
        "/v1/follow-up/answers",
        status_code=202,
        responses=gives(AnswerTaken, 202),
        **does("report.follow_up", takes(Answer)),
    )
    async def answer(request: Request) -> Response:
        """Take a reporter's answer to a question."""
        body = parse_body(Answer, await request.body())
        await mailbox.answer(body.receipt, body.question_id, body.text)
        return json_response({"question_id": body.question_id}, 202, headers=PRIVATE)

    @router.post(
        "/v1/follow-up/check-ins",
        status_code=202,
        responses=gives(CheckInTaken, 202),
        **does("report.follow_up", takes(CheckIn)),
    )
    async def check_in(request: Request) -> Response:
        """Take what a reporter answers to a check-in, or that the reporter declines. The request may be repeated."""
        body = parse_body(CheckIn, await request.body())
        opened = await mailbox.check_in(body.receipt, body.number, body.choice, body.given, body.text)
        return json_response({"number": body.number, **({"opened": opened} if opened else {})}, 202, headers=PRIVATE)

    @router.post(
        "/v1/follow-up/consent",
        status_code=202,
        responses=gives(ConsentTaken, 202),
        **does("report.follow_up", takes(Consent)),
    )
    async def consent(request: Request) -> Response:
        """Take whether a reporter may be asked again how it goes. The request may be repeated."""
        body = parse_body(Consent, await request.body())
        await mailbox.consent(body.receipt, body.consent)
        return json_response({"consent": body.consent}, 202, headers=PRIVATE)

    @router.post(
        "/v1/follow-up/appeals",
        status_code=202,
        responses=gives(AppealTaken, 202),
        **does("report.follow_up", takes(Appeal)),
    )
    async def appeal(request: Request) -> Response:
        """Take a reporter's appeal, against the decision or the lack of one. The request may be repeated."""
        body = parse_body(Appeal, await request.body())
        appeal_id = await mailbox.appeal(body.receipt, body.ground, body.text)
        return json_response({"appeal_id": appeal_id}, 202, headers=PRIVATE)

    @router.post(
        "/v1/follow-up/recusals",
        status_code=202,
        responses=gives(RecusalAskTaken, 202),
        **does("report.follow_up", takes(RecusalAsk)),
    )
    async def ask_recusal(request: Request) -> Response:
        """Take that a reporter asks that a person does not handle the case. The request may be repeated."""
        body = parse_body(RecusalAsk, await request.body())
        return json_response({"ask_id": await mailbox.ask_recusal(body.receipt, body.text)}, 202, headers=PRIVATE)

    @router.post("/v1/respondent", responses=gives(RespondentView), **does("report.follow_up", takes(FollowUp)))
    async def follow_as_respondent(request: Request) -> Response:
        """What a respondent may know of the case, by a receipt of their own."""
        body = parse_body(FollowUp, await request.body())
        view = await respondents.follow(body.receipt)
        return json_response(asdict(view), headers=PRIVATE)

    @router.post(
        "/v1/respondent/replies",
        status_code=202,
        responses=gives(ReplyTaken, 202),
        **does("report.follow_up", takes(Reply)),
    )
    async def reply(request: Request) -> Response:
        """Take a respondent's reply. The request may be repeated."""
        body = parse_body(Reply, await request.body())
        return json_response({"reply_id": await respondents.reply(body.receipt, body.text)}, 202, headers=PRIVATE)

    @router.post(
        "/v1/respondent/appeals",
        status_code=202,
        responses=gives(AppealTaken, 202),
        **does("report.follow_up", takes(RespondentAppeal)),
    )
    async def appeal_as_respondent(request: Request) -> Response:
        """Take a respondent's appeal, against the decision or the lack of one. The request may be repeated."""
        body = parse_body(RespondentAppeal, await request.body())
        appeal_id = await respondents.appeal(body.receipt, body.ground, body.text)
        return json_response({"appeal_id": appeal_id}, 202, headers=PRIVATE)

    @router.post(
        "/v1/respondent/recusals",
        status_code=202,
        responses=gives(RecusalAskTaken, 202),
        **does("report.follow_up", takes(RecusalAsk)),
    )
    async def ask_recusal_as_respondent(request: Request) -> Response:
        """Take that a respondent asks that a person does not handle the case. The request may be repeated."""
        body = parse_body(RecusalAsk, await request.body())
        return json_response({"ask_id": await respondents.ask_recusal(body.receipt, body.text)}, 202, headers=PRIVATE)

    @router.put(
        "/v1/vault/reports/{report_id}/statements/{statement_id}",
        status_code=204,
        **does("vault.correspond", takes(Statement)),
    )
    async def keep_statement(request: Request, report_id: str, statement_id: str) -> Response:
        """Keep a handler's words to the reporter. The request may be repeated."""
        if not _IDENTIFIER.fullmatch(statement_id):
            raise FieldsWrong([_BAD_STATEMENT_ID])
        body = parse_body(Statement, await request.body())
        await statements.keep(report_id, statement_id, body.kind, body.text)
        return Response(status_code=204)

    return router
