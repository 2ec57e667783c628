"""Who is shown which entries: what a reader may not see is handed out as its leaf hash."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from services.audit.record.log import Entry
from services.audit.record.withheld import Withheld, case_of, is_decoy, topic_of
from shared.access.principal import Principal
from shared.kafka.topics import RESTRICTED
from shared.parties import Parties
from shared.times import now


class PartyStore(Protocol):
    """What withholding needs of the store."""

    async def parties_of(self, case_ids: AbstractSet[str]) -> dict[str, frozenset[str]]:
        """The pseudonyms of the people in these cases; nothing of a case while no entry says who they are."""

    async def decoy_secret(self) -> bytes:
        """The secret by which decoys are drawn; always the same."""


class Withholding:
    """Judges the cases of one page at a time: no question grows with the number of cases that a reader may not see."""

    def __init__(self, store: PartyStore, parties: Parties, decoys: int, clock: Callable[[], datetime] = now) -> None:
        """`parties` knows who is named in reports; of reports from before that, the record does.

        One case in `decoys` is withheld from each reader although it does not name them; 0: none.
        """
        self._store = store
        self._parties = parties
        self._decoys = decoys
        self._clock = clock
        self._secret: bytes | None = None

    async def hidden_among(self, who: Principal, case_ids: AbstractSet[str]) -> set[str]:
        """Those of these cases that this person may not see: they name the person, or are decoys. Raises Unavailable.

        While it is not known who is in a case, nobody sees the case: it may be about the person who asks. An erasure
        changes nothing: those who were shut out stay so, and a decoy remains one. A recusal hides nothing.
        """
        if self._secret is None:
            self._secret = await self._store.decoy_secret()
        secret, share, day = self._secret, self._decoys, self._clock().date()
        parties, names = await self._store.parties_of(case_ids), who.pseudonyms | {who.ref}
        for case_id, told in (await self._parties.load(case_ids)).items():
            parties[case_id] = parties.get(case_id, frozenset()) | told
        return {
            case_id
            for case_id in case_ids
            if case_id not in parties
            or not parties[case_id].isdisjoint(names)
            or is_decoy(secret, share, who.ref, case_id, day)
        }

    async def withhold(self, who: Principal, entries: Sequence[Entry]) -> list[Entry | Withheld]:
        """These entries as this person may see them, in the same order; nobody sees those of restricted topics.

        Raises Unavailable.
        """
        hidden = await self.hidden_among(who, {case for entry in entries if (case := case_of(entry)) is not None})
        return [
            Withheld.of(entry) if case_of(entry) in hidden or topic_of(entry) in RESTRICTED else entry
            for entry in entries
        ]
