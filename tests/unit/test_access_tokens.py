"""Tokens name who asks; anything else is refused."""

from datetime import timedelta

import jwt
import pytest

from shared.access import Principal, Role, demand, issue_token, read_token
from shared.problems import Problem

KEY = b"k" * 32
JANE = Principal("responder:5f2c", Role.RESPONDER, ("arbcom",))
HOUR = timedelta(hours=1)


def test_a_token_names_who_it_was_issued_to() -> None:
    assert read_token(KEY, issue_token(KEY, JANE, "people", HOUR), "people") == JANE


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (issue_token(KEY, JANE, "people", -HOUR), "token-expired"),
        (issue_token(b"x" * 32, JANE, "people", HOUR), "token-invalid"),
        (issue_token(KEY, JANE, "intake", HOUR), "token-invalid"),
        (jwt.encode({"sub": "x", "aud": "people", "iss": "hearth", "role": "root"}, KEY), "token-invalid"),
        (jwt.encode({"sub": "x", "aud": "people", "role": "auditor"}, None, algorithm="none"), "token-invalid"),
        ("not a token", "token-invalid"),
    ],
)
def test_a_token_that_is_not_ours_for_this_use_now_is_refused(token: str, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read_token(KEY, token, "people")
    assert (caught.value.status, caught.value.code) == (401, code)


def test_nobody_and_the_wrong_role_are_told_apart() -> None:
    assert demand(JANE, [Role.RESPONDER]) == JANE
    for principal, status in ((None, 401), (JANE, 403)):
        with pytest.raises(Problem) as caught:
            demand(principal, [Role.AUDITOR])
        assert caught.value.status == status
