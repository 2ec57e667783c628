"""Who may do what: signed tokens (JWT, RFC 7519) between services and, until people can sign in, of people."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import httpx
import jwt

from shared.events import Actor
from shared.problems import Problem
from shared.times import now

ISSUER = "hearth"
SERVICE_TOKEN_LIFE = timedelta(seconds=60)


class Role(StrEnum):
    """The roles of people, and `service` for calls between services."""

    REPORTER = "reporter"
    INTEGRATOR = "integrator"
    RESPONDER = "responder"
    COORDINATOR = "coordinator"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a pseudonymous reference, a role, and (for responders) the handling bodies they belong to."""

    ref: str
    role: Role
    bodies: tuple[str, ...] = ()
    behalf: Actor | None = None

    def actor(self) -> Actor:
        """Who stands in events: for a service that acts for somebody, that somebody."""
        return self.behalf or Actor(self.ref, self.role.value)


def issue_token(key: bytes, principal: Principal, audience: str, life: timedelta) -> str:
    """A token that names `principal` to the service `audience` for `life`."""
    at = now()
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": principal.ref,
        "role": principal.role.value,
        "bodies": list(principal.bodies),
        "iat": at,
        "exp": at + life,
    }
    if principal.behalf:
        claims["behalf"] = [principal.behalf.ref, principal.behalf.role]
    return jwt.encode(claims, key, algorithm="HS256")


def read_token(key: bytes, token: str, audience: str) -> Principal:
    """Who the token names. Raises Problem 401 when it is not ours, not for `audience`, or has expired."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=audience,
            issuer=ISSUER,
            options={"require": ["exp", "sub", "aud"]},
        )
        behalf = Actor(*claims["behalf"]) if "behalf" in claims else None
        return Principal(claims["sub"], Role(claims["role"]), tuple(claims["bodies"]), behalf)
    except jwt.ExpiredSignatureError:
        raise Problem(401, "token-expired", "The token has expired.") from None
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
        raise Problem(401, "token-invalid", "The token is not valid here.") from None


def demand(principal: Principal | None, roles: Iterable[Role]) -> Principal:
    """The principal, if one of `roles`. Raises Problem 401 without a principal and 403 with another role."""
    if principal is None:
        raise Problem(401, "token-missing", "A bearer token is needed.")
    if principal.role not in roles:
        raise Problem(403, "role-not-permitted", "This role may not do that.")
    return principal


class ServiceAuth(httpx.Auth):
    """Signs a request of one service to another with a short-lived token, naming on whose behalf it acts."""

    def __init__(self, key: bytes, *, service: str, audience: str, behalf: Actor | None = None) -> None:
        self._key = key
        self._principal = Principal(f"service:{service}", Role.SERVICE, behalf=behalf)
        self._audience = audience

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to the request."""
        token = issue_token(self._key, self._principal, self._audience, SERVICE_TOKEN_LIFE)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request
