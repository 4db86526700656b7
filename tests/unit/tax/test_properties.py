"""What holds for every income, rate and split: hypothesis looks for the exception."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.tax.central_tax import central_tax
from prisma_assets.domain.tax.corporate import compute
from prisma_assets.domain.tax.facts import Adjustment, LocalTax, MinimumTaxFacts, TaxEntity
from prisma_assets.domain.tax.jurisdiction import jurisdictions
from prisma_assets.domain.tax.minimum_tax import TopUp, shares, top_up, totals
from prisma_assets.domain.tax.provision import OtherTax, consolidate, provide
from prisma_assets.domain.tax.result import flattened
from prisma_assets.domain.tax.rounding import pct_of, pct_text, portion, to_cents

START, END = date(2025, 1, 1), date(2025, 12, 31)
CENTS = st.integers(-(10**13), 10**13)
MONEY = st.integers(0, 10**11).map(lambda c: Decimal(c) / 100)
SIGNED = st.integers(-(10**11), 10**11).map(lambda c: Decimal(c) / 100)
CODES = sorted(jurisdictions())
ROUNDED_LINES = 16
"""Lines of the reconciliation; each may round by half a cent."""


@st.composite
def entities(draw, profit=SIGNED):
    code = draw(st.sampled_from(CODES))
    local = draw(
        st.sampled_from(
            [
                (),
                (LocalTax(name="L", rate_pct="7.3"),),
                (LocalTax(name="L", rate_pct="7.3", is_deductible=True),),
            ]
        )
    )
    return TaxEntity(
        name="E",
        jurisdiction=code,
        currency=draw(st.sampled_from(["EUR", jurisdictions()[code].currency])),
        per_eur=draw(st.sampled_from([Decimal("0.85"), Decimal("7.46"), Decimal(1620)])),
        revenue=draw(MONEY),
        profit_before_tax=draw(profit),
        adjustments=(
            Adjustment(label="p", amount=draw(SIGNED), kind="permanent"),
            Adjustment(label="t", amount=draw(SIGNED), kind="temporary"),
        ),
        losses_brought_forward=draw(MONEY),
        interest_expense=draw(MONEY),
        interest_income=draw(MONEY),
        interest_brought_forward=draw(MONEY),
        tax_depreciation=draw(MONEY),
        distributions=draw(MONEY),
        local_taxes=local,
        associated_companies=draw(st.integers(0, 3)),
    )


@given(CENTS, st.integers(1, 10**6))
def test_rounding_is_to_the_nearest_cent_and_symmetric(numerator, denominator):
    exact = Fraction(numerator, denominator)

    assert abs(to_cents(exact) - exact) <= Fraction(1, 2)
    assert to_cents(-exact) == -to_cents(exact)


@pytest.mark.parametrize(
    ("cents", "pct", "rounded"), [(50, 1, 1), (-50, 1, -1), (49, 1, 0), (150, 1, 2), (1, 50, 1)]
)
def test_halves_go_away_from_zero(cents, pct, rounded):
    assert pct_of(cents, pct) == rounded
    assert portion(cents, Fraction(pct, 100)) == rounded


def test_percentages_read_with_two_decimals():
    assert [pct_text(p) for p in (Fraction(1, 3), Decimal("-25.8"), Decimal(1250), None)] == [
        "0.33 %", "-25.80 %", "1,250.00 %", "not known",
    ]  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(CODES), st.integers(0, 10**12), st.integers(0, 10**10))
def test_tax_rises_with_income_and_never_exceeds_it(code, income, more):
    """More income never means less tax, also across bands and marginal relief; the rounding of slices may cost a cent."""
    entity = TaxEntity(name="E", jurisdiction=code, revenue=Decimal(9_000_000))
    tax = lambda cents: central_tax(entity, chargeable_cents=cents, start=START, end=END).tax_cents  # noqa: E731

    assert 0 <= tax(income) <= income + 1
    assert tax(income + more) >= tax(income) - 1


@settings(max_examples=200)
@given(entities())
def test_a_computation_hangs_together(entity):
    found = compute(entity, start=START, end=END)
    base = found.base

    assert base.chargeable_cents >= 0
    assert 0 <= base.losses_used_cents <= max(base.income_cents, 0)
    assert base.interest.disallowed_cents >= 0
    assert base.interest.used_cents >= 0
    assert base.interest.disallowed_cents <= max(base.interest.exceeding_cents, 0)
    assert found.tax_cents >= 0
    assert (
        sum(line.cents for line in found.lines if line.label == "Tax payable")
        == found.payable_cents
    )


@settings(max_examples=200)
@given(entities(), CENTS, CENTS, CENTS)
def test_the_reconciliation_adds_up_exactly(entity, prior, deferred, top):
    """To the cent, and with nothing but rounding unexplained."""
    other = OtherTax(
        prior_years_cents=prior, deferred_cents=deferred, top_up_cents=top, refunds_cents=top // 3
    )
    found = provide(flattened(compute(entity, start=START, end=END)), other)

    assert sum(line.cents for line in found.lines) == found.expense_cents
    assert abs(found.rounding_cents) <= ROUNDED_LINES // 2

    group = consolidate([(found, Fraction("7.46")), (found, Fraction(1))], name="G")
    assert sum(line.cents for line in group.lines) == group.expense_cents


@settings(max_examples=150)
@given(st.sampled_from(CODES), SIGNED, SIGNED, MONEY, MONEY)
def test_top_up_tax_is_never_negative_nor_above_the_minimum(code, income, taxes, payroll, assets):
    minimum = MinimumTaxFacts(
        qualifying_income=income, covered_taxes=taxes, payroll=payroll, tangible_assets=assets
    )
    entity = TaxEntity(
        name="E", jurisdiction=code, revenue=Decimal(50_000_000), minimum_tax=minimum
    )

    found = top_up(totals((entity,), fiscal_year=2025), fiscal_start=START, parent="NL")
    assert isinstance(found, TopUp)
    assert 0 <= found.top_up_cents <= pct_of(max(int(income * 100), 0), 15)
    assert found.domestic_cents + found.residual_cents == found.top_up_cents
    assert min(found.domestic_cents, found.residual_cents) >= 0


@given(st.integers(0, 10**12), st.lists(SIGNED, min_size=1, max_size=6))
def test_a_divided_top_up_adds_up(amount, incomes):
    divided = tuple(
        TaxEntity(name=str(n), jurisdiction="MT", minimum_tax=MinimumTaxFacts(qualifying_income=i))
        for n, i in enumerate(incomes)
    )

    assert sum(shares(amount, divided)) == amount
