"""What is seen at once in books just read, so that people hear of it before the audit reports it.

Nothing here refuses the books: an unbalanced ledger is an audit finding. The procedures in `domain.audit` examine it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prisma_assets.domain.audit.engagement import Period
from prisma_assets.domain.audit.journal_number import distinct_entries
from prisma_assets.engagement.frame import ReadTable

NAMED = 3
"""Records named in a sentence; the audit lists them all."""


def intake_problems(tables: Mapping[str, ReadTable], period: Period) -> tuple[str, ...]:
    """What is wrong with the books at first sight, each as one sentence that names file and line.

    Args:
        tables: Standard table name to the table as read.
        period: The engagement's period.
    """
    problems = []
    if "gl_detail" in tables:
        ledger = tables["gl_detail"]
        problems += [_ledger_out_of_balance(ledger), _other_period(ledger, period)]
    if "trial_balance" in tables:
        problems.append(_trial_balance_out_of_balance(tables["trial_balance"]))
    return tuple(problem for problem in problems if problem is not None)


def _ledger_out_of_balance(read: ReadTable) -> str | None:
    amounts = read.frame["amount_cents"]
    entries = distinct_entries(read.frame)["journal_id"].to_numpy()
    per_entry = amounts.groupby(entries, sort=False).sum()
    wrong = per_entry[per_entry != 0]
    if wrong.empty:
        return None
    named = ", ".join(str(entry) for entry in wrong.index[:NAMED])
    first = int(np.flatnonzero(entries == wrong.index[0])[0])
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return (
        f"{read.file}: the ledger does not balance, {_sides(int(amounts.sum()))}; unbalanced: {named}{more} "
        f"(the first at {read.unit} {read.numbers[first]}); the audit goes on and reports them"
    )


def _trial_balance_out_of_balance(read: ReadTable) -> str | None:
    difference = int(read.frame["amount_ending_cents"].sum())
    if difference == 0:
        return None
    return (
        f"{read.file}: the trial balance does not balance, {_sides(difference)}; if credits are written positive, "
        "set tables.trial_balance.sign; the audit goes on and reports it"
    )


def _other_period(read: ReadTable, period: Period) -> str | None:
    posted = read.frame["effective_date"]
    if posted.between(pd.Timestamp(period.start), pd.Timestamp(period.end)).any():
        return None
    return (
        f"{read.file}: no entry falls in the period {period.start} to {period.end} (they run from "
        f"{posted.min():%Y-%m-%d} to {posted.max():%Y-%m-%d}); check period and tables.gl_detail.date_format"
    )


def _sides(difference: int) -> str:
    if difference == 0:
        return "though its debits and credits agree in total"
    side = "debits exceed credits" if difference > 0 else "credits exceed debits"
    return f"{side} by {abs(difference) / 100:,.2f}"
