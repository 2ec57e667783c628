"""`hearth doctor`: whether everything is there that Hearth needs, one line for each check."""

import asyncio
import os
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from aiokafka.admin import AIOKafkaAdminClient
from cryptography.x509 import load_pem_x509_certificate
from pydantic import ValidationError
from rich.console import RenderableType

from infra.commands.console import FINDING, AsJson, Trouble, answer, count, table
from infra.commands.documents.settings_page import settings_of
from infra.commands.kafka.broker import ask_admin
from infra.commands.kafka.dead_letters import unsettled
from infra.commands.options import (
    KAFKA,
    MONGO,
    Kafka,
    Mongo,
    PolicyDir,
    TopicPrefix,
    checked,
    kafka_access,
    mongo_access,
)
from infra.commands.policy import load_both
from infra.credentials import ENDS_SOON
from infra.kafka.topics import Drift, find_drift, topics_at
from infra.services import SERVICES
from shared.connections import MongoAccess
from shared.http import AsyncClient, HTTPError, InvalidURL, make_http
from shared.input.host_names import bracketed
from shared.kafka.topics import INBOX, NO_TOKEN, TOPICS, is_inbox, writer_of
from shared.mongo import PyMongoError, connect, say_hello
from shared.policy import PolicyError
from shared.setting_kinds import check_address, check_server
from shared.settings import faults_in
from shared.times import now

MOST_SKEW_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0

Smtp = Annotated[
    str,
    typer.Option("--smtp", envvar="HEARTH_SMTP", help="Mail server, as host:port.", callback=checked(check_server)),
]


def _url(service: str) -> str:
    return f"http://127.0.0.1:{SERVICES[service].port}"


def _url_option(service: str) -> object:
    return typer.Option(
        f"--{service}-url",
        envvar=f"HEARTH_{service.upper()}_URL",
        help=f"Where {service} answers.",
        callback=checked(check_address),
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `detail` is a sentence."""

    check: str
    ok: bool
    detail: str


def doctor(
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    mongo: Mongo = MONGO,
    smtp: Smtp = "127.0.0.1:1025",
    intake_url: Annotated[str, _url_option("intake")] = _url("intake"),
    triage_url: Annotated[str, _url_option("triage")] = _url("triage"),
    notification_url: Annotated[str, _url_option("notification")] = _url("notification"),
    audit_url: Annotated[str, _url_option("audit")] = _url("audit"),
    policy_dir: PolicyDir = None,
    settings: Annotated[
        bool, typer.Option(help="Also check that this environment has every setting of every service.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Check Kafka, MongoDB, mail, the services, settings, policy and clock; exit status 1 if anything is wrong."""
    urls = {"intake": intake_url, "triage": triage_url, "notification": notification_url, "audit": audit_url}

    async def run() -> list[Finding]:
        found = await asyncio.gather(
            _check_kafka(kafka, topic_prefix),
            _check_mongo(mongo, mongo_access()),
            _check_certificates(kafka, mongo),
            _check_mail(smtp),
            _check_services(urls),
        )
        return [finding for findings in found for finding in findings]

    findings = [*asyncio.run(run()), _check_policy(policy_dir), *(check_settings() if settings else ())]
    well = all(f.ok for f in findings)
    answer({"ok": well, "checks": [asdict(f) for f in findings]}, as_json, lambda: _show(findings))
    if not well:
        raise typer.Exit(FINDING)


async def _check_kafka(bootstrap: str, prefix: str) -> list[Finding]:

    async def look(admin: AIOKafkaAdminClient) -> list[Drift]:
        return await find_drift(admin, prefix, await topics_at(admin, prefix))

    try:
        drift = await ask_admin(bootstrap, 0, look, access=kafka_access(prefix))
    except Trouble as trouble:
        return [Finding("kafka", False, trouble.sentence)]
    found = [Finding("kafka", True, f"{bootstrap} answers.")]
    if drift:
        sentence = f"{count(len(drift), 'difference')} from the table: see `hearth topics check`."
        # Without their topics there are no dead letters to count.
        return [*found, Finding("topics", False, sentence)]
    found.append(Finding("topics", True, f"All {len(TOPICS)} are as they should be."))
    try:
        letters = await unsettled(bootstrap, prefix, with_values=False)
    except Trouble as trouble:
        return [*found, Finding("dead letters", False, trouble.sentence)]
    by_inbox = Counter(entry.letter.topic for entry in letters if is_inbox(entry.letter.topic))
    told = "".join(f", {number} of them from {topic}" for topic, number in sorted(by_inbox.items()))
    sentence = f"{count(len(letters), 'dead letter')} waiting{told}: see `hearth dead-letters list`."
    found.append(Finding("dead letters", not letters, sentence if letters else "None are waiting."))
    without = Counter(writer_of(entry.letter.topic) for entry in letters if entry.letter.code == NO_TOKEN)
    return [
        *found,
        *(
            Finding(
                f"token of {name}",
                False,
                f"{count(number, 'record')} came without a good one: issue one for the source {name}, and then "
                f"`hearth dead-letters retry --all --topic {INBOX}.{name} --code {NO_TOKEN}`.",
            )
            for name, number in sorted(without.items(), key=lambda item: str(item[0]))
        ),
    ]


async def _check_mongo(uri: str, access: MongoAccess) -> list[Finding]:
    client = connect(uri, service="cli", access=access)
    try:
        hello = await say_hello(client)
        build = await client.admin.command("buildInfo")
    except (PyMongoError, ValueError) as error:
        # The URI may hold a password, so it is not repeated.
        return [Finding("mongodb", False, f"No primary answers ({type(error).__name__}).")]
    finally:
        client.close()
    if not hello.get("isWritablePrimary"):
        return [Finding("mongodb", False, "The server answers but is not the primary.")]
    if "setName" not in hello:
        return [Finding("mongodb", False, "The server is not in a replica set: see `hearth replica-set initiate`.")]
    told: datetime = hello["localTime"]
    skew = abs((now() - told).total_seconds())
    return [
        Finding("mongodb", True, f"The primary of {hello['setName']} answers, version {build['version']}."),
        Finding("clock", skew <= MOST_SKEW_SECONDS, f"{skew:.1f} s away from MongoDB's clock."),
    ]


async def _check_certificates(kafka: str, mongo: str) -> list[Finding]:
    """Until when the certificates of the servers are good, where TLS is used."""
    checks: list[Awaitable[Finding]] = []
    if kafka_access().security != "plaintext":
        checks.append(_check_certificate("kafka", kafka.partition(",")[0], kafka_access().ca))
    if mongo_access().ca:
        first = mongo.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(",")[0]
        checks.append(_check_certificate("mongodb", first, mongo_access().ca))
    return list(await asyncio.gather(*checks))


async def _check_certificate(name: str, address: str, ca: Path | None) -> Finding:
    host, _, port = address.rpartition(":")

    def ask() -> datetime:
        shown = ssl.get_server_certificate((host, int(port)), ca_certs=str(ca) if ca else None, timeout=TIMEOUT_SECONDS)
        return load_pem_x509_certificate(shown.encode()).not_valid_after_utc

    try:
        ends = await asyncio.to_thread(ask)
    except (OSError, ValueError):
        return Finding(f"certificate of {name}", False, f"{address} shows none that is trusted.")
    well = ends - now() > ENDS_SOON
    sentence = f"Good until {ends.date()}." if well else f"Ends on {ends.date()}: see `hearth certificates --renew`."
    return Finding(f"certificate of {name}", well, sentence)


async def _check_mail(server_address: str) -> list[Finding]:
    host, _, port = server_address.rpartition(":")

    def greet() -> bool:
        with smtplib.SMTP(host, int(port), timeout=TIMEOUT_SECONDS) as server:
            return server.noop()[0] == 250

    try:
        well = await asyncio.to_thread(greet)
    except (OSError, ValueError, smtplib.SMTPException):
        well = False
    return [Finding("mail", well, f"{server_address} {'takes' if well else 'does not take'} mail.")]


async def _check_services(urls: Mapping[str, str]) -> list[Finding]:
    async with make_http(seconds=TIMEOUT_SECONDS, connect=TIMEOUT_SECONDS, proxies=False) as client:
        checks: list[Awaitable[Finding]] = [_check_service(client, name, url) for name, url in urls.items()]
        return list(await asyncio.gather(*checks))


async def _check_service(client: AsyncClient, name: str, url: str) -> Finding:
    started = time.monotonic()
    try:
        response = await client.get(f"{_inside(url)}/health/ready")
        body = response.json()
        waiting, policy = body.get("waiting_for", {}), body.get("policy")
    except (HTTPError, InvalidURL, ValueError, AttributeError):
        return Finding(name, False, f"{url} does not answer.")
    if response.status_code != HTTPStatus.OK:
        reasons = "; ".join(f"{part}: {reason}" for part, reason in waiting.items()) or f"status {response.status_code}"
        return Finding(name, False, f"{url} is not ready ({reasons}).")
    if policy:
        return Finding(name, False, f"{url} is ready, but {policy}.")
    return Finding(name, True, f"{url} is ready ({(time.monotonic() - started) * 1000:.0f} ms).")


def _inside(url: str) -> str:
    """Where a service says what it waits for. Where no port for that is known, it only says whether it is ready."""
    port = os.environ.get("HEARTH_INSIDE_PORT")
    parts = urlsplit(url)
    return f"{parts.scheme}://{bracketed(parts.hostname or '')}:{port}" if port else url


def _check_policy(directory: Path | None) -> Finding:
    try:
        policy, baseline = load_both(directory)
        return Finding("policy", True, f"Version {policy.version}, baseline {baseline.version}.")
    except PolicyError as error:
        found = count(len(error.findings), "finding")
        stands = "A service that has started with a good policy goes on with that one; a first start is refused."
        return Finding("policy", False, f"{found}: see `hearth policy check`. {stands}")


def check_settings() -> list[Finding]:
    """Whether this environment has what each service needs to start."""
    found = []
    for service in SERVICES:
        kind = settings_of(service)
        if kind is None:
            continue
        try:
            kind()
        except ValidationError as error:
            names = sorted(faults_in(error))
            found.append(Finding(f"settings of {service}", False, f"Missing or wrong: {', '.join(names)}."))
        else:
            found.append(Finding(f"settings of {service}", True, "Complete."))
    return found


def _show(findings: list[Finding]) -> RenderableType:
    return table(("", "Check", ""), [("✓" if f.ok else "✗", f.check, f.detail) for f in findings])
