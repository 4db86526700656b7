"""Alternative procedures for receivables nobody confirmed: paid since, or shipped within the period (ISA 505 paragraph 12).

What a confirmation said is a fact of the engagement and does not belong here.
"""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Period
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence

NAME = "Alternative procedures for receivables without an answer"


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """An open invoice that other evidence supports."""

    invoice_id: str
    open_cents: int
    evidence: str
    """The receipt or shipment that supports it."""


def vouch(books: Books, period: Period, wanted: Collection[str]) -> Outcome:
    """Look for a later payment of each invoice, else for the shipment it bills. Figures: `vouched`, of type `Vouched`.

    A payment after the period in full shows that the customer owed it; a shipment within the period that the goods were
    delivered, which supports existence but not that it will be paid: that is the ageing's business.

    Source: ISA 505 paragraphs 12 and A18; ISA 330 A48-A51.
    """
    table = "open_accounts_receivable"
    if not wanted:
        return not_performed(NAME, "every selected item has an audited amount")
    if not books.has(table, "invoice_id", "open_amount_cents"):
        return not_performed(NAME, f"table {table} was not provided")
    frame = books.tables[table]
    asked = frame[frame["invoice_id"].isin(list(wanted))]
    found = {**_shipped(books, period, asked), **_paid_since(books, period, asked)}
    rows = tuple((v.invoice_id, v.evidence) for v in found.values())
    return performed(
        NAME,
        population=count(len(asked), "selected item") + " without an audited amount",
        result=f"{count(len(found), 'item')} supported by a later payment or a shipment; "
        f"{count(len(asked) - len(found), 'item')} still to be examined by the team.",
        evidence=(Evidence(title=NAME, columns=("invoice", "supported by"), rows=rows),) if rows else (),
        figures={"vouched": tuple(found.values())},
    )  # fmt: skip


def _paid_since(books: Books, period: Period, asked: pd.DataFrame) -> dict[str, Vouched]:
    if not books.has("payments_received", "invoice_id", "payment_date", "payment_amount_cents"):
        return {}
    receipts = books.tables["payments_received"]
    later = receipts[receipts["payment_date"] > pd.Timestamp(period.end)]
    paid = later.groupby("invoice_id")["payment_amount_cents"].sum()
    return {
        str(invoice): Vouched(
            invoice_id=str(invoice), open_cents=int(cents), evidence="paid in full after the period"
        )
        for invoice, cents in zip(asked["invoice_id"], asked["open_amount_cents"], strict=True)
        if int(paid.get(invoice, 0)) >= int(cents) > 0
    }


def _shipped(books: Books, period: Period, asked: pd.DataFrame) -> dict[str, Vouched]:
    if not books.has("shipments_made", "invoice_id", "shipment_date"):
        return {}
    shipments = books.tables["shipments_made"].dropna(subset=["invoice_id"])
    within = shipments[shipments["shipment_date"] <= pd.Timestamp(period.end)]
    by_invoice = within.drop_duplicates("invoice_id").set_index("invoice_id")["shipment_id"]
    return {
        str(invoice): Vouched(
            invoice_id=str(invoice), open_cents=int(cents), evidence=f"shipment {by_invoice[invoice]}"
        )
        for invoice, cents in zip(asked["invoice_id"], asked["open_amount_cents"], strict=True)
        if invoice in by_invoice.index
    }  # fmt: skip
