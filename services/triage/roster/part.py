"""The roster as a part of triage."""

from services.triage.roster.actions import RosterEditor
from services.triage.roster.desk import Entries, RosterDesk
from services.triage.roster.pages import make_roster_pages
from services.triage.roster.routes import make_roster_router
from shared.parts import Part
from shared.policy import Policy
from shared.sign_in.sessions import Sessions
from shared.web.gate import Gate
from shared.web.pages import Pages


def build(editor: RosterEditor, entries: Entries, policy: Policy, sessions: Sessions, gate: Gate, pages: Pages) -> Part:
    """Shows the roster and changes it, over HTTP and on pages. `sessions`: those of this service."""
    desk = RosterDesk(editor, entries, policy, sessions)
    return Part([make_roster_router(desk, gate), make_roster_pages(desk, gate, pages)])
