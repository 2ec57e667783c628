"""Who may do what, and until people can sign in their signed tokens (JWT, RFC 7519)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import jwt

from shared.events import Actor
from shared.problems import Problem
from shared.times import now

ISSUER = "hearth"


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

    def actor(self) -> Actor:
        """Who stands in events."""
        return Actor(self.ref, self.role.value)


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
        return Principal(claims["sub"], Role(claims["role"]), tuple(claims["bodies"]))
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
