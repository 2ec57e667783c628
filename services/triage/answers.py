"""What triage answers to programs, for its OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from shared.report_sections import Sections


class MoveShown(TypedDict):
    """Why a deadline is due at another time since `at`, and when it was due before."""

    reason: str
    at: str
    previous_due_at: str
    due_at: str


class DeadlineShown(TypedDict):
    """A deadline of a case. A paused one has `remaining_seconds`, and is due as if its clock ran again now.

    `stopped_for`: why its clock stands still. `moves`: why it is due at another time than at first.
    """

    name: str
    due_at: str
    met_at: str | None
    overdue: bool
    remaining_seconds: float | None
    stopped_for: str | None
    moves: Sequence[MoveShown]


class EarlierDeadlineShown(TypedDict):
    """How a deadline stood when its clock started anew, at `anew_at`. `missed`: nothing had kept it in time."""

    name: str
    due_at: str
    met_at: str | None
    missed: bool
    anew_at: str | None
    moves: Sequence[MoveShown]


class CaseSummary(TypedDict):
    """A case in a list. `body` has it; the bodies of `joined` work on it as well."""

    id: str
    code_name: str
    state: str
    lane: str | None
    body: str | None
    joined: Sequence[str]
    community: str
    category: str
    flags: Sequence[str]
    assignee: str | None
    outcome: str | None
    received_at: str
    updated_at: str
    version: int
    deadlines: Sequence[DeadlineShown]


class CountShown(TypedDict):
    """A number of cases. `more`: there are more, which were not counted."""

    number: int
    more: bool


class CountsShown(TypedDict):
    """How many open cases there are behind each tab, and for each choice of each filter of the tab that was asked for.

    `more`: behind this tab there are more cases, which are not counted in the choices.
    """

    tabs: Mapping[str, CountShown]
    choices: Mapping[str, Mapping[str, int]]
    more: bool


class CaseList(TypedDict):
    """A page of cases, and the cursor of the next page. `people`: the code names of people, by their references."""

    items: Sequence[CaseSummary]
    people: Mapping[str, str]
    next: str | None
    counts: NotRequired[CountsShown]


class RecusalShown(TypedDict):
    """A person who is recused from a case."""

    person: str
    stands_for: str | None
    declared_by: str
    ground: str
    confirm_by: str | None


class ReferralShown(TypedDict):
    """That another body was asked to take the case over; with `joint`, to join it.

    `ended`: accepted, declined, returned or recalled; null while it waits. `left_at`: since when a body that joined has
    left.
    """

    from_body: str
    to_body: str
    referred_by: str
    referred_at: str
    accept_by: str
    reason_id: str
    ended: str | None
    ended_at: str | None
    answer_id: str | None
    joint: bool
    left_at: str | None
    left_reason_id: str | None


class ReplyShown(TypedDict):
    """That a respondent replied. The vault has the words under `reply_id`."""

    reply_id: str
    at: str


class RecusalAskShown(TypedDict):
    """That a direct party asked that a person does not handle the case. The vault has the words under `ask_id`.

    `answer`: granted or refused; null while it waits. The vault has the words of the answer under `told_id`.
    """

    ask_id: str
    party: str
    respondent: str | None
    asked_at: str
    answer: str | None
    told_id: str | None


class PartyShown(TypedDict):
    """A respondent of the report, or a further party, by the token of the case; and what a respondent was told."""

    party: str
    party_role: str
    disclosure: str | None
    disclosed_at: str | None
    withheld_for: str | None
    reason_id: str | None
    told_id: str | None
    replies: Sequence[ReplyShown]


class ReferralAsked(ReferralShown):
    """A referral that waits, for the body that is asked, with the reasons in words; null once the report is erased."""

    reason: str | None


class QuestionShown(TypedDict):
    """A question to the reporter. The answers are ids. `answer_by`: until when the case waits for one."""

    question_id: str
    asked_at: str
    answers: Sequence[str]
    answer_by: str | None


class VoteShown(TypedDict):
    """The vote of a person on a proposed decision."""

    by: str
    in_favour: bool
    counts: bool
    reason_id: str | None


class ProposalShown(TypedDict):
    """A decision that is proposed. `needs` says what it still needs; `until` is its last day."""

    proposal_id: str
    outcome: str
    proposed_by: str
    proposed_at: str
    reason_id: str
    until: str | None
    scope: str | None
    respondents: Sequence[str]
    project: str | None
    pages_id: str | None
    votes: Sequence[VoteShown]
    may_vote: int
    needs: Sequence[str]


class LinkShown(TypedDict):
    """What a case has to do with another one that the reader may see."""

    id: str
    code_name: str
    relation: str
    note_id: str | None


class MeasureShown(TypedDict):
    """A measure of a case. `until` is its last day; `state`: standing, ended, lapsed or expired.

    `return_at`: when handlers are to talk with the person before it ends; `conversation`: held, declined or skipped.
    `end_by`: the person who alone says that it ends early; it takes another one.
    """

    measure_id: str
    kind: str
    scope: str
    respondents: Sequence[str]
    project: str | None
    pages_id: str | None
    begun_at: str
    until: str | None
    state: str
    ended_at: str | None
    taken_by: str
    emergency: bool
    review_by: str | None
    return_at: str | None
    conversation: str | None
    conversation_id: str | None
    end_by: str | None
    end_id: str | None
    reason_id: str


class AppealShown(TypedDict):
    """An appeal of a direct party. `verdict` and those below are None while it waits."""

    appeal_id: str
    party: str
    ground: str
    lodged_at: str
    reason_id: str
    verdict: str | None
    decided_by: str | None
    verdict_reason_id: str | None


class CheckInShown(TypedDict):
    """A moment at which the reporter is asked how it goes. `due`: it has come; `answer`: what became of it.

    `asked`: how often so far; `again_at`: when once more, or no more. The vault has the answers under ids that begin
    with `answer_id`.
    """

    number: int
    due_at: str
    due: bool
    asked: int
    again_at: str | None
    kept_at: str | None
    answer: str | None
    answer_id: str | None


class AgreementShown(TypedDict):
    """A step of repair that people agreed on. `who`: a role in the case; the vault has the words under the id."""

    agreement_id: str
    who: str
    by_when: str
    kept: str
    checked_by: str | None
    checked_at: str | None


class CaseNamed(TypedDict):
    """Another case that the reader may see."""

    id: str
    code_name: str


class SimilarCase(CaseNamed):
    """A similar case that the reader may see. `reasons`: same_person, same_page, same_source, close_in_time."""

    reasons: Sequence[str]


class SimilarShown(TypedDict):
    """What a case has in common with others. `more`: the reader may see further similar cases.

    `elsewhere`: for coordinators, in how many other communities the same person is reported, at least; null where
    these are too few to tell.
    """

    cases: Sequence[SimilarCase]
    more: bool
    elsewhere: int | None


class AbsorbedShown(CaseNamed):
    """A case that is part of this one, and how often its reporter has answered since."""

    answers_since: int


class StepShown(TypedDict):
    """A step of the history of a case. `reason_id`: the content of the case has the words why a link or a merge was
    taken back.
    """

    version: int
    event: str
    at: str
    actor: str
    role: str
    previous: str | None
    state: str | None
    detail: str | None
    reason_id: str | None


class FieldTaken(TypedDict):
    """A field of a command or change."""

    name: str
    kind: str
    required: bool
    options: NotRequired[Sequence[str]]
    max_length: NotRequired[int | None]


class CommandOffered(TypedDict):
    """A command that is permitted now."""

    command: str
    fields: Sequence[FieldTaken]


class NoteShown(TypedDict):
    """A note that the reader may read; its words are in the contents, under this id."""

    note_id: str
    at: str
    by: str
    visibility: str


class PauseShown(TypedDict):
    """Why the pausable clocks of a case stand still, and until when."""

    reason: str
    until: str


class SnoozeShown(TypedDict):
    """Who has snoozed a case, and until when; None: until an answer."""

    person: str
    until: str | None


class WayShown(TypedDict):
    """What the policy would do with a case as it is now: by which rule, to which handling body, in which lane."""

    rule: str
    body: str
    lane: str


class CaseShown(CaseSummary):
    """A case as a whole.

    `nobody_named`: it is open in the body of the last `rule` of the policy, because no other rule was for such a report
    in its community.
    """

    report_id: str
    rule: str | None
    nobody_named: bool
    setting: str
    language: str
    privacy: str
    contactable: bool
    policy_version: str | None
    reason_id: str | None
    category_confirmed: bool
    policy_now: WayShown
    watchers: Sequence[str]
    notes: Sequence[NoteShown]
    pause: PauseShown | None
    snooze: SnoozeShown | None
    recusals: Sequence[RecusalShown]
    recusal_asks: Sequence[RecusalAskShown]
    referrals: Sequence[ReferralShown]
    parties: Sequence[PartyShown]
    questions: Sequence[QuestionShown]
    proposal: ProposalShown | None
    merged_into: CaseNamed | None
    absorbed: Sequence[AbsorbedShown]
    links: Sequence[LinkShown]
    similar: SimilarShown
    earlier_deadlines: Sequence[EarlierDeadlineShown]
    consent: str | None
    unasked_for: str | None
    check_ins: Sequence[CheckInShown]
    agreements: Sequence[AgreementShown]
    appeals: Sequence[AppealShown]
    measures: Sequence[MeasureShown]
    history: Sequence[StepShown]
    actions: Sequence[CommandOffered]


class CaseWithPeople(CaseShown):
    """The same, and the code names of all people in it, by their references."""

    people: Mapping[str, str]


class ContentShown(TypedDict):
    """What was reported, by section."""

    report_id: str
    erased: bool
    sections: Sections


class CommandDone(TypedDict):
    """The case after a command. `policy_now`: only where the command says what the case is."""

    id: str
    code_name: str
    command: str
    state: str
    version: int
    policy_now: NotRequired[WayShown]


class ChangeOffered(TypedDict):
    """A change that is permitted now."""

    change: str
    fields: Sequence[FieldTaken]
