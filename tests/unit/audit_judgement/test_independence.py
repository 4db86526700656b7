"""Independence: every rule at its limit, and nothing OK without facts."""

import pytest

from prisma_assets.domain.audit.independence import PROHIBITED_SERVICES, assess, checker_mode

PIE = {"id": "C", "name": "N", "is_pie": True}
CONFIRMED = {"confirmed_by": ["pat", "max"]}


def _service(category: str, fee: int = 1_000, safeguards: tuple[str, ...] = ()) -> dict:
    service = {"name": category, "fee": fee, "category": category, "safeguards": safeguards}
    return CONFIRMED | {"non_audit_services": [service]}


def _conclusion(engagement) -> str:
    return assess(engagement)[0]


def test_facts_without_objection_are_ok(an_engagement):
    """Every check performed, nothing found."""
    conclusion, outcomes = assess(an_engagement())

    assert conclusion == "OK"
    assert all(o.is_performed for o in outcomes)


def test_without_facts_nothing_is_ok(an_engagement):
    """A partner resolves it; the checks say why they were not performed."""
    conclusion, outcomes = assess(an_engagement(independence=None))

    assert conclusion == "SAFEGUARDS_REQUIRED"
    assert [o.procedure.name for o in outcomes if o.is_performed] == ["Rotation"]


@pytest.mark.parametrize("category", PROHIBITED_SERVICES)
def test_barred_services_bar_the_audit_whatever_the_safeguards(an_engagement, category):
    """Safeguards do not help against self-review of this kind."""
    facts = _service(category, safeguards=("separate team",))

    assert _conclusion(an_engagement(independence=facts)) == "PROHIBITED"


@pytest.mark.parametrize(
    ("client", "category", "safeguards", "expected"),
    [
        ({"id": "C", "name": "N"}, "tax_compliance", ("separate team",), "SAFEGUARDS_REQUIRED"),
        ({"id": "C", "name": "N"}, "tax_advice", (), "SAFEGUARDS_REQUIRED"),
        (PIE, "tax_advice", (), "PROHIBITED"),
        (PIE, "tax_advice", ("evaluated: no self-review",), "SAFEGUARDS_REQUIRED"),
        ({"id": "C", "name": "N"}, "training", (), "SAFEGUARDS_REQUIRED"),
    ],
)
def test_other_services_need_safeguards(an_engagement, client, category, safeguards, expected):
    """Tax advice to a public-interest entity needs a recorded evaluation as well."""
    facts = _service(category, safeguards=safeguards) | {
        "audit_fees_last_three_years": [100_000, 100_000, 100_000]
    }

    assert _conclusion(an_engagement(client=client, independence=facts)) == expected


@pytest.mark.parametrize(
    ("fee", "expected"), [(70_000, "SAFEGUARDS_REQUIRED"), (70_001, "PROHIBITED")]
)
def test_the_fee_cap_is_70_percent_of_the_average_audit_fee(an_engagement, fee, expected):
    """Average (80 + 100 + 120) / 3 = 100 thousand; exactly 70 % is still within the cap."""
    facts = _service("tax_compliance", fee) | {
        "audit_fees_last_three_years": [80_000, 100_000, 120_000]
    }

    assert _conclusion(an_engagement(client=PIE, independence=facts)) == expected


def test_the_cap_does_not_bind_other_entities(an_engagement):
    """Only public-interest entities are capped."""
    facts = _service("tax_compliance", 90_000) | {"audit_fees_last_three_years": [100_000] * 3}

    assert _conclusion(an_engagement(independence=facts)) == "SAFEGUARDS_REQUIRED"


@pytest.mark.parametrize(
    ("amount", "is_direct", "expected"),
    [
        (1, True, "PROHIBITED"),
        (0, True, "OK"),
        (50_000, False, "OK"),
        (50_001, False, "SAFEGUARDS_REQUIRED"),
        (100_001, False, "PROHIBITED"),
    ],
)
def test_financial_interests_are_barred_directly_or_when_significant(
    an_engagement, amount, is_direct, expected
):
    """A direct interest of any size; an indirect one above the firm's amounts."""
    interest = {"user": "pat", "amount": amount, "is_direct": is_direct}
    facts = CONFIRMED | {"financial_interests": [interest]}

    assert _conclusion(an_engagement(independence=facts)) == expected


@pytest.mark.parametrize(
    ("client", "years", "expected"),
    [
        (PIE, 7, "OK"), (PIE, 8, "PROHIBITED"),
        ({"id": "C", "name": "N"}, 10, "OK"), ({"id": "C", "name": "N"}, 11, "SAFEGUARDS_REQUIRED"),
        ({"id": "C", "name": "N", "is_listed": True}, 8, "PROHIBITED"),
    ],
)  # fmt: skip
def test_partners_rotate(an_engagement, client, years, expected):
    """Seven years for public-interest and listed entities, the firm's ten for others."""
    team = [{"user": "pat", "roles": ["PARTNER"], "years_on_engagement": years}]

    engagement = an_engagement(client=client, team=team)

    assert _conclusion(engagement) == expected


@pytest.mark.parametrize(
    ("threat", "expected"),
    [
        ("familiarity: cousin in accounting", "SAFEGUARDS_REQUIRED"),
        ("Advocacy in court", "PROHIBITED"),
    ],
)
def test_threats_noted_need_safeguards(an_engagement, threat, expected):
    """Advocacy cannot be safeguarded."""
    facts = CONFIRMED | {"threats_noted": [threat]}

    assert _conclusion(an_engagement(independence=facts)) == expected


def test_everybody_confirms(an_engagement):
    """One missing confirmation keeps the conclusion open."""
    assert (
        _conclusion(an_engagement(independence={"confirmed_by": ["pat"]})) == "SAFEGUARDS_REQUIRED"
    )


def test_a_preparer_does_not_check(an_engagement):
    """A firm that kept the books may not check the statements."""
    assert checker_mode(an_engagement()).figures == {"is_barred": False}
    assert checker_mode(an_engagement(independence=_service("bookkeeping"))).figures == {
        "is_barred": True
    }
    assert not checker_mode(an_engagement(independence=None)).is_performed
