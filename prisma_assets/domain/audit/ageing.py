"""How old the receivables are and who owes more than was allowed (ISA 540R on allowances, ISA 315R on controls).

Whether the receivables agree with the ledger does not belong here: that is `tie_out`.
"""

import pandas as pd

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Period
from prisma_assets.domain.audit.outcome import (
    Outcome,
    count,
    evidence_of,
    findings_of,
    lacking,
    money,
    not_performed,
    performed,
)
from prisma_assets.domain.audit.workpaper import Evidence

RECEIVABLE_AGEING = "Receivables by age"
CREDIT_LIMITS = "Receivables within credit limits"
ASSUMED_TERM_DAYS = 30
"""Payment term where an item shows no due date: the statutory default of Directive 2011/7/EU Article 3(3)(b)."""
BUCKETS = ("not due", "1-30", "31-60", "61-90", "over 90", "no date")
"""Days past due at the period's end."""


def receivable_ageing(books: Books, period: Period) -> Outcome:
    """Sort the open items by days past due; where no due date is known, 30 days from the invoice are assumed."""
    items, basis, reason = _open_items(books, period)
    if reason:
        return not_performed(RECEIVABLE_AGEING, reason)
    due, assumed = _due_dates(items)
    days_past = (pd.Timestamp(period.end) - due).dt.days
    edges = [-float("inf"), 0, 30, 60, 90, float("inf")]
    bucket = (
        pd.cut(days_past, edges, labels=list(BUCKETS[:-1])).astype("object").fillna(BUCKETS[-1])
    )
    sums = items["open_cents"].groupby(bucket).sum().reindex(BUCKETS, fill_value=0)
    numbers = items.groupby(bucket).size().reindex(BUCKETS, fill_value=0)
    total = int(items["open_cents"].sum())
    table = pd.DataFrame(
        {
            "days_past_due": BUCKETS,
            "items": numbers.to_numpy(),
            "open_cents": sums.to_numpy(),
            "share": [f"{value / total:.1%}" if total else "" for value in sums],
        }
    )
    old = int(sums["over 90"])
    credit = items["open_cents"] < 0
    result = f"{money(old)} are more than 90 days past due" + (
        f" ({old / total:.1%})." if total else "."
    )
    if assumed:
        result += f" {count(assumed, 'item')} without a due date: {ASSUMED_TERM_DAYS} days from invoice assumed."
    if credit.any():
        result += f" {count(int(credit.sum()), 'credit balance')} of {money(items.loc[credit, 'open_cents'].sum())}."
    oldest = items.assign(days_past_due=days_past)[bucket == "over 90"]
    evidence = [evidence_of("Receivables by age", table)]
    if len(oldest):
        evidence.append(_largest_by_customer(oldest))
    return performed(
        RECEIVABLE_AGEING,
        population=f"{count(len(items), 'open item')} ({basis}), total {money(total)}",
        result=result,
        evidence=tuple(evidence),
        figures={
            "buckets_cents": {name: int(value) for name, value in sums.items()},
            "items": {name: int(value) for name, value in numbers.items()},
            "total_cents": total,
            "over_90_cents": old,
            "due_dates_assumed": assumed,
        },
    )


def credit_limits(books: Books, period: Period) -> Outcome:
    """Find customers who owe more at the period's end than their limit; a customer without a limit is left out."""
    reason = lacking(
        books, "customer_master", "customer_account_id", "transaction_credit_limit_cents"
    )
    items, basis, no_items = _open_items(books, period)
    if reason or no_items:
        return not_performed(CREDIT_LIMITS, reason or no_items)
    master = books.tables["customer_master"].drop_duplicates("customer_account_id")
    limits = master.set_index("customer_account_id")["transaction_credit_limit_cents"]
    owed = items.groupby("customer_account_id")["open_cents"].sum()
    customers = pd.DataFrame({"owed_cents": owed, "limit_cents": limits.reindex(owed.index)})
    customers = customers.reset_index(names="record_id")
    limited = customers[customers["limit_cents"].notna()].astype({"limit_cents": "int64"})
    over = limited[limited["owed_cents"] > limited["limit_cents"]].copy()
    over["amount_cents"] = over["owed_cents"] - over["limit_cents"]
    over["description"] = [
        f"Customer {row.record_id} owes {money(row.owed_cents)}, {money(row.amount_cents)} over the limit of "
        f"{money(row.limit_cents)}."
        for row in over.itertuples(index=False)
    ]
    excess = int(over["amount_cents"].sum())
    unlimited = len(customers) - len(limited)
    result = f"{count(len(over), 'customer')} over the limit, together by {money(excess)}."
    if unlimited:
        result += f" {count(unlimited, 'customer')} with open items had no limit set."
    shown = over.sort_values("amount_cents", ascending=False, kind="stable")
    shown = shown[["record_id", "owed_cents", "limit_cents", "amount_cents"]]
    return performed(
        CREDIT_LIMITS,
        population=f"{count(len(customers), 'customer')} with open items ({basis}), total {money(owed.sum())}",
        result=result,
        findings=findings_of(
            over, kind="over_limit_customer", table="customer_master", procedure=CREDIT_LIMITS
        ),
        evidence=(evidence_of("Customers over their limit, largest first", shown),)
        if len(over)
        else (),
        figures={
            "customers": len(customers),
            "without_limit": unlimited,
            "exceptions": len(over),
            "excess_cents": excess,
        },
    )


def _open_items(books: Books, period: Period) -> tuple[pd.DataFrame, str, str]:
    """Open items with `open_cents`, what they rest on, and why there are none ("" when there are)."""
    if not lacking(books, "open_accounts_receivable", "customer_account_id", "open_amount_cents"):
        items = books.tables["open_accounts_receivable"].rename(
            columns={"open_amount_cents": "open_cents"}
        )
        return items, "as the client listed them", ""
    listed = lacking(books, "open_accounts_receivable")
    columns = ("invoice_id", "invoice_date", "customer_account_id", "invoice_amount_cents")
    invoices = lacking(books, "invoices_generated", *columns)
    receipts = lacking(books, "payments_received", "payment_date", "payment_amount_cents")
    if invoices or receipts:
        return pd.DataFrame(), "", f"{listed}, and {invoices or receipts}"
    end = pd.Timestamp(period.end)
    billed = books.tables["invoices_generated"]
    paid = books.tables["payments_received"]
    billed = billed[billed["invoice_date"].dt.normalize() <= end]
    paid = paid[paid["payment_date"].dt.normalize() <= end]
    return _unpaid(billed, paid), "computed as invoices less receipts, without opening balances", ""


def _unpaid(billed: pd.DataFrame, paid: pd.DataFrame) -> pd.DataFrame:
    """Invoices less their receipts; a receipt that names no known invoice is an item of its own."""
    items = billed.rename(columns={"invoice_amount_cents": "open_cents"})
    loose = paid
    if "invoice_id" in paid:
        is_known = paid["invoice_id"].isin(billed["invoice_id"])
        settled = paid[is_known].groupby("invoice_id")["payment_amount_cents"].sum()
        settled = items["invoice_id"].map(settled).fillna(0).astype("int64")
        items = items.assign(open_cents=items["open_cents"] - settled)
        loose = paid[~is_known]
    unallocated = loose[["customer_account_id"]].assign(
        open_cents=-loose["payment_amount_cents"], invoice_date=loose["payment_date"]
    )
    items = pd.concat([items, unallocated], ignore_index=True)
    return items[items["open_cents"] != 0]


def _due_dates(items: pd.DataFrame) -> tuple[pd.Series, int]:
    """Due date per item (NaT: no date at all) and for how many of them the term was assumed."""
    none = pd.Series(pd.NaT, index=items.index, dtype="datetime64[ns]")
    due = items.get("invoice_due_date", none)
    billed = items.get("invoice_date", none)
    assumed = due.isna() & billed.notna()
    due = due.fillna(billed + pd.Timedelta(days=ASSUMED_TERM_DAYS))
    return due.dt.normalize(), int(assumed.sum())


def _largest_by_customer(items: pd.DataFrame) -> Evidence:
    sums = items.groupby("customer_account_id").agg(
        items=("open_cents", "size"),
        oldest_days=("days_past_due", "max"),
        open_cents=("open_cents", "sum"),
    )
    ordered = sums.reset_index().sort_values("open_cents", ascending=False, kind="stable")
    return evidence_of("Customers with items over 90 days past due, largest first", ordered)
