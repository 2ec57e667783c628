"""A small stand-in for the transit engine of HashiCorp Vault: real HTTP and AES-GCM, its versions, its refusals."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.stand-in"


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Transit:
    """One key of a transit engine, with its versions; tests change what they like while it serves."""

    name: str = "hearth"
    mount: str = "transit"
    namespace: str | None = None
    token: str = TOKEN
    sealed: bool = False
    oldest: int = 1
    """min_decryption_version"""
    keys: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    calls: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0
    redirect: str | None = None
    body: bytes | None = None
    """Answered instead of what belongs there."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rotate(self) -> None:
        """A new version of the engine's own key."""
        self.keys.append(os.urandom(32))

    def answer(self, path: str, headers: Any, body: dict[str, str]) -> dict[str, Any]:
        """What the engine answers; raises Refused."""
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if headers.get("X-Vault-Namespace") != self.namespace:
            raise Refused(404, "no handler for route")
        if headers.get("X-Vault-Token") != self.token:
            raise Refused(403, "permission denied")
        verbs = {f"/v1/{self.mount}/{verb}/{self.name}": verb for verb in ("encrypt", "decrypt")}
        if path not in verbs:
            raise Refused(404, "no handler for route")
        bound = base64.b64decode(body.get("associated_data", ""))
        if verbs[path] == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(self.keys[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
            version = len(self.keys)
            return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}
        try:
            prefix, version_text, text = body["ciphertext"].split(":")
            version, sealed = int(version_text.removeprefix("v")), base64.b64decode(text)
            if prefix != "vault" or not self.oldest <= version <= len(self.keys):
                raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
            plain = AESGCM(self.keys[version - 1]).decrypt(sealed[:12], sealed[12:], bound)
        except (InvalidTag, ValueError):
            raise Refused(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    @contextmanager
    def serving(self) -> Iterator["Transit"]:
        """Answer on a port of this machine; the second time on the same one."""
        transit = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer: dict[str, Any]
                try:
                    status, answer = 200, {"data": transit.answer(self.path, self.headers, body)}
                except Refused as refused:
                    status, answer = refused.status, {"errors": [str(refused)]}
                transit.calls.append((self.path, status))
                data = json.dumps(answer).encode() if transit.body is None else transit.body
                if transit.redirect:
                    status = 307
                self.send_response(status)
                if transit.redirect:
                    self.send_header("Location", transit.redirect)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
