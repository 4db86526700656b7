"""Puts an engagement folder together from real books: one company's filed statements and one ledger of payments.

The filing is picked by rule: of those whose statements foot in both years by the relations below, the one with the
most lines. The relations are conventions of presentation (lines stand above their total), never fitted to the figures.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

PAYMENTS = "ledgers/corporate_payments_2010_q1_q3.parquet"

CONTRA = re.compile(r"^(TreasuryStock|Allowance|AccumulatedDepreciation|AccumulatedAmortization)")
"""Balance sheet lines that are shown positive and taken off."""
EXPENSE = re.compile(
    r"Expense|Cost|Taxes|Depreciation|Amortization|Impairment|Charges|^Loss|Restructuring|^Interest(?!Income)|Write"
)
INCOME = re.compile(
    r"IncomeExpense|NonoperatingIncome|^IncomeLoss|^GainLoss|^GainsLosses|^InvestmentIncome|Revenue"
)
SUMS_OF_COSTS = {
    "CostsAndExpenses",
    "OperatingExpenses",
    "CostOfRevenue",
    "BenefitsLossesAndExpenses",
}
SUMS_OF_OTHER = {"NonoperatingIncomeExpense", "OtherNonoperatingIncomeExpense"}
RESULTS = re.compile(
    r"^(GrossProfit|OperatingIncomeLoss|ProfitLoss|NetIncomeLoss|IncomeLossFromContinuingOperations.*|IncomeLossBefore.*)$"
)
"""Lines of the income statement that are the result of all above them."""
CASH_PARTS = re.compile(
    r"^(NetCashProvidedByUsedIn(Operating|Investing|Financing)Activities|EffectOfExchangeRateOnCashAndCashEquivalents)$"
)
CASH_CHANGE = "CashAndCashEquivalentsPeriodIncreaseDecrease"
SECTIONS = {
    "AssetsCurrent": "",
    "AssetsNoncurrent": "AssetsCurrent",
    "Assets": "",
    "LiabilitiesCurrent": "Assets",
    "LiabilitiesNoncurrent": "LiabilitiesCurrent",
    "Liabilities": "Assets",
    "StockholdersEquity": "Liabilities",
    "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest": "Liabilities",
    "LiabilitiesAndStockholdersEquity": "Assets",
}
"""Total of the balance sheet to the line after which its own lines begin."""
NEEDED = {
    "BS": {
        "AssetsCurrent",
        "Assets",
        "LiabilitiesCurrent",
        "Liabilities",
        "LiabilitiesAndStockholdersEquity",
        "RetainedEarningsAccumulatedDeficit",
    }
}


@dataclass
class Line:
    """One line of a filed statement."""

    tag: str
    statement: str
    caption: str
    amount: float
    prior: float
    parent: "Line | None" = None
    weight: int = 1
    children: list["Line"] = field(default_factory=list)

    @property
    def line_id(self) -> str:
        """The tag; the cash flow statement repeats tags of the others."""
        return f"{self.tag}CashFlow" if self.statement == "CF" else self.tag

    def adopt(self, children: list["Line"], weights: list[int]) -> None:
        """Become the total of these lines."""
        for child, weight in zip(children, weights, strict=True):
            child.parent, child.weight = self, weight
        self.children += children

    def foots(self) -> bool:
        """Whether both years add up."""
        return not self.children or all(
            sum(c.weight * getattr(c, year) for c in self.children) == getattr(self, year)
            for year in ("amount", "prior")
        )


@dataclass(frozen=True)
class Filing:
    """A company's statements with their relations."""

    adsh: str
    name: str
    end: pd.Timestamp
    lines: tuple[Line, ...]

    def line(self, tag: str) -> Line:
        """The line of that tag."""
        return next(line for line in self.lines if line.tag == tag)


def assemble(folder: Path, data: Path) -> Filing:
    """Write an engagement folder of real books.

    Args:
        folder: Created; gets engagement.yaml, statements, a trial balance and the payments as they came.
        data: The folder of shared data.

    Returns:
        The filing that was picked.
    """
    filing = pick_filing(data / "filings")
    folder.mkdir(parents=True)
    shutil.copyfile(data / PAYMENTS, folder / "corporate_payments.parquet")
    _statements(filing).to_csv(folder / "financial_statements.csv", index=False)
    _trial_balance(filing).to_csv(folder / "trial_balance.csv", index=False)
    facts = {
        "id": filing.adsh,
        "client": {
            "id": filing.adsh, "name": filing.name, "framework": "US_GAAP", "currency": "USD", "is_listed": True,
        },
        "period": {"start": str((filing.end - pd.DateOffset(years=1) + pd.DateOffset(days=1)).date()), "end": str(filing.end.date())},
        "team": [
            {"user": "partner", "roles": ["PARTNER"]},
            {"user": "manager", "roles": ["MANAGER"]},
            {"user": "staff", "roles": ["EMPLOYEE"]},
            {"user": "reviewer", "roles": ["EQR"]},
        ],
        "provenance": (
            f"Statements: SEC 10-K {filing.adsh}. The trial balance is derived from them, one account per line, income "
            "accounts not yet closed. The payments are those of another company, 2010."
        ),
        "tables": {
            "payments_made": {
                "file": "corporate_payments.parquet",
                "columns": {
                    "supplier_account_id": "VendorNum", "payment_date": "Date", "invoice_number": "InvNum",
                    "payment_amount": "Amount",
                },
            }
        },
    }  # fmt: skip
    (folder / "engagement.yaml").write_text(json.dumps(facts, indent=2))  # JSON is YAML
    return filing


def pick_filing(filings: Path) -> Filing:
    """The filing with the most lines among those whose statements are clean; equal ones by accession number."""
    clean = [f for f in _filings(filings) if _is_clean(f)]
    return max(clean, key=lambda f: (len(f.lines), f.adsh))


def _is_clean(filing: Filing) -> bool:
    """Every total foots in both years, the standard totals are there, and no line stands outside them."""
    tags = {line.tag for line in filing.lines}
    if not all(needed <= tags for needed in NEEDED.values()) or not tags & {
        "ProfitLoss",
        "NetIncomeLoss",
    }:
        return False
    roots = [line.tag for line in filing.lines if line.parent is None and line.statement != "CF"]
    assets, claims = filing.line("Assets"), filing.line("LiabilitiesAndStockholdersEquity")
    return (
        sorted(roots) == sorted({"Assets", "LiabilitiesAndStockholdersEquity", _profit(filing).tag})
        and all(line.foots() for line in filing.lines)
        and (assets.amount, assets.prior) == (claims.amount, claims.prior)
    )


def _profit(filing: Filing) -> Line:
    return [line for line in filing.lines if line.statement == "IS"][-1]


def _filings(folder: Path) -> Iterator[Filing]:
    submissions = pd.read_parquet(folder / "submissions.parquet")
    facts = pd.read_parquet(folder / "facts.parquet")
    facts = facts[facts["uom"] == "USD"]
    shown = pd.read_parquet(folder / "presentation.parquet")
    shown = shown[(shown["inpth"] == 0) & shown["stmt"].isin(["BS", "IS", "CF"])]
    values = facts.set_index(["tag", "version", "ddate", "qtrs"])["value"]
    by_filing = dict(list(values.groupby(facts["adsh"].to_numpy())))
    rows = dict(list(shown.sort_values(["report", "line"]).groupby("adsh")))
    for company in submissions.sort_values("adsh").itertuples():
        if company.adsh not in rows or company.adsh not in by_filing:
            continue
        lines = list(_lines(rows[company.adsh], by_filing[company.adsh].to_dict(), company.period))
        _relate_balance_sheet([line for line in lines if line.statement == "BS"])
        _relate_income_statement([line for line in lines if line.statement == "IS"])
        _relate_cash_flow([line for line in lines if line.statement == "CF"])
        end = pd.to_datetime(str(company.period), format="%Y%m%d")
        yield Filing(company.adsh, company.name, end, tuple(lines))


def _lines(
    rows: pd.DataFrame, values: dict[tuple[str, str, int, int], float], period: int
) -> Iterator[Line]:
    """Lines with a figure in both years: of each statement the first report, of the income statement down to the profit."""
    seen: set[tuple[str, str]] = set()
    for statement, own in rows.groupby("stmt", sort=False):
        first = own[own["report"] == own["report"].iloc[0]]
        quarters = 0 if statement == "BS" else 4
        for row in first.itertuples():
            keys = [(row.tag, row.version, ddate, quarters) for ddate in (period, period - 10_000)]
            if (statement, row.tag) in seen or not all(
                values.get(k, float("nan")) == values.get(k) for k in keys
            ):
                continue
            seen.add((statement, row.tag))
            yield Line(row.tag, str(statement), row.plabel, values[keys[0]], values[keys[1]])
            if statement == "IS" and row.tag in ("ProfitLoss", "NetIncomeLoss"):
                break


def _relate_balance_sheet(lines: list[Line]) -> None:
    tags = [line.tag for line in lines]
    for place, line in enumerate(lines):
        if line.tag == "PropertyPlantAndEquipmentNet" and tags[place - 2 : place - 1] == [
            "PropertyPlantAndEquipmentGross"
        ]:
            line.adopt(lines[place - 2 : place], [1, -1])
        if line.tag in SECTIONS:
            after = SECTIONS[line.tag]
            start = tags.index(after) + 1 if after in tags[:place] else 0
            own = [child for child in lines[start:place] if child.parent is None]
            line.adopt(own, [-1 if CONTRA.match(child.tag) else 1 for child in own])


def _relate_income_statement(lines: list[Line]) -> None:
    start = 0
    for place, line in enumerate(lines):
        own = [child for child in lines[:place] if child.parent is None]
        recent = [child for child in lines[start:place] if child.parent is None]
        if RESULTS.match(line.tag):
            line.adopt(own, [_sign(child.tag) for child in own])
            start = place + 1
        elif line.tag in SUMS_OF_COSTS and all(_sign(c.tag) < 0 for c in recent):
            line.adopt(recent, [1] * len(recent))
        elif line.tag in SUMS_OF_OTHER and start:
            line.adopt(recent, [_sign(child.tag) for child in recent])
        elif line.tag in ("Revenues", "SalesRevenueNet"):
            line.adopt(own, [1] * len(own))
            start = place + 1


def _relate_cash_flow(lines: list[Line]) -> None:
    for line in lines:
        if line.tag == CASH_CHANGE:
            parts = [part for part in lines if CASH_PARTS.match(part.tag)]
            line.adopt(parts, [1] * len(parts))


def _sign(tag: str) -> int:
    return -1 if EXPENSE.search(tag) and not INCOME.search(tag) else 1


def _statements(filing: Filing) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line_id": line.line_id,
            "statement": line.statement,
            "caption": line.caption,
            "amount": f"{line.amount:.2f}",
            "amount_prior_year": f"{line.prior:.2f}",
            "parent_line_id": line.parent.line_id if line.parent else None,
            "weight": line.weight if line.parent else None,
        }
        for line in filing.lines
    ).astype({"weight": "Int64"})


def _trial_balance(filing: Filing) -> pd.DataFrame:
    """One account per line that is no total; the year's profit is still in the income accounts."""
    profit = _profit(filing)
    accounts = []
    for place, line in enumerate(filing.lines):
        if line.children or line.statement == "CF":
            continue
        kind, sign = _side(line)
        unclosed = profit.amount if line.tag == "RetainedEarningsAccumulatedDeficit" else 0
        accounts.append(
            {
                "gl_account_number": f"{place + 1:04d}",
                "gl_account_name": line.caption,
                "account_type": kind,
                "fs_caption": line.line_id,
                "amount_ending": f"{sign * (line.amount - unclosed):.2f}",
                "amount_prior_year": f"{sign * line.prior:.2f}",
            }
        )
    return pd.DataFrame(accounts)


def _side(line: Line) -> tuple[str, int]:
    """Account type, and the sign that turns the presented amount into debit positive."""
    weight, chain = 1, [line.tag]
    node = line
    while node.parent is not None:
        weight *= node.weight
        node = node.parent
        chain.append(node.tag)
    if chain[-1] == "Assets":
        return "asset", weight
    if chain[-1] == "LiabilitiesAndStockholdersEquity":
        return ("liability" if "Liabilities" in chain else "equity"), -weight
    return ("revenue" if weight > 0 else "expense"), -weight
