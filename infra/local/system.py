"""The whole system on a local stack: topics made, secrets drawn, four services running and ready."""

import asyncio
import base64
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.accounts import open_accounts
from infra.kafka.topics import alter_topics, create_topics
from infra.local.kafka import Operators
from infra.local.people import ACCOUNT_ROLES, Enrolled, enrol_accounts, enrol_and_issue, person_of
from infra.local.ports import LOOPBACK
from infra.local.probes import answers
from infra.local.processes import Process, StackError
from infra.local.sign_in_provider import ACCOUNTS
from infra.local.stack import Stack
from infra.mongo_accounts import open_databases
from services.intake.vault.names import given_keys
from shared.access.principal import Role
from shared.connections import MongoAccess
from shared.http import make_blocking_http
from shared.policy import load_policy
from shared.sign_in.identity import person_ref

SECRETS = (
    "HEARTH_FORM_KEY",
    "HEARTH_IDENTITY_KEY",
    "HEARTH_MASTER_KEY",
    "HEARTH_RECEIPT_PEPPER",
    "HEARTH_PSEUDONYM_KEY",
    "HEARTH_SIGNING_KEY",
)


PLACES: Mapping[Role, tuple[str, str]] = {
    Role.RESPONDER: ("triage", "/v1/cases"),
    Role.COORDINATOR: ("triage", "/v1/roster"),
    Role.AUDITOR: ("audit", "/v1/record/logs"),
    Role.ENFORCER: ("triage", "/v1/measures"),
    Role.OPERATOR: ("notification", "/v1/deliveries"),
}
"""The service for each role, and a page of it that the role may read."""
PATIENCE = 30.0


@dataclass
class System:
    """Addresses of the running services, and the way to sign in to them."""

    stack: Stack
    environment: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Where a service answers, without a trailing slash."""
        return self.processes[service].address

    def token(self, role: Role, *bodies: str, ref: str | None = None) -> str:
        """A token for a person in this role, good for a day, and known to the service of the role.

        `ref` is the reference or any name of the person. Without it, it is that of the role.
        """
        person = ref if ref and ref.startswith("person:") else person_of(ref or role.value)
        token = enrol_and_issue(*self._book(), person, role, bodies)
        service, path = PLACES[role]
        deadline = time.monotonic() + PATIENCE
        while not _opens(f"{self.url(service)}{path}", token):
            if time.monotonic() > deadline:
                raise StackError(f"{service} does not know a token after {PATIENCE:.0f} s.")
            # A token that is not known yet counts as a wrong one, and wrong attempts are slowed down.
            time.sleep(1)
        return token

    def account(self, subject: str) -> str:
        """The reference of the person who signs in with this account of the demo's provider."""
        key = base64.b64decode(self.environment["HEARTH_IDENTITY_KEY"])
        return person_ref(key, self.stack.sign_in, subject)

    def enrol_accounts(self) -> None:
        """Put the accounts of the demo's provider on the roster, in all handling bodies but the last resort."""
        key = base64.b64decode(self.environment["HEARTH_PSEUDONYM_KEY"])
        names = {account.subject: account.username for account in ACCOUNTS}
        people = {
            self.account(subject): Enrolled(role, given_keys(key, names[subject]))
            for subject, role in ACCOUNT_ROLES.items()
        }
        enrol_accounts(*self._book(), people, load_policy().ordinary_bodies)

    def enrol_newcomer(self, name: str, *bodies: str) -> None:
        """Put a person without an account on the roster, as a responder who has no confidentiality agreement yet."""
        key = base64.b64decode(self.environment["HEARTH_PSEUDONYM_KEY"])
        newcomer = Enrolled(Role.RESPONDER, given_keys(key, name), agreed=False)
        enrol_accounts(*self._book(), {person_of(name): newcomer}, bodies)

    def _book(self) -> tuple[str, str, MongoAccess]:
        prefix = self.environment.get("HEARTH_DATABASE_PREFIX", "")
        return self.stack.mongo, prefix, self.stack.mongo_access("triage", prefix)

    def restart(self, service: str, *, kill: bool = True) -> None:
        """End a service (by SIGKILL, as a crash would) and start it again on its port."""
        process = self.processes[service]
        process.kill() if kill else process.stop()
        self.start(service)

    def start(self, service: str, *, wait: bool = True) -> None:
        """Start a service that has ended again on its port, and wait until it is ready."""
        port = self.url(service).rpartition(":")[2]
        self.processes[service] = self.stack.start_service(service, self.environment | {"HEARTH_PORT": port}, wait=wait)


@contextmanager
def run_system(stack: Stack, extra: Mapping[str, str] | None = None) -> Iterator[System]:
    """The four services on `stack`. They end in order at the end.

    `extra` overrides their environment. A kept data folder keeps its secrets too, or nothing stored before could be
    read.
    """
    kept = stack.settings.data
    # Here nobody is an integrator with a name, so everybody may write reports to Kafka. The auditor finds every case.
    plain = {"HEARTH_OPEN_INBOX": "true", "HEARTH_RECORD_DECOYS": "0"}
    environment = {**plain, **draw_secrets(kept / "secrets" if kept else None), **(extra or {})}
    if stack.broker == "kafka":  # the one in memory has every topic from its start, and cannot be asked for more
        create_topics_on(stack.operators, environment.get("HEARTH_TOPIC_PREFIX", ""))
    let_in(stack, environment.get("HEARTH_TOPIC_PREFIX", ""), environment.get("HEARTH_DATABASE_PREFIX", ""))
    intake = stack.start_service("intake", environment, wait=False)
    audit_port = stack.choose_port("audit")
    audit_url = f"http://{LOOPBACK}:{audit_port}"
    environment |= {"HEARTH_INTAKE_URL": intake.address, "HEARTH_PUBLIC_URL": intake.address}
    environment |= {"HEARTH_SCORECARD_URL": audit_url}
    triage = stack.start_service("triage", environment | {"HEARTH_AUDIT_URL": audit_url}, wait=False)
    environment |= {"HEARTH_DESK_URL": triage.address, "HEARTH_TRIAGE_URL": triage.address}
    system = System(stack, environment, {"intake": intake, "triage": triage})
    for name, port in (("notification", None), ("audit", audit_port)):
        system.processes[name] = stack.start_service(name, environment, port=port, wait=False)
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(_wait_ready, process) for process in system.processes.values()]:
            done.result()
    try:
        yield system
    finally:
        with ThreadPoolExecutor() as threads:
            for stopped in [threads.submit(process.stop) for process in system.processes.values()]:
                stopped.result()


def _opens(url: str, token: str) -> bool:
    with make_blocking_http(headers={"Authorization": f"Bearer {token}"}) as http:
        return http.get(url).status_code == HTTPStatus.OK


def _wait_ready(process: Process) -> None:
    process.wait_ready(lambda: answers(f"{process.address}/health/ready"))


def draw_secrets(folder: Path | None = None) -> dict[str, str]:
    """Fresh secrets, or those in `folder`. New ones are kept there, readable by their owner only."""
    drawn = {}
    for name in SECRETS:
        file = folder / name.lower() if folder else None
        if file and file.exists():
            drawn[name] = file.read_text(encoding="utf-8")
            continue
        drawn[name] = base64.b64encode(secrets.token_bytes(32)).decode()
        if file:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(drawn[name], encoding="utf-8")
    return drawn


def create_topics_on(kafka: str | Operators, prefix: str = "") -> None:
    """Make the broker agree with the table of topics."""
    operators = Operators(kafka) if isinstance(kafka, str) else kafka

    async def agree(admin: AIOKafkaAdminClient) -> None:
        # A kept data folder may have topics of an earlier version. A question about a new topic would make it.
        await alter_topics(admin, prefix)
        await create_topics(admin, prefix)

    asyncio.run(_ask(operators, agree))


def let_in(stack: Stack, topic_prefix: str = "", database_prefix: str = "") -> None:
    """Make every service known to Kafka and MongoDB of a secure stack. Another stack needs nothing. Safe to repeat."""
    credentials = stack.credentials
    if credentials:
        asyncio.run(_ask(stack.operators, lambda admin: open_accounts(admin, credentials, topic_prefix)))
        asyncio.run(open_databases(stack.mongo, credentials, database_prefix, ca=credentials.ca))


async def _ask(operators: Operators, question: Callable[[AIOKafkaAdminClient], Awaitable[object]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=operators.bootstrap, **operators.access.options())
    await admin.start()
    try:
        await question(admin)
    finally:
        await admin.close()
