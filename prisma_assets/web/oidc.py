"""The firm's identity provider: the authorization code flow with PKCE, and the checks of what it answers.

Sources: OpenID Connect Core 1.0 §3.1 (flow, §3.1.3.7 checks of the ID token), Discovery 1.0 §4, RP-Initiated Logout 1.0 §2,
RFC 7636 (PKCE), RFC 9700 (best current practice). Signatures and claims are joserfc's work.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from prisma_assets.domain.errors import InputError, PrismaError
from prisma_assets.domain.guardrails.identity import Identity
from prisma_assets.settings import OidcSettings, is_loopback

if TYPE_CHECKING:
    from joserfc.jwk import KeySet
    from joserfc.jwt import Token

SIGNATURES: Final = ("RS256", "PS256", "ES256")
"""What a provider may sign with; every provider must know RS256 (Core §15.1). `none` and shared secrets are no proof of who signed."""
SKEW_SECONDS = 60
"""How far two firms' clocks may be apart: servers keep the second by NTP, and an ID token lives for minutes."""
TIMEOUT_SECONDS = 10.0
MOST_BYTES = 1_000_000
"""Discovery documents and key sets are a few thousand bytes."""
KNOWN_FOR = 3_600.0
"""Seconds after which the discovery document is read anew."""
OK = 200


class ProviderUnreachableError(PrismaError):
    """The identity provider does not answer; try again in a minute."""


class TokenRefusedError(InputError):
    """What came back from the identity provider cannot be believed."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One browser's way to the provider and back; that browser alone keeps it."""

    wanted: str
    """Where the person wanted to go."""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (RFC 7636 §4.2, S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def packed(self) -> str:
        """For a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def unpacked(cls, text: str) -> "Attempt | None":
        """From a cookie; None when it is none of ours."""
        try:
            found = cls(**json.loads(base64.urlsafe_b64decode(text)))
        except (ValueError, TypeError):
            return None
        return found if all(isinstance(value, str) for value in vars(found).values()) else None

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer belongs to this way."""
        return hmac.compare_digest(self.state.encode(), state.encode())


class Provider:
    """One identity provider. Nothing is asked of it before somebody wants to sign in."""

    def __init__(self, settings: OidcSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Know where it is; `clock` gives seconds since 1970."""
        self.settings = settings
        self._clock = clock
        self._document: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None

    async def sign_in_url(self, attempt: Attempt, back: str, *, again: bool = False) -> str:
        """Where a browser goes to sign in; it is sent `back` afterwards.

        Args:
            attempt: The way there and back.
            back: Our address.
            again: Ask the person anew, whoever the provider takes them for.

        Raises:
            ProviderUnreachableError: The provider does not answer.
        """
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        if again:
            # With max_age the provider must say when (Core §3.1.2.1); not all that know it ask anew without the prompt.
            asked |= {"prompt": "login", "max_age": "0"}
        return _with_query(await self._endpoint("authorization_endpoint"), asked)

    async def sign_out_url(self, back: str) -> str | None:
        """Where a browser signs out of the provider itself; None when it offers no such page."""
        if "end_session_endpoint" not in await self._discovered():
            return None
        asked = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return _with_query(await self._endpoint("end_session_endpoint"), asked)

    async def identity(self, code: str, attempt: Attempt, back: str) -> Identity:
        """Who came back with a code.

        Raises:
            ProviderUnreachableError: The provider does not answer.
            TokenRefusedError: It does not take the code, or its token fails a check.
            InputError: The token names nobody our work could be recorded under.
        """
        claims = await self._claims(await self._id_token(code, attempt, back), attempt.nonce)
        return self.settings.rules.identity(claims)

    async def _id_token(self, code: str, attempt: Attempt, back: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        settings, document = self.settings, await self._discovered()
        takes = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if settings.client_secret is not None and "client_secret_basic" in takes:
            # RFC 6749 §2.3.1: both are form-encoded first.
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            secret = settings.client_secret
            form |= {"client_id": settings.client_id, **({"client_secret": secret} if secret else {})}  # fmt: skip
        url = await self._endpoint("token_endpoint")
        status, answer = await _ask(url, form=form, headers=headers)
        token = answer.get("id_token")
        if status != OK or not isinstance(token, str):
            reason = answer.get("error_description") or answer.get("error") or f"status {status}"
            raise TokenRefusedError(f"{settings.host} does not take this sign-in ({reason}); begin again")  # fmt: skip
        return token

    async def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        from joserfc.errors import JoseError
        from joserfc.jwt import JWTClaimsRegistry

        client = self.settings.client_id
        registry = JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self.settings.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = (await self._verified(id_token)).claims
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise TokenRefusedError(f"the token of {self.settings.host} is not good: {error}") from error  # fmt: skip
        if claims["aud"] not in (client, [client]) and claims.get("azp") != client:
            # Core §3.1.3.7, 3 to 5: a token for several audiences says whom it was made for.
            raise TokenRefusedError(f"the token of {self.settings.host} was made for another program")  # fmt: skip
        return claims

    async def _verified(self, id_token: str) -> "Token":
        from joserfc.errors import BadSignatureError, InvalidKeyIdError
        from joserfc.jwt import decode

        is_fresh = self._keys is None
        keys = self._keys or await self._read_keys()
        try:
            return decode(id_token, keys, algorithms=SIGNATURES)
        except (InvalidKeyIdError, BadSignatureError):
            if is_fresh:
                raise
        # The provider may have changed its keys since (Core §10.1.1).
        return decode(id_token, await self._read_keys(), algorithms=SIGNATURES)

    async def _read_keys(self) -> "KeySet":
        from joserfc.jwk import KeySet

        status, answer = await _ask(await self._endpoint("jwks_uri"))
        given = answer.get("keys")
        keys = given if isinstance(given, list) else []
        usable = [one for one in keys if isinstance(one, dict) and one.get("kty") in ("RSA", "EC")]
        if status != OK or not usable:
            raise ProviderUnreachableError(f"{self.settings.host} gives no keys to check with (status {status})")  # fmt: skip
        self._keys = KeySet.import_key_set({"keys": usable})
        return self._keys

    async def _endpoint(self, name: str) -> str:
        url = (await self._discovered()).get(name)
        parts = urlsplit(url if isinstance(url, str) else "")
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ProviderUnreachableError(f"{self.settings.host} gives no safe address as its {name}")  # fmt: skip
        return parts.geturl()

    async def _discovered(self) -> dict[str, Any]:
        now = self._clock()
        if self._document is not None and now < self._document[0]:
            return self._document[1]
        issuer = self.settings.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        status, document = await _ask(url)
        if status != OK:
            raise ProviderUnreachableError(f"{url} answers with status {status}; check PRISMA_OIDC_ISSUER")  # fmt: skip
        if document.get("issuer") != issuer:
            raise ProviderUnreachableError(
                f"{url} speaks for '{document.get('issuer')}'; set PRISMA_OIDC_ISSUER to exactly that"
            )
        self._document = (now + KNOWN_FOR, document)
        return document


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"


async def _ask(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer. Redirects are not followed: the settings name one provider and no other."""
    return await asyncio.to_thread(_asked, url, form, dict(headers or {}))


def _asked(
    url: str, form: Mapping[str, str] | None, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    body = None if form is None else urlencode(form)
    headers["Accept"] = "application/json"
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES)
    except (HTTPException, OSError) as error:
        raise ProviderUnreachableError(f"{parts.netloc} cannot be reached ({str(error) or type(error).__name__})") from error  # fmt: skip
    finally:
        connection.close()
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    return answer.status, found if isinstance(found, dict) else {}


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
