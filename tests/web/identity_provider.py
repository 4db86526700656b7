"""An identity provider on a loopback port: it signs with real keys, and keeps the rules of the flow that are a provider's to keep."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from prisma_assets.domain.guardrails.identity import ClaimRules
from prisma_assets.domain.guardrails.role import Role
from prisma_assets.settings import OidcSettings

CLIENT, SECRET = "prisma", "a secret with + and %"
KEYS = [RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("k1", "k2")]


@dataclass
class IdentityProvider:
    """What it says of whom, for a test to change."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: KEYS[0])
    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "248289761001", "preferred_username": "Jane.Doe", "groups": ["managers"]}
    )  # fmt: skip
    claims: dict[str, Any] = field(default_factory=dict)
    """Put over those of a good token."""
    document: dict[str, Any] = field(default_factory=dict)
    """Put over the discovery document."""
    token: str | None = None
    """Given in place of a token of its own."""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def settings(self, **given: Any) -> OidcSettings:
        groups = {"managers": (Role.MANAGER,), "reviewers": (Role.EQR,), "staff": (Role.EMPLOYEE,)}
        rules = ClaimRules(name_claim="preferred_username", roles_claim="groups", roles=groups)
        wanted = {"issuer": self.issuer, "client_id": CLIENT, "client_secret": SECRET, "rules": rules}  # fmt: skip
        return OidcSettings(**{**wanted, **given})

    def signs_in(self, location: str) -> str:
        """A person signs in on its page; gives where their browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith(f"{self.issuer}/authorize?")
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def good_claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            **self.person, **self.claims,
        }  # fmt: skip

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys", "end_session_endpoint": "leave"}  # fmt: skip
            urls = {name: f"{self.issuer}/{path}" for name, path in endpoints.items()}
            return 200, {"issuer": self.issuer, **urls, **self.document}
        if path == "/keys":
            return 200, KeySet([self.key]).as_dict(private=False)
        return self._exchange(form, authorization)

    def _exchange(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        basic = base64.b64encode(b"prisma:a+secret+with+%2B+and+%25").decode()
        if authorization != f"Basic {basic}" and form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:  # fmt: skip
            return 400, {"error": "invalid_grant", "error_description": "this code is not good"}
        token = self.token or jwt.encode(
            {"alg": "RS256", "kid": self.key.kid}, self.good_claims(asked["nonce"]), self.key
        )
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}


@contextlib.contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """One that answers until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*provider.answer(self.path, {}, ""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*provider.answer(self.path, form, self.headers.get("Authorization", "")))

        def _say(self, status: int, said: Any) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # closing the server waits for its threads
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
