"""How the rows of a provider's invoice become lines: which column is what. Reading the file does not belong here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.validation import did_you_mean

NEEDED = ("period", "model", "amount")
OPTIONAL = ("currency", "tokens_in", "tokens_out", "tokens_cached")
TARGETS = (*NEEDED, *OPTIONAL)
_CENTS = ":cents"
_CONSTANT = "="
"""Begins a value that is the same for every row."""
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_TOKENS = 10**15
"""A thousand times what the largest provider serves in a day; beyond it a column is something else."""


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    """One line of an invoice."""

    period: str
    """A UTC day (2026-10-31) or a month (2026-10)."""
    model: str
    """As the provider calls it."""
    amount: Decimal
    """In `currency`; below 0 for a credit."""
    currency: str
    """ISO 4217."""
    tokens_in: int | None
    """All tokens read, those from a cache among them; here and below None: not told."""
    tokens_out: int | None
    tokens_cached: int | None


@dataclass(frozen=True, kw_only=True)
class InvoiceMapping:
    """What each value of a line is in a file."""

    columns: Mapping[str, str]
    """By target; `=text` is that text for every row."""
    is_in_cents: bool = False
    """Amounts are hundredths."""

    def check(self, header: Iterable[str]) -> None:
        """Refuse a file that lacks a column.

        Raises:
            InputError: The first such column, and which there are.
        """
        there = frozenset(header)
        for target, column in self.columns.items():
            is_needed = target in NEEDED or column != target
            if is_needed and not column.startswith(_CONSTANT) and column not in there:
                hint = did_you_mean(column, there) or f"; it has {', '.join(sorted(there))}"
                raise InputError(f"the invoice has no column '{column}'{hint}; map it: --map {target}=COLUMN")  # fmt: skip

    def line(self, row: Mapping[str, Any]) -> InvoiceLine:
        """The line in a row.

        Raises:
            InputError: A value is missing, or none of its kind.
        """
        told = {target: _value(column, row) for target, column in self.columns.items()}
        for target in NEEDED:
            if not told.get(target):
                raise InputError(f"`{target}` is missing")
        amount = _amount(told["amount"])
        currency = told.get("currency") or "USD"
        if not _CURRENCY.fullmatch(currency):
            raise InputError(f"`currency`: '{currency}' is no currency; write its code, e.g. EUR")
        return InvoiceLine(
            period=_period(told["period"]), model=told["model"], currency=currency,
            amount=amount / 100 if self.is_in_cents else amount,
            tokens_in=_tokens("tokens_in", told), tokens_out=_tokens("tokens_out", told),
            tokens_cached=_tokens("tokens_cached", told),
        )  # fmt: skip


def invoice_mapping(options: Sequence[str]) -> InvoiceMapping:
    """A mapping written as `target=column` or `target==text`; what is not mapped is called what it is.

    Raises:
        InputError: What is wrong with which.
    """
    columns = {name: name for name in TARGETS}
    for option in options:
        target, equals, column = option.partition("=")
        if not equals or not column:
            raise InputError(f"'{option}' is no mapping; write it as amount=cost")
        if target not in TARGETS:
            hint = did_you_mean(target, frozenset(TARGETS)) or f"; it has {', '.join(TARGETS)}"
            raise InputError(f"'{option}': a line of an invoice has no '{target}'{hint}")
        columns[target] = column
    is_in_cents = columns["amount"].endswith(_CENTS)
    columns["amount"] = columns["amount"].removesuffix(_CENTS)
    return InvoiceMapping(columns=columns, is_in_cents=is_in_cents)


def _value(column: str, row: Mapping[str, Any]) -> str:
    if column.startswith(_CONSTANT):
        return column.removeprefix(_CONSTANT)
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _period(text: str) -> str:
    if _MONTH.fullmatch(text):
        return text
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise InputError(
            f"`period`: '{text}' is no day or month; write 2026-10-31 or 2026-10"
        ) from None


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 9:
        raise InputError(f"`amount`: '{text}' is no amount; write it with a point, e.g. 1234.56")
    return amount


def _tokens(target: str, told: Mapping[str, str]) -> int | None:
    text = told.get(target, "")
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value() or not 0 <= number < _MOST_TOKENS:  # fmt: skip
        raise InputError(f"`{target}`: '{text}' is no number of tokens")
    return int(number)
