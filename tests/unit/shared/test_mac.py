"""A MAC under a kept key is that of the standard library."""

import hmac

import pytest

from shared.mac import mac_under


@pytest.mark.parametrize("length", [0, 32, 64, 65, 200])
def test_a_mac_under_a_kept_key_is_the_one_of_hmac(length: int) -> None:
    for message in (b"", b"one", b"long" * 100):
        assert mac_under(b"k" * length, message) == hmac.digest(b"k" * length, message, "sha256")
