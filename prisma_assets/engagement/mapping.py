"""Which column of a client's file is which standard column: as mapped, by its name, or by a name others give it.

Reading the values does not belong here: that is `formats` and `money`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from prisma_assets.domain.audit.table import Table
from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.facts import (
    CREDIT,
    DEBIT,
    FACTS_FILE,
    INDICATOR,
    SIGNED_AMOUNT,
    column_names,
)

AmountForm = Literal["signed", "debit_credit", "indicator"]

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "gl_account_number": ("account_number", "account_code", "account_no", "gl_account", "account", "acct"),
    "gl_account_name": ("account_name", "account_description", "account_desc", "gl_account_description"),
    "account_type": ("gl_account_type", "account_class"),
    "fs_caption": ("gl_account_fs_caption", "financial_statement_caption"),
    "amount_beginning": ("beginning_balance", "opening_balance"),
    "amount_ending": ("ending_balance", "closing_balance", "balance", "amount"),
    "amount_prior_year": ("prior_year_balance", "prior_year"),
    "journal_id": ("journal_number", "journal_entry_number", "entry_number", "je_number", "journal_no"),
    "journal_id_line_number": ("journal_line_number", "line_number", "line_no", "je_line_number"),
    "effective_date": ("posting_date", "gl_date", "journal_date", "booked_at"),
    "entered_date": ("created_date", "entry_date", "created_on"),
    "entered_time": ("created_time", "entry_time"),
    "entered_by": ("created_by", "user_id", "user_name", "posted_by"),
    "approved_by": ("approver",),
    "source": ("journal_source", "source_code"),
    "je_header_description": ("journal_description", "header_description"),
    "je_line_description": ("line_description", "description", "narrative", "memo"),
    "document_number": ("document_no", "reference", "reference_number"),
    "customer_account_id": ("customer_id", "customer_number", "customer_no", "customer_code"),
    "customer_account_name": ("customer_name",),
    "transaction_credit_limit": ("credit_limit",),
    "supplier_account_id": ("supplier_id", "vendor_id", "vendor_number", "vendor_no", "supplier_number"),
    "supplier_account_name": ("supplier_name", "vendor_name"),
    "sales_order_id": ("order_id", "order_number", "sales_order_number"),
    "sales_order_date": ("order_date",),
    "sales_order_amount": ("order_amount",),
    "shipment_id": ("shipment_number", "delivery_number"),
    "shipment_date": ("ship_date", "delivery_date"),
    "invoice_id": ("invoice_number", "invoice_no", "invoice_num"),
    "invoice_number": ("invoice_no", "invoice_num", "vendor_invoice_number", "supplier_invoice_number"),
    "invoice_due_date": ("due_date",),
    "open_amount": ("open_balance", "amount_open", "balance_due"),
    "payment_id": ("payment_number", "payment_no", "receipt_number"),
    "payment_date": ("date_paid", "paid_on"),
    "payment_amount": ("amount_paid",),
    DEBIT: ("debit_amount", "dr"),
    CREDIT: ("credit_amount", "cr"),
    INDICATOR: ("debit_credit_indicator", "credit_debit_indicator", "dc_indicator", "debit_credit"),
}  # fmt: skip
"""Names that client exports give a standard column and nothing else, as `plain_name` spells them. The Audit Data Standards'
own spelling (GL_Account_Number) needs no entry. A table's other standard columns always win over these."""


@dataclass(frozen=True, kw_only=True)
class ColumnMap:
    """How a file's columns stand for standard columns."""

    columns: Mapping[str, str]
    """Standard column to the file's own name; a standard column that is not here is not in the file."""
    form: AmountForm
    """How the signed amount of a ledger or trial balance stands in the file."""


def map_columns(
    table: Table, names: Sequence[str], mapped: Mapping[str, str], *, file: str
) -> ColumnMap:
    """Find every standard column in a file.

    Args:
        table: What the file holds.
        names: The file's own column names.
        mapped: `tables.<t>.columns` of `engagement.yaml`.
        file: For messages.

    Raises:
        InputError: A mapped column is not in the file, two could be meant, or a required one is missing.
    """
    found = {c: _stated(table, names, c, own, file=file) for c, own in mapped.items()}
    taken = set(found.values())
    free = [name for name in names if name not in taken]
    for column in column_names(table):
        if column not in found:
            own = _recognised(table, free, column, file=file)
            if own is not None:
                found[column] = own
    form = _amount_form(table, found, mapped)
    _check_required(table, names, found, form, file=file)
    return ColumnMap(columns=found, form=form)


def plain_name(name: str) -> str:
    """A column name without case, spacing and punctuation, for comparing."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def _same(left: str, right: str) -> bool:
    return plain_name(left).replace("_", "") == plain_name(right).replace("_", "")


def _stated(table: Table, names: Sequence[str], column: str, own: str, *, file: str) -> str:
    if own in names:
        return own
    same = [name for name in names if _same(name, own)]
    if len(same) == 1:
        return same[0]
    raise InputError(
        f"{file}: has no column '{own}', which tables.{table.name}.columns of {FACTS_FILE} gives for {column}; "
        f"{_present(names, own)}"
    )


def _recognised(table: Table, free: Sequence[str], column: str, *, file: str) -> str | None:
    """The column of the file that bears the standard name, or one of the names others give it.

    Where several of those stand in the file, a column the audit cannot do without is not guessed.
    """
    own = [name for name in free if _same(name, column)]
    if not own:
        unclaimed = [name for name in free if not _is_another(table, name, column)]
        own = [n for other in OTHER_NAMES.get(column, ()) for n in unclaimed if _same(n, other)]
        standard = table.column(column)
        if standard is None or not standard.required:
            own = own[:1]
    if len(own) > 1:
        raise InputError(
            f"{file}: {_quoted(own)} could each be {column}; say which in tables.{table.name}.columns of "
            f'{FACTS_FILE}, e.g. {column}: "{own[0]}"'
        )
    return own[0] if own else None


def _is_another(table: Table, name: str, column: str) -> bool:
    """Whether the name is the standard name of another column of the table."""
    return any(_same(name, other) for other in column_names(table) if other != column)


def _amount_form(table: Table, found: dict[str, str], mapped: Mapping[str, str]) -> AmountForm:
    """Decide how the signed amount is given, and leave out the columns of the other forms.

    Debit and credit columns say the sign, an amount beside them may not; so they count first, unless the amount was mapped.
    """
    amount = SIGNED_AMOUNT.get(table.name)
    if amount is None:
        return "signed"
    if DEBIT in found and CREDIT in found and amount not in mapped:
        found.pop(amount, None)
        found.pop(INDICATOR, None)
        return "debit_credit"
    found.pop(DEBIT, None)
    found.pop(CREDIT, None)
    return "indicator" if INDICATOR in found else "signed"


def _check_required(
    table: Table, names: Sequence[str], found: Mapping[str, str], form: AmountForm, *, file: str
) -> None:
    for column in table.columns:
        given_otherwise = (
            form == "debit_credit" and column.name == SIGNED_AMOUNT[table.name]
        ) or column.name == "account_type"  # may follow from tables.<t>.account_types
        if not column.required or column.name in found or given_otherwise:
            continue
        otherwise = (
            f" (or map {DEBIT} and {CREDIT})"
            if column.name == SIGNED_AMOUNT.get(table.name)
            else ""
        )
        raise missing_column(table.name, names, column.name, file=file, otherwise=otherwise)


def missing_column(
    table: str, names: Sequence[str], column: str, *, file: str, otherwise: str = ""
) -> InputError:
    """The error for a required column that no column of the file is."""
    return InputError(
        f"{file}: no column is {column}, which table {table} needs; name it in {FACTS_FILE} as "
        f"tables.{table}.columns: {{{column}: <column of the file>}}{otherwise}; {_present(names, column)}"
    )


def _present(names: Sequence[str], wanted: str) -> str:
    by_plain = {plain_name(name): name for name in names}
    close = [by_plain[p] for p in get_close_matches(plain_name(wanted), by_plain, n=3, cutoff=0.5)]
    closest = f"the closest are {_quoted(close)}, of {len(names)}: " if close else "it has: "
    return f"{closest}{_quoted(names[:20])}{', ...' if len(names) > 20 else ''}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
