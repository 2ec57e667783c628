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
    """

    name: ClassVar[str] = "case.recusal_declared"
    unseen: ClassVar[bool] = True
    version: ClassVar[str] = "1.2"
    shows: ClassVar[str | None] = "ground"

    person: str
    ground: str
    assignee: str | None = None
    confirm_by: AwareDatetime | None = None


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
