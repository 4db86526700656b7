"""The handful of figures judgements rest on (assets, revenue, result, ...), read from statements or trial balance.

A figure that neither shows is absent. Which judgement follows from a figure does not belong here.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from prisma_assets.domain.audit.books import Books

FigureName = Literal[
    "total_assets", "total_liabilities", "equity", "current_assets", "current_liabilities", "cash", "receivables",
    "inventory", "revenue", "cost_of_sales", "profit_before_tax", "net_profit", "operating_cash_flow",
]  # fmt: skip

KeyFigures = dict[FigureName, "KeyFigure"]
"""Figures that could be read, by name; a missing name could not."""


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """One figure of the period."""

    cents: int
    """As a reader of the statements sees it: assets, revenue, costs and profit positive."""
    prior_cents: int | None
    """The prior period's figure; None when the source has no comparative."""
    source: str
    """Where it was read, in words."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """How a figure is recognised in the financial statements."""

    statement: str
    line_ids: tuple[str, ...]
    """Compared without case or punctuation, in order of preference; US GAAP taxonomy names and plain names."""
    caption: str
    """Regular expression over the lower-case caption, used when no id matches."""


_LINES: dict[FigureName, _Line] = {
    "total_assets": _Line(
        statement="BS", line_ids=("assets", "totalassets"), caption=r"total assets"
    ),
    "total_liabilities": _Line(
        statement="BS", line_ids=("liabilities", "totalliabilities"), caption=r"total liabilities"
    ),
    "equity": _Line(
        statement="BS",
        line_ids=(
            "stockholdersequityincludingportionattributabletononcontrollinginterest",
            "stockholdersequity", "totalequity", "equity", "partnerscapital", "membersequity",
        ),
        caption=r"(total )?((share|stock)(holders|owners).? |owners.? |members.? )?(equity|funds)( \(deficit\))?",
    ),
    "current_assets": _Line(
        statement="BS",
        line_ids=("assetscurrent", "currentassets", "totalcurrentassets"),
        caption=r"total current assets",
    ),
    "current_liabilities": _Line(
        statement="BS",
        line_ids=("liabilitiescurrent", "currentliabilities", "totalcurrentliabilities"),
        caption=r"total current liabilities",
    ),
    "cash": _Line(
        statement="BS",
        line_ids=("cashandcashequivalentsatcarryingvalue", "cash", "cashandcashequivalents"),
        caption=r"cash( and cash equivalents)?.*",
    ),
    "receivables": _Line(
        statement="BS",
        line_ids=(
            "accountsreceivablenetcurrent", "receivablesnetcurrent", "tradereceivables",
            "accountsreceivable", "receivables", "tradeandotherreceivables",
        ),
        caption=r"((trade|accounts) )?(and other )?receivables?.*|accounts and notes receivable.*",
    ),
    "inventory": _Line(
        statement="BS",
        line_ids=("inventorynet", "inventories", "inventory"),
        caption=r"(total )?inventor(y|ies).*",
    ),
    "revenue": _Line(
        statement="IS",
        line_ids=(
            "revenues", "salesrevenuenet", "totalrevenue", "totalrevenues", "revenue", "turnover",
            "netsales", "sales", "salesrevenuegoodsnet", "salesrevenueservicesnet",
        ),
        caption=r"(total |net )*(operating )?(revenues?|sales|turnover)(, net| and other income)?",
    ),
    "cost_of_sales": _Line(
        statement="IS",
        line_ids=(
            "costofrevenue", "costofgoodsandservicessold", "costofgoodssold", "costofsales",
            "costofservices",
        ),
        caption=r"(total )?costs? of (sales|revenues?|goods( and services)? sold|products sold)",
    ),
    "profit_before_tax": _Line(
        statement="IS",
        line_ids=("profitbeforetax", "incomebeforetax", "incomebeforeincometaxes"),
        caption=r".*(income|profit|earnings|loss).* before .*tax.*",
    ),
    "net_profit": _Line(
        statement="IS",
        line_ids=(
            "profitloss", "netincomeloss", "netincome", "netprofit", "profitfortheyear",
            "profitfortheperiod", "netresult",
        ),
        caption=r"(net (income|earnings|profit|loss|\(loss\))|profit for the (year|period)).*",
    ),
    "operating_cash_flow": _Line(
        statement="CF",
        line_ids=(
            "netcashprovidedbyusedinoperatingactivities",
            "netcashprovidedbyusedinoperatingactivitiescontinuingoperations", "operatingcashflow",
            "netcashfromoperatingactivities",
        ),
        caption=r"(total |net )*cash.* operat(ing|ions).*",
    ),
}  # fmt: skip

_TAX_BEFORE = re.compile(r"incomelossfromcontinuingoperationsbeforeincometaxes.*")
"""The taxonomy has several lines for profit before tax; all begin so."""

_ACCOUNT_NAMES: dict[FigureName, tuple[str, str]] = {
    "cash": ("asset", r"\b(cash|bank)\b"),
    "receivables": ("asset", r"^(?!.*tax).*(receivable|debtors)"),
    "inventory": ("asset", r"inventor(y|ies)|\bstocks?\b"),
    "cost_of_sales": ("expense", r"costs? of (sales|goods|revenue|products|services)"),
}
"""Account type and name pattern with which the trial balance shows a figure that the statements do not."""

_INCOME_TAX = re.compile(
    r"(income|corporat\w+|profits?) tax|tax(es)? on (income|profits?)|provision for (income )?tax"
)


def key_figures(books: Books) -> KeyFigures:
    """Read every figure that the draft statements or else the trial balance show.

    The statements come first: benchmarks and ratios are about what will be published. Liabilities may follow from
    assets less equity. Without statements the trial balance's account types give the totals; equity then includes the
    result of the year, as it stands before the closing entry.
    """
    figures: KeyFigures = {}
    for name, line in _LINES.items():
        found = _from_statements(books, name, line)
        if found is not None:
            figures[name] = found
    _derive_liabilities(figures)
    for name, found in _from_trial_balance(books).items():
        figures.setdefault(name, found)
    return figures


def account_types(frame: Any) -> Any:
    """The trial balance's account types in one spelling."""
    return frame["account_type"].astype("string").str.strip().str.lower()


def _from_statements(books: Books, name: FigureName, line: _Line) -> KeyFigure | None:
    frame = books.get("financial_statements")
    if frame is None:
        return None
    part = frame[frame["statement"].astype("string").str.upper().str.strip() == line.statement]
    part = part[part["amount_cents"].notna()]
    ids = part["line_id"].astype("string").str.lower().str.replace(r"[^a-z0-9]", "", regex=True)
    row = _first_row(part, ids, name, line)
    if row is None:
        return None
    sign = -1 if name == "cost_of_sales" and int(row["amount_cents"]) < 0 else 1
    prior = None
    if "amount_prior_year_cents" in part and part["amount_prior_year_cents"].notna()[row.name]:
        prior = sign * int(row["amount_prior_year_cents"])
    return KeyFigure(
        cents=sign * int(row["amount_cents"]),
        prior_cents=prior,
        source=f'financial statements, line {row["line_id"]} "{row["caption"]}"',
    )


def _first_row(part: Any, ids: Any, name: FigureName, line: _Line) -> Any:
    """The best matching row: ids in order of preference, then the caption; None when nothing matches."""
    for wanted in line.line_ids:
        hits = part[(ids == wanted).fillna(False)]
        if len(hits):
            return hits.iloc[0]
    if name == "profit_before_tax":
        hits = part[ids.str.fullmatch(_TAX_BEFORE).fillna(False)]
        if len(hits):
            return hits.iloc[0]
    captions = part["caption"].astype("string").str.lower().str.strip().str.rstrip(":")
    hits = part[captions.str.fullmatch(line.caption).fillna(False)]
    return hits.iloc[0] if len(hits) else None


def _from_trial_balance(books: Books) -> KeyFigures:
    frame = books.get("trial_balance")
    if frame is None or not len(frame):
        return {}
    types = account_types(frame)
    names = frame["gl_account_name"].astype("string").str.lower()
    result = types.isin(["revenue", "expense"])
    tax = (types == "expense") & _named(names, _INCOME_TAX)
    wanted: dict[FigureName, tuple[Any, int, str]] = {
        "total_assets": (types == "asset", 1, "asset accounts"),
        "total_liabilities": (types == "liability", -1, "liability accounts"),
        "equity": ((types == "equity") | result, -1, "equity and income accounts"),
        "revenue": (types == "revenue", -1, "revenue accounts"),
        "profit_before_tax": (result & ~tax, -1, "income accounts other than income tax"),
        "net_profit": (result, -1, "income accounts"),
    }
    for name, (kind, pattern) in _ACCOUNT_NAMES.items():
        chosen = (types == kind) & _named(names, re.compile(pattern))
        wanted[name] = (chosen, 1, f"{kind} accounts so named")
    found = {
        n: _sum_accounts(frame, mask, sign, words) for n, (mask, sign, words) in wanted.items()
    }
    return {n: f for n, f in found.items() if f is not None}


def _named(names: Any, pattern: re.Pattern[str]) -> Any:
    return names.fillna("").map(lambda name: pattern.search(name) is not None).astype(bool)


def _sum_accounts(frame: Any, mask: Any, sign: int, words: str) -> KeyFigure | None:
    part = frame[mask.fillna(False)]
    if not len(part) or part["amount_ending_cents"].isna().any():
        return None
    prior = None
    column = "amount_prior_year_cents"
    if column in part and not part[column].isna().any():
        prior = sign * int(part[column].sum())
    return KeyFigure(
        cents=sign * int(part["amount_ending_cents"].sum()),
        prior_cents=prior,
        source=f"trial balance, sum of {len(part):,} {words}",
    )


def _derive_liabilities(figures: KeyFigures) -> None:
    """Put liabilities to assets less equity when nothing shows them."""
    assets, equity = figures.get("total_assets"), figures.get("equity")
    if "total_liabilities" in figures or assets is None or equity is None:
        return
    prior = None
    if assets.prior_cents is not None and equity.prior_cents is not None:
        prior = assets.prior_cents - equity.prior_cents
    figures["total_liabilities"] = KeyFigure(
        cents=assets.cents - equity.cents, prior_cents=prior, source="total assets less equity"
    )
