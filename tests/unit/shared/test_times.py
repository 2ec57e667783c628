"""Times: UTC-aware, and none that UTC does not have."""

from datetime import UTC, datetime

import pytest

from shared.times import parse_rfc3339, rfc3339


def test_a_time_with_any_offset_is_the_same_moment_in_utc() -> None:
    at = parse_rfc3339("2026-11-24T09:00:00.123+05:30")
    assert (at, at.tzinfo) == (datetime(2026, 11, 24, 3, 30, 0, 123_000, UTC), UTC)
    assert rfc3339(at) == "2026-11-24T03:30:00.123Z"


@pytest.mark.parametrize(
    "text", ["2026-11-24T09:00:00", "24 November", "", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"]
)
def test_what_is_no_moment_in_utc_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)
