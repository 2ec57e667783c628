"""Wrapping by versions of the master key: what was sealed under any of them opens, and re-wrapping keeps content."""

from dataclasses import replace
from inspect import signature
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.commands.keys.rotation import drop, rotate
from services.intake.keys.pace import PACE
from services.intake.keys.rewrap import rewrapped
from services.intake.report.sealed import Sealed, WrappedKey
from services.intake.vault.cipher import FRESH, Vault, VaultError, key_id_of
from shared.problems import Unavailable

KEYS = st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=5, unique=True)
PLACE = "r-1/content"


@given(KEYS, st.binary(max_size=300))
def test_what_is_sealed_under_one_key_opens_under_each_later_one(keys: list[bytes], plain: bytes) -> None:
    vault = Vault(keys[0])
    sealed = vault.seal(PLACE, plain)
    for before, after in pairwise(keys):
        vault.adopt(after, [before])
        anew = vault.rewrap(PLACE, sealed)
        assert anew is not None
        assert anew.key_id == key_id_of(after)
        assert anew.key != sealed.key
        sealed = Sealed(anew.key_id, anew.key, sealed.data)
        # Now the old one is of no use any more, and not needed.
        assert Vault(after).open(PLACE, sealed) == plain
        with pytest.raises(VaultError, match="no master key"):
            Vault(before).open(PLACE, sealed)
        assert vault.rewrap(PLACE, sealed) is None


@given(KEYS, st.binary(max_size=100), st.data())
def test_a_damaged_wrapped_key_is_noticed_and_never_wrapped_anew(
    keys: list[bytes], plain: bytes, data: st.DataObject
) -> None:
    sealed = Vault(keys[0]).seal(PLACE, plain)
    at = data.draw(st.integers(0, len(sealed.key) - 1))
    wrong = bytearray(sealed.key)
    wrong[at] ^= data.draw(st.integers(1, 255))
    for key in (bytes(wrong), sealed.key[:at]):
        with pytest.raises(VaultError):
            Vault(keys[1], [keys[0]]).rewrap(PLACE, WrappedKey(sealed.key_id, key))


@given(KEYS, st.binary(max_size=100))
def test_a_wrapped_key_of_another_place_is_not_wrapped_anew(keys: list[bytes], plain: bytes) -> None:
    sealed = Vault(keys[0]).seal(PLACE, plain)
    with pytest.raises(VaultError):
        Vault(keys[1], [keys[0]]).rewrap("r-2/content", sealed)


def test_the_digest_of_a_report_still_matches_after_its_key_was_wrapped_anew() -> None:
    sections = {"content": b"words", "reported": b"names"}
    sealed, digest, _ = Vault(b"a" * 32).seal_report("r-1", sections)
    vault = Vault(b"b" * 32, [b"a" * 32])
    digest_key = vault.rewrap("r-1/digest", sealed.digest)
    assert digest_key is not None
    moved = replace(sealed, digest=digest_key)
    assert Vault(b"b" * 32).matches("r-1", moved, digest, sections)
    assert not Vault(b"b" * 32).matches("r-1", moved, digest, sections | {"content": b"others"})


def test_without_a_master_key_a_vault_is_away_instead_of_wrong() -> None:
    sealed = Vault(b"a" * 32).seal(PLACE, b"words")
    for work in (lambda v: v.seal(PLACE, b"x"), lambda v: v.open(PLACE, sealed), lambda v: v.rewrap(PLACE, sealed)):
        with pytest.raises(Unavailable, match="master key"):
            work(Vault())


def test_a_vault_that_slept_opens_and_seals_nothing_until_it_is_told_again() -> None:
    at = 0.0
    vault = Vault(b"a" * 32, clock=lambda: at)
    at = 1e9
    sealed = vault.seal(PLACE, b"words")  # nobody promised to say anything
    vault.confirm()
    at += FRESH
    vault.seal(PLACE, b"words")
    at += 0.1
    with pytest.raises(Unavailable, match="still the one to seal with"):
        vault.seal(PLACE, b"words")
    assert vault.open(PLACE, sealed) == b"words"
    vault.confirm()
    vault.seal(PLACE, b"words")


def test_a_rotation_waits_longer_than_a_vault_seals_unconfirmed() -> None:
    assert PACE.settle >= FRESH + 45
    assert signature(rotate).parameters["settle"].default == signature(drop).parameters["settle"].default
    assert signature(rotate).parameters["settle"].default == PACE.settle


def _listed(drawer: str, name: str, sealed: WrappedKey) -> dict[str, Any]:
    """A wrapped key as the store gives it to be wrapped anew."""
    return {"drawer": drawer, "name": name, "key_id": sealed.key_id, "key": sealed.key}


def test_a_report_is_written_only_if_every_key_is_still_the_one_that_was_read() -> None:
    old, new = Vault(b"a" * 32), Vault(b"b" * 32, [b"a" * 32])
    keys = [
        _listed(drawer, name, old.seal(place, b"x"))
        for drawer, name, place in (
            ("vault", "content", "r-1/content"),
            ("statements", "s-1", "r-1/statements/s-1"),
            ("answers", "q-1", "r-1/answers/q-1"),
        )
    ]
    done = _listed("vault", "digest", new.seal("r-1/digest", b"x"))
    operation, damaged = rewrapped(new, {"_id": "r-1", "keys": [*keys, done]})
    assert damaged == []
    assert operation is not None
    wanted, fields = operation._filter, operation._doc["$set"]
    assert wanted == {"_id": "r-1"} | {f"{key['drawer']}.{key['name']}.key": key["key"] for key in keys}
    assert {name for name in fields if name.endswith(".key_id")} == {f"{k['drawer']}.{k['name']}.key_id" for k in keys}
    assert len(fields) == 6


def test_of_a_report_with_one_damaged_key_the_others_are_wrapped_anew() -> None:
    old, new = Vault(b"a" * 32), Vault(b"b" * 32, [b"a" * 32])
    good, bad = old.seal("r-1/content", b"x"), old.seal("r-9/reported", b"x")
    keys = [_listed("vault", "content", good), _listed("vault", "reported", bad)]
    operation, damaged = rewrapped(new, {"_id": "r-1", "keys": keys})
    assert damaged == ["r-1/reported"]
    assert operation is not None
    assert set(operation._doc["$set"]) == {"vault.content.key", "vault.content.key_id"}
    assert rewrapped(new, {"_id": "r-1", "keys": keys[1:]}) == (None, ["r-1/reported"])


@pytest.mark.parametrize("key", ["text", None, 5])
def test_a_wrapped_key_that_is_not_binary_is_damaged(key: object) -> None:
    new = Vault(b"n" * 32, [b"o" * 32])
    found = {"drawer": "vault", "name": "content", "key_id": key_id_of(b"o" * 32), "key": key}
    assert rewrapped(new, {"_id": "r-1", "keys": [found]}) == (None, ["r-1/content"])
