"""The demo's OpenID Connect provider: oidc-provider-mock with accounts to choose from.

`python -m infra.local.sign_in_provider PORT`. Nobody has a password, and all who reach it may sign in as anyone. So it
is for one's own machine only. It adds to the library: PKCE, one sign-in for all clients (until `prompt=login` or
`max_age` asks for a fresh one), `auth_time` and `sid`, an end of the session that ends it, and pages that load nothing
from other hosts.
"""

import os
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from infra.local.ports import LOOPBACK


@dataclass(frozen=True)
class Account:
    """An account that can sign in, as the provider tells of it. `subject` never changes."""

    subject: str
    username: str
    email: str
    told: str
    """What the page says of the account."""

    def claims(self) -> dict[str, object]:
        """Standard claims (OpenID Connect Core 1.0, 5.1)."""
        names = {"name": self.username, "preferred_username": self.username}
        return {**names, "email": self.email, "email_verified": True, "locale": "en"}


ACCOUNTS = (
    Account("demo-responder", "Riya Responder", "riya@responders.example", "handles cases"),
    Account("demo-coordinator", "Caro Coordinator", "caro@responders.example", "keeps the roster"),
    Account("demo-auditor", "Ada Auditor", "ada@auditors.example", "reads the record"),
    Account("demo-operator", "Otto Operator", "otto@operators.example", "keeps the services running"),
    Account("demo-reported", "Example User", "example.user@wiki.example", "is named by a report of the demo"),
    Account("demo-nobody", "Nobody Special", "nobody@wiki.example", "is on no roster"),
)
CLIENT_COOKIE = "hearth_demo_provider"

PAGES = {
    "_base.html": """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo sign-in</title><style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
button { font: inherit; display: block; width: 100%; text-align: start; padding: .6rem .8rem; margin: .4rem 0; }
small { display: block; }
</style></head><body><main>{% block content %}{% endblock %}</main></body></html>""",
    "authorization_form.html": """{% extends "_base.html" %}{% block content %}
<h1>Who are you?</h1>
<p>This provider is part of the demo and asks for no password.</p>
<form method="post">{% for account in accounts %}
<button type="submit" name="sub" value="{{ account.subject }}">{{ account.username }}
<small>{{ account.told }}</small></button>{% endfor %}
<button type="submit" name="action" value="deny">Do not sign in</button>
</form>{% endblock %}""",
    "error.html": """{% extends "_base.html" %}{% block content %}
<h1>{{ name }}</h1><p>{{ description }}</p>{% endblock %}""",
    "index.html": """{% extends "_base.html" %}{% block content %}
<h1>Demo sign-in</h1><p><a href="/.well-known/openid-configuration">What this provider can</a></p>{% endblock %}""",
    "end_session_confirm.html": """{% extends "_base.html" %}{% block content %}
<h1>You are signed out</h1>{% endblock %}""",
}


def build_app(accounts: Sequence[Account] = ACCOUNTS) -> Any:
    """The Flask application. The library is imported here, because only the demo and tests have it."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    import flask
    import jinja2
    import oidc_provider_mock  # type: ignore[import-untyped]
    from oidc_provider_mock import _app as library

    from infra.local.sign_in_grant import CodeWithProof, Grant, OpenIdCode

    app = flask.Flask("hearth demo sign-in")
    wsgi = app.wsgi_app
    users = [oidc_provider_mock.User(sub=account.subject, claims=account.claims()) for account in accounts]
    oidc_provider_mock.init_app(app, user_claims=users, require_nonce=True, issue_refresh_token=False)
    # The library turns on a debugger, in which every visitor could run code.
    app.wsgi_app = wsgi  # type: ignore[method-assign]  # it is meant to be replaced
    app.debug = False
    app.secret_key = secrets.token_bytes(32)
    app.config["SESSION_COOKIE_NAME"] = CLIENT_COOKIE  # cookies of one host are shared by all its ports
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.jinja_loader = jinja2.ChoiceLoader([jinja2.DictLoader(PAGES), jinja2.PackageLoader("oidc_provider_mock")])
    app.context_processor(lambda: {"accounts": accounts})

    def set_grants() -> None:
        server = flask.g._authlib_authorization_server
        if server._authorization_grants[0][0] is not Grant:
            server._authorization_grants.clear()
            server._token_grants.clear()
            server.register_grant(Grant, [OpenIdCode(), CodeWithProof()])

    def one_sign_in_for_all() -> Any:
        """An answer without a page for a browser that is signed in, unless a fresh sign-in is asked for."""
        request, session = flask.request, flask.session
        if request.endpoint != "oidc-provider-mock.authorize":
            return None
        prompt = set(request.args.get("prompt", "").split())
        if request.method == "POST":
            if request.form.get("sub") and request.form.get("action") != "deny":
                sid = session.get("sid") if session.get("sub") == request.form["sub"] else None
                sid = sid or secrets.token_urlsafe(16)
                session.update(sub=request.form["sub"], auth_time=int(time.time()), sid=sid)
            return None
        oldest = request.args.get("max_age", type=int)
        is_signed_in = session.get("sub") and not prompt & {"login", "select_account"}
        if is_signed_in and (oldest is None or time.time() - session["auth_time"] <= oldest):
            user = library.storage.get_user(session["sub"])
            try:
                grant = library.authorization.get_consent_grant(end_user=user)
                redirect_uri = grant.validate_authorization_request()
            except library.OAuth2Error:
                return None  # the library finds the same fault, and shows it
            return library.authorization.handle_response(*grant.create_authorization_response(redirect_uri, user))
        return None

    def end_the_session() -> Any:
        request = flask.request
        if request.endpoint != "oidc-provider-mock.end_session":
            return None
        flask.session.clear()
        back = request.values.get("post_logout_redirect_uri")
        if not back:
            return flask.render_template("end_session_confirm.html")
        state = request.values.get("state")
        separator = "&" if "?" in back else "?"
        return flask.redirect(f"{back}{separator}{urlencode({'state': state})}" if state else back)

    def tell_of_it(response: Any) -> Any:
        if flask.request.endpoint == "oidc-provider-mock.openid_config":
            found = response.get_json()
            found["code_challenge_methods_supported"] = ["S256"]
            found["prompt_values_supported"] = ["none", "login", "select_account"]
            found["claims_supported"] = ["sub", "auth_time", "sid", *accounts[0].claims()]
            response.set_data(flask.json.dumps(found))
        state = flask.request.args.get("state")
        if state and response.location and "error=access_denied" in response.location:
            # The library leaves it out (RFC 6749, 4.1.2.1). Without it nobody can say what was refused.
            response.location += f"&{urlencode({'state': state})}"
        return response

    for step in (set_grants, one_sign_in_for_all, end_the_session):
        app.before_request(step)
    app.after_request(tell_of_it)
    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """Logs no request, because the addresses hold codes."""

        def log_request(self, *_: object) -> None: ...

    make_server(LOOPBACK, int(sys.argv[1]), build_app(), threaded=True, request_handler=Quiet).serve_forever()


if __name__ == "__main__":
    main()
