"""Errors as values a caller can show: RFC 9457 problem details with JSON pointers (RFC 6901)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from shared.field_words import detail_of

MOST_ERRORS = 20
"""Faults in one answer: nobody mends more at once, and a sender must not decide how long an answer gets."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: `pointer` says where, `code` is stable, and `detail` is a sentence for people."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """A refusal that the caller can act on. `code` names an entry of docs/errors.md; `title` is its short sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(dict.fromkeys(errors))[:MOST_ERRORS]
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> dict[str, object]:
        """The body of the answer, `application/problem+json`."""
        body: dict[str, object] = {
            "type": f"/errors/{self.code}",
            "title": self.title,
            "status": self.status,
            "request_id": request_id,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in self.errors]
        return body


NOTHING_HERE = (404, "not-found", "There is nothing here.")
"""Status, code and title for what is not there, or must look so."""


class NotFound(Problem):
    """There is nothing, or nothing that the caller may know of. Both answers are the same, byte for byte."""

    def __init__(self) -> None:
        super().__init__(*NOTHING_HERE)


class FieldsWrong(Problem):
    """Fields that are wrong. `said`: the JSON in which they stand, as far as it can be read."""

    def __init__(self, errors: Sequence[FieldError], said: object = None) -> None:
        super().__init__(422, "invalid-fields", "Some fields are not valid.", errors=errors)
        self.said = said

    def and_further(self, found: Iterable[FieldError]) -> "FieldsWrong":
        """The same with the faults that were found beside these. Where one is told already, no other is added."""
        told = [fault.pointer for fault in self.errors if fault.pointer]
        new = (f for f in found if not any(f.pointer == at or f.pointer.startswith(f"{at}/") for at in told))
        return FieldsWrong((*self.errors, *new), self.said)


class KeyReused(Problem):
    """An Idempotency-Key that came before with another request."""

    def __init__(self) -> None:
        super().__init__(
            422,
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request.",
            detail="Send the same body to repeat a request, or a new key for a new one.",
        )


class TokenRefused(Problem):
    """A token that opens nothing here. `reason` is for our record. The answer only says whether it has expired."""

    def __init__(self, reason: str) -> None:
        code = "token-expired" if reason == "expired" else "token-invalid"
        super().__init__(401, code, "The token does not open this.")
        self.reason = reason


class Malformed(Exception):
    """A message that no retry can mend: it becomes a dead letter. `code` is stable; `detail` holds no content.

    `errors`: the fields that are wrong. `parts`: of a message that holds several things, what is wrong with those that
    are refused, each with its `place` in the message.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        *,
        place: int = 0,
        parts: Sequence["Malformed"] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)[:MOST_ERRORS]
        self.place = place
        self.parts = tuple(parts)


class Unavailable(Exception):
    """A system that is needed is away for now. Wait and try again, for ever."""


def reason_of(error: BaseException) -> str:
    """What a log or a metric may tell of an outage. The text of Unavailable is ours; of other errors it is the kind."""
    return str(error) if isinstance(error, Unavailable) else type(error).__name__


def pointer(location: Sequence[int | str]) -> str:
    """The JSON pointer (RFC 6901) of a field."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def faults_of(error: ValidationError) -> list[FieldError]:
    """What pydantic objects to, in our words.

    A pointer leaves out the name of an unknown field: that is the sender's own text.
    """
    found = []
    for finding in error.errors(include_url=False, include_input=False):
        where = finding["loc"][:-1] if finding["type"] == "extra_forbidden" else finding["loc"]
        found.append(FieldError(pointer(where), finding["type"], detail_of(finding)))
    return found


def problem_of(error: ValidationError, said: object = None) -> Problem:
    """The problem that tells a caller which fields of a JSON body are wrong, without repeating what was sent.

    `said`: what the body says.
    """
    faults = faults_of(error)
    if faults and faults[0].code == "json_invalid":
        return malformed_json()
    return FieldsWrong(faults, said)


def problem_left(first: ValidationError, after: ValidationError, said: object) -> Problem:
    """The problem of a body that could not be mended: what is wrong with it as it was sent, but for what was mended.

    `said`: what the mended body says.
    """
    problem = problem_of(after)
    left = {fault.pointer for fault in problem.errors}
    faults = [fault for fault in faults_of(first) if fault.pointer in left and fault.code != "json_invalid"]
    return FieldsWrong(faults or problem.errors, said) if isinstance(problem, FieldsWrong) else problem


def malformed_json() -> Problem:
    """The refusal of a body that is not JSON."""
    return Problem(400, "malformed-json", "The body is not valid JSON in UTF-8.")


def too_many_values() -> Problem:
    """The refusal of a JSON body with more values than anybody reads (shared.input.json_bounds)."""
    return Problem(413, "too-many-values", "The body holds more values than any request needs.")
