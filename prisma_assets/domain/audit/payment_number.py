"""Which invoice a payment is for, as far as its written number tells.

Deciding that an invoice was paid twice does not belong here: that is `matching`.
"""

import pandas as pd

REFERENCE_AMOUNTS = 4
"""A supplier's "invoice number" paid with this many different amounts names a contract, a tenant or a spreadsheet's
rounded number (2.11012E+13), not an invoice: an invoice in three parts is common, in four it is not."""
REFERENCE_MONTHS = 4
"""The same amount under the same number in this many months is a standing payment, not an error made again."""
LONG_NUMBER = 6
"""Characters from which on two suppliers hardly ever number an invoice alike by chance."""
_LOOKALIKES = str.maketrans("OIL", "011")


def numbered_payments(table: pd.DataFrame) -> pd.DataFrame:
    """Payments by date with comparable numbers; `is_invoice`: the number identifies one invoice of the supplier."""
    rows = pd.Series([str(n) for n in range(1, len(table) + 1)], index=table.index, dtype="str")
    written = (
        table["invoice_number"]
        if "invoice_number" in table
        else pd.Series(pd.NA, table.index, "str")
    )
    payments = pd.DataFrame(
        {
            "record_id": table["payment_id"].fillna(rows) if "payment_id" in table else rows,
            "day": table["payment_date"].dt.normalize(),
            "supplier": table["supplier_account_id"],
            "amount_cents": table["payment_amount_cents"],
            "size": table["payment_amount_cents"].abs(),
            "invoice_number": written.fillna(""),
        }
    )
    payments = payments[payments["size"] > 0].sort_values("day", kind="stable")
    numbers = _comparable(payments["invoice_number"])
    payments["number"] = numbers
    payments["loose_number"] = numbers.str.translate(_LOOKALIKES)
    payments["is_long"] = numbers.str.len() >= LONG_NUMBER
    payments["is_invoice"] = _identifies_invoice(payments)
    return payments


def _comparable(numbers: pd.Series) -> pd.Series:
    """Upper case, letters and digits only, no zeros in front of the number (`inv-0042` and `INV 42` are one)."""
    plain = numbers.str.upper().str.replace(r"[^0-9A-Z]", "", regex=True)
    return plain.str.replace(r"^([A-Z]*)0+(\d)", r"\1\2", regex=True)


def _identifies_invoice(payments: pd.DataFrame) -> pd.Series:
    by_number = payments.groupby(["supplier", "number"])
    is_reference = by_number["size"].transform("nunique") >= REFERENCE_AMOUNTS
    months = payments["day"].dt.year * 12 + payments["day"].dt.month
    is_standing = (
        months.groupby(
            [payments["supplier"], payments["number"], payments["amount_cents"]]
        ).transform("nunique")
        >= REFERENCE_MONTHS
    )
    return payments["number"].str.contains(r"\d", regex=True) & ~is_reference & ~is_standing
