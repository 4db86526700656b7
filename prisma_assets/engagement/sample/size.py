"""How many records of each kind the sample holds for a wanted number of ledger lines.

What the records say does not belong here.
"""

from dataclasses import dataclass

MIN_LINES = 5_000
"""Below this the monthly entries leave no room for a trade with planted errors in it."""
MAX_LINES = 2_000_000
"""Above this the books no longer fit the memory of an ordinary machine comfortably."""
FIXED_LINES = 3_000
"""Lines of payroll and monthly entries, whatever the trade."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Numbers of records."""

    lines: int
    invoices: int
    credit_notes: int
    customers: int
    open_invoices: int
    """Unpaid at the beginning of the year."""
    purchases: int
    expense_invoices: int
    suppliers: int
    open_purchases: int
    payroll_regions: int
    reclassifications: int


def size_for(lines: int) -> Size:
    """Record numbers that come to somewhat fewer lines than wanted; counter sales fill the rest."""
    trade = lines - FIXED_LINES
    invoices = int(trade * 0.066)
    purchases = int(trade * 0.033)
    expense_invoices = int(trade * 0.040)
    return Size(
        lines=lines,
        invoices=invoices,
        credit_notes=max(12, int(invoices * 0.03)),
        customers=min(max(60, invoices // 11), 3_000),
        open_invoices=max(30, invoices // 7),
        purchases=purchases,
        expense_invoices=expense_invoices,
        suppliers=min(max(60, (purchases + expense_invoices) // 13), 2_000),
        open_purchases=max(25, (purchases + expense_invoices) // 16),
        payroll_regions=2 if lines < 20_000 else 6,
        reclassifications=24 if lines < 20_000 else 96,
    )
