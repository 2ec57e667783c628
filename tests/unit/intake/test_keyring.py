"""The keyring: its steps, its file, and that the file is whole whenever its writer is killed."""

import io
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.keys.keyring import (
    FILE,
    Keyring,
    KeyringBusy,
    KeyringError,
    KeyState,
    MasterKey,
    keep,
    key_in,
    locked,
    parse_keyring,
    write_keyring,
)
from services.intake.vault.cipher import key_id_of

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAIN = keep(b"m" * 32)
KEYS = st.binary(min_size=32, max_size=32)


def announced(ring: Keyring, key: bytes, at: datetime = AT) -> Keyring:
    return ring.announce(key_id_of(key), FILE, keep(key), at)


def rotated(ring: Keyring, key: bytes, at: datetime = AT) -> Keyring:
    return announced(ring, key, at).promote(at).retire(at)


class Recording(io.BytesIO):
    """A file that remembers every state it was in, as a crash in the middle of a write leaves it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.states = [data]

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are all that is written
        at, before = self.tell(), self.getvalue()
        for length in range(1, len(data) + 1):
            self.states.append(before[:at] + data[:length] + before[at + length :])
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        length = super().truncate(size)
        self.states.append(self.getvalue())
        return length

    def fileno(self) -> int:
        return -1

    def close(self) -> None: ...


class RecordingPath:
    def __init__(self, data: bytes) -> None:
        self.file = Recording(data)

    def open(self, mode: str) -> Recording:
        assert mode == "r+b", "nothing but the file itself may be needed"
        self.file.seek(0)
        return self.file


@pytest.fixture(autouse=True)
def no_disk_for_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: None if number == -1 else fsync(number))


def test_thirty_two_bytes_in_base64_are_version_one() -> None:
    ring = parse_keyring(f"{PLAIN}\n")
    key = MasterKey(1, key_id_of(b"m" * 32), KeyState.CURRENT, FILE, PLAIN)
    assert ring == Keyring(0, (key,))


@given(st.lists(KEYS, min_size=1, max_size=5, unique=True), st.integers(0, 3))
def test_what_is_written_is_read(keys: list[bytes], seconds: int) -> None:
    ring = parse_keyring(PLAIN)
    for key in keys:
        if key != b"m" * 32:
            ring = rotated(ring, key, AT + timedelta(seconds=seconds))
    assert parse_keyring(ring.line()) == ring
    assert [key_in(key.kept) for key in ring.keys[1:]] == [key for key in keys if key != b"m" * 32]


def test_a_new_version_opens_before_it_seals_and_the_old_one_still_opens_after() -> None:
    first = parse_keyring(PLAIN)
    coming = announced(first, b"n" * 32)
    assert (coming.current.version, coming.coming and coming.coming.version) == (1, 2)
    promoted = coming.promote(AT)
    assert (promoted.current.version, [key.version for key in promoted.retiring]) == (2, [1])
    retired = promoted.retire(AT)
    assert [key.state for key in retired.keys] == [KeyState.RETIRED, KeyState.CURRENT]
    assert [key.version for key in retired.drop({1}).keys] == [2]
    assert [ring.serial for ring in (first, coming, promoted, retired)] == [0, 1, 2, 3]


def test_a_step_out_of_order_is_refused() -> None:
    first = parse_keyring(PLAIN)
    coming = announced(first, b"n" * 32)
    with pytest.raises(KeyringError, match="coming"):
        first.promote(AT)
    with pytest.raises(KeyringError):
        announced(coming, b"o" * 32)
    with pytest.raises(KeyringError, match="twice"):
        announced(first, b"m" * 32)
    for versions in ({1}, {2}, {7}):
        with pytest.raises(KeyringError, match="not a retired version"):
            coming.promote(AT).drop(versions)


def test_a_version_number_is_never_used_again_while_a_later_one_is_there() -> None:
    ring = rotated(rotated(parse_keyring(PLAIN), b"n" * 32), b"o" * 32).drop({1, 2})
    assert announced(ring, b"p" * 32).keys[-1].version == 4


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "not base64!", keep(b"short"), keep(b"x" * 33), "{}", "[]", '{"keyring": 1}', "\x00" * 40, "null"],
)
def test_what_is_no_keyring_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        parse_keyring(text)
    assert not text.strip() or text.strip() not in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    with suppress(KeyringError):
        parse_keyring(text)


@given(st.data())
def test_a_changed_character_is_noticed(data: st.DataObject) -> None:
    line = rotated(parse_keyring(PLAIN), b"n" * 32).line()
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.sampled_from('A0:{}"x,').filter(lambda c: c != line[at]))
    changed = line[:at] + other + line[at + 1 :]
    with suppress(KeyringError):
        assert parse_keyring(changed) == parse_keyring(line)


def test_a_later_version_of_the_format_is_said_to_be_one() -> None:
    with pytest.raises(KeyringError, match="another version of Hearth"):
        parse_keyring('{"keyring": 2, "check": "x"}')


def test_joined_keyrings_open_what_either_opened_and_one_of_them_seals() -> None:
    ours, theirs = parse_keyring(PLAIN), rotated(parse_keyring(keep(b"w" * 32)), b"x" * 32)
    joined = ours.join(theirs, AT)
    assert joined.current == ours.current
    assert {key.id for key in joined.keys} == {key.id for key in (*ours.keys, *theirs.keys)}
    assert [key.version for key in joined.keys] == [1, 2, 3]
    assert [key.state for key in joined.keys] == [KeyState.CURRENT, KeyState.RETIRED, KeyState.RETIRED]
    assert joined.serial > max(ours.serial, theirs.serial)
    assert parse_keyring(joined.line()) == joined
    assert joined.join(theirs, AT).keys == joined.keys


def test_two_keyrings_with_one_serial_are_refused() -> None:
    first = parse_keyring(PLAIN)
    with pytest.raises(KeyringError, match="serial 1"):
        parse_keyring(f"{announced(first, b'n' * 32).line()}\n{announced(first, b'o' * 32).line()}")


def test_no_key_is_shown_by_its_representation() -> None:
    assert PLAIN not in repr(parse_keyring(PLAIN))


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("rotations", [1, 3])
def test_a_writer_killed_at_any_byte_leaves_the_keyring_from_before_or_after(end: bytes, rotations: int) -> None:
    path = RecordingPath(PLAIN.encode() + end)
    ring = parse_keyring(PLAIN)
    for number in range(rotations):
        for step in (
            lambda r, n=number: announced(r, bytes([n]) * 32),
            lambda r: r.promote(AT),
            lambda r: r.retire(AT),
            lambda r: r.drop({r.keys[0].version}),
        ):
            before, ring = ring, step(ring)
            path.file.states.clear()
            write_keyring(path, ring)  # type: ignore[arg-type]  # all that is used of a path
            found = [parse_keyring(state.decode()) for state in path.file.states]
            assert all(one in (before, ring) for one in found)
            # Once the new one can be read, the old one never comes back.
            serials = [one.serial for one in found]
            assert serials == sorted(serials)
            assert found[-1] == ring
    assert PLAIN.encode() not in path.file.getvalue(), "what is dropped is gone from the file"
    assert len(path.file.getvalue()) < 2000


def test_a_file_stays_the_same_file_with_the_same_mode(tmp_path: Path) -> None:
    file = tmp_path / "master_key"
    file.write_text(PLAIN)
    file.chmod(0o600)
    before = file.stat()
    ring = announced(parse_keyring(PLAIN), b"n" * 32)
    write_keyring(file, ring)
    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)
    assert parse_keyring(file.read_text()) == ring


def test_a_keyring_has_one_writer(tmp_path: Path) -> None:
    file = tmp_path / "master_key"
    file.write_text(PLAIN)
    with locked(file), pytest.raises(KeyringBusy), locked(file):
        raise AssertionError("two have it")
    with locked(file):
        pass


def test_a_key_of_another_id_is_refused() -> None:
    ring = Keyring(1, (MasterKey(1, "0" * 16, KeyState.CURRENT, FILE, PLAIN),))
    with pytest.raises(KeyringError, match="not the one that its id names"):
        parse_keyring(ring.line())
