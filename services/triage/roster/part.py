"""The roster as a part of triage."""

from collections.abc import Callable
from datetime import datetime

from services.triage.roster.actions import RosterEditor, SignIns
from services.triage.roster.desk import Entries, GivenKeys, RosterDesk
from services.triage.roster.own_pages import make_own_pages
from services.triage.roster.pages import make_roster_pages
from services.triage.roster.routes import make_roster_router, make_sign_ins_router
from shared.parts import Part
from shared.people_names import PeopleNames
from shared.policy import Policy
from shared.sign_in.flow import SignInFlow
from shared.succession import ToldBefore
from shared.web.gate import Gate
from shared.web.pages import Pages


def build(
    editor: RosterEditor,
    entries: Entries,
    policy: Policy,
    flow: SignInFlow,
    gate: Gate,
    pages: Pages,
    sign_ins: SignIns,
    keys_of: GivenKeys,
    key: bytes,
    told: ToldBefore,
    people: PeopleNames,
    clock: Callable[[], datetime],
) -> Part:
    """Shows the roster and changes it, over HTTP and on pages, and notes who signs in. `flow`: of this service.

    `told`: what was told of the roster before. `clock`: by which grants and trainings end.
    """
    desk = RosterDesk(editor, entries, policy, flow.sessions, keys_of, key, clock)
    routers = [
        make_roster_router(desk, gate, people),
        make_sign_ins_router(sign_ins, gate),
        make_roster_pages(desk, gate, pages, flow.drafts, people),
        make_own_pages(desk, gate, pages),
    ]

    async def tell_names_apart() -> None:
        await editor.tell_names_apart(await entries.holding_names())

    return Part(routers, prepare=[told.catch_up, tell_names_apart])
