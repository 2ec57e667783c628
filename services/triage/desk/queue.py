"""What responders do: find their cases, read what was reported, carry commands out. Load, decide, save."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

import orjson
from pydantic import Field

from services.triage.actions import CaseStore, Change, Query, Stored, carry_out
from services.triage.case.case import Case, Step
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Recuse, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.commands.table import Command
from services.triage.case.evolve import fold
from services.triage.case.forms import FORMS, Form, read, resource_of
from services.triage.case.lifecycle import CannotHave, NotPermitted, UnknownOutcome
from shared import metrics
from shared.access.authorization import allow, demand, reaches
from shared.access.conditions import Permit
from shared.access.principal import Principal, Reach, Role
from shared.events import Actor, CaseState
from shared.ids import derive
from shared.policy import Policy
from shared.problems import FieldError, KeyReused, NotFound, Problem
from shared.telemetry import current_traceparent
from shared.times import Utc, now, rfc3339
from shared.vault_client import Contents
from shared.web.paging import Cursors

SECTIONS = ("content", "reported", "correspondence")
"""What a responder reads. Who reported stays in the vault: nobody needs it to look into a case."""


class QueuePlace(NamedTuple):
    """The place of a case in the queue."""

    rank: Annotated[int, Field(ge=0, lt=100)]
    due: Utc
    case_id: str


CURSORS = Cursors(QueuePlace)


class Vault(Protocol):
    """What the desk needs of intake's vault (shared.vault_client.VaultClient)."""

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]: ...

    async def keep_statement(
        self, report_id: str, statement_id: str, *, kind: str, text: str, behalf: Actor
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as somebody gave it. `seen`: the version of the case they looked at; `cause`: its id, for retries."""

    command: str
    values: Mapping[str, object]
    seen: int
    cause: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What an order came to: the same for every repetition of it."""

    case_id: str
    code_name: str
    command: str
    state: CaseState
    version: int


class VersionConflict(Problem):
    """The case is not any more what the sender saw; `changes` are the steps since then."""

    def __init__(self, case: Case, seen: int) -> None:
        super().__init__(412, "case-changed", "The case has changed since you looked at it.")
        self.case = case
        self.changes = tuple(step for step in case.history if step.seq > seen)

    def document(self, request_id: str) -> dict[str, object]:
        """The problem, with the version to use next and what changed meanwhile."""
        changes = [show_step(step) for step in self.changes]
        return {**super().document(request_id), "version": self.case.seq, "changes": changes}


def show_step(step: Step) -> dict[str, object]:
    """A step of a case's history as the API shows it."""
    return {
        "version": step.seq,
        "event": step.fact,
        "at": rfc3339(step.at),
        "actor": step.actor,
        "role": step.role,
        "previous": step.previous,
        "state": step.state,
        "detail": step.detail,
    }


class Handlers(Protocol):
    """What the desk needs of the roster (shared.access.roster.Roster)."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which part of the queue: these bodies and states (empty: all), after this place, at most `limit`."""

    bodies: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    after: tuple[int, datetime, str] | None = None
    limit: int = 50


class Desk:
    """The cases that a principal may do something with. All others do not exist for them (Problem 404)."""

    def __init__(
        self,
        cases: CaseStore,
        vault: Vault,
        policy: Policy,
        key: bytes,
        people: Handlers,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`key` makes the digests by which a repeated order is told from another one with the same id."""
        self._cases = cases
        self._vault = vault
        self._key = key
        self._people = people
        self._clock = clock
        self.policy = policy

    async def find(self, principal: Principal, case_id: str) -> Case:
        """The case with this id. Raises Problem 404."""
        return self._theirs(principal, (await self._cases.load([case_id])).get(case_id)).case

    async def find_by_code_name(self, principal: Principal, code_name: str) -> Case:
        """The case that people call by this name. Raises Problem 404."""
        return self._theirs(principal, await self._cases.find_by_code_name(code_name)).case

    def bodies(self, principal: Principal) -> tuple[str, ...]:
        """The handling bodies whose queue a principal may see, in the order in which they were given."""
        found = reaches(principal, "case.list", self._clock())
        return tuple(dict.fromkeys(body for reach in found for body in reach.bodies))

    async def queue(self, principal: Principal, wanted: QueueFilter) -> list[Case]:
        """Cases that the principal may see, the most urgent first."""
        found = [
            Reach(tuple(b for b in reach.bodies if not wanted.bodies or b in wanted.bodies), reach.communities)
            for reach in reaches(principal, "case.list", self._clock())
        ]
        within = tuple(reach for reach in found if reach.bodies)
        if not within:
            return []
        query = Query(within, principal.ref, principal.pseudonyms, wanted.states, wanted.after, wanted.limit)
        return await self._cases.queue(query)

    async def read(self, principal: Principal, case: Case) -> Contents:
        """What was reported. The vault notes who read it, before it answers.

        Raises Problem 403 for a role that may not, Unavailable while the vault is away.
        """
        permit = demand(principal, "case.read_content", resource_of(case, self.policy), self._clock())
        found = await self._vault.read(
            [case.report_id], sections=SECTIONS, purpose="review", behalf=principal.actor(permit.role)
        )  # fmt: skip
        return found.get(case.report_id) or Contents(case.report_id, {})

    async def carry_out(self, principal: Principal, case_id: str, order: CommandRequest) -> CommandResult:
        """Carry an order out, once however often it comes.

        Raises Problem: 404, 403 (role), 422 (fields, or another order under the same id), Stale (412), 409 (state).
        """
        form = FORMS.get(order.command)
        if form is None:
            raise Problem(404, "not-found", "There is no such command.")
        stored = self._theirs(principal, (await self._cases.load([case_id])).get(case_id))
        role = demand(principal, form.action, resource_of(stored.case, self.policy), self._clock()).role
        digest = self._digest(order)
        while True:
            if order.cause in stored.applied:
                return self._repeated(stored, order, digest)
            if order.seen != stored.case.seq:
                metrics.COMMANDS.labels(order.command, "conflict").inc()
                raise VersionConflict(stored.case, order.seen)
            change = await self._decide(principal, role, stored, form, order, digest)
            if change is None or not await self._cases.save([change]):
                metrics.COMMANDS.labels(order.command, "done").inc()
                case = change.case if change else stored.case
                return CommandResult(case.id, case.code_name, order.command, case.state, case.seq)
            # Somebody else's change came in between; the next look tells whether it was this very order, or says what.
            stored = self._theirs(principal, (await self._cases.load([case_id])).get(case_id))

    async def _decide(
        self, principal: Principal, role: Role, stored: Stored, form: Form, order: CommandRequest, digest: str
    ) -> Change | None:
        case, actor = stored.case, principal.actor(role)
        values = read(form, order.values, self.policy, principal, role)
        command, words = _command(form, values, derive(form.command, order.cause, digest))
        try:
            if isinstance(command, Assign) and not await self._can_have(case, command.assignee, principal):
                raise CannotHave(case.id)
            events = carry_out(case, command, self.policy, case.id, actor, order.cause, current_traceparent())
        except NotPermitted as refusal:
            metrics.COMMANDS.labels(order.command, "refused").inc()
            now = ", ".join(refusal.permitted) or "nothing"
            detail = f"The case is in state {refusal.state}; permitted now: {now}."
            raise Problem(409, "command-not-permitted", "This cannot be done now.", detail=detail) from None
        except UnknownOutcome:
            fault = FieldError("/outcome", "unknown_choice", "Choose one of the options.")
            raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[fault]) from None
        except CannotHave:
            fault = FieldError("/assignee", "cannot_have", "This person cannot have this case.")
            raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[fault]) from None
        if not events:
            return None
        kept = True
        if words:
            # Words first: without the event nobody ever sees them, while an event without words would be a lie.
            kept = await self._keep(actor, case, *words)
        after = fold(events, case)
        assert after is not None  # noqa: S101  # folding onto a case gives a case
        return Change(after, stored, events, [order.cause], {order.cause: digest} if kept else {})

    async def _can_have(self, case: Case, assignee: str, giver: Principal) -> bool:
        """Whether somebody could begin to look into the case. Why not is not told: they may be named in the report."""
        at = self._clock()
        who = giver
        if assignee != giver.ref:
            found = await self._people.person(assignee, began_at=at, authenticated_at=None)
            who = found or Principal(assignee)
        return isinstance(allow(who, "case.start", resource_of(case, self.policy), at), Permit)

    async def _keep(self, actor: Actor, case: Case, kind: str, statement_id: str, text: str) -> bool:
        """Have the vault keep words; False when the report is erased and the case can end without them.

        Raises Problem 410 when it cannot: nobody can be asked any more.
        """
        try:
            await self._vault.keep_statement(case.report_id, statement_id, kind=kind, text=text, behalf=actor)
        except Problem as problem:
            if problem.status != 410:
                raise
            if kind != "reason":
                raise Problem(410, "report-erased", "This report has been erased.") from None
            return False
        return True

    def _theirs(self, principal: Principal, stored: Stored | None) -> Stored:
        """The case, if the principal may read it; whether there is none or it is not theirs, nobody can tell."""
        if stored is None:
            raise NotFound
        demand(principal, "case.read", resource_of(stored.case, self.policy), self._clock())
        return stored

    def _repeated(self, stored: Stored, order: CommandRequest, digest: str) -> CommandResult:
        if stored.requests.get(order.cause, digest) != digest:
            raise KeyReused
        metrics.COMMANDS.labels(order.command, "repeated").inc()
        case = stored.case
        step = next((s for s in reversed(case.history) if s.cause == order.cause), case.history[-1])
        return CommandResult(case.id, case.code_name, order.command, step.state, step.seq)

    def _digest(self, order: CommandRequest) -> str:
        # Keyed, because the digest of a short question would tell the question.
        body = orjson.dumps([order.command, dict(order.values)], option=orjson.OPT_SORT_KEYS)
        return hmac.digest(self._key, b"hearth order\x1f" + body, "sha256").hex()


def _command(form: Form, values: Mapping[str, str], statement_id: str) -> tuple[Command, tuple[str, str, str] | None]:
    """The command, and the words that go to the vault: their kind, id and text."""
    match form.command:
        case Assign.name:
            return Assign(values["assignee"]), None
        case Start.name:
            return Start(), None
        case Ask.name:
            return Ask(statement_id), ("question", statement_id, values["question"])
        case Decide.name:
            return Decide(values["outcome"], statement_id), ("reason", statement_id, values["reason"])
        case Recuse.name:
            return Recuse(values["person"], values["ground"]), None
        case Close.name:
            return Close(), None
        case other:
            raise AssertionError(f"{other} has a form but no command")


async def page_of(
    desk: Desk, principal: Principal, states: tuple[str, ...], bodies: tuple[str, ...], cursor: str | None, limit: int
) -> tuple[Sequence[Case], str | None]:
    """One page of the queue, and the cursor of the next one. Raises Problem 422 for a cursor that is none of ours."""
    cases = await desk.queue(principal, QueueFilter(bodies, states, CURSORS.read(cursor), limit + 1))
    return CURSORS.cut(cases, limit, lambda case: QueuePlace(*case.place))
