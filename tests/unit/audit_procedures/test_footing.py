"""Statements that do not add up, disagree with each other or with the trial balance."""

import pandas as pd
import pytest

from prisma_assets.domain.audit import footing
from prisma_assets.domain.audit.books import Books


def change(tables, line, cents, column="amount_cents"):
    statements = tables["financial_statements"]
    statements.loc[statements["line_id"] == line, column] += cents
    return Books(tables=tables)


@pytest.mark.parametrize("column", ["amount_cents", "amount_prior_year_cents"])
@pytest.mark.parametrize("line", ["assets", "profit", "change"])
def test_a_total_that_does_not_foot_is_found(clean_tables, line, column):
    """Both years are added up again, with the signs the lines enter with."""
    outcome = footing.statement_footing(change(clean_tables(), line, 77, column))

    assert [(f.kind, f.record_id, f.amount_cents) for f in outcome.findings] == [
        ("footing_error", line, 77)
    ]


def test_a_wrong_line_shows_in_its_total(clean_tables):
    """A cost that is 10.00 too high makes the profit 10.00 too high for its lines."""
    outcome = footing.statement_footing(change(clean_tables(), "costs", 1_000))

    assert [(f.record_id, f.amount_cents) for f in outcome.findings] == [("profit", 1_000)]


def millions(*amounts):
    lines = ["a", "b", "total"]
    return pd.DataFrame(
        {
            "line_id": lines,
            "statement": "BS",
            "caption": lines,
            "parent_line_id": ["total", "total", None],
            "amount_cents": [a * 100_000_000 for a in amounts],
        }
    )


@pytest.mark.parametrize(
    ("amounts", "kinds"),
    [
        ((5_231, 402, 5_633), []),
        ((5_231, 402, 5_634), ["rounding_difference"]),
        ((5_231, 402, 5_635), ["footing_error"]),
        ((3, 4, 8), ["footing_error"]),  # an eighth of the total is no rounding
    ],
)
def test_rounded_statements_may_differ_by_one_unit(amounts, kinds):
    """Lines rounded to millions need not add up to a total rounded to millions; more than one is an error."""
    outcome = footing.statement_footing(Books(tables={"financial_statements": millions(*amounts)}))

    assert [f.kind for f in outcome.findings] == kinds
    assert outcome.figures["rounding_differences"] == kinds.count("rounding_difference")


def test_lines_without_amounts_are_not_taken_for_zero(clean_tables):
    """A comparative nobody presented is not checked."""
    tables = clean_tables()
    statements = tables["financial_statements"]
    statements.loc[statements["line_id"] == "assets", "amount_prior_year_cents"] = pd.NA

    outcome = footing.statement_footing(Books(tables=tables))

    assert outcome.findings == ()
    assert outcome.figures["checks"] == 7


def test_statements_without_totals_cannot_be_footed(clean_tables):
    """No parent, nothing to add up."""
    tables = clean_tables()
    tables["financial_statements"]["parent_line_id"] = pd.NA

    outcome = footing.statement_footing(Books(tables=tables))

    assert outcome.procedure.status == "not performed"


@pytest.mark.parametrize("column", ["amount_cents", "amount_prior_year_cents"])
def test_a_line_that_leaves_its_accounts_is_found(clean_tables, column):
    """The statement must show what the accounts hold."""
    outcome = footing.statements_to_trial_balance(change(clean_tables(), "receivables", 50, column))

    assert [(f.kind, f.record_id, f.amount_cents) for f in outcome.findings] == [
        ("statement_tb_difference", "receivables", 50)
    ]


def test_presentation_signs_do_not_matter(clean_tables):
    """An expense shown with a minus is the same expense."""
    tables = clean_tables()
    statements = tables["financial_statements"]
    is_cost = statements["line_id"] == "costs"
    statements.loc[is_cost, "amount_cents"] *= -1

    assert footing.statements_to_trial_balance(Books(tables=tables)).findings == ()


def test_equity_carries_the_profit_once(clean_tables):
    """Before closing, the profit explains one equity line; a wrong equity line is still found."""
    outcome = footing.statements_to_trial_balance(change(clean_tables(), "equity", 9))

    assert [f.record_id for f in outcome.findings] == ["equity"]


def test_accounts_that_lead_nowhere_are_found(clean_tables):
    """An account outside the statements hides its balance."""
    tables = clean_tables()
    accounts = tables["trial_balance"]
    accounts.loc[accounts["gl_account_number"] == "1000", "fs_caption"] = "nowhere"
    accounts.loc[accounts["gl_account_number"] == "2000", "fs_caption"] = pd.NA

    outcome = footing.statements_to_trial_balance(Books(tables=tables))

    assert [(f.kind, f.record_id) for f in outcome.findings] == [
        ("account_without_statement_line", "1000"),
        ("account_without_statement_line", "2000"),
    ]


def test_rounded_statements_may_leave_half_a_unit(clean_tables):
    """Accounts in cents, statements in whole units: half a unit is rounding."""
    tables = clean_tables()
    statements = tables["financial_statements"]
    for column in ("amount_cents", "amount_prior_year_cents"):
        statements[column] = (statements[column].astype("int64") + 50) // 100 * 100

    assert footing.statements_to_trial_balance(Books(tables=tables)).findings == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("assets", "statement_cross_check"),
        ("cf_profit", "statement_cross_check"),
        # Overdrafts or cash held for sale may explain it: the client reconciles it.
        ("change", "cash_reconciliation_difference"),
    ],
)
def test_statements_that_disagree_are_found(clean_tables, line, kind):
    """Grand totals, profit and the change in cash stand in two places and must be equal."""
    outcome = footing.statement_cross_checks(change(clean_tables(), line, 40))

    assert [(f.kind, f.record_id, abs(f.amount_cents)) for f in outcome.findings] == [
        (kind, line, 40)
    ]


def _statements(*rows: tuple[str, str, str, int, int]) -> Books:
    names = ["line_id", "statement", "caption", "amount_cents", "amount_prior_year_cents"]
    return Books(tables={"financial_statements": pd.DataFrame(rows, columns=names)})


@pytest.mark.parametrize(
    "other",
    [
        ("IncreaseDecreaseInRestrictedCash", "Net (increase) decrease in restricted cash", 7),
        ("Overdrafts", "Net increase in outstanding payments in excess of cash balance", 7),
        ("Change_CF", "Net change in cash from continuing operations", 7),
    ],
)
def test_a_change_of_some_cash_is_not_the_change_of_cash(other):
    """Filed statements show changes of restricted cash, overdrafts and parts of the business above that of all cash."""
    line_id, caption, amount = other
    books = _statements(
        ("Cash", "BS", "Cash", 30, 25),
        ("CashTotal", "BS", "Total cash and cash equivalents", 90, 60),
        (line_id, "CF", caption, amount, 0),
        ("NetIncrease", "CF", "Net increase (decrease) in cash and cash equivalents (note 4)", 30, 0),
    )  # fmt: skip

    outcome = footing.statement_cross_checks(books)

    assert outcome.figures == {"checks": 1, "exceptions": 0}


def test_profit_is_compared_with_the_same_profit():
    """The group's profit and the owners' share both stand in the income statement; the cash flow starts with either."""
    income = [("ProfitLoss", "IS", "Net loss", -72, 0), ("NetIncomeLoss", "IS", "Net loss attributable to owners", -71, 0)]  # fmt: skip

    for start, caption, amount in (("ProfitLoss_CF", "Net loss", -72), ("NetIncomeLossCashFlow", "Net loss", -71)):  # fmt: skip
        outcome = footing.statement_cross_checks(_statements(*income, (start, "CF", caption, amount, 0)))  # fmt: skip

        assert outcome.figures == {"checks": 2, "exceptions": 0}


def test_liabilities_and_equity_may_stand_apart(clean_tables):
    """Where no line joins them, total liabilities and total equity are added."""
    tables = clean_tables()
    statements = tables["financial_statements"]
    names = {"accruals": "Total liabilities", "equity": "Total stockholders' equity"}
    for line, caption in names.items():
        statements.loc[statements["line_id"] == line, "caption"] = caption
    tables["financial_statements"] = statements[statements["line_id"] != "claims"]
    clean = footing.statement_cross_checks(Books(tables=tables))

    outcome = footing.statement_cross_checks(change(tables, "assets", -5))

    assert clean.findings == ()
    assert [f.amount_cents for f in outcome.findings] == [-5]


def test_statements_without_known_lines_cannot_be_cross_checked(clean_tables):
    """Names nobody recognises give no check, and no false comfort."""
    tables = clean_tables()
    tables["financial_statements"]["line_id"] = [f"l{i}" for i in range(12)]
    tables["financial_statements"]["caption"] = "line"

    outcome = footing.statement_cross_checks(Books(tables=tables))

    assert outcome.procedure.status == "not performed"
