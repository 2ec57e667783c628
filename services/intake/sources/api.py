"""A submission in JSON, as programs send it to POST /v1/reports. Pure."""

from pydantic import ValidationError

from services.intake.report.submission import Submission
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from shared.json_bounds import fits
from shared.problems import problem_of, too_many_values

SCOPE = "http"
"""Idempotency keys of programs and of forms share one scope. Each belongs to a token or to one report."""


def read_api(raw: Raw, context: Context) -> Parsed:
    """The submission in the body. Raises Problem 400 for what is not JSON, 413 for too many values, 422 with a pointer
    to each wrong field.
    """
    if not fits(raw.body):
        raise too_many_values()
    try:
        submission = Submission.model_validate_json(raw.body)
    except ValidationError as error:
        raise problem_of(error) from None
    return Parsed((Arrival("http", submission, SCOPE, raw.headers.get("idempotency-key"), trace=context.trace),))
