"""The headers of every answer. They tell browsers to load nothing from other hosts, to run nothing inline and to keep
nothing.
"""

from secrets import token_urlsafe

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

LANGUAGE_COOKIE = "hearth_language"
"""The cookie that keeps the language that a reader chose. It says nothing about a person."""
FOR_ALL = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=3600",
}
"""Contracts hold no secret: pages of other sites may read them, and caches keep them for an hour."""
_NONCE = "csp_nonce"
# Every feature that Chromium 156 lets a page use by itself, and some that other systems have.
_FEATURES = (
    "accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "captured-surface-control",
    "clipboard-read", "clipboard-write", "compute-pressure", "deferred-fetch", "deferred-fetch-minimal",
    "digital-credentials-create", "digital-credentials-get", "display-capture", "encrypted-media", "fullscreen",
    "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "keyboard-map",
    "language-detector", "language-model", "local-fonts", "local-network", "local-network-access",
    "loopback-network", "magnetometer", "microphone", "midi", "on-device-speech-recognition", "otp-credentials",
    "payment", "picture-in-picture", "private-state-token-issuance", "private-state-token-redemption",
    "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial", "speaker-selection",
    "storage-access", "summarizer", "sync-xhr", "translator", "usb", "web-share", "window-management",
    "xr-spatial-tracking",
)  # fmt: skip
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _FEATURES).encode()),
)
# For a year, and for this name alone: an operator may run other things beside it.
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")
_NOT_KEPT = (b"cache-control", b"no-store")
_NOT_SHARED = (b"cross-origin-resource-policy", b"same-origin")


def nonce_of(scope: Scope) -> str:
    """The nonce of this answer, for `<script nonce>` and `<style nonce>`. The first call allows it in the policy."""
    if _NONCE not in scope:
        scope[_NONCE] = token_urlsafe(18)
    nonce: str = scope[_NONCE]
    return nonce


def write_policy(nonce: str | None) -> bytes:
    """The Content-Security-Policy. Without a nonce no script runs, and inline code never runs."""
    script, style = (f"'nonce-{nonce}'", f"'self' 'nonce-{nonce}'") if nonce else ("'none'", "'self'")
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ).encode()


_WITHOUT_NONCE = (b"content-security-policy", write_policy(None))
FIXED = frozenset(value for _, value in (*_ALWAYS, _OVER_TLS, _NOT_KEPT, _NOT_SHARED, _WITHOUT_NONCE))
"""Values that are the same in every answer."""


def protect(scope: Scope, given: Headers) -> Headers:
    """The headers of an answer: those `given`, and those of every answer.

    Browsers and proxies keep nothing, and pages of other sites show nothing of it, unless the route itself sends a
    Cache-Control or a Cross-Origin-Resource-Policy.
    """
    nonce = scope.get(_NONCE)
    policy = (b"content-security-policy", write_policy(nonce)) if nonce else _WITHOUT_NONCE
    headers = [*given, *_ALWAYS, policy]
    names = {name.lower() for name, _ in given}
    headers += [usual for usual in (_NOT_KEPT, _NOT_SHARED) if usual[0] not in names]
    if scope["scheme"] == "https":
        headers.append(_OVER_TLS)
    return headers
