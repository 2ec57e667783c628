"""A submission in JSON, as programs send it to POST /v1/reports. Pure."""

import re
from dataclasses import replace

import orjson
from pydantic import ValidationError

from services.intake.report.submission import Submission, find_further_faults
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw, Remark
from services.intake.sources.mending import mend_body
from shared.input.json_bounds import fits
from shared.input.json_texts import read_mended
from shared.problems import FieldsWrong, Problem, problem_left, too_many_values

SCOPE = "http"
"""Idempotency keys of programs and of forms share one scope. Each belongs to a token or to one report."""
# A key may stand in quotes (draft-ietf-httpapi-idempotency-key-header).
_UUID = re.compile(r'"?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"?', re.IGNORECASE)


def read_api(raw: Raw, context: Context) -> Parsed:
    """The submission in the body. Raises Problem 400 for what is not JSON, 413 for too many values, 422 with a pointer
    to each wrong field.
    """
    if not fits(raw.body):
        raise too_many_values()
    remarks: tuple[Remark, ...] = ()
    try:
        submission = Submission.model_validate_json(raw.body)
    except ValidationError as first:
        try:
            submission, remarks, _ = mend_body(raw.body)
        except ValidationError as error:
            raise _with_all_faults(first, error, raw, context) from None
    key = raw.headers.get("idempotency-key") or None
    return Parsed((Arrival("http", submission, SCOPE, key, trace=context.trace, remarks=remarks),))


def _with_all_faults(first: ValidationError, after: ValidationError, raw: Raw, context: Context) -> Problem:
    """What is wrong with a body that is no submission, and with what can be read of it."""
    try:
        said, _ = read_mended(raw.body)
    except orjson.JSONDecodeError:
        said = None
    problem = problem_left(first, after, said)
    if not isinstance(problem, FieldsWrong):
        return problem
    return problem.and_further(find_further_faults(said, context.policy, context.now))


def from_nobody(arrival: Arrival) -> Arrival:
    """The arrival of a sender without a token: its key counts only if it is a UUID, which nobody guesses.

    Another program may use any other key by chance. With the same words it would get the receipt of a stranger.
    """
    if arrival.key is None or _UUID.fullmatch(arrival.key):
        return arrival
    return replace(arrival, key=None, remarks=(*arrival.remarks, Remark("", "key_not_random")))
