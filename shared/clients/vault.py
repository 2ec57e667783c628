"""The client of intake's vault: how triage and notification see what was reported. Every read states its purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.service_tokens import ServiceSigner
from shared.clients.service import ServiceClient
from shared.events import Actor
from shared.http import AsyncClient
from shared.own_names import NameKeys, OwnNames, Proof, Trust


@dataclass(frozen=True, slots=True)
class Contents:
    """What the vault handed out of one report: the sections by name. `erased`: nothing is left of the report.

    `correspondence` is what handlers and reporter have written to each other since, in clear.
    """

    report_id: str
    sections: dict[str, dict[str, Any]]
    erased: bool = False


@dataclass(frozen=True, slots=True)
class KeptMeasure:
    """What the vault has of a measure: the report it is kept as, and the tokens of the person it is about.

    `same` is false where another person or other words stand under its key, or nothing is left of it.
    """

    report_id: str
    subjects: tuple[str, ...]
    same: bool


class VaultClient:
    """Calls intake's internal API. Each request is signed for its purpose; see shared.access.service_tokens."""

    def __init__(self, http: AsyncClient, signer: ServiceSigner) -> None:
        self._intake = ServiceClient(http, signer, "intake")

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]:
        """The sections of each report, by report id. A report that the vault does not know is missing.

        The vault records the read before it answers. Raises Unavailable while intake is away, Problem when it refuses.
        """
        reads = [{"report_id": report_id, "sections": list(sections)} for report_id in report_ids]
        body = {"purpose": purpose, "reads": reads}
        answer = await self._intake.call("POST", "/v1/vault/read", body, purpose, behalf)
        return {
            item["report_id"]: Contents(item["report_id"], item.get("sections", {}), bool(item.get("erased")))
            for item in answer["items"]
            if not item.get("unknown")
        }

    async def keep_statement(self, report_id: str, statement_id: str, *, kind: str, text: str, behalf: Actor) -> None:
        """Store a handler's words with the report, as a kind that intake knows. A repetition changes nothing."""
        path = f"/v1/vault/reports/{report_id}/statements/{statement_id}"
        await self._intake.call("PUT", path, {"kind": kind, "text": text}, "correspond", behalf)

    async def name(self, report_id: str, token: str, person: str, *, behalf: Actor) -> None:
        """Tell intake for which person (a reference) a token of the case stands. A repetition changes nothing."""
        path = f"/v1/vault/reports/{report_id}/named/{token}"
        await self._intake.call("PUT", path, {"person": person}, "name", behalf)

    async def keep_measures(self, measures: Sequence[Mapping[str, str]], *, behalf: Actor) -> list[KeptMeasure]:
        """Keep the people of measures from before Hearth, one answer for each. A repetition changes nothing.

        Each has `community`, a `key` of its own there, the `name` of the person, and `words`.
        """
        body = {"measures": [dict(measure) for measure in measures]}
        answer = await self._intake.call("POST", "/v1/vault/measures", body, "import", behalf)
        return [
            KeptMeasure(item["report_id"], tuple(item["subjects"]), item["same"] and not item["erased"])
            for item in answer["items"]
        ]

    async def hint(self, community: str, flag: str, key: str, words: str) -> None:
        """Have intake make a report of what triage counted. A repetition under the same key changes nothing."""
        body = {"community": community, "flag": flag, "key": key, "words": words}
        await self._intake.call("POST", "/v1/vault/hints", body, "hint")

    async def prove(self, proof: Proof) -> OwnNames:
        """The person of a sign-in that happened just now, and the keys of the names that the provider tells.

        Before the vault answers, it records who asked and for how many names, but not for which. Raises Problem 422 for
        a proof that proves nothing.
        """
        answer = await self._intake.call("POST", "/v1/vault/pseudonyms", proof.model_dump(), "sign_in")
        names = tuple(NameKeys(tuple(name["keys"]), Trust(name["trust"])) for name in answer["names"])
        return OwnNames(answer["person"], names, answer["ticket"])

    async def given_names(self, ticket: str, names: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys of each name that the coordinator of the ticket gives to a person. Raises Problem 403 and 422."""
        answer = await self._intake.call(
            "POST", "/v1/vault/given-names", {"ticket": ticket, "names": list(names)}, "enrol", None
        )
        return [tuple(keys) for keys in answer["names"]]

    async def seek_name(self, name: str, *, behalf: Actor) -> tuple[str, ...]:
        """The keys under which reports name a person for whom a responder looks.

        The vault records who looked before it answers, and not for which name. Raises Problem 403 for a person who may
        read no reports or has looked for too many names, and Unavailable.
        """
        answer = await self._intake.call("POST", "/v1/vault/sought-names", {"name": name}, "search", behalf)
        return tuple(answer["keys"])
