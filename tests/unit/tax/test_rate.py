"""Rates hold from their first to their last day; a rate that is not on file is said to be missing."""

import itertools
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from prisma_assets.domain.tax.jurisdiction import RESEARCH_AGENT, agent_for, is_eu, jurisdictions
from prisma_assets.domain.tax.rate import (
    Deadline,
    InterestLimit,
    LossRelief,
    NoRate,
    Rate,
    Surcharge,
    Withholding,
    corporate_income_tax,
    enacted_rate,
    rows,
    value_added_tax,
    value_added_tax_rates,
    withholding_tax,
)

DATED = [
    ("corporate_income_tax", Rate, lambda r: r.category),
    ("vat", Rate, lambda r: r.category),
    ("loss_relief", LossRelief, lambda _: ""),
    ("interest_limits", InterestLimit, lambda _: ""),
    ("withholding", Withholding, lambda r: r.kind),
    ("surcharges", Surcharge, lambda r: r.name),
    ("obligations", Deadline, lambda r: r.tax),
]
MEMBERS = 27


@pytest.mark.parametrize(("name", "model", "kind"), DATED, ids=[d[0] for d in DATED])
def test_no_two_rules_hold_on_one_day(name, model, kind):
    """Two rates at once would make the answer depend on their order in the file."""
    series = defaultdict(list)
    for row in rows(name, model):
        series[row.jurisdiction, kind(row)].append(row)

    for key, own in series.items():
        ordered = sorted(own, key=lambda r: r.effective_from)
        assert own == ordered, key
        for earlier, later in itertools.pairwise(ordered):
            assert earlier.effective_to is not None, key
            assert earlier.effective_to < later.effective_from, key
        assert all(r.effective_to is None or r.effective_from <= r.effective_to for r in own), key


@pytest.mark.parametrize("name", ["corporate_income_tax", "vat"])
def test_a_series_of_main_rates_has_no_gaps(name):
    """A day without a rate between two rates is a mistake in the data."""
    series = defaultdict(list)
    for row in rows(name, Rate):
        if row.category == "standard":
            series[row.jurisdiction].append(row)

    for code, own in series.items():
        for earlier, later in itertools.pairwise(own):
            assert earlier.effective_to + timedelta(days=1) == later.effective_from, code


def test_every_jurisdiction_has_its_main_rates_today():
    """The firm covers the EU's 27 members, the United Kingdom, the United States, Canada and Rwanda."""
    today = date(2026, 6, 1)
    codes = list(jurisdictions())

    assert sum(is_eu(c, today) for c in codes) == MEMBERS
    assert set(codes) - {c for c in codes if is_eu(c, today)} == {"GB", "US", "CA", "RW"}
    assert [c for c in codes if isinstance(corporate_income_tax(c, today), NoRate)] == []
    assert [c for c in codes if isinstance(value_added_tax(c, today), NoRate)] == ["US"]


@pytest.mark.parametrize(
    ("code", "last_day", "before", "after"),
    [
        ("AT", date(2023, 12, 31), "24", "23"),
        ("CY", date(2025, 12, 31), "12.5", "15"),
        ("CZ", date(2023, 12, 31), "19", "21"),
        ("DE", date(2027, 12, 31), "15", "14"),
        ("EE", date(2024, 12, 31), "20", "22"),
        ("GB", date(2023, 3, 31), "19", "25"),
        ("LT", date(2024, 12, 31), "15", "16"),
        ("LT", date(2025, 12, 31), "16", "17"),
        ("LU", date(2024, 12, 31), "17", "16"),
        ("NL", date(2021, 12, 31), "25", "25.8"),
        ("PT", date(2025, 12, 31), "20", "19"),
        ("RW", date(2023, 9, 13), "30", "28"),
        ("SE", date(2020, 12, 31), "21.4", "20.6"),
        ("SI", date(2023, 12, 31), "19", "22"),
        ("CA-PE", date(2025, 6, 30), "16", "15"),
    ],
)
def test_corporate_rate_changes_overnight(code, last_day, before, after):
    """The day before and the day of a change of law."""
    old, new = (
        corporate_income_tax(code, last_day),
        corporate_income_tax(code, last_day + timedelta(days=1)),
    )

    assert (old.rate_pct, new.rate_pct) == (Decimal(before), Decimal(after))


@pytest.mark.parametrize(
    ("code", "last_day", "before", "after"),
    [
        ("DE", date(2020, 6, 30), "19", "16"),
        ("DE", date(2020, 12, 31), "16", "19"),
        ("IE", date(2020, 8, 31), "23", "21"),
        ("IE", date(2021, 2, 28), "21", "23"),
        ("EE", date(2025, 6, 30), "22", "24"),
        ("FI", date(2024, 8, 31), "24", "25.5"),
        ("LU", date(2022, 12, 31), "17", "16"),
        ("RO", date(2025, 7, 31), "19", "21"),
        ("SK", date(2024, 12, 31), "20", "23"),
        ("GB", date(2011, 1, 3), "17.5", "20"),
    ],
)
def test_vat_rate_changes_overnight(code, last_day, before, after):
    old, new = value_added_tax(code, last_day), value_added_tax(code, last_day + timedelta(days=1))

    assert (old.rate_pct, new.rate_pct) == (Decimal(before), Decimal(after))


def test_malta_has_four_vat_rates_since_2024():
    """12 % came on 1 January 2024 (LN 231 of 2023)."""
    rates = lambda day: sorted(r.rate_pct for r in value_added_tax_rates("MT", day))  # noqa: E731

    assert rates(date(2023, 12, 31)) == [5, 7, 18]
    assert rates(date(2024, 1, 1)) == [5, 7, 12, 18]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (
            corporate_income_tax("XX", date(2025, 1, 1)),
            "no corporate income tax rate of XX is on file",
        ),
        (
            corporate_income_tax("GB", date(1990, 1, 1)),
            "no corporate income tax rate of GB is on file for 1990-01-01; known from 2015-04-01",
        ),
        (value_added_tax("US", date(2025, 1, 1)), "no VAT rate of US is on file"),
        (
            value_added_tax("DK", date(2025, 1, 1), "reduced"),
            "no VAT rate (reduced) of DK is on file",
        ),
        (
            withholding_tax("FR", "royalty", date(2025, 1, 1)),
            "no withholding tax rate (royalty) of FR is on file",
        ),
    ],
    ids=["jurisdiction", "day", "vat", "category", "kind"],
)
def test_what_is_not_on_file_is_said_and_never_zero(found, reason):
    assert found == NoRate(reason=reason)


def test_deferred_tax_takes_only_rates_enacted_by_the_reporting_date():
    """Germany enacted its falling rates on 18 July 2025: statements of 30 June 2025 still measure at 15 % (IAS 12.47)."""
    reversal = date(2032, 12, 31)

    assert enacted_rate("DE", reversal=reversal, reporting=date(2025, 12, 31)).rate_pct == 10
    assert isinstance(enacted_rate("DE", reversal=reversal, reporting=date(2025, 7, 17)), NoRate)
    assert enacted_rate("GB", reversal=date(2024, 1, 1), reporting=date(2021, 5, 24)).rate_pct == 25


@pytest.mark.parametrize(
    ("code", "agent"),
    [
        ("DE", "tax-corp-eu-022"), ("MT", "tax-corp-mt-026"), ("GB", "tax-corp-uk-024"), ("US", "tax-corp-us-023"),
        ("CA", "tax-corp-ca-025"), ("RW", "tax-corp-rw-027"), ("KE", RESEARCH_AGENT),
    ],
)  # fmt: skip
def test_each_jurisdiction_goes_to_its_agent(code, agent):
    assert agent_for(code) == agent


def test_the_united_kingdom_left_the_vat_territory():
    assert is_eu("GB", date(2020, 12, 31))
    assert not is_eu("GB", date(2021, 1, 1))
