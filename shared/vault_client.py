"""The client of intake's vault: how triage and notification see what was reported. Every read states its purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import stamina

from shared.access.service_tokens import ServiceSigner
from shared.events import Actor
from shared.http import AsyncClient, TransportError
from shared.problems import Problem, Unavailable
from shared.telemetry import current_traceparent

SECTIONS = ("reporter", "reported", "content", "correspondence")
"""`correspondence`: what handlers and reporter have written to each other since, in clear."""
_INTAKE = "intake"


@dataclass(frozen=True, slots=True)
class Contents:
    """What the vault handed out of one report: the sections by name. `erased`: nothing is left of the report."""

    report_id: str
    sections: dict[str, dict[str, Any]]
    erased: bool = False


class VaultClient:
    """Calls intake's internal API. Each request is signed for its purpose; see shared.access.service_tokens."""

    def __init__(self, http: AsyncClient, signer: ServiceSigner) -> None:
        self._http = http
        self._signer = signer

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]:
        """The sections of each report, by report id. A report that the vault does not know is missing.

        The vault records the read before it answers. Raises Unavailable while intake is away, Problem when it refuses.
        """
        reads = [{"report_id": report_id, "sections": list(sections)} for report_id in report_ids]
        body = {"purpose": purpose, "reads": reads}
        answer = await self._call("POST", "/v1/vault/read", body, purpose, behalf)
        return {
            item["report_id"]: Contents(item["report_id"], item.get("sections", {}), bool(item.get("erased")))
            for item in answer["items"]
            if not item.get("unknown")
        }

    async def keep_statement(self, report_id: str, statement_id: str, *, kind: str, text: str, behalf: Actor) -> None:
        """Store a handler's words (kind `question` or `reason`) with the report. A repetition changes nothing."""
        path = f"/v1/vault/reports/{report_id}/statements/{statement_id}"
        await self._call("PUT", path, {"kind": kind, "text": text}, "correspond", behalf)

    async def pseudonyms(self, names: Sequence[str], addresses: Sequence[str]) -> tuple[str, ...]:
        """The pseudonyms under which a person with these user names and mail addresses stands in reports.

        Before the vault answers, it records who asked and for how many names, but not for which.
        """
        body = {"names": list(names), "addresses": list(addresses)}
        answer = await self._call("POST", "/v1/vault/pseudonyms", body, "sign_in", None)
        return tuple(answer["pseudonyms"])

    @stamina.retry(on=Unavailable, attempts=3, wait_initial=0.1, wait_max=1.0)
    async def _call(
        self, method: str, path: str, body: dict[str, Any], purpose: str, behalf: Actor | None
    ) -> dict[str, Any]:
        # Signed anew for each attempt, because intake takes a token once.
        headers = {"Authorization": self._signer.authorization(_INTAKE, purpose, behalf)}
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except TransportError as error:
            raise Unavailable(f"vault: {type(error).__name__}") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"vault: {answer.status_code}")
        if answer.status_code >= 400:
            raise Problem(answer.status_code, "vault-refused", "The vault refused the request.")
        result: dict[str, Any] = answer.json() if answer.content else {}
        return result
