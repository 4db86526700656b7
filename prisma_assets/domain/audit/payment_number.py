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
    """Payments in order of date with what makes them comparable; payments of nothing are left out.

    Returns:
        `record_id`, `day`, `supplier`, `amount_cents`, `size` (amount without sign), `invoice_number` as written,
        whole numbers that are equal for equal suppliers (`supplier_key`), numbers (`number_key`) and numbers but for
        lookalikes (`loose_key`), and `is_invoice`: the number identifies one invoice; `is_long`: hardly by chance.
    """
    rows = pd.Series([str(n) for n in range(1, len(table) + 1)], index=table.index, dtype="str")
    none = pd.Series("", index=table.index, dtype="str")
    amounts = table["payment_amount_cents"]
    payments = pd.DataFrame(
        {
            "record_id": table["payment_id"].fillna(rows) if "payment_id" in table else rows,
            "day": table["payment_date"].dt.normalize(),
            "supplier": table["supplier_account_id"],
            "amount_cents": amounts,
            "size": amounts.abs(),
            "invoice_number": table.get("invoice_number", none).fillna(""),
        }
    )
    payments = payments[payments["size"] > 0].sort_values("day", kind="stable")
    numbers = _comparable(payments["invoice_number"])
    payments["supplier_key"] = pd.factorize(payments["supplier"])[0]
    payments["number_key"], distinct = pd.factorize(numbers)
    loose = pd.factorize(pd.Series(distinct).str.translate(_LOOKALIKES))[0]
    payments["loose_key"] = loose[payments["number_key"]]
    payments["is_long"] = numbers.str.len() >= LONG_NUMBER
    has_digit = numbers.str.contains(r"\d", regex=True)
    payments["is_invoice"] = has_digit & ~_is_reference(payments) & ~_is_standing(payments)
    return payments


def _comparable(numbers: pd.Series) -> pd.Series:
    """Upper case, letters and digits only, no zeros in front of the number (`inv-0042` and `INV 42` are one)."""
    plain = numbers.str.upper().str.replace(r"[^0-9A-Z]", "", regex=True)
    return plain.str.replace(r"^([A-Z]*)0+(\d)", r"\1\2", regex=True)


def _is_reference(payments: pd.DataFrame) -> pd.Series:
    keys = ["supplier_key", "number_key"]
    repeated = payments[payments.duplicated(keys, keep=False)]
    sizes = repeated.groupby(keys)["size"].transform("nunique")
    return (sizes >= REFERENCE_AMOUNTS).reindex(payments.index, fill_value=False)


def _is_standing(payments: pd.DataFrame) -> pd.Series:
    keys = ["supplier_key", "number_key", "amount_cents"]
    repeated = payments[payments.duplicated(keys, keep=False)]
    month = repeated["day"].dt.year * 12 + repeated["day"].dt.month
    months = month.groupby([repeated[k] for k in keys]).transform("nunique")
    return (months >= REFERENCE_MONTHS).reindex(payments.index, fill_value=False)
