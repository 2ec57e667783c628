"""What the pages of the desk show: the queue, and one case."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.actions import Desk
from services.triage.case.case import RESPONDENT, TARGET, Case
from services.triage.case.commands.asking import RECUSAL_ANSWERS
from services.triage.case.commands.command import ChoiceField
from services.triage.case.commands.emergency import REVIEWS
from services.triage.case.commands.follow_up import CheckAgreement
from services.triage.case.commands.handling import Claim
from services.triage.case.commands.linking import Link, Unlink
from services.triage.case.commands.merging import Unmerge
from services.triage.case.commands.recusal import Confirm, Withdraw
from services.triage.case.commands.returns import CONVERSATIONS
from services.triage.case.commands.sorting import nobody_named, way_of
from services.triage.case.forms import FORMS, Form, bodies_served, permitted, resource_of
from services.triage.desk.contents import mentions_of, notes_of, reasons_of, talk_of, told_of, words_in
from services.triage.desk.deadlines import deadline_of
from services.triage.desk.faults import errors_of, unsent_of
from services.triage.desk.follow_ups import follow_up_of
from services.triage.desk.kept import EntryForms, entries_of, kept_of
from services.triage.desk.likely import goes_on, most_likely
from services.triage.desk.live import Live
from services.triage.desk.names import CaseNames, done_in
from services.triage.desk.next_step import next_step_of
from services.triage.desk.parties import needs_attention, parties_of, people_in
from services.triage.desk.picker import picks_of
from services.triage.desk.playbooks import checks_of, playbook_of, replies_of
from services.triage.desk.portions import Portions
from services.triage.desk.proposals import appeals_of, measures_of, proposal_of
from services.triage.desk.queue import Queue
from services.triage.desk.recusals import asks_of, recusal_of
from services.triage.desk.referrals import asked_of, referrals_of
from services.triage.desk.similar import similar_of
from services.triage.desk.ticks import Ticks
from services.triage.others import Beside
from services.triage.paths import HOME
from services.triage.requests import VersionConflict
from services.triage.rooms import rooms_of
from services.triage.sent import SentForm
from shared.access.actions import ACTIONS
from shared.access.authorization import allow, fresh_until
from shared.access.conditions import Permit
from shared.access.principal import Principal
from shared.clients.vault import Contents
from shared.events import CaseState, FlagsSet
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.ids import new_id
from shared.people_names import PeopleNames
from shared.policy.baseline import word_folders
from shared.problems import Problem, Unavailable
from shared.sign_in.drafts import Draft
from shared.times import now
from shared.web.pages import Pages, make_pages

HERE = Path(__file__).parents[1]
OWN_ANYWHERE = ("confirm_category", "set_flags", "pause", "resume", "snooze", "unsnooze", "watch", "unwatch")
"""The commands with a place of their own that are about the whole case."""
_OF_ASKED = {form.action for form in FORMS.values() if form.kind.by_asked}
"""What people of a body do that is asked to take a case over, or to join it."""


def load_pages(policy_dir: Path | None = None, people: PeopleNames | None = None) -> Pages:
    """The templates and messages of the desk, with the words of the baseline and the names of people."""
    messages = Messages.load([SHARED_MESSAGES, *word_folders(policy_dir), HERE / "i18n"])
    given = {"person_name": (people or PeopleNames(dict)).of}
    return make_pages(HERE / "templates", messages, home=HOME, static_dir=HERE / "static", given=given)


class CaseView:
    """The page of a case."""

    def __init__(self, desk: Desk, queue: Queue, pages: Pages, names: CaseNames, ticks: Ticks, live: Live) -> None:
        self._desk = desk
        self._queue = queue
        self._pages = pages
        self._names = names
        self._ticks = ticks
        self._live = live

    async def show(
        self,
        request: Request,
        principal: Principal,
        case: Case,
        sent: SentForm[Any] | None = None,
        following: Case | None = None,
        drafts: Sequence[Draft] = (),
    ) -> Response:
        """The case: what was reported if the vault answers, and exactly the commands permitted now.

        `following`: the case to go on with; `drafts`: what waits for the reader in the forms of this case.
        """
        contents, away = await self._contents(principal, case)
        asked, reason = await asked_of(self._desk, principal, case)
        at = self._desk.clock()
        mentions = mentions_of(self._names, request, case, contents)
        respondents = people_in(RESPONDENT, case, contents)
        forms = [
            form
            for form in permitted(case, principal, self._desk.policy, at)
            if _is_of_use(form, mentions, respondents)
        ]
        names = self._names
        may_give = {form.command for form in forms}
        grouped = await self._desk.grouped(principal, [case])
        replies = replies_of(case, self._desk.policy, grouped, may_give, names.language(request))
        checks = checks_of(case, self._desk.policy, grouped)
        talk, errors = talk_of(case, contents), errors_of(names, request, sent)
        measures = measures_of(names, request, principal, case, contents, may_give)
        own_bodies, asks = self._queue.bodies(principal), asks_of(names, request, case, contents)
        referrals = referrals_of(names, request, principal, case, contents, reason, own_bodies)
        meant, beside = await self._desk.named_in(case), await self._desk.beside(principal, case)
        others = self._others(request, principal, case, beside, contents, at)
        waiting = kept_of(drafts, may_give, entries_of(talk, measures, referrals, asks, others, may_give))
        kept = {one["name"]: one for one in waiting if not one["entry"]}
        tally = await self._desk.tally(case)
        step = next_step_of(names, request, principal, case, at, tally, asked=asked)
        top = most_likely(case, {form.command for form in forms if not form.kind.own_place}, step["step"])

        def shown(form: Form) -> dict[str, object]:
            waits = {"replies": replies[form.command], "draft": kept.get(form.command)}
            return self._form(request, principal, case, form, at) | waits

        problem = sent.problem if sent else None
        steps = problem.steps if isinstance(problem, VersionConflict) else ()
        picks = await picks_of(self._desk, self._queue, names, request, principal, case, forms, at)
        portions = Portions(request, whole=sent is not None)
        notes = portions.of("notes", self._desk.notes(principal, case))
        looking = await self._live.looking(case.id, principal.ref)
        context = {
            "case": case,
            "looking": names.lookers(request, looking) if self._may(principal, case, "case.read", at) else "",
            "state_name": partial(names.state, request),
            "late": case.is_overdue(at),
            "nobody_named": nobody_named(case, self._desk.policy),
            "community": names.community(case.community),
            "body": names.body(request, case.body),
            "deadlines": [deadline_of(names, request, deadline, at) for deadline in case.deadlines],
            "earlier": [deadline_of(names, request, deadline, at) for deadline in case.earlier_deadlines],
            **told_of(contents),
            "away": away,
            "may_read": self._may(principal, case, "case.read_content", at) is not None,
            "tells_reporter": self._desk.tells_reporter(case, principal),
            "talk": talk,
            "reasons": reasons_of(case, contents),
            "proposal": proposal_of(names, request, principal, case, tally, contents),
            "measures": measures,
            "entry": EntryForms(waiting, sent, errors).of,
            "reviews": names.options(request, "review", REVIEWS),
            "recusal_answers": names.options(request, "recusal-answer", RECUSAL_ANSWERS),
            "conversations": names.options(request, "conversation", CONVERSATIONS),
            "appeals": appeals_of(names, request, principal, case, contents),
            "asked": asked,
            "referrals": referrals,
            "joined": [names.body(request, body) for body in case.joined],
            "follow_up": follow_up_of(
                names, request, principal, case, contents, may_check=CheckAgreement.name in may_give
            ),
            "peer_support": self._desk.policy.peer_support.at("desk", case.community, case.language),
            "mentions": mentions,
            "picks": picks,
            "respondents": respondents,
            "targets": people_in(TARGET, case, contents),
            "parties_known": portions.of("parties", parties_of(names, request, case, contents), needs_attention),
            "left": portions.left,
            "next": step,
            "playbook": playbook_of(names, request, principal, checks, await self._ticks.of(case.id, checks)),
            "may_tick": self._may(principal, case, "case.tick", at) is not None,
            "checking": "checks" in request.query_params,
            "folded": self._desk.policy.playbooks.folds(case.category, case.flags),
            "unread": not case.category_confirmed,
            "top": shown(FORMS[top]) if top else None,
            "forms": [shown(form) for form in forms if not form.kind.own_place and form.command != top],
            "own": {form.command: shown(form) for form in forms if form.kind.own_place},
            "own_anywhere": OWN_ANYWHERE,
            "way": self._way(request, case),
            "notes": notes_of(names, request, principal, notes, contents),
            "flags_set": any(step.fact == FlagsSet.name for step in case.history),
            "asks": asks,
            "recusals": [
                recusal_of(
                    names,
                    request,
                    principal,
                    recusal,
                    meant,
                    confirm=self._may(principal, case, f"case.{Confirm.name}", at),
                    withdraw=self._may(principal, case, f"case.{Withdraw.name}", at),
                )
                for recusal in case.recusals
            ],
            **others,
            "grouped": grouped.get(case.id),
            "similar": similar_of(
                names,
                request,
                self._desk.policy,
                case,
                beside,
                await self._desk.similar(principal, case),
                may_link=Link.name in may_give,
            ),
            "fresh_until": fresh_until(principal, now()),
            "again": f"{HOME}/sign-in?{urlencode({'fresh': 1, 'next': f'{HOME}/cases/{case.code_name}'})}",
            "key": new_id(),
            "principal": principal,
            "rooms": rooms_of(principal, at),
            "mine": case.assignee == principal.ref,
            "steps": [
                names.step(request, principal, step)
                for step in reversed(portions.of("history", beside.steps(case.history)))
            ],
            "problem": problem,
            "changes": [names.step(request, principal, step) for step in steps],
            "sent": sent,
            "errors": errors,
            "unsent": unsent_of(sent, forms),
            "done": done_in(request) if sent is None else None,
            "following": following,
            "drafts": waiting,
        }
        response = self._pages.render(request, "case.html", context, problem.status if problem else 200)
        if problem and problem.retry_after:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    async def _contents(self, principal: Principal, case: Case) -> tuple[Contents | None, bool]:
        if self._may(principal, case, "case.read_content", self._desk.clock()) is None:
            return None, False
        try:
            return await self._desk.read(principal, case), False
        except (Unavailable, Problem):
            # The case can be worked on while the vault is away; the page says that the words are not here now.
            return None, True

    def _may(self, principal: Principal, case: Case, action: str, at: datetime) -> Permit | None:
        asked = action in _OF_ASKED
        answer = allow(principal, action, resource_of(case, self._desk.policy, asked=asked), at)
        return answer if isinstance(answer, Permit) else None

    def _form(self, request: Request, principal: Principal, case: Case, form: Form, at: datetime) -> dict[str, object]:
        mine, then = case.assignee == principal.ref and not form.kind.own_place, goes_on(case, form.command)
        offered = form.kind.offered(case, bodies_served(case, principal, at), self._desk.policy)
        means_reader = all(field.may_leave_out(principal) for field in form.fields)
        can_have_it = self._may(principal, case, "case.start", at) is not None
        return {
            "command": form.command,
            "fields": form.fields,
            "says": form.kind.said_in(case.state),
            "button": form.kind.button,
            "fresh": ACTIONS[form.action].fresh,
            "chosen": form.kind.chosen(case),
            # What nobody has is claimed.
            "oneself": form.kind.button
            and means_reader
            and can_have_it
            and case.assignee not in (None, principal.ref)
            and principal.ref not in case.apart,
            "then": then if then and self._may(principal, case, FORMS[then].action, at) else None,
            "primary": form.kind is Claim or (mine and case.state is not CaseState.AWAITING_INFORMATION),
            "options": {
                f.name: self._names.options(request, f.prefix, offered.get(f.name, f.options(self._desk.policy)))
                for f in form.fields
                if isinstance(f, ChoiceField)
            },
        }

    def _way(self, request: Request, case: Case) -> dict[str, Any]:
        """What the policy would do with the case now."""
        way = way_of(case, self._desk.policy)
        moved = way.body != (case.own_body or case.body) or way.lane != case.lane
        return {"moved": moved, "body": self._names.body(request, way.body), "lane": way.lane}

    def _others(
        self,
        request: Request,
        principal: Principal,
        case: Case,
        beside: Beside,
        contents: Contents | None,
        at: datetime,
    ) -> dict[str, Any]:
        """The other cases that the reader may see, and what they have to do with this one."""
        said, survivor = words_in(contents), beside.survivor(case)
        return {
            "links": [
                {
                    "code_name": other.code_name,
                    "relation": self._names.code(request, "relation", link.relation),
                    "note": said.get(link.note_id or ""),
                }
                for link, other in beside.links(case)
            ],
            "survivor": survivor.code_name if survivor else None,
            "merge_note": said.get(case.merge_note_id or "") if survivor else None,
            "partings": [
                {
                    "code_name": other.code_name,
                    "text": self._names.code(request, "fact", step.fact),
                    "at": step.at,
                    "reason": said.get(step.reason_id or ""),
                }
                for step, other in beside.partings(case)
            ],
            "absorbed": [(other.code_name, answers) for other, answers in beside.absorbed(case)],
            "may_unmerge": self._may(principal, case, f"case.{Unmerge.name}", at) is not None,
            "may_unlink": self._may(principal, case, f"case.{Unlink.name}", at) is not None,
        }


def _is_of_use(form: Form, mentions: Sequence[tuple[str, str]], respondents: Sequence[tuple[str, str]]) -> bool:
    """Whether the page can fill a form in: one about mentions, or about respondents, needs some."""
    kinds = {field.kind for field in form.fields if not field.optional}
    return (bool(mentions) or "mention" not in kinds) and (bool(respondents) or "party" not in kinds)
