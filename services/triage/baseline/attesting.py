"""Changes that say something of a responsibility: attest, withdraw, confirm, annotate. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from services.triage.baseline.changes import (
    BaselineChange,
    Code,
    Ground,
    Text,
    UtcTime,
    faults_of_link,
    faults_of_words,
    unknown_responsibility,
)
from services.triage.baseline.registry import Attestation, Registry, Standing
from services.triage.baseline.words import WORDS_LIMIT, fault_of_link, tidied
from shared.access.principal import Role
from shared.events import (
    BaselineAnnotated,
    BaselineAttested,
    BaselineConfirmed,
    BaselineFact,
    BaselineWithdrawn,
    FieldStated,
)
from shared.ids import PERSON, derive
from shared.policy.baseline import Catalogue, FieldRule, Responsibility
from shared.problems import FieldError
from shared.times import parse_day

LONGEST = timedelta(days=365)
"""How long an attestation is good at most."""
Values = Annotated[tuple[Code, ...], Field(max_length=20)]


class Attest(BaselineChange):
    """POST /v1/baseline/{community}/attest. Without `valid_until` it is good as long as the responsibility allows.

    `fields`: the values of each field that the responsibility asks for; people by their references. It takes the place
    of the attestation of this responsibility that runs.
    """

    name = "attest"

    responsibility_id: Code
    claim: Literal["met", "not_met", "not_applicable"]
    statement: Text
    link: Text | None = None
    fields: Annotated[Mapping[Code, Values], Field(max_length=20)] = Field(default_factory=dict)
    valid_until: UtcTime | None = None

    def people(self) -> Iterable[str]:
        """All values that are references."""
        return (value for values in self.fields.values() for value in values if PERSON.fullmatch(value))

    def page(self) -> str | None:
        """Its link, as far as there may be a page behind it."""
        return self.link if self.link and not fault_of_link(self.link) else None

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """A responsibility that is not this community's, a claim it does not allow, and what it does not take."""
        yield from faults_of_words("/statement", self.statement, WORDS_LIMIT, needed=True)
        if self.link:
            yield from faults_of_link(self.link)
        responsibility, fault = _responsibility(self.responsibility_id, ground)
        if fault:
            yield fault
        if responsibility is not None:
            yield from self._faults_of_claim(responsibility)
            yield from self._faults_of_fields(responsibility, ground)
        longest = _longest(responsibility) if responsibility else LONGEST
        if self.valid_until and self.valid_until <= ground.at:
            yield FieldError("/valid_until", "past_date", "This is over already.")
        elif self.valid_until and self.valid_until > ground.at + longest:
            yield FieldError("/valid_until", "too_late", f"An attestation is good for {longest.days} days at most.")

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is attested."""
        earlier = registry.running(self.responsibility_id)
        longest = _longest(ground.catalogue.responsibilities[self.responsibility_id])
        return [
            BaselineAttested(
                community=registry.id,
                attestation_id=derive("attestation", registry.id, ground.cause),
                responsibility_id=self.responsibility_id,
                catalogue_version=ground.catalogue.version,
                claim=self.claim,
                statement=self.statement,
                link=self.link or None,
                link_digest=ground.digest,
                link_seen_at=ground.seen_at,
                fields=tuple(
                    FieldStated(name=name, values=tuple(dict.fromkeys(map(tidied, values))))
                    for name, values in sorted(self.fields.items())
                    if values
                ),
                valid_until=self.valid_until or ground.at + longest,
                supersedes=earlier.id if earlier else None,
            )
        ]

    def _faults_of_claim(self, responsibility: Responsibility) -> Iterable[FieldError]:
        if self.claim == "not_applicable":
            if responsibility.not_applicable == "never":
                yield FieldError("/claim", "always_applies", "This responsibility applies to every community.")
        elif self.claim and responsibility.attested is None:
            yield FieldError("/responsibility_id", "only_measured", "This is measured; nobody attests it.")
        rule = responsibility.attested
        if self.link and (rule is None or rule.link == "none"):
            yield FieldError("/link", "not_taken", "This responsibility takes no link.")
        if rule and rule.link == "required" and self.claim == "met" and not self.link:
            yield FieldError("/link", "missing", "This responsibility needs the link of a public page.")

    def _faults_of_fields(self, responsibility: Responsibility, ground: Ground) -> Iterable[FieldError]:
        rules = {rule.name: rule for rule in responsibility.attested.fields} if responsibility.attested else {}
        if not self.fields.keys() <= rules.keys():
            # The name of an unknown field is the sender's own text, so the answer does not repeat it.
            yield FieldError("/fields", "extra_forbidden", "There is a field too many.")
        for name, rule in rules.items():
            given = self.fields.get(name, ())
            if self.claim == "met" and len(set(given)) < rule.least:
                code, says = ("missing", "This field needs an answer.") if not given else ("too_short", "")
                yield FieldError(f"/fields/{name}", code, says or f"At least {rule.least} different ones are needed.")
            for number, value in enumerate(given):
                fault = _fault_of_value(rule, value, ground)
                if fault:
                    yield FieldError(f"/fields/{name}/{number}", *fault)


class Withdraw(BaselineChange):
    """POST /v1/baseline/{community}/withdraw: take an attestation back. `statement` says why, in public."""

    name = "withdraw"

    attestation_id: Code
    statement: Text

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """An attestation that does not run any more."""
        yield from faults_of_words("/statement", self.statement, WORDS_LIMIT, needed=True)
        yield from _faults_of_standing(registry.attestation(self.attestation_id), ground.at)

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is withdrawn."""
        known = registry.attestation(self.attestation_id)
        assert known  # noqa: S101  # `faults` has asked
        return [
            BaselineWithdrawn(
                community=registry.id,
                attestation_id=known.id,
                responsibility_id=known.responsibility_id,
                statement=self.statement,
            )
        ]


class Confirm(BaselineChange):
    """POST /v1/baseline/{community}/confirm: a second coordinator, or an auditor, says that an attestation is true."""

    name = "confirm"

    attestation_id: Code

    def maker_in(self, registry: Registry) -> str:
        """Who attested."""
        known = registry.attestation(self.attestation_id)
        return known.made_by if known else ""

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """An attestation that does not run, that needs no confirmation or has it, or that only auditors confirm."""
        known = registry.attestation(self.attestation_id)
        yield from _faults_of_standing(known, ground.at)
        if known is None:
            return
        rule = _confirm_rule(known, ground.catalogue)
        if rule is None:
            yield FieldError("/attestation_id", "not_confirmable", "This attestation needs no confirmation.")
        elif rule == "auditor" and ground.role is not Role.AUDITOR:
            yield FieldError("/attestation_id", "needs_auditor", "Only an auditor confirms this.")
        if known.confirmed_by:
            yield FieldError("/attestation_id", "already_confirmed", "This is confirmed already.")

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is confirmed."""
        known = registry.attestation(self.attestation_id)
        assert known  # noqa: S101  # `faults` has asked
        return [
            BaselineConfirmed(community=registry.id, attestation_id=known.id, responsibility_id=known.responsibility_id)
        ]


class Annotate(BaselineChange):
    """POST /v1/baseline/{community}/annotate: explain a result. An empty `statement` takes the explanation away."""

    name = "annotate"

    responsibility_id: Code
    statement: Text = ""

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """A responsibility that is not this community's."""
        yield from faults_of_words("/statement", self.statement, WORDS_LIMIT)
        _, fault = _responsibility(self.responsibility_id, ground)
        if fault and registry.annotation(self.responsibility_id) is None:
            yield fault

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is annotated, if that says anything new."""
        known = registry.annotation(self.responsibility_id)
        if self.statement == (known.statement if known else ""):
            return []
        fact = BaselineAnnotated(
            community=registry.id, responsibility_id=self.responsibility_id, statement=self.statement
        )
        return [fact]


def _longest(responsibility: Responsibility) -> timedelta:
    return min(responsibility.attested.valid_for, LONGEST) if responsibility.attested else LONGEST


def _responsibility(wanted: str, ground: Ground) -> tuple[Responsibility | None, FieldError | None]:
    pointer, known = "/responsibility_id", ground.catalogue.responsibilities.get(wanted)
    if known is None:
        return None, unknown_responsibility(pointer, wanted, ground.catalogue)
    if known.state == "retired":
        return known, FieldError(pointer, "retired", "This responsibility is retired.")
    if ground.community.kind not in known.kinds:
        return known, FieldError(pointer, "not_of_this_kind", "This is asked of other kinds of communities.")
    return known, None


def _confirm_rule(known: Attestation, catalogue: Catalogue) -> Literal["second_coordinator", "auditor"] | None:
    responsibility = catalogue.responsibilities.get(known.responsibility_id)
    rule = responsibility.attested.confirm if responsibility and responsibility.attested else "none"
    return None if rule == "none" else rule


def _faults_of_standing(known: Attestation | None, at: datetime) -> Iterable[FieldError]:
    if known is None:
        yield FieldError("/attestation_id", "unknown_choice", "This community has no such attestation.")
        return
    standing = known.standing_at(at)
    if standing is not Standing.RUNNING:
        yield FieldError("/attestation_id", standing.value, f"This attestation is {standing.value}.")


def _fault_of_value(rule: FieldRule, value: str, ground: Ground) -> tuple[str, str] | None:
    match rule.kind:
        case "people":
            if not PERSON.fullmatch(value):
                return "not_a_reference", "Write a reference such as person:5f2c81aa90b1c2d3, never a name."
            if value not in ground.holders:
                return "no_role_here", "This person has no role in this community or its handling bodies."
        case "date":
            if not _is_date(value):
                return "date_parsing", "Write a date such as 2026-11-28."
            if parse_day(value) > ground.at.date():
                return "future_date", "This is in the future."
        case "number":
            if not (value.isascii() and value.isdigit() and len(value) <= 9):
                return "int_parsing", "Write a whole number."
    return None


def _is_date(value: str) -> bool:
    try:
        parse_day(value)
    except ValueError:
        return False
    return True
