"""Writes the sample of the tax workflow: a fictional group in several jurisdictions, with the ledgers of one VAT quarter.

Five lines of the ledgers are wrong on purpose; a list of them stands beside the folder, where the work never reads it.
"""

import csv
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.outcome import money
from prisma_assets.domain.audit.score import PlantedError, PlantedErrors
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.tax.facts import VatRegistration
from prisma_assets.domain.tax.rounding import pct_of
from prisma_assets.domain.yaml_source import parse_model
from prisma_assets.engagement.facts import FACTS_FILE

SALES, PURCHASES = 90, 60
STANDARD_PCT = 18
COLUMNS = (
    "document_id", "tax_point_date", "vat_registration", "counterparty_country", "counterparty_vat_number",
    "treatment", "vat_rate_pct", "net_amount", "vat_amount",
)  # fmt: skip
CUSTOMERS = (
    ("domestic", "MT", "MT15837294"), ("intra_eu_goods", "DE", "DE136695976"), ("domestic", "MT", ""),
    ("intra_eu_services", "IT", "IT00743110157"), ("export", "GB", ""), ("exempt", "MT", ""),
)  # fmt: skip
SUPPLIERS = (
    ("domestic", "MT", "MT20137734"), ("intra_eu_services", "NL", "NL004495445B01"),
    ("import_postponed", "TR", ""), ("domestic", "MT", "MT11189317"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TaxSample:
    """What was written."""

    folder: Path
    planted_file: Path
    rows: dict[str, int]
    """Ledger lines by table."""
    planted: int

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return {
            "folder": str(self.folder),
            "planted_file": str(self.planted_file),
            "rows": self.rows,
            "planted": self.planted,
        }

    def sentences(self) -> list[str]:
        """The summary for a person."""
        rows = ", ".join(f"{name} {number}" for name, number in self.rows.items())
        return [
            f"{self.folder}: a group for multi_jurisdiction_tax ({rows}).",
            f"{self.planted_file}: {self.planted} planted errors.",
        ]


@dataclass(kw_only=True)
class _Row:
    """A ledger line before it is written."""

    document: str
    day: str
    country: str
    number: str
    treatment: str
    rate: str
    net_cents: int
    vat_cents: int


def write_tax_sample(folder: Path) -> TaxSample:
    """Write the sample; it is always the same, byte for byte.

    Args:
        folder: New, empty, or an earlier sample that was not changed.

    Raises:
        InputError: The folder holds anything else, or cannot be written.
    """
    folder = folder.expanduser().absolute()
    content, planted = _files()
    planted_file = folder.with_name(f"{folder.name}.planted.json")
    _check(folder, content)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
        listed = PlantedErrors(seed=0, planted=tuple(planted))
        planted_file.write_text(json.dumps(listed.model_dump(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from error
    rows = {
        name.removesuffix(".csv"): text.count("\n") - 1
        for name, text in content.items()
        if name.endswith(".csv")
    }
    return TaxSample(folder=folder, planted_file=planted_file, rows=rows, planted=len(planted))


def _files() -> tuple[dict[str, str], list[PlantedError]]:
    facts = files(__package__).joinpath("tax_group.yaml").read_text(encoding="utf-8")
    engagement = parse_model(facts, Engagement, file="tax_group.yaml")
    if engagement.tax is None:
        raise InputError("tax_group.yaml: has no section tax")
    registration = next(r for r in engagement.tax.vat_registrations if r.totals is None)
    sales, purchases = _sales(registration), _purchases(registration)
    planted = _plant(registration, sales, purchases)
    content = {
        FACTS_FILE: facts,
        "vat_sales.csv": _text(sales, registration),
        "vat_purchases.csv": _text(purchases, registration),
        "sign_offs.yaml": files(__package__)
        .joinpath("tax_sign_offs.yaml")
        .read_text(encoding="utf-8"),
    }
    return content, planted


def _check(folder: Path, content: dict[str, str]) -> None:
    """Nothing of anybody's is overwritten."""
    if not folder.exists():
        return
    present = (
        {p.relative_to(folder).as_posix() for p in folder.rglob("*")} if folder.is_dir() else {""}
    )
    same = all(
        name in content and (folder / name).read_bytes() == content[name].encode()
        for name in present
    )
    if not same:
        raise InputError(f"{folder}: holds other files; name a new or empty folder")


def _sales(registration: VatRegistration) -> list[_Row]:
    """Lines that add up to the turnover: the last one takes the remainder."""
    turnover = cents(registration.turnover or Decimal(0))
    rows = [
        _row(registration, "S", n, CUSTOMERS[n % len(CUSTOMERS)], _size(n, turnover // SALES))
        for n in range(SALES - 1)
    ]
    rest = turnover - sum(r.net_cents for r in rows)
    return [*rows, _row(registration, "S", SALES - 1, CUSTOMERS[0], rest)]


def _purchases(registration: VatRegistration) -> list[_Row]:
    return [
        _row(registration, "P", n, SUPPLIERS[n % len(SUPPLIERS)], _size(n, 64_000_00))
        for n in range(PURCHASES)
    ]


def _size(number: int, middle: int) -> int:
    """Amounts round a middle, spread evenly over 40 % either way, with odd cents."""
    return middle * (60 + number * 37 % 81) // 100 + number * 13 % 97


def _row(
    registration: VatRegistration, letter: str, number: int, party: tuple[str, str, str], net: int
) -> _Row:
    treatment, country, vat_number = party
    is_taxed = treatment == "domestic"
    days = (registration.end - registration.start).days + 1
    return _Row(
        document=f"{letter}-{number + 1:04d}",
        day=(registration.start + timedelta(days=number * 7 % days)).isoformat(),
        country=country,
        number=vat_number,
        treatment=treatment,
        rate=str(STANDARD_PCT) if is_taxed or letter == "P" else "",
        net_cents=net,
        vat_cents=pct_of(net, STANDARD_PCT) if is_taxed else 0,
    )


def _plant(
    registration: VatRegistration, sales: list[_Row], purchases: list[_Row]
) -> list[PlantedError]:
    """Turn five lines wrong, one of each kind."""
    wrong_rate, sum_wrong, no_number, taxed_export, late = (
        sales[12],
        sales[24],
        sales[31],
        sales[40],
        purchases[11],
    )
    wrong_rate.rate, wrong_rate.vat_cents = "9", pct_of(wrong_rate.net_cents, 9)
    sum_wrong.vat_cents += 100_00
    no_number.number = ""
    taxed_export.vat_cents = pct_of(taxed_export.net_cents, STANDARD_PCT)
    late.day = (registration.end + timedelta(days=9)).isoformat()
    return [
        _planted("vat_rate_not_in_force", "vat_sales", wrong_rate, "9 % is no Maltese rate."),
        _planted("vat_arithmetic", "vat_sales", sum_wrong, "Tax is 100.00 too high."),
        _planted("vat_number_missing", "vat_sales", no_number, "The customer's number is missing."),
        _planted("vat_on_untaxed_line", "vat_sales", taxed_export, "Tax stands on an export."),
        _planted("vat_outside_period", "vat_purchases", late, "Dated after the quarter."),
    ]


def _planted(kind: str, table: str, row: _Row, text: str) -> PlantedError:
    return PlantedError(kind=kind, table=table, record_id=row.document, description=text)


def _text(rows: list[_Row], registration: VatRegistration) -> str:
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        amounts = [money(row.net_cents).replace(",", ""), money(row.vat_cents).replace(",", "")]
        writer.writerow(
            [
                row.document,
                row.day,
                registration.number,
                row.country,
                row.number,
                row.treatment,
                row.rate,
                *amounts,
            ]
        )
    return stream.getvalue()
