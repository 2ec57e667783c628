"""What a receipt opens: the status of a report in the reporter's own terms. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.intake.report.status import Standing, Status
from shared.policy import PeerSupport

Barred = Literal["nothing", "pending", "busy", "over", "once", "refused", "too_many", "elsewhere"]
AppealStanding = Literal["sent", "lodged", "decided", "refused"]


@dataclass(frozen=True, slots=True)
class DeadlineView:
    """A promise to the reporter. `met` is None while it may still be kept; of a paused one, `due_at` is how it stood.

    `standing`: kept in time (`met`), missed or kept too late (`late`), standing still while the reporter is asked
    (`paused`), or still to come (`open`).
    """

    name: str
    due_at: datetime
    met: bool | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question of the handling body and, once given, the reporter's answer.

    `answer_by`: until when the handlers wait for the answer (UTC-aware); None in an older case.
    """

    question_id: str
    text: str | None
    asked_at: datetime
    answer: str | None
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageView:
    """What the handling body told the reporter, at a UTC-aware time. `text` is None where the words are not there.

    `wordless`: there were none, only that people are at work.
    """

    text: str | None
    told_at: datetime
    wordless: bool = False


@dataclass(frozen=True, slots=True)
class CheckInView:
    """That the reporter is asked how it goes. `questions`: what can be answered to each; each may be left out.

    `asked_at` is UTC-aware.
    """

    number: int
    asked_at: datetime
    questions: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class AppealView:
    """An appeal of the reporter. `standing`: on its way to the handlers (`sent`), waiting for its decision (`lodged`),
    `decided`, or `refused`, for the reason `refusal`.

    `text`: the reporter's own words. `reason`: the words of those who decided on it. Both are None where there are
    none. `at` is UTC-aware.
    """

    appeal_id: str
    at: datetime
    standing: AppealStanding
    ground: str | None = None
    text: str | None = None
    verdict: str | None = None
    reason: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class RecusalAskView:
    """That the party asked, at a UTC-aware time and in these words, that a person does not handle the case.

    `answer`: `granted` or `refused`; None while it waits. `reason`: why it was refused, in the words of the handlers,
    where they are no message.
    """

    ask_id: str
    at: datetime
    text: str
    answer: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AppealWay:
    """Against what the reporter can appeal now (`grounds`), and until when a decision can be appealed (UTC-aware).

    `barred`, where there are no grounds: `nothing` is decided or missed yet; an appeal is `pending`; the case is `busy`
    with something else; the time is `over`; the reporter appealed this `once` before; triage `refused` an appeal, and
    nothing has changed since; triage refused `too_many` of this report; or the decision is to be appealed
    `elsewhere`. `next_body`: the handling body to which the
    reporter can turn then, None where there is none.
    """

    grounds: tuple[str, ...] = ()
    until: datetime | None = None
    barred: Barred | None = None
    next_body: str | None = None


@dataclass(frozen=True, slots=True)
class PeerSupportView:
    """Peers to talk with, who handle no reports. At least one of `email` and `url` is there."""

    name: str
    languages: tuple[str, ...]
    region: str | None = None
    email: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything that a receipt opens. Times are UTC-aware.

    `body` is the id of the handling body, and `reason` its own words; those of `joined` work on the case with it.
    `messages`: what it told the reporter, the oldest first.

    `check_in`: the questions of how it goes, while the reporter is asked.
    `check_in_to_stop`: the number of the check-in to which the reporter can say `stop`, also after an answer; None
    where there is no asking to stop.
    `appeals`: those of the reporter; `appeal`: whether another one can be sent now.

    `peer_support`: who is there to talk with, as far as the policy offers it now; `support_wanted`: the reporter said
    so at the last check-in.
    `opened`: the receipts of the reports that the reporter's answers to check-ins became; `parts`: of those that single
    matters of this report became.

    `consent`: whether the reporter may be asked again, as the reporter said; `may_consent`: and is asked for
    it now.

    `recusal_asks`: that the reporter asked that a person does not handle the case; `may_ask_recusal`: and may again.

    Of an erased report (`erased_at`) no words are left: no questions, no messages, no reason, no appeals.
    """

    state: str
    received_at: datetime
    deadlines: tuple[DeadlineView, ...]
    questions: tuple[QuestionView, ...]
    outcome: str | None
    reason: str | None
    updated_at: datetime
    erased_at: datetime | None = None
    body: str | None = None
    joined: tuple[str, ...] = ()
    check_in: CheckInView | None = None
    check_in_to_stop: int | None = None
    appeals: tuple[AppealView, ...] = ()
    appeal: AppealWay = AppealWay()
    opened: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    peer_support: tuple[PeerSupportView, ...] = ()
    support_wanted: bool = False
    messages: tuple[MessageView, ...] = ()
    consent: str | None = None
    may_consent: bool = False
    recusal_asks: tuple[RecusalAskView, ...] = ()
    may_ask_recusal: bool = False


@dataclass(frozen=True, slots=True)
class ReplyView:
    """What a respondent wrote, at a UTC-aware time."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class RespondentView:
    """Everything that the receipt of a respondent opens. Times are UTC-aware.

    `told`: the handlers' words for this respondent. `outcome`: only where the decision says that it is for this
    respondent, or where it is known that there is no other one. Of an erased report (`erased_at`) no words are left;
    while a measure stands, or can be appealed, an appeal is taken without words.
    """

    told: str | None
    told_at: datetime | None
    replies: tuple[ReplyView, ...]
    decided_at: datetime | None
    outcome: str | None
    appeals: tuple[AppealView, ...]
    appeal: AppealWay
    recusal_asks: tuple[RecusalAskView, ...] = ()
    may_ask_recusal: bool = False
    erased_at: datetime | None = None


def view_peer_support(found: Sequence[PeerSupport]) -> tuple[PeerSupportView, ...]:
    """What a reporter sees of peers to talk with."""
    return tuple(PeerSupportView(one.name, one.languages, one.region, one.email, one.url) for one in found)


def view_deadlines(status: Status, now: datetime) -> tuple[DeadlineView, ...]:
    """Each deadline with what triage told of it, seen at `now` (UTC-aware)."""
    views = []
    for deadline in status.deadlines_now:
        standing = deadline.standing(now)
        met = {"met": True, "late": False}.get(standing)
        views.append(DeadlineView(deadline.name, deadline.due_at, met, standing))
    return tuple(views)
