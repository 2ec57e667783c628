"""The client of triage's roster: how the other services have the names of people who sign in noted."""

from shared.access.service_tokens import ServiceSigner
from shared.clients.service import ServiceClient
from shared.http import AsyncClient
from shared.own_names import NameKeys, OwnNames, Proof, Trust


class RosterClient:
    """Calls triage's internal API. Triage asks intake, which asks the provider: no service can make names up."""

    def __init__(self, http: AsyncClient, signer: ServiceSigner) -> None:
        self._triage = ServiceClient(http, signer, "triage")

    async def sign_in(self, proof: Proof) -> OwnNames:
        """The person of a sign-in that happened just now, and their names, as keys. The roster has noted them.

        Names that the person can type freely are left out: the roster says when these hold. Raises Problem 422 for a
        proof that proves nothing, and Unavailable while the names cannot be noted.
        """
        answer = await self._triage.call("POST", "/v1/sign-ins", proof.model_dump(), "note_names")
        names = tuple(NameKeys(tuple(name["keys"]), Trust(name["trust"])) for name in answer["names"])
        return OwnNames(answer["person"], names, held=tuple(answer["held"]))
