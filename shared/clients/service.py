"""Calls of one service to another over HTTP: signed for one purpose, tried again, and an outage is told as one."""

from typing import Any

import stamina

from shared.access.service_tokens import ServiceSigner
from shared.events import Actor
from shared.http import AsyncClient, TransportError
from shared.problems import Problem, Unavailable
from shared.telemetry import current_traceparent


class ServiceClient:
    """Calls the service `audience`. Each request is signed anew; see shared.access.service_tokens."""

    def __init__(self, http: AsyncClient, signer: ServiceSigner, audience: str) -> None:
        self._http = http
        self._signer = signer
        self._audience = audience

    @stamina.retry(on=Unavailable, attempts=3, wait_initial=0.1, wait_max=1.0)
    async def call(
        self, method: str, path: str, body: dict[str, Any], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Any]:
        """The answer, empty if there is none. Raises Unavailable while the service is away, Problem when it refuses."""
        # Signed anew for each attempt, because a service takes a token once.
        headers = {"Authorization": self._signer.authorization(self._audience, purpose, behalf)}
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except TransportError as error:
            raise Unavailable(f"{self._audience}: {type(error).__name__}") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"{self._audience}: {answer.status_code}")
        if answer.status_code >= 400:
            raise Problem(answer.status_code, "service-refused", f"{self._audience} refused the request.")
        result: dict[str, Any] = answer.json() if answer.content else {}
        return result
