"""Facts that triage writes to `cases`: a person has nothing more to do with a case, or has again."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact


class RecusalDeclared(CaseFact):
    """A person has nothing more to do with the case, on a `ground`; the state stays.

    `person` is a reference. On the ground `named` the case is about the person: then it is a token that holds in this
    case only, also in the later facts of the recusal; intake alone tells the services that shut people out who it is.
    `assignee`: who has the case from now on; None when it was the recused person's, and always on the ground `named`.
    `confirm_by`: until when a second person (or a coordinator, but for the ground `named`) has to confirm it, or it
    lapses; None where nobody has to.
    `declared_by`, `declared_role` and `confirmed_by`: who had declared and confirmed it, and in which role, in another
    case from which this one takes it over; None where the actor declares it.
    """

    name: ClassVar[str] = "case.recusal_declared"
    unseen: ClassVar[bool] = True
    version: ClassVar[str] = "1.3"
    shows: ClassVar[str | None] = "ground"

    person: str
    ground: str
    assignee: str | None = None
    confirm_by: AwareDatetime | None = None
    declared_by: str | None = None
    declared_role: str | None = None
    confirmed_by: str | None = None


class RecusalConfirmed(CaseFact):
    """A second person or a coordinator confirmed a recusal; it holds for good."""

    name: ClassVar[str] = "case.recusal_confirmed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "person"

    person: str


class RecusalWithdrawn(CaseFact):
    """A recusal was taken back, for the reason `withdrawal`; the person may see the case again."""

    name: ClassVar[str] = "case.recusal_withdrawn"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "withdrawal"

    person: str
    withdrawal: str


class RecusalLapsed(CaseFact):
    """Nobody confirmed a recusal in time; the person may see the case again."""

    name: ClassVar[str] = "case.recusal_lapsed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "person"

    person: str


class RecusalAsked(CaseFact):
    """A direct party asks that a person with a conflict does not handle the case; the state stays.

    Who that is stands in the words of the party, which stay in the vault under `ask_id`. `party`: `reporter` or
    `respondent`; `respondent`: the token of which.
    """

    name: ClassVar[str] = "case.recusal_asked"
    unseen: ClassVar[bool] = True

    ask_id: str
    party: str
    respondent: str | None = None


class RecusalAskedAgain(CaseFact):
    """What a party asked for was granted, and waits again: the recusal was taken back, here or in the survivor.

    In events from before 1.1, only a merged case tells it. The fields are those of `case.recusal_asked`.
    """

    name: ClassVar[str] = "case.recusal_asked_again"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True

    ask_id: str
    party: str
    respondent: str | None = None


class RecusalAnswered(CaseFact):
    """People who had no part in the case answered what a party asked for: it is `granted`, or `refused`.

    It is granted with a recusal on the ground `asked_by_party` that holds for good. `told_id`: the vault has the words
    for the party, who reads them with the receipt; None where there are none.
    """

    name: ClassVar[str] = "case.recusal_answered"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "recusal_answer"

    ask_id: str
    party: str
    recusal_answer: str
    told_id: str | None = None
