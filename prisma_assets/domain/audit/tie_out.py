"""Is the ledger whole, and does it carry the trial balance? (ISA 500 paragraph 9, ISA 330 paragraph 20).

Whether single entries look unusual does not belong here: that is `journal_entry`.
"""

import re
from typing import Any

import pandas as pd

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Period
from prisma_assets.domain.audit.journal_number import distinct_entries
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
from prisma_assets.domain.audit.workpaper import Finding

LEDGER_TO_TRIAL_BALANCE = "Ledger ties to the trial balance"
TRIAL_BALANCE_BALANCES = "Trial balance balances"
UNBALANCED_ENTRIES = "Journal entries balance"
COMPLETENESS = "Journal numbers and lines are complete"
CONTROL_ACCOUNT = "Receivables subledger ties to its control account"
INCOME_TYPES = ("revenue", "expense")
"""Account types that start every year at nil, so that their ending balance is the year's movement."""
CONSECUTIVE_SHARE = 0.9
"""Share of the numbers between a series' first and last that must exist before a gap means a missing entry; below
it the numbers are shared with other documents."""

_RECEIVABLE = re.compile(
    r"receivable|debtor|debiteur|debitor|forderung|créances clients", re.IGNORECASE
)
_NOT_TRADE = re.compile(
    r"allowance|doubtful|provision|impair|\btax|\bvat\b|employee|staff|loan|note|interest|"
    r"related|intercompany|\bother\b|contract|lease|non-?current|long-?term|unbilled|accrued",
    re.IGNORECASE,
)


def unbalanced_entries(books: Books) -> Outcome:
    """Find journal entries whose debits and credits differ, to the cent: double entry leaves no tolerance."""
    if reason := lacking(books, "gl_detail", "journal_id", "amount_cents"):
        return not_performed(UNBALANCED_ENTRIES, reason)
    ledger = distinct_entries(books.tables["gl_detail"])
    entries = ledger.groupby("journal_id", sort=True)["amount_cents"].agg(["sum", "size"])
    wrong = entries[entries["sum"] != 0].rename(columns={"sum": "amount_cents", "size": "lines"})
    wrong = wrong.reset_index(names="record_id")
    wrong["description"] = [
        f"Journal entry {entry} is out of balance by {money(amount)} over {count(lines, 'line')}."
        for entry, amount, lines in wrong[["record_id", "amount_cents", "lines"]].itertuples(
            index=False
        )
    ]
    net = int(wrong["amount_cents"].sum())
    result = "Every journal entry balances."
    if len(wrong):
        verb = "does" if len(wrong) == 1 else "do"
        noun = count(len(wrong), "journal entry", "journal entries")
        result = f"{noun} {verb} not balance, together {money(net)}."
    return performed(
        UNBALANCED_ENTRIES,
        population=_ledger_population(ledger, len(entries)),
        result=result,
        findings=findings_of(
            wrong, kind="unbalanced_entry", table="gl_detail", procedure=UNBALANCED_ENTRIES
        ),
        evidence=_listed(
            "Journal entries out of balance", wrong, ["record_id", "lines", "amount_cents"]
        ),
        figures={
            "entries": len(entries),
            "lines": len(ledger),
            "unbalanced": len(wrong),
            "net_cents": net,
        },
    )


def trial_balance_balances(books: Books) -> Outcome:
    """Add up each column of the trial balance: debits are positive, so every column comes to zero.

    The opening and prior-year columns may stand after closing: there, balance sheet accounts alone add up to zero.
    """
    if reason := lacking(books, "trial_balance", "amount_ending_cents"):
        return not_performed(TRIAL_BALANCE_BALANCES, reason)
    accounts = books.tables["trial_balance"]
    is_income = _account_types(accounts).isin(INCOME_TYPES)
    figures: dict[str, Any] = {"accounts": len(accounts)}
    findings: list[Finding] = []
    for column in ("amount_ending_cents", "amount_beginning_cents", "amount_prior_year_cents"):
        if column not in accounts:
            continue
        values = accounts[column]
        difference = int(values.sum())
        if column != "amount_ending_cents" and int(values[~is_income].sum()) == 0:
            difference = 0
        figures[f"{column.removesuffix('_cents')}_difference_cents"] = difference
        if difference:
            findings.append(_column_finding(column.removesuffix("_cents"), difference))
    figures["difference_cents"] = figures["amount_ending_difference_cents"]
    figures["balanced"] = figures["difference_cents"] == 0
    debits = int(accounts["amount_ending_cents"].clip(lower=0).sum())
    return performed(
        TRIAL_BALANCE_BALANCES,
        population=f"{count(len(accounts), 'account')} with ending debits of {money(debits)}",
        result=" ".join(f.description for f in findings) or "Debits equal credits in every column.",
        findings=tuple(findings),
        figures=figures,
    )


def _column_finding(column: str, difference: int) -> Finding:
    return Finding(
        kind="trial_balance_out_of_balance",
        table="trial_balance",
        record_id=column,
        amount_cents=difference,
        description=f"Column {column} does not add up to zero: debits less credits are {money(difference)}.",
        procedure=TRIAL_BALANCE_BALANCES,
    )


def ledger_to_trial_balance(books: Books, period: Period | None = None) -> Outcome:
    """Compare each account's postings with its movement in the trial balance.

    Args:
        books: Needs `gl_detail` and `trial_balance`. Where an account has no opening balance, only income
            accounts can be compared: they start the year at nil.
        period: Lines outside it are left out and counted. None: the ledger holds the period and nothing else.
    """
    reason = lacking(books, "gl_detail", "amount_cents") or lacking(
        books, "trial_balance", "amount_ending_cents"
    )
    if reason:
        return not_performed(LEDGER_TO_TRIAL_BALANCE, reason)
    ledger = books.tables["gl_detail"]
    inside = _inside(ledger, period)
    compared, unmatched = _account_movements(books.tables["trial_balance"], ledger[inside])
    different = compared[compared["difference_cents"] != 0]
    wrong = different.rename(
        columns={"gl_account_number": "record_id", "difference_cents": "amount_cents"}
    )
    wrong["description"] = [
        f"Account {account} {name}: ledger movement {money(posted)}, trial balance movement "
        f"{money(movement)}, difference {money(difference)}."
        for account, name, posted, movement, difference in wrong[
            ["record_id", "gl_account_name", "ledger_cents", "movement_cents", "amount_cents"]
        ].itertuples(index=False)
    ]
    name = LEDGER_TO_TRIAL_BALANCE
    findings = findings_of(
        wrong, kind="ledger_tb_difference", table="trial_balance", procedure=name
    ) + findings_of(
        unmatched, kind="account_not_in_trial_balance", table="gl_detail", procedure=name
    )
    outside = int((~inside).sum())
    skipped = int(compared["movement_cents"].isna().sum())
    return performed(
        LEDGER_TO_TRIAL_BALANCE,
        population=f"{count(int(inside.sum()), 'ledger line')} against {count(len(compared), 'account')}",
        result=_tie_out_result(compared, different, unmatched, outside),
        findings=findings,
        evidence=_listed(
            "Accounts that differ from the ledger", different, list(different.columns)
        ),
        figures={
            "accounts": len(compared),
            "accounts_not_compared": skipped,
            "accounts_different": len(different),
            "accounts_not_in_trial_balance": len(unmatched),
            "difference_cents": int(different["difference_cents"].sum())
            + int(unmatched["amount_cents"].sum()),
            "lines_outside_period": outside,
        },
    )


def subledger_to_control_account(books: Books) -> Outcome:
    """Compare the open customer items with the receivable account in the trial balance.

    The control account is the asset account whose name says trade receivables; where several do, the one that
    agrees with the open items, else all of them together.
    """
    reason = lacking(books, "open_accounts_receivable", "open_amount_cents") or lacking(
        books, "trial_balance", "amount_ending_cents"
    )
    if reason:
        return not_performed(CONTROL_ACCOUNT, reason)
    items = books.tables["open_accounts_receivable"]
    accounts = books.tables["trial_balance"]
    control = _control_rows(accounts)
    if control.empty:
        return not_performed(
            CONTROL_ACCOUNT, "no trial balance account is recognisable as trade receivables"
        )
    subledger = int(items["open_amount_cents"].sum())
    agreeing = control[control["amount_ending_cents"] == subledger]
    control = agreeing.head(1) if len(agreeing) else control
    balance = int(control["amount_ending_cents"].sum())
    numbers = ", ".join(control["gl_account_number"].fillna("(none)"))
    difference = subledger - balance
    description = (
        f"Open customer items of {money(subledger)} differ from control account {numbers} "
        f"({money(balance)}) by {money(difference)}."
    )
    finding = Finding(
        kind="subledger_difference",
        table="trial_balance",
        record_id=numbers,
        amount_cents=difference,
        description=description,
        procedure=CONTROL_ACCOUNT,
    )
    return performed(
        CONTROL_ACCOUNT,
        population=f"{count(len(items), 'open item')}, total {money(subledger)}; control account {numbers}",
        result=description if difference else f"Both sides come to {money(balance)}.",
        findings=(finding,) if difference else (),
        figures={
            "subledger_cents": subledger,
            "control_cents": balance,
            "difference_cents": difference,
            "control_accounts": control["gl_account_number"].tolist(),
        },
    )


def journal_line_completeness(books: Books) -> Outcome:
    """Look for journal lines that stand twice, lines without an entry, and gaps in the numbering of entries."""
    if reason := lacking(books, "gl_detail", "journal_id", "amount_cents"):
        return not_performed(COMPLETENESS, reason)
    ledger = books.tables["gl_detail"]
    numbered = ledger[ledger["journal_id"].notna()]
    entries = distinct_entries(numbered)
    twice = _repeated_lines(entries)
    gaps, untested = _number_gaps(numbered["journal_id"])
    unnumbered = len(ledger) - len(numbered)
    missing = int(gaps["numbers"].sum())
    parts = [f"{count(len(twice), 'line')} repeated, {count(missing, 'journal number')} missing."]
    if untested:
        parts.append(
            f"{count(untested, 'number series', 'number series')} not consecutive, so not tested for gaps."
        )
    if unnumbered:
        parts.append(f"{count(unnumbered, 'line')} without a journal number.")
    return performed(
        COMPLETENESS,
        population=_ledger_population(ledger, entries["journal_id"].nunique()),
        result=" ".join(parts),
        findings=findings_of(
            twice, kind="duplicate_journal_line", table="gl_detail", procedure=COMPLETENESS
        )
        + findings_of(gaps, kind="journal_number_gap", table="gl_detail", procedure=COMPLETENESS),
        figures={
            "lines": len(ledger),
            "entries": entries["journal_id"].nunique(),
            "duplicate_lines": len(twice),
            "missing_numbers": missing,
            "lines_without_number": unnumbered,
        },
    )


def _repeated_lines(ledger: pd.DataFrame) -> pd.DataFrame:
    if "journal_id_line_number" not in ledger:
        return pd.DataFrame(columns=["record_id", "description"])
    keyed = ledger[ledger["journal_id_line_number"].notna()]
    twice = keyed[keyed.duplicated(["journal_id", "journal_id_line_number"])]
    record = twice["journal_id"] + "/" + twice["journal_id_line_number"]
    wording = "Line " + record + " stands in the ledger more than once."
    return pd.DataFrame(
        {"record_id": record, "amount_cents": twice["amount_cents"], "description": wording}
    )


def _number_gaps(journal_ids: pd.Series) -> tuple[pd.DataFrame, int]:
    """Gaps per series (what precedes the final digits, at most 15 of them), and how many series are not consecutive."""
    parts = (
        pd.Series(journal_ids.unique())
        .str.extract(r"^(?P<series>.*?)(?P<digits>\d{1,15})$")
        .dropna()
    )
    parts["number"] = parts["digits"].astype("int64")
    parts = parts.sort_values(["series", "number"]).drop_duplicates(["series", "number"])
    span = parts.groupby("series")["number"].agg(["min", "max", "size"])
    consecutive = span["size"] >= CONSECUTIVE_SHARE * (span["max"] - span["min"] + 1)
    parts["numbers"] = (
        (parts.groupby("series")["number"].diff(-1).abs() - 1).fillna(0).astype("int64")
    )
    gaps = parts[(parts["numbers"] > 0) & parts["series"].map(consecutive)].copy()
    gaps["record_id"] = [
        f"{series}{number + 1:0{len(digits)}d}"
        for series, digits, number in gaps[["series", "digits", "number"]].itertuples(index=False)
    ]
    gaps["description"] = [
        f"{count(missing, 'journal number')} missing from {record} on."
        for record, missing in gaps[["record_id", "numbers"]].itertuples(index=False)
    ]
    return gaps[["record_id", "numbers", "description"]], int((~consecutive).sum())


def _control_rows(accounts: pd.DataFrame) -> pd.DataFrame:
    names = accounts["gl_account_name"].fillna("")
    is_trade = [bool(_RECEIVABLE.search(n)) and not _NOT_TRADE.search(n) for n in names]
    return accounts[
        (_account_types(accounts) == "asset") & pd.Series(is_trade, index=accounts.index)
    ]


def _account_types(accounts: pd.DataFrame) -> pd.Series:
    return accounts["account_type"].fillna("").str.strip().str.lower()


def _inside(ledger: pd.DataFrame, period: Period | None) -> pd.Series:
    if period is None:
        return pd.Series(True, index=ledger.index)
    days = ledger["effective_date"].dt.normalize()
    return days.between(pd.Timestamp(period.start), pd.Timestamp(period.end))


def _account_movements(
    accounts: pd.DataFrame, ledger: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accounts with both movements and their difference (NA: not comparable), and ledger accounts without a row."""
    numbers = ledger["gl_account_number"].fillna("(none)")
    posted = ledger["amount_cents"].groupby(numbers, sort=True).agg(["sum", "size"])
    known = pd.DataFrame(
        {
            "gl_account_number": accounts["gl_account_number"],
            "gl_account_name": accounts["gl_account_name"].fillna(""),
            "ledger_cents": accounts["gl_account_number"]
            .map(posted["sum"])
            .fillna(0)
            .astype("int64"),
        }
    )
    ending = accounts["amount_ending_cents"].astype("Int64")
    is_income = _account_types(accounts).isin(INCOME_TYPES)
    if "amount_beginning_cents" in accounts:
        movement = ending - accounts["amount_beginning_cents"].astype("Int64")
    else:
        movement = pd.Series(pd.NA, index=accounts.index, dtype="Int64")
    # An income account is closed at year end: a balance shown at the start is last year's total, not this year's.
    restarts = is_income & (movement.isna() | (ending == known["ledger_cents"]).fillna(False))
    known["movement_cents"] = movement.mask(restarts, ending)
    known["difference_cents"] = (
        (known["ledger_cents"] - known["movement_cents"]).fillna(0).astype("int64")
    )
    stray = posted[~posted.index.isin(accounts["gl_account_number"])]
    stray = stray.rename(columns={"sum": "amount_cents", "size": "lines"}).reset_index(
        names="record_id"
    )
    stray["description"] = [
        f"Account {account} has {count(lines, 'ledger line')} of together {money(amount)} "
        "but does not stand in the trial balance."
        for account, amount, lines in stray[["record_id", "amount_cents", "lines"]].itertuples(
            index=False
        )
    ]
    return known, stray


def _tie_out_result(
    compared: pd.DataFrame, different: pd.DataFrame, unmatched: pd.DataFrame, outside: int
) -> str:
    skipped = int(compared["movement_cents"].isna().sum())
    agreed = len(compared) - len(different) - skipped
    parts = [f"{count(agreed, 'account')} of {len(compared):,} agree to the cent."]
    if len(different):
        total = int(different["difference_cents"].abs().sum())
        parts.append(
            f"{count(len(different), 'account')} differ by {money(total)} in absolute terms."
        )
    if len(unmatched):
        parts.append(f"{count(len(unmatched), 'ledger account')} not in the trial balance.")
    if skipped:
        parts.append(
            f"{count(skipped, 'balance sheet account')} could not be compared: no opening balance was provided."
        )
    if outside:
        parts.append(f"{count(outside, 'ledger line')} dated outside the period left out.")
    return " ".join(parts)


def _ledger_population(ledger: pd.DataFrame, entries: int) -> str:
    debits = int(ledger["amount_cents"].clip(lower=0).sum())
    noun = count(entries, "journal entry", "journal entries")
    return f"{count(len(ledger), 'ledger line')} in {noun}, debits of {money(debits)}"


def _listed(title: str, frame: pd.DataFrame, columns: list[str]) -> tuple[Any, ...]:
    return (evidence_of(title, frame[columns]),) if len(frame) else ()
