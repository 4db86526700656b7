"""Which figures are read, from where, and which are left unknown."""

import pandas as pd
import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.key_figure import key_figures


def _statements(*rows: tuple[str, str, str, int]) -> Books:
    frame = pd.DataFrame(rows, columns=["line_id", "statement", "caption", "amount_cents"])
    text = {c: frame[c].astype("string") for c in ("line_id", "statement", "caption")}
    return Books(tables={"financial_statements": frame.assign(**text)})


@pytest.mark.parametrize(
    ("line_id", "caption", "statement", "figure"),
    [
        ("Assets", "TOTAL", "BS", "total_assets"),
        ("L9", "Total assets", "BS", "total_assets"),
        ("L9", "Total shareholders' equity", "BS", "equity"),
        ("SalesRevenueNet", "Net sales", "IS", "revenue"),
        ("L1", "Total operating revenues", "IS", "revenue"),
        ("L2", "Earnings before income taxes", "IS", "profit_before_tax"),
        (
            "IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments",
            "Income", "IS", "profit_before_tax",
        ),
        ("L7", "Net cash provided by operating activities", "CF", "operating_cash_flow"),
        ("L8", "Trade receivables, net", "BS", "receivables"),
        ("L1", "Operating revenues (1)", "IS", "revenue"),
        ("L2", "Pre-tax earnings/(loss)", "IS", "profit_before_tax"),
        ("L2", "Pretax income from continuing operations", "IS", "profit_before_tax"),
        ("L7", "Net operating cash", "CF", "operating_cash_flow"),
        ("NetCashProvidedByUsedInOperatingActivities_CF", "TOTAL", "CF", "operating_cash_flow"),
    ],
)  # fmt: skip
def test_a_statement_line_is_recognised_by_id_or_caption(line_id, caption, statement, figure):
    """Statements name their lines in many ways."""
    found = key_figures(_statements((line_id, statement, caption, 12_34)))

    assert found[figure].cents == 12_34
    assert found[figure].prior_cents is None


def test_a_line_of_another_statement_does_not_count():
    """Profit stands in the cash flow statement too; revenue does not come from there."""
    assert "revenue" not in key_figures(_statements(("revenue", "CF", "Revenue", 1)))


def test_liabilities_follow_from_assets_and_equity():
    """Many balance sheets show no total of liabilities."""
    found = key_figures(
        _statements(("assets", "BS", "Total assets", 900), ("equity", "BS", "Equity", 400))
    )

    assert found["total_liabilities"].cents == 500


def test_without_statements_the_trial_balance_gives_the_totals(a_trial_balance):
    """Account types and signs give assets, revenue and the result; tax is added back for the profit before it."""
    books = a_trial_balance(
        ("1", "Bank", "asset", 1_000, 900),
        ("2", "Loan", "liability", -300, -300),
        ("3", "Capital", "equity", -400, -400),
        ("4", "Sales", "revenue", -800, -700),
        ("5", "Cost of sales", "expense", 400, 350),
        ("6", "Income tax", "expense", 100, 50),
    )

    found = key_figures(books)

    assert {n: f.cents for n, f in found.items()} == {
        "total_assets": 1_000, "total_liabilities": 300, "equity": 700, "revenue": 800,
        "profit_before_tax": 400, "net_profit": 300, "cash": 1_000, "cost_of_sales": 400,
    }  # fmt: skip
    assert found["profit_before_tax"].prior_cents == 350


def test_an_unknown_prior_amount_leaves_the_comparative_unknown(a_trial_balance):
    """A sum over accounts of which one has no comparative is no comparative."""
    books = a_trial_balance(("1", "Bank", "asset", 1_000, None), ("2", "Stock", "asset", 5, 4))

    assert key_figures(books)["total_assets"].prior_cents is None


def test_no_books_no_figures():
    """Nothing is zero because it is missing."""
    assert key_figures(Books()) == {}
