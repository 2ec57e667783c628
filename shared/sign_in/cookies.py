"""The cookies of one service.

`__Host-` means that only this host set the cookie, over a trustworthy connection and for all of its paths. Each service
has cookies of its own, because browsers send a cookie to every port of a host.
"""

from fastapi import Request, Response

from shared.sign_in.attempts import ATTEMPT_LIFE


class Cookies:
    """The session of the pages under `home`, and the secret that ties an attempt to sign in to its browser."""

    def __init__(self, home: str) -> None:
        """`home` such as `/desk`."""
        self.session = f"__Host-hearth-{home.strip('/').replace('/', '-')}"
        self.attempt = f"{self.session}-sign-in"

    def read_session(self, request: Request) -> str | None:
        """The secret of the session, as the browser sent it."""
        return request.cookies.get(self.session)

    def read_attempt(self, request: Request) -> str | None:
        """The secret of the browser, as it sent it."""
        return request.cookies.get(self.attempt)

    def keep_session(self, response: Response, secret: str) -> None:
        """Have the browser keep the session until it is closed. The store decides how long the session is good."""
        _keep(response, self.session, secret, None)

    def keep_attempt(self, response: Response, secret: str) -> None:
        """Have the browser keep the secret for as long as an attempt may take."""
        _keep(response, self.attempt, secret, int(ATTEMPT_LIFE.total_seconds()))

    def forget(self, response: Response) -> None:
        """Have the browser forget both."""
        for name in (self.session, self.attempt):
            _keep(response, name, "", 0)


def _keep(response: Response, name: str, value: str, seconds: int | None) -> None:
    # Lax, because the way back from the provider begins at another site.
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
