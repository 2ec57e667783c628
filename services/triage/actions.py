"""What responders and coordinators do with a case: they give it commands."""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, takes
from services.triage.case.commands.sorting import way_of
from services.triage.case.commands.table import carry_out, carry_out_other
from services.triage.case.forms import FORMS, Form, read, resource_of
from services.triage.case.lifecycle import FieldsRefused, NotPermitted, Taken, cannot_have
from services.triage.case.tokens import Tokens
from services.triage.consequences import Consequences
from services.triage.patterns.actions import Patterns
from services.triage.reading import Handlers, Reading, Vault
from services.triage.requests import CommandRequest, CommandResult
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase, count_passed_on
from shared import metrics
from shared.access.authorization import demand, is_permitted
from shared.access.principal import Principal
from shared.aggregates import change, change_together
from shared.events import Actor, Event
from shared.ids import derive
from shared.policy import Policy
from shared.problems import FieldsWrong, KeyReused, NotFound, Problem
from shared.telemetry import current_traceparent
from shared.times import now


class Desk(Reading):
    """What a principal may do with the cases that the principal may read."""

    def __init__(
        self,
        cases: CaseStore,
        vault: Vault,
        policy: Policy,
        key: bytes,
        people: Handlers,
        sight: Sight,
        staffing: Staffing,
        tokens: Tokens,
        patterns: Patterns,
        clock: Callable[[], datetime] = now,
        own: Callable[[], datetime] = now,
    ) -> None:
        """`key` makes the digests of requests: a repeated request has the same digest, another one has not.

        `own`: the time of the machine, by which sign-ins are noted.
        """
        super().__init__(cases, vault, policy, people, sight, staffing, tokens, patterns, clock)
        self._key = key
        self._own = own
        self._consequences = Consequences(cases, sight, staffing, tokens, policy, clock)

    async def carry_out(self, principal: Principal, case_id: str, request: CommandRequest) -> CommandResult:
        """Carry a command out, once however often its request comes.

        Raises Problem: 404, 403 (role), 422 (fields, or another request under the same id), VersionConflict (412), 409
        (state), 410 (the report is erased), DamagedCase; and Unavailable.
        """
        form = FORMS.get(request.command)
        if form is None:
            raise NotFound
        digest = self._digest(request)
        result: tuple[str, CommandResult] | None = None
        repeated: list[Case] = []
        async with self._readable(principal):
            other_id = await self._others.named_in(form, request.values, case_id)

        async def decide(found: Mapping[str, StoredCase]) -> Sequence[CaseChange]:
            nonlocal result
            stored = await self._theirs(principal, found.get(case_id))
            # Also where the right to the command has ended with it. No other person has this cause.
            if request.cause in stored.applied:
                result = "repeated", self._repeated(stored, request, digest)
                repeated.append(stored.case)
                return []
            resource = resource_of(stored.case, self.policy, asked=form.kind.by_asked)
            permit = demand(principal, form.action, resource, self._own())
            if request.seen != stored.case.seq:
                metrics.COMMANDS.labels(request.command, "conflict").inc()
                raise await self.conflict(principal, self._as_seen(principal, stored.case), request.seen)
            actor = principal.actor(permit.role)
            meant, faults = read(form, request.values, self.policy, principal)
            people = await self.people_of(stored.case)
            other = found.get(other_id or "")
            faults += await self._others.give(form, meant, other, principal)
            command = form.command_of(
                meant,
                actor,
                people=await self._meant_in_both(people, other),
                words_id=lambda field: derive(form.command, request.cause, digest, field),
                token_of=lambda person: self._tokens.of(case_id, person),
                refs=self._others.refs(case_id, other_id),
                assignee_stays=await self._stays(form, stored.case, other, principal),
                survivor=other.case if other else None,
                kin=await self._others.kin(stored.case) if takes(form.kind, "kin") else (),
            )
            if faults:
                raise FieldsWrong(faults).and_further(command.faults(stored.case, self.policy, self.clock()))
            after, events = await self._after(stored.case, people, form, command, principal, actor, request)
            way = way_of(after, self.policy) if form.kind.sorts else None
            result = "done", CommandResult(case_id, after.code_name, request.command, after.state, after.seq, way)
            if not events:
                return []
            # The vault keeps the words first: nobody sees words without an event, but no event may lack its words.
            is_kept = await self._keep_words(form, command, stored.case, actor)
            # The vault learns who a token is, and shuts nobody out before an event of the case has it.
            for token, person in command.named.items():
                await self._vault.name(stored.case.report_id, token, person, behalf=actor)
            ours = CaseChange(after, stored, events, [request.cause], {request.cause: digest} if is_kept else {})
            return [ours, await self._after_other(other, stored.case, command, actor, request)] if other else [ours]

        async def decide_one(_: str, stored: StoredCase | None) -> CaseChange | None:
            return next(iter(await decide({case_id: stored} if stored else {})), None)

        async with self._readable(principal):
            if other_id is None:
                written: Collection[CaseChange] = (await change(self._cases, [case_id], decide_one)).values()
            else:
                written = await change_together(self._cases, [case_id, other_id], decide)
        for done in written:
            count_passed_on(done, self.policy)
        # The process may have ended here the first time.
        await self._consequences.of(written, repeated)
        assert result is not None  # noqa: S101  # `decide` has set it, or raised
        # The store takes two requests of one id that come at once for one, and may have written the other one.
        if written and (stored := (await self._cases.load([case_id])).get(case_id)):
            self._repeated(stored, request, digest)
        metrics.COMMANDS.labels(request.command, result[0]).inc()
        return result[1]

    async def _meant_in_both(self, people: People, other: StoredCase | None) -> People:
        """Those who could handle the case, who also know the tokens of the other one that a command names."""
        if other is None:
            return people
        return replace(people, meant={**people.meant, **(await self.people_of(other.case)).meant})

    async def _after(
        self,
        case: Case,
        people: People,
        form: Form,
        command: Command,
        principal: Principal,
        actor: Actor,
        request: CommandRequest,
    ) -> tuple[Case, list[Event]]:
        people = replace(people, meant={**people.meant, **command.named})
        try:
            for field, person in form.handlers_of(command):
                if not await self._can_have(case, person, principal):
                    raise FieldsRefused([cannot_have(field)])
            after, events = carry_out(
                case,
                command,
                self.policy,
                people,
                self.clock(),
                case_id=case.id,
                actor=actor,
                cause=request.cause,
                trace=current_traceparent(),
            )
        except NotPermitted as refusal:
            metrics.COMMANDS.labels(request.command, "refused").inc()
            permitted = ", ".join(refusal.permitted) or "nothing"
            detail = f"The case is in state {refusal.state}; permitted now: {permitted}."
            raise Problem(409, "command-not-permitted", "This cannot be done now.", detail=detail) from None
        except FieldsRefused as refusal:
            raise FieldsWrong(refusal.faults) from None
        except Taken:
            metrics.COMMANDS.labels(request.command, "refused").inc()
            raise Problem(409, "case-taken", "Another person has this case.") from None
        return after or case, events

    async def _after_other(
        self, other: StoredCase, case: Case, command: Command, actor: Actor, request: CommandRequest
    ) -> CaseChange:
        after, events = carry_out_other(
            other.case,
            case,
            command,
            self.policy,
            await self.people_of(other.case),
            self.clock(),
            actor=actor,
            cause=request.cause,
            trace=current_traceparent(),
        )
        return CaseChange(after, other, events, [request.cause])

    async def _stays(self, form: Form, case: Case, other: StoredCase | None, giver: Principal) -> bool:
        """Whether the person who has the other case may see this one, where the command asks for it."""
        if other is None or other.case.assignee is None or not takes(form.kind, "assignee_stays"):
            return True
        return await self._can_have(case, other.case.assignee, giver)

    async def _can_have(self, case: Case, person: str, giver: Principal) -> bool:
        """Whether a person may look into a case. The reason is not told, because the report may name them."""
        at = self.clock()
        who = giver
        if person != giver.ref:
            found = await self._people.person(person, began_at=at, authenticated_at=None)
            who = found or Principal(person)
        resource = resource_of(case, self.policy, await self._sight.shut_out_of(case, person))
        return is_permitted(who, "case.start", resource, at)

    async def _keep_words(self, form: Form, command: Command, case: Case, actor: Actor) -> bool:
        """Have the vault keep the words of a command; False when the report is erased and the command outlives it.

        Raises Problem 410 when it does not: nobody can be asked any more.
        """
        is_kept = True
        for asked, words in form.words_of(command):
            try:
                await self._vault.keep_statement(
                    case.report_id, words.id, kind=asked.kept_as, text=words.text, behalf=actor
                )
            except Problem as problem:
                if problem.status != 410:
                    raise
                if not asked.outlived:
                    raise Problem(410, "report-erased", "This report has been erased.") from None
                is_kept = False
        return is_kept

    def _repeated(self, stored: StoredCase, request: CommandRequest, digest: str) -> CommandResult:
        if stored.requests.get(request.cause, digest) != digest:
            raise KeyReused
        case = stored.case
        step = next((s for s in reversed(case.history) if s.cause == request.cause), case.history[-1])
        way = way_of(case, self.policy) if FORMS[request.command].kind.sorts else None
        return CommandResult(case.id, case.code_name, request.command, step.state, step.seq, way)

    def _digest(self, request: CommandRequest) -> str:
        # Keyed, because the plain digest of a short question would give the question away.
        body = orjson.dumps([request.command, dict(request.values)], option=orjson.OPT_SORT_KEYS)
        return hmac.digest(self._key, b"hearth order\x1f" + body, "sha256").hex()
