"""Foreign companies, disclosure, tax withheld, prices within the group."""

from datetime import date

import pytest

from prisma_assets.domain.tax.controlled_company import include
from prisma_assets.domain.tax.disclosure import HALLMARKS, screen
from prisma_assets.domain.tax.facts import (
    Arrangement,
    ControlledCompany,
    CrossBorderPayment,
    IntercompanyFlow,
    TreatyRate,
)
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.transfer_price import findings
from prisma_assets.domain.tax.us import inclusion_tax
from prisma_assets.domain.tax.withholding import relieve

DAY = date(2025, 1, 1)


def company(**facts) -> ControlledCompany:
    given = {
        "name": "Isles", "jurisdiction": "KY", "holder": "Acme", "ownership_pct": 80,
        "total_income": 1_000_000, "passive_income": 600_000, "tax_paid": 50_000,
    }  # fmt: skip
    return ControlledCompany(**{**given, **facts})


def test_a_low_taxed_company_is_included_base_first():
    """First the base, then the tax.

    Netherlands: 25.8 % of 1,000,000 = 258,000, and 50,000 < 258,000 - 50,000. Base 80 % x 600,000 = 480,000;
    tax 123,840 less the credit 80 % x 50,000 x 60 % = 24,000: 99,840.
    """
    found = include(company(), holder_jurisdiction="NL", day=DAY)

    assert (found.base_cents, found.tax_cents) == (480_000_00, 99_840_00)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"ownership_pct": 50}, "not controlled: 50 % held"),
        ({"tax_paid": 129_000}, "not low taxed"),
        ({"has_substantive_activity": True}, "it carries on a substantive economic activity"),
        ({"passive_income": 333_333}, "passive income is a third of its income or less"),
        ({"total_income": -1}, "no income to include"),
    ],
    ids=["control", "half-the-tax", "substance", "a-third", "loss"],
)
def test_what_is_no_controlled_foreign_company(facts, why):
    """129,000 is exactly half of 258,000, which is not less (Art. 7(1)(b))."""
    found = include(company(**facts), holder_jurisdiction="NL", day=DAY)

    assert (found.is_controlled_foreign_company, found.why, found.tax_cents) == (False, why, 0)


def cfc(**facts) -> ControlledCompany:
    return company(
        **{"ownership_pct": 100, "total_income": 0, "passive_income": 0, "tax_paid": 0, **facts}
    )


@pytest.mark.parametrize(
    ("day", "companies", "tax"),
    [
        # 1,000 untaxed: half deducted, 21 % of 500 = 105
        (date(2025, 1, 1), [cfc(tested_income=1_000)], 105_00),
        # from 2026 40 % is deducted: 21 % of 600 = 126
        (date(2026, 1, 1), [cfc(tested_income=1_000)], 126_00),
        # taxed at 13.125 % abroad nothing is left: (868.75 + 131.25) / 2 x 21 % = 105 - 80 % x 131.25
        (date(2025, 1, 1), [cfc(tested_income="868.75", tax_paid="131.25")], 0),
        # 10 % of 4,000 of assets stays out: 600 / 2 x 21 %
        (date(2025, 1, 1), [cfc(tested_income=1_000, business_assets=4_000)], 63_00),
        # from 2026 it does not
        (date(2026, 1, 1), [cfc(tested_income=1_000, business_assets=4_000)], 126_00),
        # a tested loss offsets: 700 / 2 x 21 %
        (date(2025, 1, 1), [cfc(tested_income=1_000), cfc(tested_income=-300)], 73_50),
        (date(2025, 1, 1), [cfc(tested_income=-300, tax_paid=10)], 0),
    ],
    ids=["2025", "2026", "taxed-abroad", "assets", "assets-2026", "loss", "only-loss"],
)
def test_tested_income_of_a_united_states_shareholder(day, companies, tax):
    """IRC § 951A, § 250, § 78, § 960(d)."""
    assert inclusion_tax(tuple(companies), day=day).tax_cents == tax


def test_tested_income_has_to_be_determined():
    assert inclusion_tax((cfc(),), day=DAY) == NoRate(
        reason="the tested income of Isles is not determined"
    )


def arrangement(*hallmarks: str, **facts) -> Arrangement:
    given = {
        "id": "A",
        "description": "x",
        "jurisdictions": ["DE", "NL"],
        "first_step_on": "2025-03-01",
    }
    return Arrangement(**{**given, **facts}, hallmarks=hallmarks)


@pytest.mark.parametrize(
    ("found", "is_reportable"),
    [
        (arrangement("E3"), True),
        (arrangement("C1bi"), None),
        (arrangement("C1bi", main_benefit=True), True),
        (arrangement("C1bi", main_benefit=False), False),
        (arrangement("C1bii", main_benefit=False), True),
        (arrangement("B2", "D1", main_benefit=False), True),
        (arrangement("E3", jurisdictions=["DE", "DE"]), False),
        (arrangement(), False),
        (arrangement("Z9"), False),
    ],
    ids=[
        "always",
        "not-judged",
        "benefit",
        "no-benefit",
        "listed-country",
        "one-counts",
        "domestic",
        "none",
        "unknown",
    ],
)
def test_only_some_hallmarks_need_a_main_benefit(found, is_reportable):
    """Annex IV Part I: categories A and B and C1(b)(i), (c), (d) do; C1(a), (b)(ii), C2-C4, D and E do not."""
    assert screen(found, as_of=None).is_reportable is is_reportable


def test_thirty_days_begin_with_the_first_trigger():
    """Available on 10 March: due on 9 April; reported on the 10th is late."""
    days = {"available_on": "2025-03-10", "ready_on": "2025-03-20", "first_step_on": "2025-04-01"}
    found = screen(arrangement("E1", **days), as_of=date(2025, 4, 9))

    assert (found.due, found.is_late) == (date(2025, 4, 9), False)
    assert screen(arrangement("E1", **days), as_of=date(2025, 4, 10)).is_late
    assert screen(arrangement("E1", **days, reported_on="2025-04-10"), as_of=None).is_late
    assert len(HALLMARKS) == 19


def payment(**facts) -> CrossBorderPayment:
    given = {
        "id": "P",
        "payer": "Acme",
        "recipient_jurisdiction": "NL",
        "kind": "dividend",
        "paid_on": "2025-06-01",
        "gross": 1_000,
    }
    return CrossBorderPayment(**{**given, **facts})


TREATY = TreatyRate(source_jurisdiction="RW", residence_jurisdiction="NL", kind="dividend", rate_pct=5,
                    effective_from="2020-01-01", source="treaty Art. 10")  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "treaties", "due", "verdict"),
    [
        ({}, (), 150_00, "APPROVED"),
        ({"has_residence_certificate": True}, (TREATY,), 50_00, "APPROVED"),
        ({}, (TREATY,), 150_00, "REVIEW"),
        (
            {"has_residence_certificate": True, "paid_on": "2019-12-31"},
            (TREATY,),
            150_00,
            "APPROVED",
        ),
        ({"has_residence_certificate": True, "procedure": "MAP"}, (TREATY,), 50_00, "REVIEW"),
        ({"withheld": 149}, (), 150_00, "REVIEW"),
    ],
    ids=["domestic", "treaty", "no-certificate", "before-the-treaty", "map", "withheld-too-little"],
)
def test_a_treaty_rate_needs_a_certificate(facts, treaties, due, verdict):
    """Rwanda withholds 15 % of 1,000."""
    found = relieve(payment(**facts), source="RW", treaties=treaties)

    assert (found.due_cents, found.decision.verdict) == (due, verdict)
    assert found.relief_cents == 150_00 - due


def test_without_a_domestic_rate_nothing_is_withheld_by_guess():
    assert isinstance(relieve(payment(kind="service"), source="DE", treaties=()), NoRate)


def flow(**facts) -> IntercompanyFlow:
    given = {
        "id": "F",
        "seller": "A",
        "buyer": "B",
        "kind": "goods",
        "amount_seller": 1_000,
        "amount_buyer": 1_000,
        "method": "TNMM",
    }
    return IntercompanyFlow(**{**given, **facts})


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        ({}, []),
        ({"amount_buyer": 1_001}, []),
        ({"amount_buyer": "1001.01"}, [("intercompany_mismatch", -1_01)]),
        ({"amount_buyer": None}, [("intercompany_one_sided", 1_000_00)]),
        ({"method": ""}, [("transfer_price_undocumented", None)]),
        # the gap of 2 points to the median, on 1,000
        (
            {"tested_pct": 3, "range_low_pct": 4, "range_high_pct": 6, "median_pct": 5},
            [("transfer_price_out_of_range", 20_00)],
        ),
        ({"tested_pct": 4, "range_low_pct": 4, "range_high_pct": 6}, []),
    ],
    ids=[
        "agrees",
        "tolerance",
        "differs",
        "one-sided",
        "undocumented",
        "out-of-range",
        "at-the-edge",
    ],
)
def test_prices_within_the_group(facts, kinds):
    assert [
        (f.kind, f.amount_cents) for f in findings(flow(**facts), tolerance_cents=1_00)
    ] == kinds
