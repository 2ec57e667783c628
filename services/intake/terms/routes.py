"""GET /v1/policy, for programs that build a form or check what they send."""

from hashlib import sha256

import orjson
from fastapi import APIRouter, Request, Response

from services.intake.terms.document import Terms, write_terms
from shared.policy import Policy
from shared.web.bodies import gives
from shared.web.etags import is_known
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages

_SECONDS = 300


def make_terms_router(policy: Policy, pages: Pages, gate: Gate) -> APIRouter:
    """The route. Each language is written once, because the policy changes with a start only."""
    router = gate.router(Callers.PROGRAMS)
    written: dict[str, tuple[str, bytes]] = {}

    def terms_in(language: str) -> tuple[str, bytes]:
        if language not in written:
            terms = write_terms(policy, language, pages.languages, lambda key: pages.text(language, key))
            body = orjson.dumps(terms)
            written[language] = sha256(body).hexdigest()[:32], body
        return written[language]

    @router.get("/v1/policy", responses=gives(Terms), **does("report.submit", {"parameters": [_USELANG]}))
    async def read_policy(request: Request) -> Response:
        """What a report can say here: communities, categories, flags, settings, privacy, limits, and codes of errors.

        Names are in the language that `uselang` or `Accept-Language` asks for. Send the ETag back as `If-None-Match`,
        and an answer that has not changed is 304.
        """
        language = pages.language(request)
        tag, body = terms_in(language)
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": f"public, max-age={_SECONDS}",
            "Content-Language": language,
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": f'"{tag}"',
            "Vary": "Accept-Language, Cookie",
        }
        if is_known(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    return router


_USELANG = {
    "name": "uselang",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The language of the names; it goes before `Accept-Language`.",
}
