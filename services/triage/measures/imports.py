"""Brings measures from before Hearth into the register: the good rows of a table, each once however often it comes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.code_names import code_name_of
from services.triage.case.commands.command import ENTRY
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.commands.table import carry_out
from services.triage.case.reach import may_order
from services.triage.measures.sheet import Row, RowResult, Table, Told, faults_of, told_by
from services.triage.measures.store import InForceStore
from services.triage.stored import CaseChange, CaseStore, StoredCase
from shared.access.authorization import allow, reaches
from shared.access.conditions import Permit
from shared.access.principal import Principal, Resource, Role
from shared.aggregates import change
from shared.clients.vault import KeptMeasure
from shared.events import Actor
from shared.ids import case_id_of, derive
from shared.policy import Policy
from shared.problems import FieldError
from shared.telemetry import current_traceparent
from shared.times import now

AT_ONCE = 100
"""So many measures are kept by one call to the vault and in one write."""
FROM_BEFORE = "A measure from before Hearth, brought into the register."
"""What stands in the vault in place of a report."""
_TWICE = FieldError("/id", "twice", "An earlier row of this table has this id in this community.")
_OTHER = FieldError("/id", "key_reused", "Another measure was brought in under this id before, or it is erased.")
_NOT_YOURS = FieldError("/community", "out_of_reach", "Your role does not reach this community.")
_NOT_THEIRS = FieldError("/body", "unknown_choice", "This body handles no cases of this community.")
_NOT_EVERYWHERE = FieldError("/body", "unknown_choice", "This body orders nothing that holds everywhere.")
_TOO_WIDE = FieldError("/scope", "out_of_reach", "Only a role for all communities brings in what holds everywhere.")


class PeopleVault(Protocol):
    """What the import needs of intake's vault (shared.clients.vault.VaultClient)."""

    async def keep_measures(self, measures: Sequence[Mapping[str, str]], *, behalf: Actor) -> list[KeptMeasure]: ...


class MeasureImport:
    """Takes tables of measures in."""

    def __init__(
        self,
        cases: CaseStore,
        in_force: InForceStore,
        vault: PeopleVault,
        policy: Policy,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._cases = cases
        self._in_force = in_force
        self._vault = vault
        self.clock = clock
        self.policy = policy

    async def take(self, who: Principal, table: Table) -> list[RowResult]:
        """What became of each row, in their order. What is added is durable; the same table may be sent again.

        Raises Unavailable.
        """
        at, seen = self.clock(), set[tuple[str, str]]()
        results: dict[int, RowResult] = {}
        good: list[tuple[int, Told]] = []
        for place, row in enumerate(table.rows):
            faults = [*faults_of(row, self.policy, at), *self._refusals(who, row, at)]
            name = (row.text("community"), row.text("id"))
            if not faults and name in seen:
                faults = [_TWICE]
            seen.add(name)
            if faults:
                results[place] = RowResult(row, "refused", faults)
            elif ENTRY.fullmatch(name[1]) and await self._in_force.find_by_measure(name[1]):
                # The export of this very register came back.
                results[place] = RowResult(row, "known")
            elif beyond := self._beyond_body(row):
                results[place] = RowResult(row, "refused", [beyond])
            else:
                good.append((place, told_by(row)))
        for first in range(0, len(good), AT_ONCE):
            some = good[first : first + AT_ONCE]
            kept = await self._keep(who, [told for _, told in some])
            for (place, _), result in zip(some, kept, strict=True):
                results[place] = _result(table.rows[place], result)
        return [results[place] for place in range(len(table.rows))]

    def _refusals(self, who: Principal, row: Row, at: datetime) -> list[FieldError]:
        """What the person may not bring in, of what the policy knows."""
        community = self.policy.communities.get(row.text("community"))
        if community is None:
            return []
        resource = Resource(community=row.text("community"), bodies=frozenset(community.bodies.values()))
        if not isinstance(allow(who, "measure.import", resource, at), Permit):
            return [_NOT_YOURS]
        reached = reaches(who, "measure.import", at)
        if row.text("scope") in self.policy.boundless and all(r.bodies or r.communities is not None for r in reached):
            return [_TOO_WIDE]
        return []

    def _beyond_body(self, row: Row) -> FieldError | None:
        """That the body of a row orders nothing there, by the rule that holds for decisions."""
        scope = row.text("scope")
        if may_order([row.text("body")], scope, row.text("community"), self.policy):
            return None
        return _NOT_EVERYWHERE if scope in self.policy.boundless else _NOT_THEIRS

    async def _keep(self, who: Principal, rows: Sequence[Told]) -> list[bool | None]:
        """Whether each measure is new; None where another one has its key."""
        actor = who.actor(Role.ENFORCER)
        # The vault has the name first: no event may lack it.
        sent = [{"community": row.community, "key": row.key, "name": row.name, "words": _words_of(row)} for row in rows]
        kept = await self._vault.keep_measures(sent, behalf=actor)
        ids = [case_id_of(one.report_id) for one in kept]
        told = {case_id: (row, one) for case_id, row, one in zip(ids, rows, kept, strict=True) if one.same}
        same: dict[str, bool] = {}
        attempts = dict.fromkeys(told, -1)

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            row, one = told[case_id]
            if stored is not None:
                same[case_id] = _is_same(stored.case, row)
                return None
            attempts[case_id] += 1
            command = ImportMeasure(
                code_name=code_name_of(case_id, attempts[case_id]),
                report_id=one.report_id,
                measure_id=derive("import_measure", case_id),
                community=row.community,
                body=row.body,
                kind=row.kind,
                scope=row.scope,
                begun_on=row.begun_on,
                until=row.until,
                decided_on=row.decided_on,
                subjects=one.subjects,
            )
            cause = derive("imported", case_id)
            case, events = carry_out(
                None, command, self.policy, NOBODY, self.clock(),
                case_id=case_id, actor=actor, cause=cause, trace=current_traceparent(),
            )  # fmt: skip
            return CaseChange(case, None, events, [cause]) if case else None

        added = await change(self._cases, list(told), decide)
        return [True if case_id in added else False if same.get(case_id) else None for case_id in ids]


def _result(row: Row, added: bool | None) -> RowResult:
    if added is None:
        return RowResult(row, "refused", [_OTHER])
    return RowResult(row, "added" if added else "known")


def _is_same(case: Case, row: Told) -> bool:
    """Whether a case is that of the measure of this row. What has happened since then changes nothing."""
    first = next((measure for measure in case.measures if measure.imported), None)
    return first is not None and (
        (case.community, case.own_body, first.kind, first.scope, first.begun_at.date(), first.last_day)
        == (row.community, row.body, row.kind, row.scope, row.begun_on, row.until)
        and (first.decided_on.date() if first.decided_on else None) == row.decided_on
    )


def _words_of(row: Told) -> str:
    return f"{FROM_BEFORE} {row.reference}" if row.reference else FROM_BEFORE
