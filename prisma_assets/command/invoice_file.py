"""Reads a provider's invoice from a file; of a file with a faulty line nothing is taken."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from prisma_assets.command.row_file import read_rows
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.invoice import Rate
from prisma_assets.domain.monitoring.invoice_line import (
    InvoiceLine,
    InvoiceMapping,
    invoice_mapping,
)

if TYPE_CHECKING:
    from prisma_assets.learning.invoice import Invoice


@dataclass(frozen=True, kw_only=True)
class InvoiceFile:
    """A file and what somebody says of it."""

    path: Path
    provider: str
    mapping: Sequence[str]
    """`target=column`."""
    rates: Sequence[str]
    """`EUR=1.0845`."""
    names: Sequence[str]
    """`theirs=ours`."""


def read_invoice(asked: InvoiceFile) -> "Invoice":
    """The invoice in a file.

    Raises:
        InputError: What is wrong with the file, its first faulty line, or what was said of it.
    """
    from prisma_assets.learning.invoice import Invoice

    mapping = invoice_mapping(asked.mapping)
    rates = {currency: _rate(currency, text) for currency, text in _pairs(asked.rates, "EUR=1.0845")}  # fmt: skip
    names = dict(_pairs(asked.names, "THEIRS=OURS"))
    lines = list(_lines(asked.path, mapping))
    return Invoice(
        provider=asked.provider, file_name=asked.path.name, lines=lines, rates=rates, names=names,
        file_sha256=hashlib.sha256(asked.path.read_bytes()).hexdigest(),
    )  # fmt: skip


def _lines(path: Path, mapping: InvoiceMapping) -> Iterator[InvoiceLine]:
    for row in read_rows(path, mapping.check):
        if row.values is None:
            raise InputError(f"{path}: row {row.number}: {row.problem}")
        try:
            line = mapping.line(row.values)
        except InputError as error:
            raise InputError(f"{path}: row {row.number}: {error}") from None
        yield line


def _pairs(written: Sequence[str], example: str) -> Iterator[tuple[str, str]]:
    for option in written:
        name, equals, value = option.partition("=")
        if not equals or not name or not value:
            raise InputError(f"'{option}' is not written as {example}")
        yield name, value


def _rate(currency: str, text: str) -> Rate:
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or not 0 < usd < 10**6:
        raise InputError(f"the rate of {currency} is US dollars above 0, e.g. 1.0845, not '{text}'")
    return Rate(usd=usd)
