"""Who a provider's claims say somebody is."""

from datetime import UTC, datetime

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.identity import ClaimRules
from prisma_assets.domain.guardrails.role import Role

ROLES = {"a": (Role.MANAGER, Role.EQR), "b": (Role.EMPLOYEE,)}


def read(claims, *, name_claim="preferred_username", roles_claim="groups"):
    rules = ClaimRules(name_claim=name_claim, roles_claim=roles_claim, roles=ROLES)
    return rules.identity({"iss": "https://id.example", "sub": "1", **claims})


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        pytest.param("groups", {"groups": ["a", "c"]}, id="a list"),
        pytest.param("groups", {"groups": "a"}, id="a single one"),
        pytest.param("realm_access.roles", {"realm_access": {"roles": ["a"]}}, id="a path"),
        pytest.param("https://firm.example/roles", {"https://firm.example/roles": ["a"]}, id="a name with dots"),
    ],
)  # fmt: skip
def test_groups_give_roles(claim, claims):
    found = read({"preferred_username": "ana", **claims}, roles_claim=claim)

    assert found.roles == (Role.EQR, Role.MANAGER)


@pytest.mark.parametrize("groups", [None, 7, {"a": 1}, [1, None], "A", ["c"]])
def test_anything_else_gives_none(groups):
    assert read({"preferred_username": "ana", "groups": groups}).roles == ()


@pytest.mark.parametrize("name", [None, "", "ana marku", 7, "x" * 101, "../ana"])
def test_a_name_work_cannot_stand_under_is_refused_with_the_setting_to_change(name):
    claims = {} if name is None else {"preferred_username": name}
    with pytest.raises(InputError, match="PRISMA_OIDC_NAME_CLAIM names another claim"):
        read(claims)


def test_an_address_names_somebody_only_once_the_provider_has_verified_it():
    claims = {"email": "Ana@firm.example"}

    assert read({**claims, "email_verified": True}, name_claim="email").name == "ana@firm.example"
    for verified in (None, False, "true"):
        with pytest.raises(InputError, match="verified"):
            read({**claims, "email_verified": verified}, name_claim="email")


@pytest.mark.parametrize(
    ("claims", "is_shown"),
    [
        pytest.param({"amr": ["pwd", "mfa"], "auth_time": 1_700_000_000}, True, id="by method"),
        pytest.param({"acr": "urn:firm:mfa", "auth_time": 1_700_000_000}, True, id="by class"),
        pytest.param({"amr": ["pwd"], "auth_time": 1_700_000_000}, False, id="a password"),
        pytest.param({"acr": "nomfa", "auth_time": 1_700_000_000}, False, id="a class that ends so by chance"),
        pytest.param({"amr": ["mfa"], "iat": 1_700_000_000}, False, id="nobody knows when"),
        pytest.param({"amr": ["mfa"], "auth_time": True}, False, id="no time"),
        pytest.param({"amr": ["mfa"], "auth_time": 1e300}, False, id="at no date"),
    ],
)  # fmt: skip
def test_a_second_factor_the_provider_took_counts_from_then(claims, is_shown):
    found = read({"preferred_username": "ana", **claims}).second_factor_at

    assert found == (datetime.fromtimestamp(1_700_000_000, UTC) if is_shown else None)
