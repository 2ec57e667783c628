"""For what one service may call another: one table, a row for each purpose."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WHOLE: tuple[str, ...] = ()
"""All fields of a section."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for: the action that it asks for, and the services that may call so.

    `for_person`: the call has to say for which person it is made. `sections`: of a report, these sections alone may be
    read so, and of each section these fields. `by_policy`: of each report only what the policy gives to this person.
    """

    name: str
    action: str
    callers: tuple[str, ...]
    for_person: bool = False
    by_policy: bool = False
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PURPOSES: Mapping[str, Purpose] = {
    purpose.name: purpose
    for purpose in (
        Purpose(
            "review",
            "vault.read",
            ("triage",),
            for_person=True,
            sections={
                "content": WHOLE,
                "reported": WHOLE,
                "correspondence": WHOLE,
                "mentions": WHOLE,
                "unknown": WHOLE,
            },
        ),
        # Who reported: the policy says of each report to which handlers, and which of these fields (identity.toml).
        Purpose(
            "identify",
            "vault.read",
            ("triage",),
            for_person=True,
            by_policy=True,
            sections={"reporter": ("name", "email")},
        ),
        # Why a case is referred: the body that is asked to take it over reads nothing else.
        Purpose("refer", "vault.read", ("triage",), for_person=True, sections={"referral": WHOLE}),
        # A person who enforces measures learns which people one is about, and nothing of what was reported.
        Purpose("enforce", "vault.read", ("triage",), for_person=True, sections={"names": WHOLE}),
        Purpose("notify", "vault.read", ("notification",), sections={"reporter": ("email",)}),
        Purpose("correspond", "vault.correspond", ("triage",), for_person=True),
        Purpose("name", "vault.name", ("triage",), for_person=True),
        Purpose("import", "vault.import", ("triage",), for_person=True),
        Purpose("hint", "vault.hint", ("triage",)),
        Purpose("sign_in", "vault.pseudonyms", ("triage",)),
        Purpose("enrol", "vault.bind_names", ("triage",)),
        Purpose("search", "vault.match_name", ("triage",), for_person=True),
        Purpose("note_names", "roster.note_names", ("notification", "audit")),
    )
}
CALLERS: tuple[str, ...] = tuple(dict.fromkeys(caller for row in PURPOSES.values() for caller in row.callers))
"""The services that call others, each with keys of its own."""


def is_for(purpose: str, action: str, *, has_person: bool) -> bool:
    """Whether a call for this purpose may ask for the action. `has_person`: it says for which person it is made."""
    row = PURPOSES.get(purpose)
    return row is not None and row.action == action and (has_person or not row.for_person)


def may_call(service: str, purpose: str) -> bool:
    """Whether calls of this service may be for this purpose."""
    row = PURPOSES.get(purpose)
    return row is not None and service in row.callers
