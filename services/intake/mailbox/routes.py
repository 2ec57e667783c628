"""The reporter's mailbox over HTTP, for programs."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from services.intake.fields import Identifier, Receipt, Words, _Body
from shared.problems import Problem
from shared.web.throttle import Throttle, address_of

T = TypeVar("T")


class FollowUp(_Body):
    """POST /v1/follow-up."""

    receipt: Receipt


class Answer(_Body):
    """POST /v1/follow-up/answers."""

    receipt: Receipt
    question_id: Identifier
    text: Words


async def try_receipt(throttle: Throttle, request: Request, look: Callable[[], Awaitable[T]]) -> T:
    """What `look` finds with a receipt; an address that has tried wrong ones has to wait first, or gets Problem 429."""
    async with throttle.attempt(address_of(request)) as attempt:
        try:
            return await look()
        except Problem as problem:
            if problem.code == "receipt-unknown":
                attempt.failed()
            raise
