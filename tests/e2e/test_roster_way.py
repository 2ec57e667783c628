"""The roster's way through the running system: what a coordinator changes at the desk holds in every service."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from infra.commands.people.editor import OPERATOR, run_with_editor
from infra.local.people import enrol, give_name
from infra.local.system import System
from services.triage.roster.actions import RosterEditor
from shared.access.principal import Role
from shared.access.roster_store import MongoRoster
from shared.times import now

pytestmark = pytest.mark.timeout(300)

NEW = "person:00000000000000ee"
PLACES = {"audit": "/v1/record/logs", "notification": "/v1/deliveries", "triage": "/v1/cases"}
MINUTE = 60.0


def issue(system: System, person: str) -> str:
    """A token of somebody who may be on no roster."""

    async def work(book: RosterEditor, _: MongoRoster) -> str:
        issued = await book.issue("pat", expires_at=now() + timedelta(hours=1), by=OPERATOR, person=person)
        return issued.token

    return run_with_editor(*system._book(), work)


def within_a_minute(holds: Callable[[], bool]) -> float:
    """Seconds until it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < MINUTE
        time.sleep(0.2)
    return time.monotonic() - began


@pytest.fixture
def desk(system: System) -> Iterator[httpx.Client]:
    """The desk, for a program of a coordinator."""
    headers = {"Authorization": f"Bearer {system.token(Role.COORDINATOR)}"}
    with httpx.Client(base_url=system.url("triage"), headers=headers, trust_env=False, timeout=20) as client:
        yield client


def test_what_a_coordinator_changes_holds_in_every_service_within_a_minute(system: System, desk: httpx.Client) -> None:
    theirs = {"Authorization": f"Bearer {issue(system, NEW)}"}

    def status(service: str) -> int:
        answer = httpx.get(f"{system.url(service)}{PLACES[service]}", headers=theirs, trust_env=False, timeout=20)
        return answer.status_code

    def change(name: str, version: int, **body: object) -> None:
        answer = desk.post(f"/v1/roster/{NEW}/{name}", json=body, headers={"If-Match": f'"{version}"'})
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] == version + 1

    # Known by their token, and without any role.
    within_a_minute(lambda: [status(service) for service in PLACES] == [403, 403, 403])
    assert desk.get(f"/v1/roster/{NEW}").status_code == 404

    # A program gives no first role, because it cannot say the names of the person.
    bare = desk.post(f"/v1/roster/{NEW}/grant", json={"role": "auditor"}, headers={"If-Match": '"0"'})
    assert (bare.status_code, bare.json()["errors"][0]["code"]) == (422, "needs_names")
    run_with_editor(*system._book(), lambda book, _: enrol(book, NEW, Role.AUDITOR, (), now(), agreed=False))
    change("grant", 1, role="operator")
    within_a_minute(lambda: status("audit") == 200)
    # The heads of the record say nothing of cases; for all else Hearth has to know what the person is called.
    assert [status("notification"), status("triage")] == [403, 403]
    run_with_editor(*system._book(), lambda book, _: give_name(book, NEW))
    change("grant", 3, role="responder", bodies=["enwiki_admins"])
    within_a_minute(lambda: status("notification") == 200)
    # A responder needs an agreement, too.
    assert status("triage") == 403
    change("agreement", 4, until=(now() + timedelta(days=9)).isoformat())
    within_a_minute(lambda: status("triage") == 200)

    listed = desk.get("/v1/roster").json()["items"]
    assert NEW in [item["person"] for item in listed]
    assert desk.get(f"/v1/roster/{NEW}").headers["ETag"] == '"5"'

    change("revoke", 5, role="auditor")
    within_a_minute(lambda: status("audit") == 403)
    assert status("notification") == 200
    change("leave", 6)
    within_a_minute(lambda: [status("notification"), status("triage")] == [403, 403])
    change("leave", 7, ended=True)
    within_a_minute(lambda: [status("notification"), status("triage")] == [200, 200])

    change("sign_out", 8)
    within_a_minute(lambda: [status(service) for service in PLACES] == [401, 401, 401])
    theirs["Authorization"] = f"Bearer {issue(system, NEW)}"
    within_a_minute(lambda: [status("notification"), status("triage")] == [200, 200])
