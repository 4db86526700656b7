"""Documents that should belong together: invoices and shipments, payments and invoices, parties and master data.

Whether a matched pair stands in the right period does not belong here: that is `cut_off`.
"""

import pandas as pd

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.cut_off import shipment_days
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
from prisma_assets.domain.audit.payment_number import numbered_payments

UNSHIPPED_INVOICES = "Invoices match shipments"
DUPLICATE_PAYMENTS = "Payments are not made twice"
UNKNOWN_PARTIES = "Customers and suppliers stand in the master data"
INVOICES_WITHOUT_ORDER = "Invoices match orders"
LISTED_SHARE = 0.01
"""Payments equal in supplier, day and amount are listed up to this share of all payments (or 50, which a person can
look at); above it they are the way the client pays: 11 % of a utility's 142,882 payments were."""
LISTED_MINIMUM = 50
_PARTIES = (
    ("invoices_generated", "customer_account_id", "invoice_amount_cents", "customer_master"),
    ("sales_orders", "customer_account_id", "sales_order_amount_cents", "customer_master"),
    ("payments_received", "customer_account_id", "payment_amount_cents", "customer_master"),
    ("payments_made", "supplier_account_id", "payment_amount_cents", "supplier_listing"),
)
_MASTER_KEY = {"customer_master": "customer_account_id", "supplier_listing": "supplier_account_id"}
_SAME_INVOICE = "repeats payment {first} for the same invoice {invoice}."
_LIKE_INVOICE = "resembles payment {first} for invoice {invoice}."
_OTHER_SUPPLIER = "pays invoice {invoice} that payment {first} paid to supplier {supplier}."
_SAME_DAY = "equals payment {first} of the same day."
_INVOICE_COLUMNS = ["invoice_id", "invoice_date", "customer_account_id", "invoice_amount_cents"]


def unshipped_invoices(books: Books, period: Period) -> Outcome:
    """Find invoices of the period without goods leaving the house at any time; credit notes are left out."""
    reason = lacking(books, "invoices_generated", *_INVOICE_COLUMNS) or lacking(
        books, "shipments_made"
    )
    if reason:
        return not_performed(UNSHIPPED_INVOICES, reason)
    everything = books.tables["invoices_generated"]
    matched = everything.join(shipment_days(everything, books.tables["shipments_made"]))
    days = matched["invoice_date"].dt.normalize()
    in_period = days.between(pd.Timestamp(period.start), pd.Timestamp(period.end))
    sales = matched[in_period & (matched["invoice_amount_cents"] > 0)]
    if not sales["is_traceable"].any():
        reason = "invoices and shipments share neither an invoice number nor an order number"
        return not_performed(UNSHIPPED_INVOICES, reason)
    tested = sales[sales["is_traceable"]]
    unshipped = tested[tested["shipped_on"].isna()]
    wrong = unshipped[_INVOICE_COLUMNS].rename(
        columns={"invoice_id": "record_id", "invoice_amount_cents": "amount_cents"}
    )
    wrong["description"] = [
        f"Invoice {invoice} of {day} to customer {customer} over {money(amount)} has no shipment."
        for invoice, day, customer, amount in zip(
            wrong["record_id"],
            wrong["invoice_date"].dt.strftime("%Y-%m-%d"),
            wrong["customer_account_id"],
            wrong["amount_cents"],
            strict=True,
        )
    ]
    total = int(wrong["amount_cents"].sum())
    result = f"{count(len(wrong), 'invoice')} without a shipment, together {money(total)}."
    if untraceable := len(sales) - len(tested):
        result += f" {count(untraceable, 'invoice')} could not be traced: no order number."
    return performed(
        UNSHIPPED_INVOICES,
        population=f"{count(len(sales), 'sales invoice')} of the period, total "
        f"{money(sales['invoice_amount_cents'].sum())}; "
        f"{count(len(books.tables['shipments_made']), 'shipment')}",
        result=result,
        findings=findings_of(
            wrong,
            kind="unshipped_invoice",
            table="invoices_generated",
            procedure=UNSHIPPED_INVOICES,
        ),
        evidence=(evidence_of("Invoices without a shipment", unshipped[_INVOICE_COLUMNS]),)
        if len(wrong)
        else (),
        figures={"invoices": len(sales), "exceptions": len(wrong), "amount_cents": total},
    )


def unknown_parties(books: Books) -> Outcome:
    """Find customers and suppliers that were dealt with but do not stand in the master data."""
    found, tested = [], []
    for table, key, amount, master in _PARTIES:
        if lacking(books, table, key) or lacking(books, master):
            continue
        dealings = books.tables[table]
        tested.append(f"{dealings[key].nunique():,} in {table}")
        unknown = dealings[~dealings[key].isin(books.tables[master][_MASTER_KEY[master]])]
        sums = unknown[amount] if amount in unknown else pd.Series(0, index=unknown.index)
        parties = sums.groupby(unknown[key]).agg(["sum", "size"]).reset_index()
        parties.columns = pd.Index(["record_id", "amount_cents", "documents"])
        found.append(parties.assign(table=table, master=master))
    if not tested:
        reason = "no master data of customers or suppliers came with documents that name them"
        return not_performed(UNKNOWN_PARTIES, reason)
    unknown = pd.concat(found, ignore_index=True)
    unknown["description"] = [
        f"Party {party} has {count(documents, 'row')} in {table}, total {money(amount)}, but is not in {master}."
        for party, amount, documents, table, master in unknown.itertuples(index=False)
    ]
    findings = tuple(
        finding
        for (table, master), part in unknown.groupby(["table", "master"], sort=False)
        for finding in findings_of(
            part,
            kind="unknown_customer" if master == "customer_master" else "unknown_supplier",
            table=table,
            procedure=UNKNOWN_PARTIES,
        )
    )
    shown = unknown[["table", "record_id", "documents", "amount_cents"]]
    return performed(
        UNKNOWN_PARTIES,
        population=f"Parties: {', '.join(tested)}",
        result=f"{count(len(unknown), 'party', 'parties')} not in the master data.",
        findings=findings,
        evidence=(evidence_of("Parties not in the master data", shown),) if len(shown) else (),
        figures={"exceptions": len(unknown)},
    )


def invoices_without_order(books: Books) -> Outcome:
    """Find sales invoices whose order number is missing or unknown; credit notes are left out."""
    reason = lacking(
        books, "invoices_generated", "sales_order_id", "invoice_amount_cents"
    ) or lacking(books, "sales_orders", "sales_order_id")
    if reason:
        return not_performed(INVOICES_WITHOUT_ORDER, reason)
    invoices = books.tables["invoices_generated"]
    if invoices["sales_order_id"].isna().all():
        return not_performed(INVOICES_WITHOUT_ORDER, "no invoice names an order")
    sales = invoices[invoices["invoice_amount_cents"] > 0]
    wrong = sales[~sales["sales_order_id"].isin(books.tables["sales_orders"]["sales_order_id"])]
    order = wrong["sales_order_id"].fillna("(none)")
    listed = pd.DataFrame(
        {
            "record_id": wrong["invoice_id"],
            "amount_cents": wrong["invoice_amount_cents"],
            "description": "Invoice "
            + wrong["invoice_id"]
            + " names order "
            + order
            + ", which does not exist.",
        }
    )
    total = int(listed["amount_cents"].sum())
    return performed(
        INVOICES_WITHOUT_ORDER,
        population=f"{count(len(sales), 'sales invoice')}, total {money(sales['invoice_amount_cents'].sum())}",
        result=f"{count(len(listed), 'invoice')} without an order, together {money(total)}.",
        findings=findings_of(
            listed,
            kind="invoice_without_order",
            table="invoices_generated",
            procedure=INVOICES_WITHOUT_ORDER,
        ),
        figures={"exceptions": len(listed), "amount_cents": total},
    )


def duplicate_payments(books: Books) -> Outcome:
    """Find invoices paid more than once, after taking off what was refunded or reversed.

    Graded: `duplicate_payment` when supplier, amount and invoice number (without case, punctuation and leading
    zeros) agree; `possible_duplicate_payment` when the number agrees only if O and 0, I and 1 are the same, when
    another supplier was paid the same amount for the same invoice number, or, where payments carry no invoice number
    that identifies an invoice, when supplier, amount and day agree.
    """
    reason = lacking(
        books, "payments_made", "payment_date", "supplier_account_id", "payment_amount_cents"
    )
    if reason:
        return not_performed(DUPLICATE_PAYMENTS, reason)
    payments = numbered_payments(books.tables["payments_made"])
    usable = payments[payments["is_invoice"] | (payments["amount_cents"] < 0)]
    exact = _paid_again(usable, ["supplier_key", "number_key", "size"], _SAME_INVOICE)
    possible = _possibly_paid_again(usable, exact["record_id"])
    unnumbered = payments[~payments["is_invoice"]]
    same_day = _paid_again(unnumbered, ["supplier_key", "day", "size"], _SAME_DAY)
    too_common = len(same_day) > max(LISTED_MINIMUM, LISTED_SHARE * len(payments))
    if not too_common:
        possible = pd.concat([possible, same_day])
    findings = findings_of(
        exact, kind="duplicate_payment", table="payments_made", procedure=DUPLICATE_PAYMENTS
    ) + findings_of(
        possible,
        kind="possible_duplicate_payment",
        table="payments_made",
        procedure=DUPLICATE_PAYMENTS,
    )
    total = int(exact["amount_cents"].sum())
    result = (
        f"{count(len(exact), 'payment')} made again, together {money(total)}; "
        f"{len(possible):,} more possibly, together {money(possible['amount_cents'].sum())}."
    )
    if len(unnumbered):
        result += (
            f" {count(len(unnumbered), 'payment')} carry no number that identifies one invoice: there, only payments "
            f"of one amount to one supplier on one day could be compared ({len(same_day):,} found"
            + (", too common to list as exceptions)." if too_common else ").")
        )
    shown = exact.sort_values("amount_cents", ascending=False, kind="stable")
    shown = shown[["record_id", "day", "supplier", "invoice_number", "amount_cents"]]
    return performed(
        DUPLICATE_PAYMENTS,
        population=f"{count(len(payments), 'payment')}, net total {money(payments['amount_cents'].sum())}",
        result=result,
        findings=findings,
        evidence=(evidence_of("Payments made again, largest first", shown),) if len(exact) else (),
        figures={
            "payments": len(payments),
            "exceptions": len(exact),
            "amount_cents": total,
            "possible": len(possible),
            "possible_cents": int(possible["amount_cents"].sum()),
            "without_invoice_number": len(unnumbered),
        },
    )


def _possibly_paid_again(payments: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    alike = _paid_again(payments, ["supplier_key", "loose_key", "size"], _LIKE_INVOICE)
    other = _paid_again(payments[payments["is_long"]], ["number_key", "size"], _OTHER_SUPPLIER)
    possible = pd.concat([alike, other[other["supplier"] != other["first_supplier"]]])
    return possible[~possible["record_id"].isin(known)].drop_duplicates("record_id")


def _paid_again(payments: pd.DataFrame, keys: list[str], wording: str) -> pd.DataFrame:
    """Payments beyond the first of their group, less one (from the latest) for every refund in the group.

    A refund whose number fits no payment is taken for the supplier's latest repeated payment of its size before it.
    """
    groups = payments.groupby(keys, sort=False)["amount_cents"]
    is_paid = payments["amount_cents"] > 0
    paid = is_paid.groupby([payments[k] for k in keys], sort=False).transform("sum")
    refunded = groups.transform("size") - paid
    positive = payments[is_paid & (paid > 1)].copy()
    repeated = positive.groupby(keys, sort=False)
    positive[["first", "first_supplier"]] = repeated[["record_id", "supplier"]].transform("first")
    rank = repeated.cumcount()
    extra = positive[(rank > 0) & (rank >= refunded[positive.index] + 1)].copy()
    extra = _without_refunded(extra, payments[~is_paid & (paid == 0)])
    extra["description"] = [
        f"Payment {row.record_id} of {row.day:%Y-%m-%d} to supplier {row.supplier} over {money(row.amount_cents)} "
        + wording.format(first=row.first, supplier=row.first_supplier, invoice=row.invoice_number)
        for row in extra.itertuples(index=False)
    ]
    return extra


def _without_refunded(extra: pd.DataFrame, refunds: pd.DataFrame) -> pd.DataFrame:
    keys = ["supplier_key", "size"]
    known = refunds.groupby(keys)["day"].agg(["size", "max"])
    of_extra = known.reindex(pd.MultiIndex.from_frame(extra[keys])).set_axis(extra.index)
    before = extra[extra["day"] <= of_extra["max"]]
    from_latest = before.groupby(keys).cumcount(ascending=False)
    refunded = before.index[from_latest < of_extra.loc[before.index, "size"]]
    return extra.drop(index=refunded)
