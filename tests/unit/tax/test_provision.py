"""Deferred tax, uncertain positions and the reconciliation of the effective rate."""

from datetime import date
from fractions import Fraction

import pytest

from prisma_assets.domain.tax.deferred_tax import deferred_taxes, reversal_rate
from prisma_assets.domain.tax.facts import (
    Adjustment,
    LocalTax,
    PositionOutcome,
    TemporaryDifference,
    UncertainPosition,
)
from prisma_assets.domain.tax.provision import OtherTax, consolidate, provide
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.result import EntityTax, flattened
from prisma_assets.domain.tax.uncertain_position import measure

REPORTING = date(2025, 12, 31)


def difference(**facts) -> TemporaryDifference:
    given = {"name": "Machine", "side": "asset", "carrying_amount": 1_000, "tax_base": 600}
    return TemporaryDifference(**{**given, **facts})


@pytest.mark.parametrize(
    ("facts", "closing"),
    [
        # an asset above its tax base: 400 x 35 %, a liability
        ({}, 140_00),
        ({"carrying_amount": 600, "tax_base": 1_000}, -140_00),
        # a provision that is deductible when paid: an asset
        ({"side": "liability", "carrying_amount": 400, "tax_base": 0}, -140_00),
        ({"side": "liability", "carrying_amount": 400, "tax_base": 0, "is_recoverable": False}, 0),
        # a liability is recognised whether or not recovery is likely
        ({"is_recoverable": False}, 140_00),
    ],
    ids=["liability", "asset", "provision", "not-recoverable", "taxable"],
)
def test_deferred_tax_by_side_and_sign(entity, facts, closing):
    """IAS 12 paragraphs 15, 24; Malta 35 %."""
    (found,) = deferred_taxes(
        entity(temporary_differences=(difference(**facts),)), reporting=REPORTING
    )

    assert found.closing_cents == closing


def test_movement_is_closing_less_opening(entity):
    (found,) = deferred_taxes(
        entity(temporary_differences=(difference(opening_deferred_tax=90),)), reporting=REPORTING
    )

    assert found.movement_cents == 50_00


@pytest.mark.parametrize(
    ("facts", "reversal", "rate"),
    [
        # 15 % x 1.055 + 14 % trade tax; from 2032 10 % x 1.055 + 14 %
        (
            {"jurisdiction": "DE", "local_taxes": [LocalTax(name="Trade tax", rate_pct=14)]},
            REPORTING,
            "29.825",
        ),
        (
            {"jurisdiction": "DE", "local_taxes": [LocalTax(name="Trade tax", rate_pct=14)]},
            date(2032, 1, 1),
            "24.55",
        ),
        # 21 % x (1 - 6.5 %) + 6.5 %
        (
            {
                "jurisdiction": "US",
                "local_taxes": [LocalTax(name="State", rate_pct="6.5", is_deductible=True)],
            },
            REPORTING,
            "26.135",
        ),
        ({"jurisdiction": "CA", "subdivision": "CA-ON"}, REPORTING, "26.5"),
        # profits kept bear nothing until distributed (IAS 12 paragraph 52A)
        ({"jurisdiction": "EE"}, REPORTING, "0"),
        ({"jurisdiction": "SI"}, date(2029, 6, 30), "19"),
    ],
    ids=["de", "de-2032", "us", "ca-on", "ee", "si-2029"],
)
def test_temporary_differences_are_measured_at_all_taxes_on_the_base(entity, facts, reversal, rate):
    assert reversal_rate(entity(**facts), reversal=reversal, reporting=REPORTING) == Fraction(rate)


def test_without_an_enacted_rate_no_deferred_tax_is_measured(entity):
    (found,) = deferred_taxes(
        entity(jurisdiction="KE", temporary_differences=(difference(),)), reporting=REPORTING
    )

    assert isinstance(found, NoRate)
    assert found.reason.startswith("Acme, Machine: no rate of KE")


def position(**facts) -> UncertainPosition:
    outcomes = tuple(
        PositionOutcome(tax=t, probability_pct=p) for t, p in ((300, 45), (100, 35), (0, 20))
    )
    given = {
        "id": "U",
        "entity": "Acme",
        "description": "x",
        "acceptance_pct": 50,
        "outcomes": outcomes,
    }
    return UncertainPosition(**{**given, **facts})


@pytest.mark.parametrize(
    ("facts", "liability"),
    [
        ({"acceptance_pct": 51}, 0),
        # 50 % is not more likely than not; 300 is most likely
        ({}, 300_00),
        # 45 % x 300 + 35 % x 100 = 135 + 35
        ({"method": "expected_value"}, 170_00),
        ({"outcomes": ()}, None),
    ],
    ids=["probable", "most-likely", "expected", "unknown"],
)
def test_uncertain_positions(facts, liability):
    """IFRIC 23 paragraphs 9-11."""
    assert measure(position(**facts)).liability_cents == liability


def test_only_the_movement_of_an_uncertain_position_is_expense():
    assert measure(position(opening_liability=180)).movement_cents == 120_00
    assert measure(position(opening_liability=180, acceptance_pct=90)).movement_cents == -180_00
    assert measure(position(opening_liability=180, outcomes=())).movement_cents == 0


def test_the_reconciliation_names_every_cause(computed):
    """By hand, for a profit of 1,000,000 in the Netherlands.

    Expected 25.8 % = 258,000; permanent -200,000: -51,600; temporary 50,000 with deferred tax of -12,900: 12,900 - 12,900;
    losses of 100,000: -25,800; lower band 200,000 x (25.8 % - 19 %): -13,600; earlier years 5,000.
    Current: 750,000 at bands = 38,000 + 141,900 = 179,900, + 5,000 = 184,900; less deferred 12,900 = 172,000.
    """
    adjustments = (
        Adjustment(label="exempt", amount=-200_000, kind="permanent"),
        Adjustment(label="later", amount=50_000, kind="temporary"),
    )
    tax = flattened(
        computed(jurisdiction="NL", adjustments=adjustments, losses_brought_forward=100_000)
    )

    found = provide(tax, OtherTax(prior_years_cents=5_000_00, deferred_cents=-12_900_00))
    assert {line.label: line.cents for line in found.lines} == {
        "Profit before tax at the rate of its jurisdiction": 258_000_00,
        "Permanent differences": -51_600_00,
        "Losses of earlier years used": -25_800_00,
        "Bands, reliefs and taxes on distributions": -13_600_00,
        "Taxes of earlier years": 5_000_00,
        "Rounding": 0,
    }
    assert (found.current_cents, found.expense_cents) == (184_900_00, 172_000_00)
    assert found.effective_pct == Fraction("17.2")


def test_a_group_adds_up_in_euros(computed):
    """GBP 850,000 of profit at 0.85 is EUR 1,000,000; its 25 % and Malta's 35 % make 600,000."""
    british = provide(
        flattened(
            computed(jurisdiction="GB", currency="GBP", per_eur="0.85", profit_before_tax=850_000)
        ),
        OtherTax(),
    )
    maltese = provide(flattened(computed()), OtherTax())

    group = consolidate([(british, Fraction("0.85")), (maltese, Fraction(1))], name="Group")
    assert (group.profit_cents, group.expense_cents) == (2_000_000_00, 600_000_00)
    assert sum(line.cents for line in group.lines) == group.expense_cents
    assert group.effective_pct == 30


def test_without_profit_there_is_no_effective_rate(computed):
    assert provide(flattened(computed(profit_before_tax=0)), OtherTax()).effective_pct is None


def test_an_entitys_tax_survives_json(computed):
    """The headline rate of a split year is a fraction that no decimal writes exactly."""
    tax = flattened(
        computed(
            start=date(2023, 1, 1),
            end=date(2023, 12, 31),
            jurisdiction="GB",
            currency="GBP",
            per_eur=1,
        )
    )

    assert tax.headline_pct == Fraction(19 * 90 + 25 * 275, 365)
    assert EntityTax.model_validate_json(tax.model_dump_json()) == tax
