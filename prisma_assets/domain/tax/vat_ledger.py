"""The tables vat_sales and vat_purchases as ledger lines of one registration and period."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.outcome import lacking
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.tax.facts import TaxFacts, VatRegistration
from prisma_assets.domain.tax.vat import Side, VatLine

TABLES: dict[Side, str] = {"sale": "vat_sales", "purchase": "vat_purchases"}
NEEDED = ("document_id", "tax_point_date", "treatment", "net_amount_cents", "vat_amount_cents")


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The lines of one registration."""

    lines: tuple[VatLine, ...]
    outside: tuple[VatLine, ...]
    """Lines of the registration dated in none of its periods."""
    missing: tuple[str, ...]
    """Why one of the two tables is not in it."""


def ledger(books: Books, facts: TaxFacts, registration: VatRegistration) -> Ledger:
    """The lines of a registration's period.

    A line without a registration belongs to the only number there is.

    Raises:
        InputError: A rate is no number, or lines name no registration although there are several.
    """
    missing = []
    lines: list[VatLine] = []
    for side, table in TABLES.items():
        reason = lacking(books, table, *NEEDED)
        if reason:
            missing.append(reason)
        else:
            lines.extend(_lines(books.tables[table], side, facts, registration.number))
    periods = [(r.start, r.end) for r in facts.vat_registrations if r.number == registration.number]
    return Ledger(
        lines=tuple(x for x in lines if registration.start <= x.day <= registration.end),
        outside=tuple(x for x in lines if not any(a <= x.day <= b for a, b in periods)),
        missing=tuple(missing),
    )


def _lines(frame: Any, side: Side, facts: TaxFacts, number: str) -> Iterator[VatLine]:
    """The table's rows of one registration."""
    table = TABLES[side]
    numbers = {r.number for r in facts.vat_registrations}
    columns = {name: frame[name].tolist() for name in frame.columns}
    for row in range(len(frame)):
        values = {name: column[row] for name, column in columns.items()}
        own = _text(values.get("vat_registration"))
        if not own and len(numbers) > 1:
            raise InputError(
                f"table {table}, document {values['document_id']}: no vat_registration, although engagement.yaml lists "
                f"{len(numbers)}; fill in the column vat_registration"
            )
        if own and own not in numbers:
            raise InputError(
                f"table {table}, document {values['document_id']}: vat_registration '{own}' is not in tax.vat_registrations "
                "of engagement.yaml; correct it or add it there"
            )
        if own in ("", number):
            yield _line(values, side)


def _line(values: dict[str, Any], side: Side) -> VatLine:
    return VatLine(
        side=side,
        document=_text(values["document_id"]),
        day=values["tax_point_date"].date(),
        net_cents=int(values["net_amount_cents"]),
        vat_cents=int(values["vat_amount_cents"]),
        treatment=_text(values["treatment"]).lower().replace(" ", "_").replace("-", "_"),
        rate_pct=_rate(values, side),
        country=_text(values.get("counterparty_country")).upper(),
        vat_number=_text(values.get("counterparty_vat_number")),
    )


def _rate(values: dict[str, Any], side: Side) -> Decimal | None:
    text = _text(values.get("vat_rate_pct")).removesuffix("%").strip().replace(",", ".")
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(
            f"table {TABLES[side]}, document {values['document_id']}: vat_rate_pct '{text}' is no number; write it like 19 or 5.5"
        ) from None


def _text(value: Any) -> str:
    """Text of a cell; empty when missing (pandas' NA, NaN or None)."""
    return value.strip() if isinstance(value, str) else ""
