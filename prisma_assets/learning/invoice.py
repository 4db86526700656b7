"""Comparing a provider's invoice with what was recorded and with what the usage costs by the lists of its days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from prisma_assets.agents.price import price_use, price_version
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.invoice import (
    Invoiced,
    Key,
    Match,
    Rate,
    Recorded,
    differing,
    match,
    total,
)
from prisma_assets.domain.monitoring.invoice_line import InvoiceLine
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.store.database import Database
from prisma_assets.store.invoice import InvoiceStore
from prisma_assets.store.roll_up import Row

_MONTH = len("2026-10")


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """A file that a provider sent."""

    provider: str
    """As runs name it."""
    file_name: str
    file_sha256: str
    lines: Sequence[InvoiceLine]
    rates: Mapping[str, Rate] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Our name of a model by the invoice's, where they differ."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What the comparison found."""

    invoice_match_id: int
    first_day: date
    last_day: date
    invoiced_usd: Decimal
    recorded_usd: Decimal
    matches: tuple[Match, ...]

    @property
    def differing(self) -> list[Match]:
        """Lines that differ beyond rounding, the largest first."""
        return differing(self.matches)


async def reconcile(database: Database, invoice: Invoice) -> Reconciled:
    """Compare an invoice with our records of its days and keep what was found.

    Raises:
        InputError: The invoice has no lines, mixes days and months, or bills one model in two currencies; or nothing is
            recorded of the provider, but of one that is called almost the same.
    """
    first, last = _days(invoice.lines)
    invoiced = _invoiced(invoice)
    recorded = await _recorded(database, invoice, first, last)
    if not recorded:
        await _refuse_misspelt(database, invoice.provider, first, last)
    matches = match(invoiced, recorded, rates=invoice.rates)
    asked, ours = total(m.invoiced_usd for m in matches), total(r.usd for r in recorded.values())
    about = {
        "provider": invoice.provider,
        "file_name": invoice.file_name,
        "file_sha256": invoice.file_sha256,
        "first_day": first,
        "last_day": last,
        "invoiced_usd": asked,
        "recorded_usd": ours,
        "is_agreed": not differing(matches),
        "price_version": price_version(),
        "rates": {currency: str(rate.usd) for currency, rate in invoice.rates.items()},
    }
    kept = await InvoiceStore(source=database).add(about, [line_row(m) for m in matches])
    return Reconciled(
        invoice_match_id=kept, first_day=first, last_day=last, invoiced_usd=asked, recorded_usd=ours,
        matches=tuple(matches),
    )  # fmt: skip


def line_row(one: Match) -> Row:
    """A comparison as it is kept and told."""
    theirs, ours = one.invoiced, one.recorded
    return {
        "period": one.period,
        "model": one.model,
        "cause": one.cause,
        "amount": theirs.amount if theirs else None,
        "currency": theirs.currency if theirs else None,
        "tokens": theirs.tokens if theirs else None,
        "invoiced_usd": one.invoiced_usd,
        "runs": ours.runs if ours else 0,
        "unpriced": ours.unpriced if ours else 0,
        "recorded_tokens": ours.tokens if ours else None,
        "recorded_usd": ours.usd if ours else None,
        "listed_usd": ours.listed_usd if ours else None,
        "difference_usd": one.difference_usd,
        "tolerance_usd": one.tolerance_usd,
        "quantity_usd": one.quantity_usd,
        "price_usd": one.price_usd,
        "recording_usd": one.recording_usd,
    }


async def _refuse_misspelt(database: Database, provider: str, first: date, last: date) -> None:
    known = frozenset(await InvoiceStore(source=database).providers(first, last))
    hint = did_you_mean(provider, known)
    if hint:
        raise InputError(f"nothing is recorded of the provider '{provider}' from {first} to {last}{hint}")  # fmt: skip


def _days(lines: Sequence[InvoiceLine]) -> tuple[date, date]:
    """First and last day an invoice covers."""
    if not lines:
        raise InputError("the invoice has no lines; there is nothing to compare")
    if len({len(line.period) for line in lines}) > 1:
        raise InputError("the invoice has days and months; split it into one file of each")
    periods = sorted(line.period for line in lines)
    first, last = _first_day(periods[0]), _first_day(periods[-1])
    if len(periods[-1]) == _MONTH:
        last = (last + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, last


def _first_day(period: str) -> date:
    return date.fromisoformat(period if len(period) > _MONTH else f"{period}-01")


def _invoiced(invoice: Invoice) -> dict[Key, Invoiced]:
    found: dict[Key, Invoiced] = {}
    for line in invoice.lines:
        model = invoice.names.get(line.model, line.model)
        new = Invoiced(
            amount=line.amount, currency=line.currency, tokens=_line_tokens(line),
            listed_usd=_line_price(line, model, invoice.provider),
        )  # fmt: skip
        key = (line.period, model)
        found[key] = new if key not in found else _joined(key, found[key], new)
    return found


def _joined(key: Key, one: Invoiced, other: Invoiced) -> Invoiced:
    """Two lines of one period and model: a provider bills what was read and written apart."""
    if one.currency != other.currency:
        raise InputError(f"the invoice bills {key[1]} of {key[0]} in {one.currency} and {other.currency}; use one currency")  # fmt: skip
    return replace(
        one,
        amount=one.amount + other.amount,
        lines=one.lines + other.lines,
        tokens=None if one.tokens is None or other.tokens is None else one.tokens + other.tokens,
        listed_usd=None
        if one.listed_usd is None or other.listed_usd is None
        else one.listed_usd + other.listed_usd,
    )


def _line_tokens(line: InvoiceLine) -> int | None:
    told = [n for n in (line.tokens_in, line.tokens_out) if n is not None]
    return sum(told) if told else None


def _line_price(line: InvoiceLine, model: str, provider: str) -> Decimal | None:
    """What a line's tokens cost by the list; None where the price of a call depends on its length, which a sum does not tell."""
    if _line_tokens(line) is None:
        return None
    at = _noon(_first_day(line.period))

    def listed(read: int, written: int, cached: int) -> Decimal | None:
        use = {"tokens_in": read, "tokens_out": written, "tokens_cached": cached}
        found = price_use({**use, "model": model, "provider": provider}, at=at)
        return None if found is None else found.usd

    read, written, cached = line.tokens_in or 0, line.tokens_out or 0, line.tokens_cached or 0
    whole = listed(read, written, cached)
    each = (listed(1, 0, 0), listed(0, 1, 0), listed(1, 0, 1))
    if whole is None or each[0] is None or each[1] is None or each[2] is None:
        return None
    one_by_one = each[0] * (read - cached) + each[1] * written + each[2] * cached
    return whole if whole == one_by_one else None


async def _recorded(
    database: Database, invoice: Invoice, first: date, last: date
) -> dict[Key, Recorded]:
    """What was recorded in the periods of the invoice, read a day at a time: a month may be millions of runs."""
    periods = {line.period for line in invoice.lines}
    is_monthly = all(len(period) == _MONTH for period in periods)
    store, found = InvoiceStore(source=database), dict[Key, Recorded]()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        period = day.isoformat()[:_MONTH] if is_monthly else day.isoformat()
        if period in periods:
            _add(found, period, await store.usage(invoice.provider, day), day, invoice.provider)
    return found


def _add(
    found: dict[Key, Recorded], period: str, rows: Iterable[Row], day: date, provider: str
) -> None:
    for row in rows:
        key = (period, row["model"])
        before = found.get(key, _NOTHING)
        listed = price_use({**row, "provider": provider}, at=_noon(day))
        found[key] = Recorded(
            runs=before.runs + row["runs"],
            unpriced=before.unpriced + row["unpriced"],
            usd=before.usd + row["cost_usd"],
            tokens=before.tokens
            + row["runs"] * ((row["tokens_in"] or 0) + (row["tokens_out"] or 0)),
            listed_usd=None
            if before.listed_usd is None or listed is None
            else before.listed_usd + row["runs"] * listed.usd,
        )


_NOTHING = Recorded(runs=0, unpriced=0, usd=Decimal(0), tokens=0, listed_usd=Decimal(0))


def _noon(day: date) -> datetime:
    """A moment of the day to look a price up at; the few lists with prices by the hour are met halfway."""
    return datetime.combine(day, time(12), tzinfo=UTC)


def answer_of(found: Reconciled) -> dict[str, Any]:
    """The same for programs."""
    return {
        "invoice_match_id": found.invoice_match_id,
        "from": found.first_day,
        "to": found.last_day,
        "invoiced_usd": found.invoiced_usd,
        "recorded_usd": found.recorded_usd,
        "is_agreed": not found.differing,
        "lines": [line_row(m) for m in found.matches],
    }
