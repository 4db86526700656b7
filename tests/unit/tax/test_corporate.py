"""Corporate income tax, computed by hand beside it."""

from datetime import date

import pytest

from prisma_assets.domain.tax.corporate import Computation, NotComputed
from prisma_assets.domain.tax.facts import Credit, LocalTax, MaltaProfit

YEAR_2024_UK = {"start": date(2024, 4, 1), "end": date(2025, 3, 31)}
UK = {"jurisdiction": "GB", "currency": "GBP", "per_eur": "0.85"}


@pytest.mark.parametrize(
    ("facts", "tax"),
    [
        # 1,000,000 x 35 %
        ({"jurisdiction": "MT"}, 350_000_00),
        # 1,000,000 x 28 %
        ({"jurisdiction": "RW", "currency": "RWF", "per_eur": 1600}, 280_000_00),
        # 200,000 x 19 % + 800,000 x 25.8 % = 38,000 + 206,400
        ({"jurisdiction": "NL"}, 244_400_00),
        # 175,000 x 14 % + 25,000 x 30 % + 800,000 x 16 % = 24,500 + 7,500 + 128,000 = 160,000; + 7 % of it = 171,200
        ({"jurisdiction": "LU", "subdivision": ""}, 171_200_00),
        # 150,000; + 5.5 % solidarity surcharge 8,250 = 15.825 %
        ({"jurisdiction": "DE"}, 158_250_00),
        # the same, with trade tax of 14 %: 140,000 on top (not deductible, EStG § 4(5b))
        ({"jurisdiction": "DE", "local_taxes": [LocalTax(name="Trade tax", rate_pct=14)]}, 298_250_00),
        # state tax 65,000 is deductible: (1,000,000 - 65,000) x 21 % = 196,350; + 65,000
        (
            {"jurisdiction": "US", "currency": "USD", "per_eur": "1.1",
             "local_taxes": [LocalTax(name="State", rate_pct="6.5", is_deductible=True)]},
            261_350_00,
        ),
        # 15 % + Ontario 11.5 %
        ({"jurisdiction": "CA", "currency": "CAD", "per_eur": "1.5", "subdivision": "CA-ON"}, 265_000_00),
        # 500,000 x 9 % + 500,000 x 15 % = 120,000; + 11.5 %
        (
            {"jurisdiction": "CA", "currency": "CAD", "per_eur": "1.5", "subdivision": "CA-ON",
             "elections": ["small_business"]},
            235_000_00,
        ),
        # tax falls on what is paid out: 780,000 x 22 / 78 = 220,000
        ({"jurisdiction": "EE", "distributions": 780_000}, 220_000_00),
        # and nothing on profit kept
        ({"jurisdiction": "LV"}, 0),
        # 15 % final tax instead of 35 % (LN 188 of 2025)
        ({"elections": ["final_tax_without_imputation"]}, 150_000_00),
        # 3.3 % of (10,000,000 - 763,000) = 304,821 on top of 25 % of 40,000,000
        ({"jurisdiction": "FR", "profit_before_tax": 40_000_000, "revenue": 90_000_000}, 10_304_821_00),
        # companies below 7.63m of turnover do not owe it
        ({"jurisdiction": "FR", "profit_before_tax": 4_000_000, "revenue": 7_000_000}, 1_000_000_00),
    ],
    ids=["mt", "rw", "nl-bands", "lu-bands", "de", "de-trade-tax", "us-state", "ca-on", "ca-small", "ee", "lv",
         "mt-final", "fr-social", "fr-small"],
)  # fmt: skip
def test_tax_of_the_year(computed, facts, tax):
    assert computed(**facts).tax_cents == tax


@pytest.mark.parametrize(
    ("profit", "extra", "tax"),
    [
        # At the lower limit: 50,000 x 19 %
        (50_000, {}, 9_500_00),
        # 100,000 x 25 % - 3/200 x (250,000 - 100,000) = 25,000 - 2,250
        (100_000, {}, 22_750_00),
        # At and above the upper limit nothing is relieved: 250,000 x 25 %
        (250_000, {}, 62_500_00),
        # One associated company halves the limits: 25,000 - 3/200 x (125,000 - 100,000) = 25,000 - 375
        (100_000, {"associated_companies": 1}, 24_625_00),
        # Augmented profits 120,000: 3/200 x (250,000 - 120,000) x 100,000 / 120,000 = 1,625
        (100_000, {"exempt_distributions": 20_000}, 23_375_00),
    ],
    ids=["small", "marginal", "upper", "associated", "augmented"],
)
def test_united_kingdom_marginal_relief(computed, profit, extra, tax):
    """CTA 2010 s. 18A, 18B, 18D; financial year 2024."""
    assert computed(**YEAR_2024_UK, **UK, profit_before_tax=profit, **extra).tax_cents == tax


def test_united_kingdom_splits_a_year_that_straddles_the_change(computed):
    """Year to 31 December 2023: 90 of 365 days at 19 %, 275 at 25 % (CTA 2009 s. 8(5)); profits above the limits.

    400,000 x 90/365 = 98,630.14 x 19 % = 18,739.73; 301,369.86 x 25 % = 75,342.47; together 94,082.20.
    """
    found = computed(
        start=date(2023, 1, 1), end=date(2023, 12, 31), **UK, profit_before_tax=400_000
    )

    assert found.tax_cents == 94_082_20
    assert len(found.rate_versions) == 2


def test_short_period_shrinks_the_limits(computed):
    """Six months (183 of 365 days): upper limit 125,342.47, so 130,000 is above it and bears the full 25 %."""
    found = computed(start=date(2024, 4, 1), end=date(2024, 9, 30), **UK, profit_before_tax=130_000)

    assert found.tax_cents == 32_500_00


def test_a_change_within_a_period_that_is_not_split_is_reviewed(computed):
    """Rwanda's rate fell on 14 September 2023; for 2023 that of the first day holds, and a person looks."""
    found = computed(
        start=date(2023, 1, 1),
        end=date(2023, 12, 31),
        jurisdiction="RW",
        currency="RWF",
        per_eur=1600,
    )

    assert found.tax_cents == 300_000_00
    assert "ended on 2023-09-13" in found.decision.reasons[0].text


@pytest.mark.parametrize(
    ("code", "used"),
    [
        # 1,000,000 free + 70 % of 4,000,000
        ("DE", 3_800_000_00),
        # 1,000,000 + 50 % of 4,000,000
        ("NL", 3_000_000_00),
        # 80 % of 5,000,000
        ("IT", 4_000_000_00),
        ("MT", 5_000_000_00),
        # no rule on file: nothing is used, a person decides
        ("DK", 0),
    ],
)
def test_losses_are_relieved_as_far_as_the_law_goes(computed, code, used):
    """Income of 5,000,000 against losses of 9,000,000."""
    currency = {"currency": "DKK", "per_eur": "7.46"} if code == "DK" else {}
    found = computed(
        jurisdiction=code, profit_before_tax=5_000_000, losses_brought_forward=9_000_000, **currency
    )

    assert found.base.losses_used_cents == used


def test_united_kingdom_relieves_five_million_and_half_of_the_rest(computed):
    """5,000,000 + 50 % of 3,000,000 (CTA 2010 s. 269ZA)."""
    found = computed(
        **YEAR_2024_UK, **UK, profit_before_tax=8_000_000, losses_brought_forward=20_000_000
    )

    assert found.base.losses_used_cents == 6_500_000_00


def test_a_loss_is_carried_forward_and_not_taxed(computed):
    found = computed(profit_before_tax=-250_000)

    assert (found.tax_cents, found.base.loss_of_year_cents) == (0, 250_000_00)
    assert found.decision.verdict == "REVIEW"


def test_credits_do_not_exceed_the_tax_unless_refundable(computed):
    """Tax of 350,000: 400,000 of ordinary credits wipe it out, 10,000 refundable come on top."""
    credits = (
        Credit(name="foreign", amount=400_000),
        Credit(name="R&D", amount=10_000, is_refundable=True),
    )

    assert computed(credits=credits).tax_cents == -10_000_00


def test_malta_refunds_six_sevenths_on_distribution(computed):
    """350,000 of tax; half of the trading profit distributed: 175,000 x 6/7 = 150,000. Effective tax then 5 %."""
    half = (MaltaProfit(category="trading", chargeable_pct=100, distributed_pct=50),)
    whole = (MaltaProfit(category="trading", chargeable_pct=100, distributed_pct=100),)

    assert [r.refund_cents for r in computed(malta_profits=half).refunds] == [150_000_00]
    assert 350_000_00 - computed(malta_profits=whole).refunds[0].refund_cents == 50_000_00


def test_malta_refunds_depend_on_the_kind_of_profit(computed):
    """350,000 in quarters of 87,500: x 6/7 = 75,000; x 5/7 = 62,500; x 2/3 = 58,333.33; immovable property none."""
    kinds = ("trading", "passive", "double_tax_relief", "immovable_property")
    profits = tuple(MaltaProfit(category=k, chargeable_pct=25, distributed_pct=100) for k in kinds)

    assert [r.refund_cents for r in computed(malta_profits=profits).refunds] == [
        75_000_00,
        62_500_00,
        58_333_33,
        0,
    ]


@pytest.mark.parametrize(
    ("facts", "verdict", "to"),
    [
        ({"profit_before_tax": 1_428_571}, "APPROVED", None),
        ({"profit_before_tax": 1_428_572}, "REVIEW", "Head of Tax"),
        ({"profit_before_tax": 0}, "REVIEW", "Head of Tax"),
        ({"elections": ["participation_exemption"]}, "REVIEW", "Tax Technical Reviewer"),
        ({"elections": ["fiscal_unit"]}, "REVIEW", "Tax Technical Reviewer"),
        ({"elections": ["fiscal_unit"], "profit_before_tax": -1}, "REFUSED", "Group Tax Director"),
    ],
    ids=["just-below", "above-500k", "nil", "participation", "fiscal-unit", "fiscal-unit-loss"],
)
def test_the_firms_thresholds_for_malta(computed, facts, verdict, to):
    """35 % of 1,428,571 is 499,999.85: below 500,000; one euro more is above."""
    decision = computed(**facts).decision

    assert decision.verdict == verdict
    assert to is None or to in {r.to for r in decision.reasons}


def test_a_local_tax_nobody_stated_is_asked_for(computed):
    assert [r.text for r in computed(jurisdiction="DE").decision.reasons] == [
        "Acme: no trade tax is stated, so none is in the tax."
    ]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"jurisdiction": "KE"}, "no computation covers KE; tax-research-033 researches the law and a person computes"),
        ({"profit_before_tax": None}, "engagement.yaml states no profit_before_tax for Acme"),
        ({"jurisdiction": "CA", "subdivision": "CA-XX", "currency": "CAD", "per_eur": 1},
         "no corporate income tax rate of CA-XX is on file"),
    ],
    ids=["country", "profit", "province"],
)  # fmt: skip
def test_without_a_rule_or_a_figure_nothing_is_computed(computed, facts, reason):
    found = computed(**facts)

    assert isinstance(found, NotComputed)
    assert found.reason == reason


def test_amounts_in_another_currency_than_the_return_are_reviewed(computed):
    found = computed(
        jurisdiction="BG",
        currency="BGN",
        per_eur="1.95583",
        start=date(2026, 1, 1),
        end=date(2026, 12, 31),
    )

    assert found.decision.reasons[0].text.startswith(
        "Acme states its amounts in BGN; the return is in EUR"
    )


def test_the_lines_lead_from_profit_to_tax_payable(computed):
    found = computed(jurisdiction="DE", paid_on_account=100_000, losses_brought_forward=50_000)
    cents = {line.label: line.cents for line in found.lines}

    assert isinstance(found, Computation)
    assert (
        cents["Profit before tax"] + cents["Losses brought forward"] == cents["Chargeable income"]
    )
    assert (
        cents["Tax of the year"] + cents["Paid on account"]
        == cents["Tax payable"]
        == found.payable_cents
    )
