"""Our VAT rates against two published tables; where they disagree, the disagreement is named and judged here."""

import csv
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from prisma_assets.domain.tax.jurisdiction import jurisdictions
from prisma_assets.domain.tax.rate import NoRate, Rate, rows, value_added_tax

pytestmark = pytest.mark.real_data

FIRST_DAY = date(2012, 1, 1)
"""Our series reach back at least that far for every country of the table."""
HISTORICAL_ERRS = {
    (
        "IE",
        "2020-09-01",
    ): "Ireland lowered 23 % to 21 % from 1 September 2020 to 28 February 2021; the table leaves that out",
    (
        "HR",
        "2022-12-31",
    ): "the table ends the kuna on 30 December and takes up the euro on 1 January",
    ("LU", "2022-12-31"): "the table's end dates exclude the day, so 31 December 2022 is left out",
    ("LU", "2023-12-31"): "the table's end dates exclude the day, so 31 December 2023 is left out",
}
"""First day of every disagreement with the historical table, and why ours stands."""


@pytest.fixture(scope="module")
def historical(shared_data: Path) -> dict[str, list[tuple[date, date, Decimal]]]:
    """Standard rates by country: first day, day after the last, percent."""
    series: dict[str, list[tuple[date, date, Decimal]]] = {}
    with (shared_data / "tax/vat_rates/eu_historical/vat_rates.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            code = row["territory_codes"].split("\n")[0]
            if code in jurisdictions() and row["rate_type"] == "standard":
                end = date.fromisoformat(row["stop_date"]) if row["stop_date"] else date.max
                span = (date.fromisoformat(row["start_date"]), end, Decimal(row["rate"]) * 100)
                series.setdefault(code, []).append(span)
    return series


def disagreements(
    series: dict[str, list[tuple[date, date, Decimal]]],
) -> dict[tuple[str, str], str]:
    """First day of each stretch of days on which a table and ours differ."""
    found: dict[tuple[str, str], str] = {}
    for code, spans in series.items():
        day, was_equal = FIRST_DAY, True
        while day <= date(2026, 6, 30):
            theirs = next((rate for start, end, rate in spans if start <= day < end), None)
            ours = value_added_tax(code, day)
            own = None if isinstance(ours, NoRate) else ours.rate_pct
            is_equal = own == theirs
            if not is_equal and was_equal:
                found[code, day.isoformat()] = f"ours {own}, theirs {theirs}"
            was_equal = is_equal
            day += timedelta(days=1)
    return found


def test_our_standard_rates_agree_day_by_day_with_the_historical_table(historical) -> None:
    """All 27 members and the United Kingdom, every day from 2012 to mid-2026."""
    assert len(historical) == 28
    assert disagreements(historical).keys() == HISTORICAL_ERRS.keys()


def test_our_rates_today_agree_with_the_second_table(shared_data: Path) -> None:
    """128 countries; ours are those the firm covers. The United States have no VAT: the table says 0, ours says none."""
    path = next((shared_data / "tax/vat_rates").glob("npm_*/sales_tax_rates.json"))
    table = json.loads(path.read_text())
    covered = {r.jurisdiction for r in rows("vat", Rate)}
    theirs = {c: Decimal(str(table[c]["rate"])) * 100 for c in covered if table.get(c)}

    assert len(theirs) == len(covered)
    assert {c: value_added_tax(c, date(2026, 6, 1)).rate_pct for c in theirs} == theirs


def test_the_second_table_is_a_day_late_in_romania(shared_data: Path) -> None:
    """It changes Romania on 1 August 2025 at 21:00 UTC, midnight of the 2nd there; Law 141/2025 says 1 August."""
    path = next((shared_data / "tax/vat_rates").glob("npm_*/sales_tax_rates.json"))

    assert list(json.loads(path.read_text())["RO"]["before"]) == ["2025-08-01T21:00:00.000Z"]
    assert value_added_tax("RO", date(2025, 8, 1)).rate_pct == 21
