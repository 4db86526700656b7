"""A folder of real books loads whole: 142,882 payments as they came, and the filed statements of one company."""

from pathlib import Path

import pandas as pd
import pytest

from prisma_assets.engagement.folder import EngagementFolder, read_engagement
from tests.real_data.assemble import PAYMENTS, Filing

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def read(real_engagement: tuple[Path, Filing]) -> EngagementFolder:
    return read_engagement(real_engagement[0])


def test_every_payment_is_read_to_the_cent(read: EngagementFolder, shared_data: Path) -> None:
    """The file's floats come to whole cents, none is rounded, and no row is lost."""
    payments = read.books.tables["payments_made"]
    source = pd.read_parquet(shared_data / PAYMENTS)

    assert len(payments) == len(source) == 142_882
    assert ((payments["payment_amount_cents"] / 100 - source["Amount"]).abs() < 1e-6).all()
    assert payments["supplier_account_id"].tolist() == source["VendorNum"].tolist()
    assert (payments["payment_date"].to_numpy() == source["Date"].to_numpy()).all()
    assert payments["payment_id"].is_unique
    assert read.books.sources["payments_made"].rows == 142_882


def test_real_books_raise_no_warning(read: EngagementFolder) -> None:
    """Nothing about them is doubtful: the trial balance balances, no amount was rounded, no file is left over."""
    assert read.warnings == ()


def test_statements_foot_and_tie(
    read: EngagementFolder, real_engagement: tuple[Path, Filing]
) -> None:
    """Assets equal liabilities and equity in both years, and every total is the sum of its lines."""
    filing = real_engagement[1]
    lines = read.books.tables["financial_statements"].set_index("line_id")
    for year in ("amount_cents", "amount_prior_year_cents"):
        assert lines.loc["Assets", year] == lines.loc["LiabilitiesAndStockholdersEquity", year]
        parts = (lines[year] * lines["weight"]).groupby(lines["parent_line_id"].to_numpy()).sum()
        assert parts.to_dict() == lines.loc[parts.index, year].to_dict()

    assert len(lines) == len(filing.lines) >= 50
    assert lines.loc["Assets", "amount_cents"] == filing.line("Assets").amount * 100


def test_trial_balance_holds_the_years_profit_in_the_income_accounts(
    read: EngagementFolder, real_engagement: tuple[Path, Filing]
) -> None:
    accounts = read.books.tables["trial_balance"]
    profit = next(line for line in reversed(real_engagement[1].lines) if line.statement == "IS")
    income = accounts[accounts["account_type"].isin(["revenue", "expense"])]

    assert accounts["amount_ending_cents"].sum() == 0
    assert income["amount_ending_cents"].sum() == -profit.amount * 100
    assert set(accounts["account_type"]) == {"asset", "liability", "equity", "revenue", "expense"}
