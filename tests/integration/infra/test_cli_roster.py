"""`hearth roster` and `hearth token` on a real database, as an operator runs them from an empty deployment on."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infra import cli
from infra.commands.people.editor import OPERATOR, run_with_editor
from services.intake.vault.names import given_keys
from services.triage.roster.actions import RosterEditor
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import Principal, Resource, Role
from shared.access.roster import Roster
from shared.access.roster_store import ROSTER_INDEXES, MongoRoster
from shared.access.tokens import kind_of
from shared.connections import MongoAccess
from shared.events import FACTS, GrantHeld, RosterEntryChanged, RosterTokenChanged
from shared.mongo import Document, connect
from shared.own_names import NameKeys, OwnNames, Trust
from shared.policy import load_policy
from shared.times import now, parse_rfc3339, rfc3339
from tests.support.command_line import Capture, run_json

T = TypeVar("T")
ANN, BO = "person:00000000000000a1", "person:00000000000000b0"
PSEUDONYM_KEY = b"n" * 32
NAMED = ("--name", "Ada Example")
SOON = (now() + timedelta(days=30)).replace(microsecond=0)
DAY = f"{SOON:%Y-%m-%d}"
END_OF_DAY = f"{DAY}T23:59:59Z"


class Place:
    """A deployment's databases."""

    def __init__(self, mongo_uri: str, prefix: str) -> None:
        self.mongo_uri = mongo_uri
        self.prefix = prefix

    def within(self, work: Callable[[Any], Awaitable[T]]) -> T:
        async def run() -> T:
            client = connect(self.mongo_uri, service="test")
            try:
                return await work(client)
            finally:
                client.close()

        return asyncio.run(run())

    def documents(self) -> list[Document]:
        async def read(client: Any) -> list[Document]:
            found = []
            for name in await client.list_database_names():
                if name.startswith(self.prefix):
                    for collection in await client[name].list_collection_names():
                        found += [d async for d in client[name][collection].find()]
            return found

        return self.within(read)

    def events(self) -> list[tuple[str, Any]]:
        """Who stands in each event that waits to be published, and the fact."""
        types = {fact.type(): fact for fact in (RosterEntryChanged, RosterTokenChanged)}
        assert types.items() <= FACTS.items()
        waiting = [event for document in self.documents() for event in document.get("outbox", ())]
        told = [(event, types.get(event["headers"]["ce_type"].decode())) for event in waiting]
        # The names of a person are told apart.
        return [(str(event["headers"]), kind.model_validate_json(event["value"])) for event, kind in told if kind]

    def bearer(self, token: str, service: str = "triage", clock: Callable[[], datetime] = now) -> Principal | None:
        """Whom a service takes the token for."""

        async def read(client: Any) -> Principal | None:
            collection = client[f"{self.prefix}{service}"]["roster"]
            return await Roster(MongoRoster(collection), clock).bearer(token)

        return self.within(read)

    def person(self, ref: str) -> Principal:
        async def read(client: Any) -> Principal | None:
            roster = Roster(MongoRoster(client[f"{self.prefix}triage"]["roster"]))
            return await roster.person(ref, began_at=now(), authenticated_at=now())

        found = self.within(read)
        assert found is not None
        return found


@pytest.fixture
def place(mongo_uri: str, database_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    monkeypatch.setenv("HEARTH_MONGO", mongo_uri)
    monkeypatch.setenv("HEARTH_DATABASE_PREFIX", database_prefix)
    key = tmp_path / "pseudonym_key"
    key.write_bytes(base64.b64encode(PSEUDONYM_KEY))
    monkeypatch.setenv("HEARTH_PSEUDONYM_KEY_FILE", str(key))
    place = Place(mongo_uri, database_prefix)

    async def prepare(client: Any) -> None:
        # As triage does when it starts.
        await client[f"{database_prefix}triage"]["roster"].create_indexes(list(ROSTER_INDEXES))

    place.within(prepare)
    return place


def run(capsys: Capture, *arguments: str, status: int = 0) -> str:
    assert cli.main([*arguments]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_an_empty_deployment_lets_nobody_in_until_the_first_coordinator_is_named(
    place: Place, capsys: Capture, tmp_path: Path
) -> None:
    assert run_json(capsys, "roster", "show") == {"items": []}
    assert run_json(capsys, "token", "list") == {"items": []}
    assert place.documents() == []
    assert place.person(ANN).grants == ()

    key = tmp_path / "identity_key"
    key.write_bytes(base64.b64encode(b"i" * 32))
    account = ["--issuer", "https://id.example", "--subject", "1", "--identity-key-file", str(key)]
    first = run_json(capsys, "roster", "person", *account)["person"]
    run_json(capsys, "roster", "grant", first, "--role", "coordinator", *NAMED)
    who = place.person(first)
    resource = Resource(owner=ANN, grants=())
    assert allow(who, "roster.change", resource, now()) == Permit(Role.COORDINATOR)
    # That is all there is: an entry, without anything that could be a password.
    (document,) = place.documents()
    assert set(document["entry"]) == set(RosterEntryChanged.model_fields)
    assert place.events()[0][1].change == "granted"


def test_a_person_of_the_last_resort_who_serves_another_body_is_found(place: Place, capsys: Capture) -> None:
    last = load_policy().last_resort
    run_json(capsys, "roster", "grant", ANN, *NAMED, "--role", "responder", "--body", last)
    refused = run(capsys, "roster", "grant", ANN, "--role", "coordinator", "--body", "u4c", status=2)
    assert "have a role in no other handling body" in " ".join(refused.split())
    assert run_json(capsys, "policy", "check", "--roster")["findings"] == []
    # Another policy makes a body the last resort that shares its people.
    both = GrantHeld(role="responder", bodies=(last, "stewards"))
    run_with_editor(place.mongo_uri, place.prefix, MongoAccess(), lambda editor, _: editor.grant(BO, both, OPERATOR))
    (finding,) = run_json(capsys, "policy", "check", "--roster", status=1)["findings"]
    assert finding["text"].endswith(f"serve another body as well: {BO}.")
    assert run_json(capsys, "policy", "check")["findings"] == []


def test_everything_of_a_person_is_noted_and_shown(place: Place, capsys: Capture) -> None:
    order = ["grant", ANN, *NAMED, "--role", "responder", "--body", "u4c", "--body", "stewards", "--until", DAY]
    assert run_json(capsys, "roster", *order)["grants"] == [
        {
            "role": "responder", "bodies": ["u4c", "stewards"], "communities": [], "sources": [], "scopes": [],
            "expires_at": END_OF_DAY,
        }
    ]  # fmt: skip
    run_json(capsys, "roster", "grant", ANN, "--role", "auditor", *NAMED)
    run_json(capsys, "roster", "training", ANN, "A", "--completed", "2026-01-05", "--until", DAY)
    run_json(capsys, "roster", "agreement", ANN, "--until", rfc3339(SOON))
    run_json(capsys, "roster", "leave", ANN, "--until", DAY)
    (item,) = run_json(capsys, "roster", "show")["items"]
    assert item["person"] == ANN
    assert [g["scopes"] for g in item["grants"]] == [[], ["meta", "proof", "export"]]
    assert [(t["module"], t["expires_at"]) for t in item["trainings"]] == [("A", END_OF_DAY)]
    assert parse_rfc3339(item["confidential_until"]) == SOON
    assert item["leaves"][0]["ends_at"] == END_OF_DAY
    shown = run(capsys, "roster", "show")
    assert ANN in shown
    assert "responder (u4c, stewards)" in " ".join(shown.split())

    assert run_json(capsys, "roster", "leave", ANN, "--end")["leaves"] == []
    assert run_json(capsys, "roster", "agreement", ANN, "--end")["confidential_until"] is None
    left = run_json(capsys, "roster", "revoke", ANN, "--role", "responder", "--body", "u4c")["grants"]
    assert {(g["role"], *g["bodies"]) for g in left} == {("responder", "stewards"), ("auditor",)}
    before = now()
    assert parse_rfc3339(run_json(capsys, "roster", "sign-out", ANN)["signed_out_at"]) >= before - timedelta(seconds=1)
    assert run(capsys, "roster", "revoke", ANN, "--role", "auditor").startswith(f"{ANN}: responder")
    assert all(OPERATOR.ref in headers for headers, _ in place.events())


def test_what_is_not_there_cannot_be_taken(place: Place, capsys: Capture) -> None:
    run_json(capsys, "roster", "grant", ANN, "--role", "responder", *NAMED, "--body", "u4c")
    for order in (["--role", "auditor"], ["--role", "responder", "--body", "stewards"]):
        assert "does not have the role" in run(capsys, "roster", "revoke", ANN, *order, status=1)
    said = run_json(capsys, "roster", "revoke", BO, "--role", "responder", status=1)
    assert said == {"error": f"{BO} does not have the role responder."}
    assert len(place.events()) == 1


def sign_in(place: Place, person: str) -> None:
    """What a sign-in at the desk leaves on the roster."""

    async def note(book: RosterEditor, _: MongoRoster) -> None:
        await book.note_names(OwnNames(person, (NameKeys(("5" * 32,), Trust.ACCOUNT),)), OPERATOR)

    run_with_editor(place.mongo_uri, place.prefix, MongoAccess(), note)


def test_no_pseudonym_is_printed(place: Place, capsys: Capture) -> None:
    run_json(capsys, "roster", "grant", ANN, "--role", "operator", *NAMED)
    sign_in(place, ANN)
    said = [run_json(capsys, "roster", "show"), run_json(capsys, "roster", "agreement", ANN, "--until", DAY)]
    given = given_keys(PSEUDONYM_KEY, "Ada Example")
    assert not any(key in json.dumps(said) for key in ("5" * 32, *given))
    assert place.person(ANN).pseudonyms == {"5" * 32, *given}


def test_a_first_role_needs_a_name_and_binds_it(place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(capsys, "roster", "grant", ANN, "--role", "coordinator", status=2)
    assert "give --name" in said
    assert place.documents() == []
    run_json(capsys, "roster", "grant", ANN, "--role", "coordinator", *NAMED, "--name", "ann@mail.example")
    who = place.person(ANN)
    assert who.pseudonyms >= {*given_keys(PSEUDONYM_KEY, "Ada Example"), *given_keys(PSEUDONYM_KEY, "ann@mail.example")}
    # Only the sign-in provider makes a user name known.
    assert not who.named
    run_json(capsys, "roster", "grant", ANN, "--role", "operator")
    run_json(capsys, "roster", "name", ANN, "--name", "Ann E.")
    assert place.person(ANN).pseudonyms > who.pseudonyms
    assert "Ada Example" not in repr(place.documents())
    monkeypatch.setenv("HEARTH_PSEUDONYM_KEY_FILE", "/nowhere")
    assert "holds no pseudonym key" in run(capsys, "roster", "name", ANN, *NAMED, status=2)


def test_a_token_is_shown_once_and_kept_nowhere(place: Place, capsys: Capture) -> None:
    order = ["token", "issue", "--source", "wiki", "--source", "event-app", "--community", "enwiki", "--expires", DAY]
    assert cli.main(order) == 0
    captured = capsys.readouterr()
    token = captured.out.strip()
    assert kind_of(token) == "int"
    assert "It is not shown again." in captured.err
    assert token not in captured.err
    who = place.bearer(token)
    assert who is not None
    (grant,) = who.grants
    assert (grant.role, grant.sources, grant.communities) == (Role.INTEGRATOR, ("wiki", "event-app"), ("enwiki",))
    for order in (["token", "list"], ["token", "list", "--json"], ["roster", "show", "--json"]):
        assert cli.main(order) == 0
        assert token[11:30] not in capsys.readouterr().out
    stored = f"{place.documents()} {place.events()}"
    assert who.ref in stored
    assert token[11:30] not in stored


def test_the_list_says_when_a_token_was_last_used_at_any_service(place: Place, capsys: Capture) -> None:
    token = run_json(capsys, "token", "issue", "--source", "wiki", "--expires", DAY)
    assert run_json(capsys, "token", "list")["items"][0]["used_at"] is None
    assert "never" in run(capsys, "token", "list")

    async def project(client: Any) -> None:
        # As intake's copy has it from the topic.
        document = await client[f"{place.prefix}triage"]["roster"].find_one({"_id": token["token_id"]})
        kept = {name: document[name] for name in ("_id", "kind", "entry", "changed_at", "seq")}
        await client[f"{place.prefix}intake"]["roster"].insert_one(kept)

    place.within(project)
    before = now() - timedelta(seconds=1)
    assert place.bearer(token["token"], "intake") is not None
    (item,) = run_json(capsys, "token", "list")["items"]
    assert parse_rfc3339(item["used_at"]) >= before
    assert (item["state"], item["token_id"]) == ("good", token["token_id"])
    assert {"token", "secret_hash"}.isdisjoint(item)
    assert "never" not in run(capsys, "token", "list")


def test_a_rotation_has_both_work_until_the_old_one_ends(place: Place, capsys: Capture) -> None:
    old = run_json(capsys, "token", "issue", "--source", "wiki", "--community", "enwiki", "--expires", DAY)
    new = run_json(capsys, "token", "rotate", old["token_id"], "--expires", DAY, "--overlap", "2h")
    assert new["token"] != old["token"]
    one, two = place.bearer(old["token"]), place.bearer(new["token"])
    assert one is not None
    assert two is not None
    assert one.grants == two.grants
    later = now() + timedelta(hours=2, seconds=1)
    assert place.bearer(old["token"], clock=lambda: later) is None
    assert place.bearer(new["token"], clock=lambda: later) is not None
    states = {item["token_id"]: item["state"] for item in run_json(capsys, "token", "list")["items"]}
    assert states[old["token_id"]].startswith("ends ")
    assert states[new["token_id"]] == "good"


def test_a_revoked_token_is_over_and_is_not_rotated(place: Place, capsys: Capture) -> None:
    token = run_json(capsys, "token", "issue", "--source", "wiki", "--expires", DAY)
    assert run(capsys, "token", "revoke", token["token_id"]).strip() == f"{token['token_id']} is revoked."
    assert place.bearer(token["token"]) is None
    again = run_json(capsys, "token", "revoke", token["token_id"])
    assert again["state"] == "revoked"
    said = run_json(capsys, "token", "rotate", token["token_id"], "--expires", DAY, status=1)
    assert said["error"] == f"{token['token_id']} is revoked; issue a new one."
    assert len(run_json(capsys, "token", "list")["items"]) == 1


def test_a_token_of_a_person_is_good_for_what_they_may_do_and_ends_with_a_sign_out(
    place: Place, capsys: Capture
) -> None:
    token = run_json(capsys, "token", "issue", "--person", ANN, "--expires", DAY)
    assert kind_of(token["token"]) == "pat"
    who = place.bearer(token["token"])
    assert who is not None
    assert (who.ref, who.grants) == (ANN, ())
    run_json(capsys, "roster", "grant", ANN, "--role", "operator", *NAMED)
    who = place.bearer(token["token"])
    assert who is not None
    assert [grant.role for grant in who.grants] == [Role.OPERATOR]
    run_json(capsys, "roster", "sign-out", ANN)
    assert place.bearer(token["token"]) is None


def test_a_token_of_a_person_who_never_signed_in_is_said_to_open_no_cases(place: Place, capsys: Capture) -> None:
    assert cli.main(["token", "issue", "--person", ANN, "--expires", DAY]) == 0
    assert "until its owner has signed in at the desk" in capsys.readouterr().err
    sign_in(place, ANN)
    assert cli.main(["token", "issue", "--person", ANN, "--expires", DAY]) == 0
    assert "signed in" not in capsys.readouterr().err


@pytest.mark.parametrize("order", [["revoke", "token:none"], ["rotate", ANN, "--expires", DAY]])
def test_a_token_that_is_unknown_is_said_to_be(place: Place, capsys: Capture, order: list[str]) -> None:
    run_json(capsys, "roster", "grant", ANN, "--role", "operator", *NAMED)
    said = run_json(capsys, "token", *order, status=1)
    assert re.fullmatch(r"There is no token \S+\.", said["error"])
    assert len(place.events()) == 1
