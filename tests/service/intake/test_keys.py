"""Where master keys are kept: the transit engine over real HTTP, with its versions, its bindings and its refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from services.intake.keys.keyring import FILE, KeyringError, keep, parse_keyring
from services.intake.keys.providers import KEY_PROVIDERS, TransitSource, unwrap_all
from services.intake.keys.settings import KeySettings
from services.intake.vault.cipher import key_id_of
from shared.problems import Unavailable
from shared.times import now
from tests.stand_ins.transit import TOKEN, Transit

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def no_pause_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def transit() -> Iterator[Transit]:
    with Transit().serving() as served:
        yield served


def given(transit: Transit, **other: Any) -> KeySettings:
    return KeySettings(**{"transit_address": transit.address, "transit_token": TOKEN, **other})


async def test_a_key_comes_back_from_the_transit_engine(transit: Transit) -> None:
    source = TransitSource(given(transit))
    kept = await source.wrap(KEY)
    assert kept.startswith("vault:v1:")
    assert keep(KEY) not in kept
    assert await source.unwrap(key_id_of(KEY), kept) == KEY


async def test_the_engine_may_rotate_its_own_key_and_still_unwraps_what_was_wrapped_before(transit: Transit) -> None:
    source = TransitSource(given(transit))
    before = await source.wrap(KEY)
    transit.rotate()
    after = await source.wrap(KEY)
    assert after.startswith("vault:v2:")
    assert await source.unwrap(key_id_of(KEY), before) == await source.unwrap(key_id_of(KEY), after) == KEY
    transit.oldest = 2
    with pytest.raises(KeyringError):
        await source.unwrap(key_id_of(KEY), before)


async def test_a_wrapped_key_is_bound_to_its_id(transit: Transit) -> None:
    source = TransitSource(given(transit))
    kept = await source.wrap(KEY)
    with pytest.raises(KeyringError):
        await source.unwrap(key_id_of(b"x" * 32), kept)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transit_token": "hvs.other"}, "the token is refused"),
        ({"transit_token": None}, "the token is refused"),
        ({"transit_namespace": "elsewhere"}, "no such engine"),
        ({"transit_mount": "other"}, "no such engine"),
        ({"transit_key": "other"}, "no such engine"),
        ({"transit_address": "http://127.0.0.1:1"}, "ConnectError"),
        ({"transit_address": None}, "HEARTH_TRANSIT_ADDRESS is not set"),
        ({"transit_token_file": Path("/nonexistent")}, "/nonexistent cannot be read"),
    ],
)
async def test_why_a_key_cannot_be_had_is_said_without_the_token(
    transit: Transit, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unavailable, match=reason) as caught:
        await TransitSource(given(transit, **change)).wrap(KEY)
    assert TOKEN not in str(caught.value)


async def test_a_sealed_engine_is_asked_again_and_then_counts_as_away(transit: Transit) -> None:
    transit.sealed = True
    with pytest.raises(Unavailable, match="503"):
        await TransitSource(given(transit)).wrap(KEY)
    assert [status for _, status in transit.calls] == [503, 503, 503]


async def test_mount_and_namespace_are_used(transit: Transit) -> None:
    transit.mount, transit.namespace, transit.name = "kms/transit", "team", "other"
    source = TransitSource(given(transit, transit_mount="kms/transit", transit_namespace="team", transit_key="other"))
    assert await source.unwrap(key_id_of(KEY), await source.wrap(KEY)) == KEY
    assert transit.calls[0] == ("/v1/kms/transit/encrypt/other", 200)


async def test_a_renewed_token_is_read_from_its_file(transit: Transit, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    source = TransitSource(given(transit, transit_token=None, transit_token_file=file))
    kept = await source.wrap(KEY)
    transit.token = "hvs.renewed"
    with pytest.raises(Unavailable):
        await source.unwrap(key_id_of(KEY), kept)
    file.write_text("hvs.renewed")
    assert await source.unwrap(key_id_of(KEY), kept) == KEY


async def test_a_redirection_is_not_followed_with_the_token(transit: Transit) -> None:
    with Transit().serving() as other:
        transit.redirect = f"{other.address}/v1/transit/encrypt/hearth"
        with pytest.raises(Unavailable, match="307"):
            await TransitSource(given(transit)).wrap(KEY)
        assert other.calls == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data": {}}', b'{"data": {"ciphertext": 7}}', b"<html>"])
async def test_an_answer_that_is_none_of_an_engine_counts_as_away(transit: Transit, body: bytes) -> None:
    transit.body = body
    with pytest.raises(Unavailable, match="not one of a transit engine"):
        await TransitSource(given(transit)).wrap(KEY)


async def test_a_ring_may_have_keys_of_several_sources(transit: Transit) -> None:
    settings = given(transit)
    first = parse_keyring(keep(b"m" * 32))
    kept = await KEY_PROVIDERS["transit"](settings).wrap(KEY)
    ring = first.announce(key_id_of(KEY), "transit", kept, now()).promote(now())
    assert await unwrap_all(parse_keyring(ring.line()), settings) == {
        key_id_of(b"m" * 32): b"m" * 32,
        key_id_of(KEY): KEY,
    }
    assert KEY_PROVIDERS.keys() == {FILE, "transit"}


async def test_a_ring_with_a_key_that_cannot_be_had_says_which_version(transit: Transit) -> None:
    first = parse_keyring(keep(b"m" * 32))
    damaged = first.announce(key_id_of(KEY), "transit", "vault:v1:AAAA", now())
    with pytest.raises(KeyringError, match="Version 2"):
        await unwrap_all(damaged, given(transit))
    unknown = first.announce(key_id_of(KEY), "abacus", "?", now())
    with pytest.raises(KeyringError, match="abacus of version 2"):
        await unwrap_all(unknown, given(transit))
