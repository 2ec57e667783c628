"""A submission in JSON, as programs send it to POST /v1/reports. Pure."""

from pydantic import ValidationError

from services.intake.report.submission import Submission
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from shared.problems import problem_of

SCOPE = "http"
"""Idempotency keys of programs and of forms share one scope. Each belongs to a token or to one report."""


def read_api(raw: Raw, context: Context) -> Parsed:
    """The submission in the body. Raises Problem 400 for what is not JSON, 422 with a pointer to each wrong field."""
    try:
        submission = Submission.model_validate_json(raw.body)
    except ValidationError as error:
        raise problem_of(error) from None
    return Parsed((Arrival("http", submission, SCOPE, raw.headers.get("idempotency-key"), trace=context.trace),))
