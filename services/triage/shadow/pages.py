"""The page of the policy: what is in force, and what a changed file would do. It changes nothing."""

from fastapi import APIRouter, Request, Response

from services.triage.desk.names import CaseNames
from services.triage.paths import POLICY
from services.triage.rooms import rooms_of
from services.triage.shadow.preview import Preview, Previews
from services.triage.shadow.views import PolicyWords
from shared.access.authorization import is_permitted
from shared.access.principal import Resource
from shared.policy.loader import FILES
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.pages import Pages

_CHANGED_MOST = frozenset({"routing.toml", "deadlines.toml"})
"""The files that are offered first."""


def make_policy_pages(previews: Previews, gate: Gate, pages: Pages, names: CaseNames) -> APIRouter:
    """The page below /desk/policy."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    words = PolicyWords(names, previews.policy)

    @router.get(POLICY, **does("policy.read"))
    async def show_policy(request: Request, file: str = "") -> Response:
        return show(request, file, previews.text_of(file) if may_try(request) and file in FILES else "")

    @router.post(POLICY, **does("policy.preview"))
    async def try_policy(request: Request) -> Response:
        form = await read_form(request)
        file, text = (form.get(name, [""])[-1] for name in ("file", "text"))
        return show(request, file, text, await previews.of(principal_of(request), file, text.replace("\r\n", "\n")))

    def may_try(request: Request) -> bool:
        return is_permitted(principal_of(request), "policy.preview", Resource(), previews.clock())

    def show(request: Request, file: str, text: str, preview: Preview | None = None) -> Response:
        principal = principal_of(request)
        context = {
            "policy": previews.policy,
            "state": getattr(request.app.state, "policy", None),
            "rules": words.rules(request),
            "clocks": words.clocks(request),
            "outcomes": words.outcomes(request),
            "may_try": may_try(request),
            "files": [(name, name) for name in sorted(FILES, key=lambda name: name not in _CHANGED_MOST)],
            "file": file if file in FILES else "",
            "text": text,
            "preview": preview,
            "differences": words.differences(request, preview) if preview else [],
            "principal": principal,
            "rooms": rooms_of(principal, previews.clock()),
        }
        return pages.render(request, "policy.html", context)

    return router
