"""Do the draft financial statements add up, agree with each other and with the trial balance? (ISA 330 paragraph 24).

Whether the trial balance agrees with the ledger does not belong here: that is `tie_out`.
"""

import re
from dataclasses import dataclass

import pandas as pd

from prisma_assets.domain.audit.books import Books
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
from prisma_assets.domain.audit.tie_out import INCOME_TYPES

STATEMENT_FOOTING = "Statements foot"
STATEMENTS_TO_TRIAL_BALANCE = "Statements tie to the trial balance"
CROSS_CHECKS = "Statements agree with each other"
CASH_CHECK = "Change in cash in the balance sheet against the cash flow statement"
ROUNDING_UNITS = (100_000_000, 100_000, 100)
"""Statements are presented in millions, thousands or whole units of the currency, or to the cent."""
ROUNDING_SHARE = 0.01
"""A difference above this share of the total is no rounding, whatever the unit."""
_COLUMNS = {"amount_cents": "current year", "amount_prior_year_cents": "prior year"}
_BALANCES = {
    "amount_cents": "amount_ending_cents",
    "amount_prior_year_cents": "amount_prior_year_cents",
}
_TOTAL_ASSETS = re.compile(r"(total)?assets")
_LIABILITIES_AND_EQUITY = re.compile(
    r"(total)?(liabilities.*(equity|deficit|capital)|(equity|capital).*liabilities)"
)
_LIABILITIES = re.compile(r"(total)?liabilities")
_EQUITY = re.compile(r"(total)?((stock|share)holders?|owners?)?(equity|deficit)")
_PROFIT = (
    re.compile(r"profitloss"),
    re.compile(r"netincomeloss"),
    re.compile(
        r"(consolidated)?net(income|profit|earnings)(loss)?(includingnoncontrolling.*)?|"
        r"(net)?(profit|income|earnings|loss)(loss)?((for|of)the(year|period))?"
    ),
)
_CASH = (
    re.compile(r"(total)?cash(and)?(cash)?equivalents(atcarryingvalue)?"),
    re.compile(r"(total)?cash(atbank(andinhand)?)?"),
)
"""The sum before one of its parts: "Cash" may stand above "Cash equivalents" and "Total cash and cash equivalents"."""
_CASH_CHANGE = (
    re.compile(r"cashandcashequivalentsperiodincreasedecrease"),
    re.compile(
        r"(net|total)?((increase|decrease|change|movement)s?(or)?)+(in|of)(total)?cash(and)?(cash)?(equivalents)?"
        r"((for|during|of)?(the)?(year|period))?"
    ),
)
"""Of all cash: a change of restricted cash, of overdrafts or of one activity is a line like any other."""
_PART_OF_BUSINESS = re.compile(r"continu|held for (?:sale|disposal)", re.IGNORECASE)
"""Cash flows of continuing or discontinued operations alone do not lead to the balance sheet's cash."""


def statement_footing(books: Books) -> Outcome:
    """Recompute every total from the lines that name it as parent, for the current and the prior year."""
    if reason := lacking(books, "financial_statements", "parent_line_id"):
        return not_performed(STATEMENT_FOOTING, reason)
    lines = books.tables["financial_statements"]
    checked = pd.concat(
        [_footed(lines, c).assign(year=y) for c, y in _COLUMNS.items() if c in lines],
        ignore_index=True,
    )
    if checked.empty:
        return not_performed(
            STATEMENT_FOOTING, "no line of the statements names a parent with an amount"
        )
    unit = _rounding_unit(lines["amount_cents"])
    wrong = checked[checked["amount_cents"] != 0].copy()
    size = wrong["amount_cents"].abs()
    limit = (wrong["presented_cents"].abs() * ROUNDING_SHARE).clip(upper=unit)
    is_rounding = (size <= limit) & (unit > 1)
    wrong["description"] = [
        f"Total {row.record_id} ({row.year}) is presented as {money(row.presented_cents)}, its lines come to "
        f"{money(row.summed_cents)}: difference {money(row.amount_cents)}."
        for row in wrong.itertuples(index=False)
    ]
    errors = wrong[~is_rounding]
    findings = findings_of(
        errors, kind="footing_error", table="financial_statements", procedure=STATEMENT_FOOTING
    ) + findings_of(
        wrong[is_rounding],
        kind="rounding_difference",
        table="financial_statements",
        procedure=STATEMENT_FOOTING,
    )
    roundings = len(wrong) - len(errors)
    result = f"{count(len(checked) - len(wrong), 'total')} of {len(checked):,} foot; {len(errors):,} do not."
    if roundings:
        result += f" {count(roundings, 'difference')} within rounding to {money(unit)}."
    shown = wrong[["record_id", "year", "presented_cents", "summed_cents", "amount_cents"]]
    return performed(
        STATEMENT_FOOTING,
        population=f"{count(len(lines), 'line')}, {count(len(checked), 'total')} over both years",
        result=result,
        findings=findings,
        evidence=(evidence_of("Totals that differ from their lines", shown),) if len(wrong) else (),
        figures={
            "checks": len(checked),
            "exceptions": len(errors),
            "rounding_differences": roundings,
        },
    )


def _footed(lines: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row per total with an amount and lines with amounts: record_id, presented, summed, difference."""
    weight = lines["weight"].fillna(1) if "weight" in lines else 1
    entering = (lines[column] * weight).where(lines["parent_line_id"] != lines["line_id"])
    parts = pd.DataFrame({"parent": lines["parent_line_id"], "part": entering}).dropna()
    summed = parts.groupby("parent", sort=False)["part"].sum().astype("int64")
    totals = lines.drop_duplicates("line_id").set_index("line_id")[column].reindex(summed.index)
    checked = (
        pd.DataFrame({"presented_cents": totals, "summed_cents": summed}).dropna().astype("int64")
    )
    checked["amount_cents"] = checked["presented_cents"] - checked["summed_cents"]
    return checked.reset_index(names="record_id")


def _rounding_unit(amounts: pd.Series) -> int:
    present = amounts.dropna().astype("int64")
    return next((u for u in ROUNDING_UNITS if len(present) and not (present % u).any()), 1)


def statements_to_trial_balance(books: Books) -> Outcome:
    """Compare each statement line with the accounts mapped to it, for the current and the prior year.

    Only the size is compared: whether a statement shows an expense or a contra account with or without a minus is
    its own convention, and footing tells a wrong sign. An equity line may exceed its accounts by the profit of the
    year, which the trial balance holds in the income accounts until they are closed.
    """
    reason = lacking(books, "financial_statements", "amount_cents") or lacking(
        books, "trial_balance", "fs_caption", "amount_ending_cents"
    )
    if reason:
        return not_performed(STATEMENTS_TO_TRIAL_BALANCE, reason)
    accounts = books.tables["trial_balance"]
    if accounts["fs_caption"].isna().all():
        return not_performed(STATEMENTS_TO_TRIAL_BALANCE, "no account names its statement line")
    lines = books.tables["financial_statements"]
    unit = _rounding_unit(lines["amount_cents"])
    compared = pd.concat(
        [
            _compared(lines, accounts, (column, balance), unit).assign(year=_COLUMNS[column])
            for column, balance in _BALANCES.items()
            if column in lines and balance in accounts
        ],
        ignore_index=True,
    )
    wrong = compared[compared["amount_cents"] != 0].copy()
    wrong["description"] = [
        f"Line {row.record_id} ({row.year}) shows {money(row.presented_cents)}, its accounts come to "
        f"{money(row.accounts_cents)}: difference {money(row.amount_cents)}."
        for row in wrong.itertuples(index=False)
    ]
    stray = _stray_accounts(lines, accounts)
    name = STATEMENTS_TO_TRIAL_BALANCE
    findings = findings_of(
        wrong, kind="statement_tb_difference", table="financial_statements", procedure=name
    ) + findings_of(
        stray, kind="account_without_statement_line", table="trial_balance", procedure=name
    )
    result = f"{count(len(compared) - len(wrong), 'line')} of {len(compared):,} agree with their accounts."
    if unit > 1:
        result += f" Statements are rounded to {money(unit)}; half of that is tolerated."
    if len(stray):
        result += (
            f" {count(len(stray), 'account')} with a balance lead to no line of the statements."
        )
    shown = wrong[["record_id", "year", "presented_cents", "accounts_cents", "amount_cents"]]
    return performed(
        STATEMENTS_TO_TRIAL_BALANCE,
        population=f"{count(len(accounts), 'account')} against {count(len(compared), 'line')} over both years",
        result=result,
        findings=findings,
        evidence=(evidence_of("Lines that differ from their accounts", shown),)
        if len(wrong)
        else (),
        figures={
            "checks": len(compared),
            "exceptions": len(wrong),
            "accounts_without_line": len(stray),
        },
    )


def _compared(
    lines: pd.DataFrame, accounts: pd.DataFrame, columns: tuple[str, str], unit: int
) -> pd.DataFrame:
    """One row per line with accounts: record_id, presented, accounts' natural balance, difference.

    Differences of at most half the rounding unit are none.
    """
    column, balance = columns
    own = (
        lines[lines["statement"].str.upper() != "CF"]
        .drop_duplicates("line_id")
        .set_index("line_id")
    )
    kind = accounts["account_type"].fillna("").str.strip().str.lower()
    mapped = accounts.assign(kind=kind).dropna(subset=["fs_caption", balance])
    groups = mapped.groupby("fs_caption", sort=False)
    kinds = groups["kind"].agg(lambda values: values.mode().iloc[0])
    natural = groups[balance].sum().astype("int64") * kinds.map(_natural_sign)
    both = pd.DataFrame(
        {"presented_cents": own[column].reindex(natural.index), "accounts_cents": natural}
    )
    both = both.dropna().astype("int64")
    tolerance = unit // 2
    difference = both["presented_cents"] - both["accounts_cents"]
    profit = -int(mapped.loc[mapped["kind"].isin(INCOME_TYPES), balance].sum())
    is_unclosed = ((difference - profit).abs() <= tolerance) & kinds[both.index].isin(["equity"])
    is_reversed = (both["presented_cents"] + both["accounts_cents"]).abs() <= tolerance
    is_agreed = (difference.abs() <= tolerance) | is_reversed
    # As integers: a boolean column of the reader is Arrow-backed and cannot be summed up.
    is_agreed |= is_unclosed & (
        is_unclosed.astype("int64").cumsum() == 1
    )  # the profit enters equity once
    both["amount_cents"] = difference.where(~is_agreed, 0)
    return both.reset_index(names="record_id")


def _natural_sign(kind: str) -> int:
    return 1 if kind in {"asset", "expense"} else -1


def _stray_accounts(lines: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    is_stray = ~accounts["fs_caption"].isin(lines["line_id"]) & (
        accounts["amount_ending_cents"] != 0
    )
    stray = accounts[is_stray].rename(
        columns={"gl_account_number": "record_id", "amount_ending_cents": "amount_cents"}
    )
    stray["description"] = [
        f"Account {account} with {money(amount)} names "
        + (
            "no statement line."
            if pd.isna(caption)
            else f"line {caption}, which the statements do not hold."
        )
        for account, amount, caption in stray[
            ["record_id", "amount_cents", "fs_caption"]
        ].itertuples(index=False)
    ]
    return stray


@dataclass(frozen=True, kw_only=True)
class _Check:
    """Two figures of the statements that must be equal."""

    name: str
    record_id: str
    left: int
    right: int
    kind: str = "statement_cross_check"


def statement_cross_checks(books: Books) -> Outcome:
    """Compare what several statements show: assets with liabilities and equity, profit, the change in cash.

    Cash that differs is a `cash_reconciliation_difference`: the cash flow statement may count overdrafts, restricted
    cash or cash held for sale that the balance sheet shows elsewhere, so the client reconciles it (IAS 7 paragraph 45).
    """
    if reason := lacking(books, "financial_statements", "amount_cents", "statement", "line_id"):
        return not_performed(CROSS_CHECKS, reason)
    lines = books.tables["financial_statements"]
    checks = [
        check
        for column, year in _COLUMNS.items()
        if column in lines
        for compute in (_balance_check, _profit_check)
        if (check := compute(lines, column, year))
    ]
    checks += [check for check in (_cash_check(lines),) if check]
    if not checks:
        return not_performed(
            CROSS_CHECKS, "no line is recognisable as a grand total, profit or change in cash"
        )
    table = pd.DataFrame([vars(c) for c in checks])
    table.columns = pd.Index(["check", "record_id", "left_cents", "right_cents", "kind"])
    table["amount_cents"] = table["left_cents"] - table["right_cents"]
    wrong = table[table["amount_cents"] != 0].copy()
    wrong["description"] = [
        f"{row.check}: {money(row.left_cents)} against {money(row.right_cents)}, difference "
        f"{money(row.amount_cents)}"
        + ("; the client reconciles it." if row.check == CASH_CHECK else ".")
        for row in wrong.itertuples(index=False)
    ]
    shown = table.drop(columns=["record_id", "kind"])
    return performed(
        CROSS_CHECKS,
        population=f"{count(len(lines), 'line')}, {count(len(table), 'cross-check')}",
        result=" ".join(wrong["description"]) or "All cross-checks agree.",
        findings=tuple(
            finding
            for kind, part in wrong.groupby("kind", sort=False)
            for finding in findings_of(
                part, kind=str(kind), table="financial_statements", procedure=CROSS_CHECKS
            )
        ),
        evidence=(evidence_of("Cross-checks of the statements", shown),),
        figures={"checks": len(table), "exceptions": len(wrong)},
    )


def _balance_check(lines: pd.DataFrame, column: str, year: str) -> _Check | None:
    assets = _line(lines, "BS", (_TOTAL_ASSETS,), column)
    both = _line(lines, "BS", (_LIABILITIES_AND_EQUITY,), column)
    if assets is None:
        return None
    if both is None:
        parts = [_line(lines, "BS", (p,), column) for p in (_LIABILITIES, _EQUITY)]
        if None in parts:
            return None
        claims = sum(part[1] for part in parts if part)
    else:
        claims = both[1]
    return _Check(
        name=f"Total assets against liabilities and equity, {year}",
        record_id=assets[0],
        left=assets[1],
        right=claims,
    )


def _profit_check(lines: pd.DataFrame, column: str, year: str) -> _Check | None:
    for pattern in _PROFIT:
        earned, start = (_line(lines, s, (pattern,), column) for s in ("IS", "CF"))
        if earned and start:
            name = f"Profit in the income statement against the cash flow statement, {year}"
            return _Check(name=name, record_id=start[0], left=earned[1], right=start[1])
    return None


def _cash_check(lines: pd.DataFrame) -> _Check | None:
    if "amount_prior_year_cents" not in lines:
        return None
    now = _line(lines, "BS", _CASH, "amount_cents")
    before = _line(lines, "BS", _CASH, "amount_prior_year_cents")
    whole = lines[~lines["caption"].fillna("").str.contains(_PART_OF_BUSINESS)]
    change = _line(whole, "CF", _CASH_CHANGE, "amount_cents")
    if not (now and before and change):
        return None
    return _Check(
        name=CASH_CHECK, record_id=change[0], left=now[1] - before[1], right=change[1],
        kind="cash_reconciliation_difference",
    )  # fmt: skip


def _line(
    lines: pd.DataFrame, statement: str, patterns: tuple[re.Pattern[str], ...], column: str
) -> tuple[str, int] | None:
    """Identifier and amount of the statement's first line for the first pattern that its id or caption fits.

    Notes in brackets are no part of a caption, and an id may say at its end that it is the cash flow statement's.
    """
    own = lines[(lines["statement"].str.upper() == statement) & lines[column].notna()]
    ids = own["line_id"].fillna("").str.lower().str.replace(r"_?(cf|cash_?flow)$", "", regex=True)
    captions = own["caption"].fillna("").str.lower() if "caption" in own else ids
    captions = captions.str.replace(r"\((see )?(notes? ?)?[\d, and]*\)", "", regex=True)
    for pattern in patterns:
        for names in (ids, captions):
            plain = names.str.replace(r"[^a-z]", "", regex=True)
            hit = own[[bool(pattern.fullmatch(name)) for name in plain]]
            if len(hit):
                return str(hit["line_id"].iloc[0]), int(hit[column].iloc[0])
    return None
