"""Which lines of the ledger are one journal entry, where the numbers of entries start again every month.

Whether an entry balances or looks unusual does not belong here: that is `tie_out` and `journal_entry`.
"""

import pandas as pd

RECURRING_SHARE = 0.1
"""A tenth of the numbers coming back in another month is a way of numbering; a few are reversals or typing errors."""
BALANCED_SHARE = 0.9
"""Share of the numbers' monthly parts that balance by themselves where each part is an entry of its own. The parts of
one entry that spans months do not balance."""


def distinct_entries(ledger: pd.DataFrame) -> pd.DataFrame:
    """The ledger with one `journal_id` per entry: `17 of 2024-03` where entry 17 stands in other months too.

    Args:
        ledger: With `amount_cents`. Where no number comes back in another month, it is returned as it is.
    """
    if "effective_date" not in ledger:
        return ledger
    days = ledger["effective_date"]
    months = (days.dt.year * 12 + days.dt.month).fillna(0)
    parts = ledger["amount_cents"].groupby([ledger["journal_id"], months]).sum()
    recurs = parts.index.get_level_values(0).duplicated(keep=False)
    numbers = parts.index.get_level_values(0).nunique()
    recurring = numbers - int((~recurs).sum())
    if not recurring or recurring < RECURRING_SHARE * numbers:
        return ledger
    if (parts[recurs] == 0).mean() < BALANCED_SHARE:
        return ledger
    label = ledger["journal_id"] + " of " + days.dt.strftime("%Y-%m")
    return ledger.assign(journal_id=label.fillna(ledger["journal_id"]))
