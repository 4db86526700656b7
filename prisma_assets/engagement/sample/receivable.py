"""What customers owe: receipts, refunds, write-offs, the items open at the year's end, and credit limits.

How the receivables arose does not belong here: that is `revenue`.
"""

from dataclasses import dataclass

import numpy as np

from prisma_assets.engagement.sample.apportion import Cents, Index, apportion, log_normal, sums_by
from prisma_assets.engagement.sample.ledger import CASH, Entries, Ledger, Leg, interface_entries
from prisma_assets.engagement.sample.office import (
    FIRST_DAY,
    Days,
    moved,
    office_minutes,
    schedule,
    within_year,
)
from prisma_assets.engagement.sample.people import DESKS, Texts, approvers_for
from prisma_assets.engagement.sample.planted import Plan
from prisma_assets.engagement.sample.revenue import Sales
from prisma_assets.engagement.sample.settlement import NEVER, Items, settle
from prisma_assets.engagement.sample.size import Size

TERMS = np.array([30, 45, 60])
"""Days customers are given to pay."""
PAID_IN_PARTS = 0.06
"""Share of invoices of which a part is paid first."""
NO_LIMIT = 0.03
"""Share of customers without a credit limit: public bodies."""
JUST_UNDER = 0.06
"""Share of customers whose balance is within two percent of their limit."""


@dataclass(frozen=True, kw_only=True)
class Receivables:
    """Receipts in order of date, the items open at the year's end, and each customer's limit."""

    payment_id: Texts
    payment_date: Days
    payment_customer: Index
    payment_invoice_id: Texts
    payment_amount: Cents
    """Refunds negative."""
    open_invoice_id: Texts
    open_customer: Index
    open_date: Days
    open_due: Days
    open_amount: Cents
    terms: Index
    """Days to pay, per customer."""
    credit_limit: Cents
    """Per customer; 0 means none was set."""
    is_over_limit: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Claims:
    """Every item a customer may pay: last year's open invoices, this year's invoices and credit notes."""

    invoice_id: Texts
    customer: Index
    date: Days
    amount: Cents
    must_stay: np.ndarray
    """Not paid in the year, because the goods left after it."""
    is_open_note: np.ndarray
    """Credit notes nobody has claimed yet."""


def collect(
    rng: np.random.Generator, ledger: Ledger, size: Size, plan: Plan, sales: Sales
) -> Receivables:
    """Post write-offs, receipts and refunds until the receivable account reaches its balance."""
    terms = TERMS[rng.integers(0, len(TERMS), size=size.customers)]
    old_count = size.open_invoices
    written_off = _write_off(rng, ledger, max(8, old_count // 12))
    claims = _claims(rng, ledger, size, sales, less=written_off)
    paid_item, paid_date, paid_amount, open_amount = _receipts(rng, ledger, claims, terms)
    payment_id = _post_receipts(rng, ledger, paid_date, paid_amount, claims.invoice_id[paid_item])
    still_open = np.flatnonzero(open_amount)
    # Invoices alone: a customer near the limit stays under it before credit notes are set off, too.
    owed = np.maximum(open_amount[still_open], 0)
    balances = sums_by(claims.customer[still_open], owed, size.customers)
    has_note = np.bincount(claims.customer[claims.is_open_note], minlength=size.customers) > 0
    limit, is_over = _credit_limits(rng, plan, balances, has_note)
    by_number = still_open[np.argsort(claims.invoice_id[still_open].astype(str), kind="stable")]
    due = claims.date + terms[claims.customer].astype("timedelta64[D]")
    return Receivables(
        payment_id=payment_id,
        payment_date=paid_date,
        payment_customer=claims.customer[paid_item],
        payment_invoice_id=claims.invoice_id[paid_item],
        payment_amount=paid_amount,
        open_invoice_id=claims.invoice_id[by_number],
        open_customer=claims.customer[by_number],
        open_date=claims.date[by_number],
        open_due=due[by_number],
        open_amount=open_amount[by_number],
        terms=terms,
        credit_limit=limit,
        is_over_limit=is_over,
    )


def _write_off(rng: np.random.Generator, ledger: Ledger, count: int) -> int:
    """Write last year's lost invoices off against the allowance; answers their total."""
    amounts = apportion(ledger.remaining("1290"), log_normal(rng, count, sigma=0.9))
    days = schedule("quarter_ends")[rng.integers(0, 4, size=count)]
    ledger.post(
        Entries(
            effective=days,
            entered=moved(days, 1),
            minute=office_minutes(rng, count),
            user=DESKS["accruals"],
            approver=approvers_for(rng, count),
            source="manual",
            header="Uncollectible invoice written off",
            legs=(
                Leg(account="1290", cents=amounts, text="Allowance used"),
                Leg(account="1200", cents=-amounts, text="Invoice written off"),
            ),
        )
    )
    return int(amounts.sum())


def _claims(
    rng: np.random.Generator, ledger: Ledger, size: Size, sales: Sales, *, less: int
) -> _Claims:
    count = size.open_invoices
    opening = ledger.accounts["1200"].beginning_cents - less
    age = np.minimum(rng.exponential(28, size=count).astype(np.int64), 200)
    dates = np.sort(moved(np.full(count, FIRST_DAY - np.timedelta64(3, "D")) - age, 0))
    late_note = sales.is_credit_note & (sales.invoice_date > np.datetime64("2009-12-05"))
    nothing = np.zeros(count, dtype=bool)
    numbers = [f"INV-08-{number:05d}" for number in range(6_200, 6_200 + count)]
    return _Claims(
        invoice_id=np.concatenate([np.array(numbers, dtype=object), sales.invoice_id]),
        customer=np.concatenate([rng.integers(0, size.customers, size=count), sales.customer]),
        date=np.concatenate([dates, sales.invoice_date]),
        amount=np.concatenate(
            [apportion(opening, log_normal(rng, count, sigma=1.1)), sales.amount]
        ),
        must_stay=np.concatenate([nothing, sales.is_cut_off]),
        is_open_note=np.concatenate([nothing, late_note]),
    )


def _receipts(
    rng: np.random.Generator, ledger: Ledger, claims: _Claims, terms: Index
) -> tuple[Index, Days, Cents, Cents]:
    """Item, date and amount of each receipt (refunds negative), and what stays open per item."""
    is_invoice = np.flatnonzero(claims.amount > 0)
    count = len(is_invoice)
    amount = claims.amount[is_invoice]
    in_parts = (rng.random(count) < PAID_IN_PARTS) & ~claims.must_stay[is_invoice]
    share = np.where(in_parts, rng.uniform(0.3, 0.7, size=count), 0.0)
    delay = terms[claims.customer[is_invoice]] * log_normal(rng, count, sigma=0.45)
    items = Items(
        date=claims.date[is_invoice],
        amount=amount,
        delay=np.where(claims.must_stay[is_invoice], NEVER, delay),
        part=(amount * share).astype(np.int64),
    )
    open_notes = int(claims.amount[claims.is_open_note].sum())
    payments = settle(items, ledger.accounts["1200"].ending_cents - open_notes)
    refunded = np.flatnonzero((claims.amount < 0) & ~claims.is_open_note)
    refund_date = within_year(moved(claims.date[refunded], rng.integers(4, 15, size=len(refunded))))
    item = np.concatenate([is_invoice[payments.item], refunded])
    date = np.concatenate([payments.date, refund_date])
    paid = np.concatenate([payments.amount, claims.amount[refunded]])
    open_amount = np.where(claims.is_open_note, claims.amount, 0)
    open_amount[is_invoice] = payments.open_amount
    by_date = np.argsort(date, kind="stable")
    return item[by_date], date[by_date], paid[by_date], open_amount


def _post_receipts(
    rng: np.random.Generator, ledger: Ledger, date: Days, amount: Cents, invoice_id: Texts
) -> Texts:
    payment_id = np.array([f"RC-{number:06d}" for number in range(1, len(date) + 1)], dtype=object)
    is_refund = amount < 0
    ledger.post(
        interface_entries(
            rng,
            date,
            by=CASH,
            header=np.where(is_refund, "Refund to customer", "Receipt from customer").astype(
                object
            ),
            document=payment_id,
            legs=(
                Leg(account="1010", cents=amount, text="Bank"),
                Leg(account="1200", cents=-amount, text=invoice_id),
            ),
        )
    )
    return payment_id


def _credit_limits(
    rng: np.random.Generator, plan: Plan, balances: Cents, has_note: np.ndarray
) -> tuple[Cents, np.ndarray]:
    """Limits above what each customer owes, a few barely so, and the planted ones below it."""
    count = len(balances)
    room = rng.uniform(1.1, 2.6, size=count)
    base = np.maximum(balances * room, rng.uniform(40_000_00, 900_000_00, size=count))
    limit = _raised(base, 5_000_00)
    owing = rng.permutation(np.flatnonzero((balances > 50_000_00) & ~has_note))
    over, near = np.split(owing, [plan.over_limit_customers])
    near = near[: int(count * JUST_UNDER)]
    limit[near] = _raised(balances[near] * rng.uniform(1.0, 1.02, size=len(near)), 1_000_00)
    short = balances[over] * rng.uniform(0.7, 0.93, size=len(over))
    limit[over] = np.floor(short / 1_000_00).astype(np.int64) * 1_000_00
    rest = np.setdiff1d(np.arange(count), np.concatenate([over, near]))
    limit[rest[rng.random(len(rest)) < NO_LIMIT]] = 0
    is_over = np.zeros(count, dtype=bool)
    is_over[over] = True
    return limit, is_over


def _raised(cents: np.ndarray, step: int) -> Cents:
    return np.ceil(cents / step).astype(np.int64) * step
