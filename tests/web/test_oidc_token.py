"""What an identity provider's answer is checked for: a forged or stale one makes nobody of anybody."""

import asyncio
import base64
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from prisma_assets.web.oidc import Attempt, Provider, ProviderUnreachableError, TokenRefusedError
from tests.web.identity_provider import CLIENT, KEYS, SECRET, identity_provider


@pytest.fixture
def provider():
    with identity_provider() as running:
        yield running


def identity(provider, forge=None, **given):
    """Whom a provider's answer makes of a browser that has been there."""
    ours, attempt = Provider(provider.settings(**given)), Attempt(wanted="/")

    async def there_and_back():
        location = await ours.sign_in_url(attempt, "http://here/back")
        if forge is not None:
            provider.token = forge(provider.good_claims(attempt.nonce))
        code = parse_qs(urlsplit(provider.signs_in(location)).query)["code"][0]
        return await ours.identity(code, attempt, "http://here/back")

    return asyncio.run(there_and_back())


def none_of(claims):
    """Unsigned (RFC 7518 §3.6)."""
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]  # fmt: skip
    return ".".join([*encoded, ""])


def by_secret(claims):
    """Signed with what the client knows, which proves no provider."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET.ljust(32, ".")))


def by_published_key(claims):
    """The public key, which everybody has, taken for a shared secret."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "k1"}, claims)
    )
    mac = hmac.digest(KEYS[0].as_pem(private=False), head + b"." + body, "sha256")
    return b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def by_stranger(claims):
    """Signed with a key of somebody else's under the provider's key id."""
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEYS[1])


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        pytest.param({"nonce": "another"}, "nonce", id="of another sign-in"),
        pytest.param({"nonce": None}, "nonce", id="of no sign-in"),
        pytest.param({"exp": 1_000_000_000}, "expired", id="expired"),
        pytest.param({"exp": None}, "exp", id="never expires"),
        pytest.param({"aud": "another"}, "aud", id="for another program"),
        pytest.param({"aud": [CLIENT, "another"]}, "another program", id="for several, made for nobody"),
        pytest.param({"aud": [CLIENT, "b"], "azp": "b"}, "another program", id="for several, made for another"),
        pytest.param({"iss": "https://evil.example"}, "iss", id="of another provider"),
        pytest.param({"sub": None}, "sub", id="of nobody"),
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_sign_in_is_refused(provider, claims, said):
    provider.claims = claims

    with pytest.raises(TokenRefusedError, match=said):
        identity(provider)


@pytest.mark.parametrize("forge", [none_of, by_secret, by_published_key, by_stranger, str])
def test_a_token_the_provider_did_not_sign_is_refused(provider, forge):
    with pytest.raises(TokenRefusedError, match="is not good"):
        identity(provider, forge)


def test_clocks_may_be_apart_by_a_minute(provider):
    now = provider.good_claims("")["iat"]
    provider.claims = {"exp": now - 30}

    assert identity(provider).name == "jane.doe"


def test_a_token_for_several_programs_made_for_us_is_good(provider):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}

    assert identity(provider).roles == ("MANAGER",)


def test_a_public_client_proves_itself_by_pkce_alone(provider):
    assert identity(provider, client_secret=None).subject == "248289761001"


def test_a_provider_that_takes_secrets_in_the_form_gets_them_there(provider):
    provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert identity(provider).subject == "248289761001"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"issuer": "https://other.example"}, "speaks for 'https://other.example'"),
        ({"authorization_endpoint": "http://evil.example/a"}, "no safe address as its authorization_endpoint"),
        ({"token_endpoint": None}, "no safe address as its token_endpoint"),
    ],
)  # fmt: skip
def test_a_provider_that_is_not_the_one_that_was_set_is_not_followed(provider, document, said):
    provider.document = document

    with pytest.raises(ProviderUnreachableError, match=said):
        identity(provider)


def test_the_challenge_is_the_one_of_the_standard():
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert Attempt(wanted="/", verifier=verifier).challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # fmt: skip
