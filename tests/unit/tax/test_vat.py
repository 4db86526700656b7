"""Returns of value added tax, line checks, the recapitulative statement."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.tax.facts import TaxEntity, TaxFacts, VatRegistration, VatTotals
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.vat import (
    RecapRow,
    VatLine,
    decide,
    exceptions,
    recapitulate,
    return_from_lines,
    return_from_totals,
)
from prisma_assets.domain.tax.vat_ledger import ledger


def registration(**facts) -> VatRegistration:
    given = {
        "number": "MT1",
        "jurisdiction": "MT",
        "entity": "Acme",
        "start": "2025-01-01",
        "end": "2025-03-31",
    }
    return VatRegistration(**{**given, **facts})


def line(side="sale", treatment="domestic", net=100_00, vat=18_00, **facts) -> VatLine:
    given = {"document": "D1", "day": date(2025, 2, 1), "rate_pct": Decimal(18)}
    return VatLine(
        side=side, treatment=treatment, net_cents=net, vat_cents=vat, **{**given, **facts}
    )


def test_net_is_output_and_self_assessed_less_recoverable():
    """Output 180 + 36; acquisitions of 50 at 18 % are 9 on both sides; input 45 + 9: net = 180 + 36 + 9 - 54 = 171."""
    lines = [
        line(net=1_000_00, vat=180_00),
        line(net=200_00, vat=36_00),
        line(treatment="export", net=500_00, vat=0),
        line("purchase", "intra_eu_goods", net=50_00, vat=0),
        line("purchase", net=250_00, vat=45_00),
    ]

    found = return_from_lines(lines, registration())
    assert found.output_vat_cents == 216_00
    assert found.self_assessed_vat_cents == 9_00
    assert found.recoverable_cents == 54_00
    assert found.net_cents == 171_00
    assert found.supplies_cents == 1_700_00


def test_partial_recovery_limits_input_tax():
    """60 % of 54.00 = 32.40 (Dir. 2006/112/EC Art. 173)."""
    lines = [
        line("purchase", net=250_00, vat=45_00),
        line("purchase", "reverse_charge", net=50_00, vat=0),
    ]

    found = return_from_lines(lines, registration(recovery_pct=60))
    assert (found.recoverable_cents, found.net_cents) == (32_40, 9_00 - 32_40)


def test_self_assessed_tax_takes_the_standard_rate_of_its_day():
    """Germany lowered 19 % to 16 % for the second half of 2020: 19.00 in June, 16.00 in July."""
    lines = [
        line("purchase", "intra_eu_services", vat=0, rate_pct=None, day=day)
        for day in (date(2020, 6, 30), date(2020, 7, 1))
    ]

    assert (
        return_from_lines(lines, registration(jurisdiction="DE")).self_assessed_vat_cents == 35_00
    )


def test_self_assessed_tax_without_a_rate_on_file_stops_the_return():
    lines = [line("purchase", "reverse_charge", vat=0, rate_pct=None)]

    assert return_from_lines(lines, registration(jurisdiction="US")) == NoRate(
        reason="no VAT rate of US is on file"
    )


def test_one_stop_shop_sales_belong_to_that_scheme_alone():
    lines = [line(treatment="oss", net=100_00, vat=19_00, rate_pct=Decimal(19), country="DE")]

    assert return_from_lines(lines, registration()).net_cents == 0
    assert return_from_lines(lines, registration(scheme="oss")).net_cents == 19_00


def test_totals_make_the_same_return():
    totals = VatTotals(
        output_base=1_200,
        output_vat=216,
        reverse_charge_base=50,
        reverse_charge_vat=9,
        other_supplies=500,
        input_vat=45,
    )

    assert return_from_totals(totals, registration()).net_cents == 171_00


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (line(rate_pct=Decimal(9), vat=9_00), "vat_rate_not_in_force"),
        (line(vat=18_02), "vat_arithmetic"),
        (line(treatment="export"), "vat_on_untaxed_line"),
        (line(treatment="deemed", vat=0), "vat_unknown_treatment"),
        (line(treatment="intra_eu_goods", vat=0), "vat_number_missing"),
        (line(treatment="intra_eu_goods", vat=0, vat_number="MT12345678"), "vat_number_missing"),
        (line(treatment="intra_eu_goods", vat=0, vat_number="GB123456789"), "vat_number_missing"),
        (line(treatment="oss", vat=18_00, country="DE"), "vat_rate_not_in_force"),
    ],
    ids=[
        "rate",
        "sum",
        "untaxed",
        "unknown",
        "no-number",
        "own-country",
        "left-the-eu",
        "rate-of-the-customer",
    ],
)
def test_a_wrong_line_is_found(wrong, kind):
    assert [e.kind for e in exceptions(wrong, "MT")] == [kind]


@pytest.mark.parametrize(
    "right",
    [
        line(vat=18_01),
        line(rate_pct=Decimal(12), vat=12_00),
        line(rate_pct=Decimal(0), vat=0),
        line(treatment="intra_eu_goods", vat=0, vat_number="EL 123456789"),
        line(treatment="intra_eu_services", vat=0, vat_number="NL004495445B01"),
        line("purchase", "not_recoverable"),
        line(treatment="oss", rate_pct=Decimal(19), vat=19_00, country="DE"),
    ],
    ids=["a-cent", "intermediate", "zero", "greece-is-el", "netherlands", "blocked-input", "oss"],
)
def test_a_right_line_is_left_alone(right):
    assert exceptions(right, "MT") == ()


def test_the_recapitulative_statement_adds_up_by_customer_and_kind():
    lines = [
        line(treatment="intra_eu_goods", net=100_00, vat_number="DE1"),
        line(treatment="intra_eu_goods", net=-20_00, vat_number="DE1"),
        line(treatment="intra_eu_services", net=5_00, vat_number="DE1"),
        line(net=999_00),
        line("purchase", "intra_eu_goods", net=7_00, vat_number="FR1"),
    ]

    assert recapitulate(lines) == (
        RecapRow(vat_number="DE1", kind="intra_eu_goods", net_cents=80_00),
        RecapRow(vat_number="DE1", kind="intra_eu_services", net_cents=5_00),
    )


@pytest.mark.parametrize(
    ("output", "scheme", "verdict"),
    [(10, "domestic", "APPROVED"), (0, "domestic", "REVIEW"), (10, "oss", "REVIEW")],
    ids=["payable", "refund", "scheme"],
)
def test_refunds_and_special_schemes_go_to_a_manager(output, scheme, verdict):
    own = registration(scheme=scheme)
    found = return_from_totals(VatTotals(output_base=0, output_vat=output, input_vat=5), own)

    assert decide(own, found).verdict == verdict


def books(**columns) -> Books:
    given = {
        "document_id": ["A", "B"], "tax_point_date": pd.to_datetime(["2025-01-05", "2025-04-02"]),
        "treatment": ["Domestic", "intra-eu goods"], "net_amount_cents": [100, 200], "vat_amount_cents": [18, 0],
        "vat_rate_pct": ["18 %", None],
    }  # fmt: skip
    return Books(tables={"vat_sales": pd.DataFrame({**given, **columns})})


def facts_with(*registrations: VatRegistration) -> TaxFacts:
    return TaxFacts(
        entities=(TaxEntity(name="Acme", jurisdiction="MT"),), vat_registrations=registrations
    )


def test_a_ledger_gives_the_lines_of_the_period_and_says_what_is_missing():
    own = registration()

    found = ledger(books(), facts_with(own), own)
    assert [(x.document, x.treatment, x.rate_pct) for x in found.lines] == [
        ("A", "domestic", Decimal(18))
    ]
    assert [x.document for x in found.outside] == ["B"]
    assert found.missing == ("the client provided no table vat_purchases",)


def test_a_line_in_another_period_of_the_registration_is_not_outside():
    first, second = registration(), registration(start="2025-04-01", end="2025-06-30")

    found = ledger(books(), facts_with(first, second), second)
    assert ([x.document for x in found.lines], found.outside) == (["B"], ())


@pytest.mark.parametrize(
    ("columns", "numbers", "words"),
    [
        ({}, ("MT1", "MT2"), "no vat_registration, although engagement.yaml lists 2"),
        ({"vat_registration": ["MT9", "MT1"]}, ("MT1", "MT2"), "vat_registration 'MT9' is not in tax.vat_registrations"),
        ({"vat_rate_pct": ["full", ""]}, ("MT1",), "vat_rate_pct 'full' is no number"),
    ],
    ids=["none", "unknown", "rate"],
)  # fmt: skip
def test_a_ledger_that_could_be_read_wrongly_is_refused(columns, numbers, words):
    registrations = [registration(number=n) for n in numbers]

    with pytest.raises(InputError, match=words):
        ledger(books(**columns), facts_with(*registrations), registrations[0])
