"""What the demo's communities say of the baseline, so that a newcomer finds every kind of result.

The coordinators of the demo say it over HTTP, as their programs would.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from infra.local.system import System
from shared.access.principal import Role
from shared.http import Client, make_blocking_http
from shared.times import now, rfc3339

Say = Callable[..., str]
BRIEF = timedelta(seconds=5)
"""How long the statement holds that ends by itself while the demo runs."""
WHAT = (
    "English Wikipedia is safe to report in; its statistics wait for a second person (Ada Auditor can confirm them)",
    "Wikipedia ya Kiswahili says itself what it does not meet, and has too few cases to measure",
    "ويكيبيديا العربية: one statement has ended by itself, another one ends soon",
    "Wikimedia Examplia says that all handlers are bound to confidentiality; the roster contradicts that",
    "Examplia Hackathon 2026 has published its report, and a second coordinator has confirmed it",
)


def tell_baseline(system: System, bodies: tuple[str, ...]) -> None:
    """Have the communities attest, and a second coordinator confirm. `bodies`: those that the coordinators serve."""
    contacts = {"contacts": [system.account(name) for name in ("demo-responder", "demo-reported")]}
    first = _client(system, bodies, system.account("demo-coordinator"))
    second = _client(system, bodies, "second coordinator")
    # The handler is on the roster without an agreement, which is what the record contradicts.
    system.enrol_newcomer("newest member", "wmxx_committee")
    with first, second:
        _english(_speaker(first, "enwiki"), _speaker(second, "enwiki"), contacts)
        _swahili(_speaker(first, "swwiki"))
        _arabic(_speaker(first, "arwiki"), contacts)
        _affiliate(_speaker(first, "wikimedia_examplia"))
        hackathon = "examplia_hackathon_2026"
        _event(_speaker(first, hackathon), _speaker(second, hackathon), contacts)


def _english(say: Say, confirm: Say, contacts: dict[str, list[str]]) -> None:
    pages = "https://en-wiki.example/wiki"
    _attest(say, "HB-01", "The main page and every help page link the way to report.", f"{pages}/Report?oldid=71")
    _attest(say, "HB-02", "Two contacts take reports, each by a mailbox of their own.", f"{pages}/Contacts?oldid=72",
            fields=contacts)  # fmt: skip
    made = _attest(say, "HB-09", "Appeals go to a committee whose members decided nothing before.",
                   f"{pages}/Appeals?oldid=73")  # fmt: skip
    confirm("confirm", attestation_id=made)
    _attest(say, "HB-10", "Numbers of reports, outcomes and times of the last half-year.", f"{pages}/Numbers?oldid=74",
            fields={"published_on": [_day(20)]})  # fmt: skip
    _attest(say, "HB-14", "Four people listen and have no part in cases.", f"{pages}/Peer_support?oldid=75")


def _swahili(say: Say) -> None:
    _attest(say, "HB-01", "The side bar of every page links the way to report.", "https://sw-wiki.example/wiki/Ripoti")
    _attest(say, "HB-02", "We have one contact, and look for a second one.", claim="not_met")
    _attest(say, "HB-14", "Nobody offers peer support in Kiswahili yet.", claim="not_met")


def _arabic(say: Say, contacts: dict[str, list[str]]) -> None:
    page = "https://ar-wiki.example/wiki/Report"
    _attest(say, "HB-01", "The help page says how to report; it is being moved.", page, until=BRIEF)
    _attest(say, "HB-02", "Two contacts take reports until the next election.", page, fields=contacts,
            until=timedelta(days=12))  # fmt: skip


def _affiliate(say: Say) -> None:
    _attest(
        say, "HB-01", "Our website and every invitation link the way to report.", "https://affiliate.example/report"
    )
    _attest(say, "HB-07", "All members of the committee have signed the agreement.")
    _attest(say, "HB-12", "We meet online only.", claim="not_applicable")
    say("annotate", responsibility_id="HB-07", statement="The newest member signs at the next meeting.")


def _event(say: Say, confirm: Say, contacts: dict[str, list[str]]) -> None:
    site = "https://hackathon.example"
    _attest(say, "HB-01", "The badge of each participant has the way to report on its back.", f"{site}/report")
    _attest(say, "HB-12", "Participants agreed to the policy when they registered.", f"{site}/friendly-space")
    dates = {"event_ended": [_day(40)], "report_published": [_day(15)]}
    made = _attest(say, "HB-11", "Both contacts stood on the wall at the entrance; the report tells what we learnt.",
                   f"{site}/safety-report", fields={**contacts, **dates})  # fmt: skip
    confirm("confirm", attestation_id=made)
    say(
        "list_project", title="Quiet room and peer support at hackathons", stakeholder="Wikimedia Examplia",
        lead="Event safety team", geography="Examplia", phase="Pilot", responsibilities=["HB-14"], began_on=_day(90),
    )  # fmt: skip


def _attest(
    say: Say,
    responsibility: str,
    statement: str,
    link: str | None = None,
    *,
    claim: str = "met",
    fields: dict[str, list[str]] | None = None,
    until: timedelta | None = None,
) -> str:
    """Attest; gives the id of the attestation."""
    until_at = {"valid_until": rfc3339(now() + until)} if until else {}
    return say(
        "attest", responsibility_id=responsibility, claim=claim, statement=statement, link=link, fields=fields or {},
        **until_at,
    )  # fmt: skip


def _speaker(http: Client, community: str) -> Say:
    """Makes changes of a community, each on its newest version; gives the id of the newest attestation."""

    def say(change: str, **body: Any) -> str:
        path = f"/v1/baseline/{community}"
        seen = http.get(path).raise_for_status().headers["ETag"]
        after = http.post(f"{path}/{change}", json=body, headers={"If-Match": seen}).raise_for_status().json()
        return str(next((a["attestation_id"] for a in after["attestations"]), ""))

    return say


def _client(system: System, bodies: tuple[str, ...], who: str) -> Client:
    token = system.token(Role.COORDINATOR, *bodies, ref=who)
    return make_blocking_http(system.url("triage"), headers={"Authorization": f"Bearer {token}"})


def _day(ago: int) -> str:
    return f"{now() - timedelta(days=ago):%Y-%m-%d}"
