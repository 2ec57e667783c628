"""Key files: what they must hold, how they are made and replaced, and that a spoilt one changes nothing."""

import json
import logging
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from infra import cli
from infra.commands.keys.service_keys import AT_ONCE, PEERS, SERVICE_FILES, keys_file, make_service_keys, rotate
from shared.access.purposes import CALLERS, PURPOSES
from shared.access.service_keys import read_peers, read_ring
from shared.access.service_tokens import ServiceSigner, ServiceVerifier
from shared.files import LARGEST, WatchedFile
from shared.problems import Unavailable

ME = os.geteuid()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_service_keys(tmp_path, ME)
    return tmp_path


def kids(folder: Path) -> dict[str, set[str]]:
    """The ids of the keys in each file."""
    return {name: {key["kid"] for key in json.loads((folder / name).read_text())["keys"]} for name in SERVICE_FILES}


def call(folder: Path, service: str = "triage") -> str:
    """The id of the key that a call of the service is signed with, once intake has taken it."""
    signer = ServiceSigner(service, folder / keys_file(service), folder / PEERS)
    purpose = next(row.name for row in PURPOSES.values() if service in row.callers)
    token = signer.token("intake", purpose)
    assert ServiceVerifier("intake", folder / PEERS).read(token, purpose).service == service
    ring = read_ring((folder / keys_file(service)).read_text())
    return ring[0].kid


def test_every_service_gets_a_key_and_all_know_whose_it_is(folder: Path) -> None:
    found = kids(folder)
    rings = {service: found[keys_file(service)] for service in CALLERS}
    assert [len(ring) for ring in rings.values()] == [1] * len(CALLERS)
    peers = read_peers((folder / PEERS).read_text())
    assert {kid: key.service for kid, key in peers.items()} == {kid: s for s, ring in rings.items() for kid in ring}
    assert '"d"' not in (folder / PEERS).read_text()
    for service in CALLERS:
        call(folder, service)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_is_there_is_kept(folder: Path) -> None:
    before = kids(folder)
    assert make_service_keys(folder, ME) == dict.fromkeys(SERVICE_FILES, "kept")
    assert kids(folder) == before


def test_a_missing_ring_is_made_and_made_known(folder: Path) -> None:
    before = kids(folder)
    (folder / keys_file("audit")).unlink()
    states = make_service_keys(folder, ME)
    assert {name for name, state in states.items() if state == "made"} == {keys_file("audit"), PEERS}
    assert kids(folder)[keys_file("triage")] == before[keys_file("triage")]
    call(folder, "audit")


def test_a_spoilt_ring_is_said_and_replaced_only_by_a_rotation(folder: Path) -> None:
    spoilt = folder / keys_file("audit")
    spoilt.write_text('{"keys": [')
    assert make_service_keys(folder, ME)[spoilt.name] == "wrong"
    assert spoilt.read_text() == '{"keys": ['
    rotate(folder, ME, AT_ONCE)
    assert make_service_keys(folder, ME) == dict.fromkeys(SERVICE_FILES, "kept")
    call(folder, "audit")


def test_a_ring_that_others_can_read_is_a_finding(folder: Path) -> None:
    (folder / keys_file("triage")).chmod(0o640)
    assert make_service_keys(folder, ME)[keys_file("triage")] == "open"


def test_a_rotation_replaces_every_key_and_no_call_is_refused_at_any_step(folder: Path) -> None:
    before, steps = kids(folder), []
    inode = {name: (folder / name).stat().st_ino for name in SERVICE_FILES}

    def at_each_step(what: str, seconds: float) -> None:
        steps.append(seconds)
        for service in CALLERS:
            call(folder, service)

    fresh = rotate(folder, ME, wait=at_each_step)
    after = kids(folder)
    assert len(steps) == 2
    assert steps[0] >= 30 + 5  # public, then looked at
    assert steps[1] >= 60 + 60  # the longest life, and the clocks
    assert after[PEERS] == set(fresh.values()) == {kid for name in SERVICE_FILES for kid in after[name]}
    assert not after[PEERS] & before[PEERS]
    # A container sees the file that was there when it started.
    assert {name: (folder / name).stat().st_ino for name in SERVICE_FILES} == inode


def test_an_interrupted_rotation_leaves_both_keys_and_the_next_one_takes_them_away(folder: Path) -> None:
    def interrupt(what: str, seconds: float) -> None:
        raise KeyboardInterrupt

    before = kids(folder)
    with pytest.raises(KeyboardInterrupt):
        rotate(folder, ME, wait=interrupt)
    assert all(kids(folder)[name] > before[name] for name in SERVICE_FILES)
    call(folder)
    rotate(folder, ME, AT_ONCE)
    assert [len(found) for found in kids(folder).values()] == [1, 1, 1, 3]


def test_two_makers_at_once_make_one_set(tmp_path: Path) -> None:
    threads = [threading.Thread(target=make_service_keys, args=(tmp_path, ME)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for service in CALLERS:
        call(tmp_path, service)


def test_the_command_rotates_and_prints_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = kids(folder)
    assert cli.main(["secrets", "--directory", str(folder), "rotate-services", "--at-once", "--json"]) == 0
    said = capsys.readouterr()
    assert set(json.loads(said.out)["keys"].values()) == kids(folder)[PEERS]
    assert not kids(folder)[PEERS] & before[PEERS]
    for service in CALLERS:
        for key in json.loads((folder / keys_file(service)).read_text())["keys"]:
            assert key["d"] not in said.out + said.err


def test_the_command_says_where_nothing_is_to_be_rotated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["secrets", "--directory", str(tmp_path / "nowhere"), "rotate-services"]) == 2
    assert "cannot be read or written" in capsys.readouterr().err


def _key(folder: Path, **changed: Any) -> str:
    key = json.loads((folder / keys_file("triage")).read_text())["keys"][0] | changed
    return json.dumps({"keys": [{name: value for name, value in key.items() if value is not None}]})


UNFIT: dict[str, dict[str, Any]] = {
    "no kid": {"kid": None},
    "no time": {"iat": None},
    "another curve": {"crv": "X25519"},
    "another kind": {"kty": "oct", "k": "AAAA"},
    "no private half": {"d": None},
    "a short private half": {"d": "AAAA"},
    "the public half of another": {"x": "A" * 43},
}


@pytest.mark.parametrize("fault", UNFIT)
def test_a_ring_with_an_unfit_key_is_none(folder: Path, fault: str) -> None:
    assert read_ring(_key(folder))
    with pytest.raises(ValueError, match="key"):
        read_ring(_key(folder, **UNFIT[fault]))


def test_a_public_set_takes_no_private_key_no_stranger_and_no_id_twice(folder: Path) -> None:
    keys = json.loads((folder / PEERS).read_text())["keys"]
    nobody = {name: value for name, value in keys[0].items() if name != "service"}
    for wrong in (_key(folder, service="triage"), json.dumps({"keys": [nobody]}), json.dumps({"keys": keys * 2})):
        with pytest.raises(ValueError, match="key"):
            read_peers(wrong)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": []}', '{"keys": 7}', '{"keys": [7]}', "\x00"])
def test_what_is_no_key_set_is_none(text: str) -> None:
    for read in (read_ring, read_peers):
        with pytest.raises(ValueError, match=r"is not a JSON Web Key Set|Expecting value"):
            read(text)


@pytest.mark.parametrize("cut", [0, 1, 40, -2])
def test_a_half_written_file_changes_nothing_and_is_said_once(
    folder: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path, ticks = folder / PEERS, iter(range(0, 1000, 6))
    watched = WatchedFile(path, read_peers, clock=lambda: next(ticks))
    first, whole = watched.current(), path.read_text()
    rotate(folder, ME, AT_ONCE)
    second = path.read_text()
    path.write_text(second[:cut])
    with caplog.at_level(logging.ERROR):
        assert [watched.current() for _ in range(5)] == [first] * 5
    assert [record.message for record in caplog.records] == ["a watched file cannot be used"]
    path.write_text(second)
    assert watched.current() == read_peers(second) != read_peers(whole)


def test_a_file_that_goes_away_or_grows_absurd_changes_nothing(folder: Path) -> None:
    path = folder / PEERS
    watched = WatchedFile(path, read_peers, look=0)
    first = watched.current()
    path.write_text(path.read_text() + " " * LARGEST)
    assert watched.current() == first
    path.unlink()
    assert watched.current() == first


def test_a_file_that_never_was_is_an_outage_until_it_is(tmp_path: Path) -> None:
    watched = WatchedFile(tmp_path / PEERS, read_peers, look=0)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Unavailable, match=PEERS):
        watched.current()
    make_service_keys(tmp_path, ME)
    assert set(watched.current()) == kids(tmp_path)[PEERS]


def test_a_file_is_looked_at_every_few_seconds_and_not_for_every_call(folder: Path) -> None:
    clock, reads = [0.0], []

    def read(text: str) -> object:
        reads.append(text)
        return read_peers(text)

    watched = WatchedFile(folder / PEERS, read, clock=lambda: clock[0])
    watched.current()
    rotate(folder, ME, AT_ONCE)
    for at, times in ((4.9, 1), (5.0, 2), (9.9, 2), (60.0, 2)):
        clock[0] = at
        watched.current()
        assert len(reads) == times


def test_a_file_that_changes_twice_within_one_tick_is_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("old")
    watched = WatchedFile(path, str, look=0)
    before = path.stat()
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.current() == "new"
    assert watched.fault is None
