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
        caption=r".*(income|profit|earnings|loss).* before .*tax.*|.*\bpre-?tax (income|profit|earnings|loss).*",
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
        caption=r"(total |net )*cash.* operat(ing|ions).*|net operating cash( flows?)?|total operating activities",
    ),
}  # fmt: skip

_TAX_BEFORE = re.compile(r"incomelossfromcontinuingoperationsbeforeincometaxes.*")
"""The taxonomy has several lines for profit before tax; all begin so."""

_NOTE = re.compile(r"\s*\((see )?(notes? ?)?[\da-d][\d, and]*\)", re.IGNORECASE)
"""A reference to the notes behind a caption: (1), (Note 4), (notes 1 and 2)."""

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
    lines = _shown_lines(books)
    figures: KeyFigures = {}
    for name, line in _LINES.items():
        found = _from_statements(lines, name, line)
        if found is not None:
            figures[name] = found
    _derive_liabilities(figures)
    for name, found in _from_trial_balance(books).items():
        figures.setdefault(name, found)
    return figures


def account_types(frame: Any) -> Any:
    """The trial balance's account types in one spelling."""
    return frame["account_type"].astype("string").str.strip().str.lower()


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A line of the statements, ready for comparison."""

    statement: str
    line_id: str
    plain_id: str
    caption: str
    cents: int
    prior_cents: int | None


def _shown_lines(books: Books) -> list[_Shown]:
    """The lines with an amount; few enough to be looked at one by one, which is faster than column by column."""
    frame = books.get("financial_statements")
    if frame is None:
        return []
    present = frame[frame["amount_cents"].notna()]
    priors = _amounts(present, "amount_prior_year_cents")
    rows = zip(
        present["statement"].fillna(""), present["line_id"].fillna(""),
        present["caption"].fillna(""), present["amount_cents"], priors, strict=True,
    )  # fmt: skip
    return [
        _Shown(
            statement=str(statement).strip().upper(),
            line_id=str(line_id),
            plain_id=re.sub(r"[^a-z0-9]", "", str(line_id).lower().removesuffix("_cf")),
            caption=_NOTE.sub("", str(caption)).strip().rstrip(":"),
            cents=int(cents),
            prior_cents=prior,
        )
        for statement, line_id, caption, cents, prior in rows
    ]


def _amounts(frame: Any, column: str) -> list[int | None]:
    """The column's amounts, None where one or the whole column is missing."""
    if column not in frame:
        return [None] * len(frame)
    values = zip(frame[column], frame[column].notna(), strict=True)
    return [int(value) if is_known else None for value, is_known in values]


def _from_statements(lines: list[_Shown], name: FigureName, line: _Line) -> KeyFigure | None:
    found = _first(lines, name, line)
    if found is None:
        return None
    sign = -1 if name == "cost_of_sales" and found.cents < 0 else 1
    return KeyFigure(
        cents=sign * found.cents,
        prior_cents=None if found.prior_cents is None else sign * found.prior_cents,
        source=f'financial statements, line {found.line_id} "{found.caption}"',
    )


def _first(lines: list[_Shown], name: FigureName, wanted: _Line) -> _Shown | None:
    """The best matching line: ids in order of preference, then the caption; None when nothing matches."""
    own = [line for line in lines if line.statement == wanted.statement]
    for line_id in wanted.line_ids:
        for line in own:
            if line.plain_id == line_id:
                return line
    if name == "profit_before_tax":
        for line in own:
            if _TAX_BEFORE.fullmatch(line.plain_id):
                return line
    pattern = re.compile(wanted.caption)
    return next((line for line in own if pattern.fullmatch(line.caption.lower())), None)


@dataclass(frozen=True, kw_only=True)
class _Account:
    """An account of the trial balance, ready for comparison."""

    kind: str
    name: str
    cents: int | None
    prior_cents: int | None


def _from_trial_balance(books: Books) -> KeyFigures:
    frame = books.get("trial_balance")
    if frame is None:
        return {}
    rows = zip(
        account_types(frame).fillna(""), frame["gl_account_name"].fillna(""),
        _amounts(frame, "amount_ending_cents"), _amounts(frame, "amount_prior_year_cents"), strict=True,
    )  # fmt: skip
    accounts = [
        _Account(kind=str(kind), name=str(name).lower(), cents=cents, prior_cents=prior)
        for kind, name, cents, prior in rows
    ]
    result = [a for a in accounts if a.kind in ("revenue", "expense")]
    untaxed = [a for a in result if a.kind == "revenue" or not _INCOME_TAX.search(a.name)]
    wanted: dict[FigureName, tuple[list[_Account], int, str]] = {
        "total_assets": (_of(accounts, "asset"), 1, "asset accounts"),
        "total_liabilities": (_of(accounts, "liability"), -1, "liability accounts"),
        "equity": ([*_of(accounts, "equity"), *result], -1, "equity and income accounts"),
        "revenue": (_of(accounts, "revenue"), -1, "revenue accounts"),
        "profit_before_tax": (untaxed, -1, "income accounts other than income tax"),
        "net_profit": (result, -1, "income accounts"),
    }
    for name, (kind, pattern) in _ACCOUNT_NAMES.items():
        chosen = [a for a in _of(accounts, kind) if re.search(pattern, a.name)]
        wanted[name] = (chosen, 1, f"{kind} accounts so named")
    found = {n: _sum(chosen, sign, words) for n, (chosen, sign, words) in wanted.items()}
    return {n: f for n, f in found.items() if f is not None}


def _of(accounts: list[_Account], kind: str) -> list[_Account]:
    return [a for a in accounts if a.kind == kind]


def _sum(accounts: list[_Account], sign: int, words: str) -> KeyFigure | None:
    """The accounts' sum; None without accounts or when one has no balance, no comparative when one has none."""
    balances = [a.cents for a in accounts if a.cents is not None]
    priors = [a.prior_cents for a in accounts if a.prior_cents is not None]
    if not accounts or len(balances) < len(accounts):
        return None
    return KeyFigure(
        cents=sign * sum(balances),
        prior_cents=sign * sum(priors) if len(priors) == len(accounts) else None,
        source=f"trial balance, sum of {len(accounts):,} {words}",
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
