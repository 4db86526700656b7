"""The limitation of interest, at both edges of the rule."""

from datetime import date

import pytest

from prisma_assets.domain.tax.interest import limit_interest
from prisma_assets.domain.tax.rate import NoRate

DAY = date(2025, 1, 1)


def limited(make, *, income: int, day: date = DAY, **facts):
    return limit_interest(make(**facts), income_cents=income * 100, day=day)


@pytest.mark.parametrize(
    ("code", "expense", "income", "disallowed"),
    [
        # Malta: EBITDA = 2,000,000 + 4,000,000 = 6,000,000, 30 % = 1,800,000; the safe amount of 3,000,000 is greater
        ("MT", 4_000_000, 2_000_000, 1_000_000),
        # EBITDA = 16,000,000 + 4,000,000, 30 % = 6,000,000: all of it
        ("MT", 4_000_000, 16_000_000, 0),
        # exactly the safe amount
        ("MT", 3_000_000, 0, 0),
        # Germany: from 3,000,000 on the share alone counts: 30 % of 5,000,000 = 1,500,000
        ("DE", 3_000_001, 1_999_999, 1_500_001),
        ("DE", 3_000_000, 2_000_000, 0),
        # Italy has no safe amount: 30 % of 1,000,000
        ("IT", 500_000, 500_000, 200_000),
        # Netherlands 2025: 24.5 % of 10,000,000 = 2,450,000, above 1,000,000
        ("NL", 4_000_000, 6_000_000, 1_550_000),
    ],
    ids=["mt-safe", "mt-ebitda", "mt-edge", "de-cliff", "de-edge", "it", "nl"],
)
def test_interest_above_the_ceiling_is_not_deductible(entity, code, expense, income, disallowed):
    """Dir. (EU) 2016/1164 Art. 4(1), 4(3)(a), and where members are stricter."""
    found = limited(entity, income=income, jurisdiction=code, interest_expense=expense)

    assert found.disallowed_cents == disallowed * 100


def test_net_interest_counts_and_depreciation_is_added_back(entity):
    """EBITDA = 1,000,000 + (5,000,000 - 500,000) + 6,500,000 = 12,000,000; 30 % = 3,600,000; 900,000 are too much."""
    found = limited(
        entity,
        income=1_000_000,
        interest_expense=5_000_000,
        interest_income=500_000,
        tax_depreciation=6_500_000,
    )

    assert (found.ebitda_cents, found.disallowed_cents) == (12_000_000_00, 900_000_00)


def test_what_earlier_years_could_not_deduct_is_used_as_far_as_there_is_room(entity):
    """Ceiling 3,000,000, costs 2,600,000: 400,000 of 900,000 carried forward are deducted."""
    found = limited(entity, income=0, interest_expense=2_600_000, interest_brought_forward=900_000)

    assert (found.used_cents, found.adjustment_cents) == (400_000_00, -400_000_00)


@pytest.mark.parametrize(
    ("day", "measure", "disallowed"),
    [
        # 2024: 30 % of EBIT (1,000 + 800 = 1,800) = 540; 2025: of EBITDA (1,800 + 700 = 2,500) = 750
        (date(2024, 1, 1), 1_800_00, 260_00),
        (date(2025, 1, 1), 2_500_00, 50_00),
    ],
    ids=["ebit", "ebitda"],
)
def test_united_states_went_back_to_ebitda(entity, day, measure, disallowed):
    """IRC § 163(j)(8), Pub. L. 119-21 § 70303."""
    found = limited(entity, income=1_000, day=day, jurisdiction="US", currency="USD", per_eur=1,
                    interest_expense=800, tax_depreciation=700)  # fmt: skip

    assert (found.ebitda_cents, found.disallowed_cents) == (measure, disallowed)


def test_safe_amount_is_converted(entity):
    """Bulgaria has no row, so the Directive's EUR 3,000,000 holds: BGN 5,867,490."""
    found = limited(
        entity,
        income=0,
        jurisdiction="BG",
        currency="BGN",
        per_eur="1.95583",
        interest_expense=6_000_000,
    )

    assert found.disallowed_cents == 6_000_000_00 - 5_867_490_00
    assert any("stricter" in r.text for r in found.reasons)


@pytest.mark.parametrize(
    ("expense", "income", "verdict"),
    [
        # EBITDA 10,000,000, ceiling 3,000,000: 2,000,000 disallowed is 20 % of it, one euro more is above
        (5_000_000, 5_000_000, "REVIEW"),
        (5_000_001, 4_999_999, "REFUSED"),
        (3_500_000, -9_000_000, "REFUSED"),
    ],
    ids=["20", "above", "negative-ebitda"],
)
def test_more_than_a_fifth_of_ebitda_is_refused(entity, expense, income, verdict):
    """The firm's threshold."""
    found = limited(entity, income=income, interest_expense=expense)

    assert {r.verdict for r in found.reasons} == {verdict}


def test_without_a_rule_interest_is_deducted_and_reviewed(entity):
    """The limit of Canada is on file from October 2023 only."""
    found = limited(
        entity,
        income=0,
        day=date(2020, 1, 1),
        jurisdiction="CA",
        currency="CAD",
        per_eur=1,
        interest_expense=10,
    )

    assert isinstance(found.rule, NoRate)
    assert found.disallowed_cents == 0
    assert found.reasons[0].text.startswith("Interest was deducted in full")
