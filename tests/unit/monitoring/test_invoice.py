"""Three-way match: which of usage, price and record makes an invoice differ, to the cent and never by guessing."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.invoice import Invoiced, Rate, Recorded, differing, match
from prisma_assets.domain.monitoring.invoice_line import invoice_mapping

KEY = ("2026-10-31", "gpt-4.1")
THEIRS = Invoiced(amount=Decimal("2.80"), currency="USD", tokens=1_100_000, listed_usd=Decimal("2.80"))  # fmt: skip
OURS = Recorded(runs=40, unpriced=0, usd=Decimal("2.80"), tokens=1_100_000, listed_usd=Decimal("2.80"))  # fmt: skip
MONEY = st.decimals(0, 10_000, places=4)


def compared(theirs: Invoiced | None, ours: Recorded | None, **rates: str):
    (one,) = match(
        {} if theirs is None else {KEY: theirs},
        {} if ours is None else {KEY: ours},
        rates={currency: Rate(usd=Decimal(usd)) for currency, usd in rates.items()},
    )
    return one


@pytest.mark.parametrize(
    ("theirs", "ours", "cause", "difference"),
    [
        (THEIRS, OURS, "agrees", "0"),
        (replace(THEIRS, amount=Decimal("2.80")), replace(OURS, usd=Decimal("2.8049")), "rounding", "-0.0049"),
        (THEIRS, replace(OURS, usd=Decimal("2.8060"), listed_usd=Decimal("2.8060")), "quantity", "-0.0060"),
        (replace(THEIRS, amount=Decimal("2.52")), OURS, "price", "-0.28"),
        (THEIRS, replace(OURS, usd=Decimal("1.40"), unpriced=20), "recording", "1.40"),
        (THEIRS, None, "missing in ours", "2.80"),
        (None, OURS, "missing in theirs", "-2.80"),
        (None, replace(OURS, usd=Decimal(0)), "agrees", "0"),
        (replace(THEIRS, currency="EUR"), OURS, "currency", None),
        (replace(THEIRS, amount=Decimal(3), tokens=None, listed_usd=None), OURS, "unexplained", "0.20"),
        (replace(THEIRS, amount=Decimal(3), listed_usd=None), OURS, "price", "0.20"),
        (replace(THEIRS, amount=Decimal(3), listed_usd=None, tokens=2), OURS, "quantity", "0.20"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_cause_of_a_difference_is_named(theirs, ours, cause, difference):
    """What a person has to look at first, and how much it is."""
    found = compared(theirs, ours)

    assert found.cause == cause
    assert found.difference_usd == (None if difference is None else Decimal(difference))


def test_rounding_is_what_it_can_be_and_no_more():
    """Half a cent for each line of the invoice, half a millionth for each of our runs."""
    off = replace(OURS, usd=OURS.usd + Decimal("0.0052"))
    assert compared(THEIRS, off).cause != "rounding"
    assert compared(replace(THEIRS, lines=2), off).cause == "rounding"
    assert compared(THEIRS, replace(off, runs=400)).cause == "rounding"


def test_another_currency_takes_a_rate_and_the_rate_rounds_too():
    """100 EUR at 1.08 may be 107.50 to 108.50; at 1.0800 only 107.99 to 108.01."""
    euros = Invoiced(amount=Decimal(100), currency="EUR", tokens=None, listed_usd=None)
    ours = replace(OURS, usd=Decimal("108.40"))

    assert compared(euros, ours, EUR="1.08").cause == "rounding"
    precise = compared(euros, ours, EUR="1.0800")
    assert (precise.cause, precise.invoiced_usd) == ("unexplained", Decimal("108.0000"))


@given(asked=MONEY, listed=MONEY, used=MONEY, recorded=MONEY)
def test_the_parts_of_a_difference_add_up_to_it_exactly(asked, listed, used, recorded):
    """Quantity, price and recording leave nothing over."""
    found = compared(
        replace(THEIRS, amount=asked, listed_usd=listed),
        replace(OURS, usd=recorded, listed_usd=used),
    )
    parts = (found.quantity_usd, found.price_usd, found.recording_usd)
    assert sum(part for part in parts if part is not None) == found.difference_usd


def test_the_largest_difference_comes_first():
    """Who reads a list from above fixes most."""
    models = {("2026-10", name): replace(THEIRS, amount=Decimal(usd)) for name, usd in (("a", 3), ("b", 9), ("c", 5))}  # fmt: skip
    assert [m.model for m in differing(match(models, {}, rates={}))] == ["b", "c", "a"]


ROW = {"usage_date": "2026-10-31T00:00:00Z", "sku": "gpt-4.1", "cost": "280", "tokens_in": "1000000"}  # fmt: skip
MAPPED = ["period=usage_date", "model=sku", "amount=cost:cents", "currency==EUR"]


def test_a_row_is_read_as_the_mapping_says():
    """Columns, cents, and a text for every line."""
    line = invoice_mapping(MAPPED).line(ROW)

    assert (line.period, line.model, line.amount, line.currency) == ("2026-10-31", "gpt-4.1", Decimal("2.80"), "EUR")  # fmt: skip
    assert (line.tokens_in, line.tokens_out) == (1_000_000, None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cost": "1,25"}, "`amount`: '1,25' is no amount"),
        ({"cost": ""}, "`amount` is missing"),
        ({"cost": "inf"}, "is no amount"),
        ({"usage_date": "31/10/2026"}, "is no day or month"),
        ({"usage_date": "2026-13"}, "is no day or month"),
        ({"tokens_in": "1.5"}, "`tokens_in`: '1.5' is no number of tokens"),
        ({"tokens_in": "-3"}, "is no number of tokens"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named(changed, said):
    """An invoice is taken whole or not at all, so the first fault is told exactly."""
    with pytest.raises(InputError, match=said.replace("(", "\\(")):
        invoice_mapping(MAPPED).line({**ROW, **changed})


@pytest.mark.parametrize("option", ["amount", "amount=", "price=cost"])
def test_a_mapping_that_is_none_is_refused(option):
    """Before any file is read."""
    with pytest.raises(InputError, match=option):
        invoice_mapping([option])


def test_a_missing_column_is_named_with_those_there_are():
    """Optional ones may be missing unless somebody named them."""
    invoice_mapping(MAPPED).check(["usage_date", "sku", "cost"])
    with pytest.raises(InputError, match=r"no column 'model'.*map it: --map model=COLUMN"):
        invoice_mapping([]).check(["period", "amount", "sku"])
    with pytest.raises(InputError, match="no column 'cur'"):
        invoice_mapping(["currency=cur"]).check(["period", "model", "amount"])


def test_a_currency_is_a_code():
    """Dollars where nothing is said; a sign or a name could be several."""
    plain = invoice_mapping(MAPPED[:3])
    assert plain.line(ROW).currency == "USD"
    with pytest.raises(InputError, match="is no currency"):
        plain.line({**ROW, "currency": "€"})
