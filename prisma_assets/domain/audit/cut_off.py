"""Are sales recorded in the period the goods left? (ISA 330 paragraph 20, cut-off assertion of ISA 315R A190).

Invoices without any shipment do not belong here: those are found by `matching`.
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

SALES_CUT_OFF = "Sales cut-off"


def shipment_days(invoices: pd.DataFrame, shipments: pd.DataFrame) -> pd.DataFrame:
    """When the goods of each invoice left.

    A shipment belongs to the invoice it names; where it names none, or one that does not exist, to the invoices of
    its order. A shipment that names another invoice is no evidence for this one, even on the same order.

    Returns:
        Indexed like `invoices`: `shipped_on` (NaT: no shipment found) and `is_traceable` (the invoice carries a key
        that the shipments carry too). Several shipments of an invoice count as shipped with the last, when the
        sale is complete; shipments known by order alone with the first, because they may serve other invoices.
    """
    shipped_on = pd.Series(pd.NaT, index=invoices.index, dtype="datetime64[ns]")
    is_traceable = pd.Series(False, index=invoices.index)
    days = shipments["shipment_date"].dt.normalize()
    names_invoice = pd.Series(False, index=shipments.index)
    if "invoice_id" in shipments:
        names_invoice = shipments["invoice_id"].isin(invoices["invoice_id"])
        last = days.groupby(shipments["invoice_id"]).max()
        shipped_on = _looked_up(last, invoices["invoice_id"])
        is_traceable |= bool(names_invoice.any())
    if "sales_order_id" in shipments and "sales_order_id" in invoices:
        orders = invoices["sales_order_id"]
        loose = shipments[~names_invoice]
        first = days[loose.index].groupby(loose["sales_order_id"]).min()
        shipped_on = shipped_on.fillna(_looked_up(first, orders))
        is_traceable |= orders.notna() & bool(shipments["sales_order_id"].notna().any())
    return pd.DataFrame({"shipped_on": shipped_on, "is_traceable": is_traceable})


def _looked_up(days: pd.Series, keys: pd.Series) -> pd.Series:
    return pd.Series(days.reindex(keys).to_numpy(), index=keys.index)


def sales_cut_off(books: Books, period: Period) -> Outcome:
    """Find invoices on the other side of the period's end than their goods; credit notes are left out.

    Returns:
        `figures["net_cents"]`: by how much the period's revenue is overstated (invoiced in it, shipped after it)
        less understated (shipped by its end, invoiced after it).
    """
    columns = ("invoice_id", "invoice_date", "invoice_amount_cents")
    reason = lacking(books, "invoices_generated", *columns) or lacking(
        books, "shipments_made", "shipment_date"
    )
    if reason:
        return not_performed(SALES_CUT_OFF, reason)
    everything = books.tables["invoices_generated"]
    matched = everything.join(shipment_days(everything, books.tables["shipments_made"]))
    shipped = matched[(matched["invoice_amount_cents"] > 0) & matched["shipped_on"].notna()]
    if shipped.empty:
        return not_performed(SALES_CUT_OFF, "no invoice could be matched with a shipment")
    start, end = pd.Timestamp(period.start), pd.Timestamp(period.end)
    invoiced_on = shipped["invoice_date"].dt.normalize()
    too_early = invoiced_on.between(start, end) & (shipped["shipped_on"] > end)
    too_late = (invoiced_on > end) & shipped["shipped_on"].between(start, end)
    wrong = shipped[too_early | too_late].rename(
        columns={"invoice_id": "record_id", "invoice_amount_cents": "amount_cents"}
    )
    wrong["description"] = [
        f"Invoice {row.record_id} over {money(row.amount_cents)} is dated {row.invoice_date:%Y-%m-%d}, "
        f"its goods left on {row.shipped_on:%Y-%m-%d}: revenue stands in the wrong period."
        for row in wrong.itertuples(index=False)
    ]
    over = int(shipped.loc[too_early, "invoice_amount_cents"].sum())
    under = int(shipped.loc[too_late, "invoice_amount_cents"].sum())
    result = (
        f"{count(int(too_early.sum()), 'invoice')} of the period shipped after its end ({money(over)}), "
        f"{count(int(too_late.sum()), 'invoice')} after the end for goods shipped before ({money(under)})."
    )
    if not (invoiced_on > end).any():
        result += (
            " The table holds no invoice after the period's end, so only the first was testable."
        )
    shown = wrong[["record_id", "invoice_date", "shipped_on", "amount_cents"]]
    return performed(
        SALES_CUT_OFF,
        population=f"{count(len(shipped), 'invoice')} matched with shipments, total "
        f"{money(shipped['invoice_amount_cents'].sum())}",
        result=result,
        findings=findings_of(
            wrong, kind="cut_off_error", table="invoices_generated", procedure=SALES_CUT_OFF
        ),
        evidence=(evidence_of("Invoices in the wrong period", shown),) if len(wrong) else (),
        figures={
            "invoices": len(shipped),
            "exceptions": len(wrong),
            "overstated_cents": over,
            "understated_cents": under,
            "net_cents": over - under,
        },
    )
