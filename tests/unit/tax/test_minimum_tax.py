"""The minimum tax by hand: scope, effective rate, substance, relief and who charges it."""

from datetime import date
from fractions import Fraction

import pytest

from prisma_assets.domain.tax.facts import MinimumTaxFacts, PriorYear, RevenueYear
from prisma_assets.domain.tax.minimum_tax import scope, shares, top_up, totals
from prisma_assets.domain.tax.minimum_tax_rule import minimum_tax_rules
from prisma_assets.domain.tax.rate import NoRate

START = date(2025, 1, 1)


def history(*millions: int | None) -> tuple[RevenueYear, ...]:
    """Revenue of 2021 onwards, in millions; None: not known."""
    years = zip(range(2021, 2025), millions, strict=True)
    return tuple(
        RevenueYear(fiscal_year=y, revenue=m * 1_000_000) for y, m in years if m is not None
    )


@pytest.mark.parametrize(
    ("millions", "in_scope"),
    [
        ((750, 700, 700, 750), True),
        ((749, 700, 700, 750), False),
        ((900, 900, None, None), True),
        ((900, 100, None, None), None),
        ((900, 100, 100, None), None),
        ((None, None, None, None), None),
        ((100, 100, 100, None), False),
    ],
    ids=[
        "two",
        "one",
        "two-known",
        "undecided",
        "one-missing",
        "nothing-known",
        "cannot-be-reached",
    ],
)
def test_scope_takes_two_of_four_years(millions, in_scope):
    """Directive (EU) 2022/2523 Art. 2(1); what is not known is not guessed."""
    assert scope(history(*millions), fiscal_year=2025).is_in_scope is in_scope


def test_scope_looks_at_the_four_years_before_only():
    years = (
        RevenueYear(fiscal_year=2025, revenue=900_000_000),
        RevenueYear(fiscal_year=2020, revenue=900_000_000),
    )

    assert scope((*years, *history(100, 100, 100, 100)), fiscal_year=2025).is_in_scope is False


def figures(entity, *, jurisdiction="MT", **minimum):
    """One large company, so that no safe harbour for small ones applies."""
    given = {
        "qualifying_income": 10_000_000,
        "covered_taxes": 500_000,
        "payroll": 2_000_000,
        "tangible_assets": 1_000_000,
    }
    company = entity(
        jurisdiction=jurisdiction, revenue=80_000_000, profit_before_tax=10_000_000,
        minimum_tax=MinimumTaxFacts(**{**given, **minimum}),
    )  # fmt: skip
    return totals((company,), fiscal_year=2025)


def test_top_up_is_the_gap_times_the_excess(entity):
    """The whole computation.

    Effective rate 5 %; exclusion 9.6 % x 2,000,000 + 7.6 % x 1,000,000 = 192,000 + 76,000 = 268,000;
    excess 9,732,000; 10 % of it = 973,200. Malta levies nothing itself, so the Dutch parent's rule takes it.
    """
    found = top_up(figures(entity), fiscal_start=START, parent="NL")

    assert found.effective_rate_pct == 5
    assert (found.exclusion_cents, found.excess_cents) == (268_000_00, 9_732_000_00)
    assert (found.top_up_cents, found.domestic_cents, found.residual_cents) == (
        973_200_00,
        0,
        973_200_00,
    )
    assert found.charged_under == "income inclusion rule of NL (Art. 5)"
    assert "Art. 50" in found.notes[0]


def test_a_domestic_top_up_tax_takes_all_of_it(entity):
    """Ireland levies a qualified domestic top-up tax from 31 December 2023 on."""
    found = top_up(figures(entity, jurisdiction="IE"), fiscal_start=START, parent="NL")

    assert (found.top_up_cents, found.domestic_cents, found.residual_cents) == (
        973_200_00,
        973_200_00,
        0,
    )


def test_a_domestic_return_decides_what_it_takes(entity):
    found = top_up(
        figures(entity, jurisdiction="IE", domestic_top_up_paid=900_000),
        fiscal_start=START,
        parent="NL",
    )

    assert (found.domestic_cents, found.residual_cents) == (900_000_00, 73_200_00)


def test_maltas_parent_does_not_charge(entity):
    """Malta has put off the income inclusion rule, so a Maltese ultimate parent charges nothing."""
    found = top_up(figures(entity), fiscal_start=START, parent="MT")

    assert found.charged_under.startswith("an intermediate parent")


@pytest.mark.parametrize(
    ("year", "payroll", "assets"),
    [(2023, "10", "8"), (2024, "9.8", "7.8"), (2028, "9", "7"), (2029, "8.2", "6.6"), (2032, "5.8", "5.4"),
     (2033, "5", "5"), (2050, "5", "5")],
)  # fmt: skip
def test_substance_shares_fall_to_five_percent(year, payroll, assets):
    """Directive (EU) 2022/2523 Art. 48 and 28."""
    found = minimum_tax_rules().substance_for(date(year, 1, 1))

    assert (str(found.payroll_pct), str(found.assets_pct)) == (payroll, assets)


def test_before_2023_there_was_no_minimum_tax(entity):
    assert isinstance(top_up(figures(entity), fiscal_start=date(2022, 1, 1), parent="NL"), NoRate)


@pytest.mark.parametrize(
    ("start", "taxes", "is_relieved"),
    [
        (date(2024, 1, 1), 1_500_000, True),
        (date(2024, 1, 1), 1_499_999, False),
        (date(2025, 1, 1), 1_599_999, False),
        (date(2025, 1, 1), 1_600_000, True),
        (date(2026, 1, 1), 1_700_000, True),
        (date(2028, 1, 1), 9_000_000, False),
    ],
    ids=["2024-at", "2024-below", "2025-below", "2025-at", "2026-at", "expired"],
)
def test_simplified_effective_rate_passes_the_safe_harbour(entity, start, taxes, is_relieved):
    """15 % for years beginning in 2023 and 2024, 16 % in 2025, 17 % in 2026 (OECD, 20 December 2022)."""
    found = top_up(figures(entity, simplified_taxes=taxes), fiscal_start=start, parent="NL")

    assert found.relieved_by.startswith("safe harbour: simplified") is is_relieved


def test_small_jurisdictions_are_relieved_by_the_de_minimis_tests(entity):
    """Safe harbour: this year's revenue and profit. Exclusion (Art. 30): averages of three years, here 9m and 0.9m."""
    small = entity(revenue=9_999_999, profit_before_tax=999_999)
    years = (
        PriorYear(fiscal_year=2023, revenue=8_000_000, income=800_000),
        PriorYear(fiscal_year=2024, revenue=7_000_000, income=500_000),
    )
    average = entity(
        revenue=12_000_000, profit_before_tax=1_400_000,
        minimum_tax=MinimumTaxFacts(qualifying_income=1_400_000, covered_taxes=0, prior_years=years),
    )  # fmt: skip

    assert (
        top_up(totals((small,), fiscal_year=2025), fiscal_start=START, parent="NL").relieved_by
        == "safe harbour: de minimis"
    )
    assert (
        top_up(totals((average,), fiscal_year=2025), fiscal_start=START, parent="NL").relieved_by
        == "de minimis exclusion (Art. 30)"
    )
    edge = entity(
        revenue=10_000_000, profit_before_tax=999_999, minimum_tax=MinimumTaxFacts(payroll=1)
    )
    assert isinstance(
        top_up(totals((edge,), fiscal_year=2025), fiscal_start=START, parent="NL"), NoRate
    )


def test_profits_within_the_substance_exclusion_are_routine(entity):
    """Exclusion of 9.6 % x 120,000,000 = 11,520,000 against a profit of 10,000,000."""
    found = top_up(figures(entity, payroll=120_000_000), fiscal_start=START, parent="NL")

    assert found.relieved_by == "safe harbour: routine profits"


def test_without_qualifying_income_of_every_entity_nothing_is_computed(entity):
    stated = entity(
        revenue=80_000_000,
        minimum_tax=MinimumTaxFacts(qualifying_income=9_000_000, covered_taxes=1),
    )
    silent = entity(name="Other", revenue=20_000_000, profit_before_tax=2_000_000)

    found = top_up(totals((stated, silent), fiscal_year=2025), fiscal_start=START, parent="NL")
    assert found == NoRate(
        reason="qualifying_income and covered_taxes of every entity in MT are not stated"
    )


@pytest.mark.parametrize(
    ("minimum", "top", "note"),
    [
        ({"qualifying_income": -1}, 0, "no net qualifying income"),
        # the rate counts as zero: 15 % x 9,732,000
        ({"covered_taxes": -100_000}, 1_459_800_00, "negative"),
        # 15 % exactly
        ({"covered_taxes": 1_500_000}, 0, "Art. 50"),
    ],
    ids=["loss", "negative-taxes", "enough"],
)
def test_edges_of_the_effective_rate(entity, minimum, top, note):
    found = top_up(figures(entity, **minimum), fiscal_start=START, parent="NL")

    assert found.top_up_cents == top
    assert note in found.notes[0]


def test_a_blended_jurisdiction_adds_up_in_euros(entity):
    """USD 11.30m at 1.13 = EUR 10m with EUR 2m of tax; EUR 10m with none: 10 % of EUR 20m."""
    us = {"jurisdiction": "US", "currency": "USD", "per_eur": "1.13", "revenue": 99_000_000}
    first = entity(
        **us, minimum_tax=MinimumTaxFacts(qualifying_income=11_300_000, covered_taxes=2_260_000)
    )
    second = entity(
        **us, name="Two", minimum_tax=MinimumTaxFacts(qualifying_income=11_300_000, covered_taxes=0)
    )

    found = top_up(totals((first, second), fiscal_year=2025), fiscal_start=START, parent="NL")
    assert found.effective_rate_pct == Fraction(10)
    assert found.top_up_cents == 1_000_000_00


def test_a_top_up_tax_is_divided_by_income(entity):
    """Art. 27(5): 100.00 over incomes of 1, 2 and a loss: 33.33, 66.67, 0."""
    entities = tuple(
        entity(name=n, minimum_tax=MinimumTaxFacts(qualifying_income=i))
        for n, i in (("a", 1), ("c", -5), ("b", 2))
    )

    assert shares(100_00, entities) == (33_33, 0, 66_67)
    assert shares(1, (entity(), entity())) == (1, 0)
