"""What the sample company reports and its chart of accounts, with the balances its ledger has to reach.

The entries that get there do not belong here.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from pydantic import Field

from prisma_assets.domain.audit.workpaper import Frozen

CENTS_PER_THOUSAND = 100_000
ODD_CENTS = 90_000_00
"""An odd account is moved by less than this, so that balances below the statements are not all round."""
ODD_SHARE = 0.04
"""... and by no more than this share of the smallest balance among those moved together, so that no sign turns."""

AccountType = Literal["asset", "liability", "equity", "revenue", "expense"]


class StatementLine(Frozen):
    """A line of the reported statements, in thousands as presented."""

    id: str
    statement: Literal["BS", "IS", "CF"]
    caption: str
    amount: int
    prior: int
    parent: str | None = None
    weight: Literal[1, -1] = 1


class ChartAccount(Frozen):
    """An account of the fictional chart, in thousands, debit positive."""

    number: str
    name: str
    type: AccountType
    line: str
    amount: int
    prior: int
    """Balance at the end of the prior year; for income accounts that year's total."""
    odd: bool = False
    flow: Literal["payroll", "payables"] | None = None


class Figures(Frozen):
    """The content of figures.yaml."""

    source: str
    lines: tuple[StatementLine, ...] = Field(min_length=1)
    accounts: tuple[ChartAccount, ...] = Field(min_length=1)


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account with the balances the books show, in cents, debit positive."""

    number: str
    name: str
    type: AccountType
    line: str
    flow: Literal["payroll", "payables"] | None
    beginning_cents: int
    """0 for income accounts, which start the year at nil."""
    ending_cents: int
    prior_year_cents: int

    @property
    def movement_cents(self) -> int:
        """What the year's entries come to."""
        return self.ending_cents - self.beginning_cents


def read_data(name: str) -> Any:
    """A YAML file of this package, parsed."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def read_figures() -> Figures:
    """The reported figures and the chart of accounts, read once: parsing takes longer than a small sample's books."""
    return Figures.model_validate(read_data("figures.yaml"))


def chart_of_accounts(figures: Figures, rng: np.random.Generator) -> dict[str, Account]:
    """The accounts in cents by number; every line still adds up to what is reported, in both years."""
    ending = _in_cents([account.amount for account in figures.accounts])
    prior = _in_cents([account.prior for account in figures.accounts])
    for line in {account.line: None for account in figures.accounts}:
        rows = [i for i, account in enumerate(figures.accounts) if account.line == line]
        _move_common(figures.accounts, rows, ending, prior, rng)
        odd = [i for i in rows if figures.accounts[i].odd]
        _move_apart(odd, ending, rng)
        if figures.accounts[rows[0]].type in ("revenue", "expense"):
            _move_apart(odd, prior, rng)
    return {
        account.number: Account(
            number=account.number,
            name=account.name,
            type=account.type,
            line=account.line,
            flow=account.flow,
            beginning_cents=0 if account.type in ("revenue", "expense") else prior[i],
            ending_cents=ending[i],
            prior_year_cents=prior[i],
        )
        for i, account in enumerate(figures.accounts)
    }


def _in_cents(thousands: list[int]) -> list[int]:
    return [amount * CENTS_PER_THOUSAND for amount in thousands]


def _move_common(
    accounts: tuple[ChartAccount, ...],
    rows: list[int],
    ending: list[int],
    prior: list[int],
    rng: np.random.Generator,
) -> None:
    """Move balance sheet accounts by the same cents in both years: their movement stays as it is."""
    rows = [i for i in rows if accounts[i].amount and accounts[i].prior]
    if len(rows) < 2 or accounts[rows[0]].type in ("revenue", "expense"):
        return
    for i, shift in zip(rows, _shifts(rows, ending, prior, rng=rng), strict=True):
        ending[i] += shift
        prior[i] += shift


def _move_apart(rows: list[int], balances: list[int], rng: np.random.Generator) -> None:
    """Move one year's balances of the odd accounts of a line against each other."""
    if len(rows) < 2:
        return
    for i, shift in zip(rows, _shifts(rows, balances, rng=rng), strict=True):
        balances[i] += shift


def _shifts(rows: list[int], *years: list[int], rng: np.random.Generator) -> list[int]:
    """Random cents that add up to zero over the rows."""
    smallest = min(abs(balances[i]) for balances in years for i in rows)
    limit = min(ODD_CENTS, int(smallest * ODD_SHARE))
    draws = [int(d) for d in rng.integers(-limit, limit + 1, size=len(rows) // 2)]
    return [*draws, *(-d for d in draws), *([0] * (len(rows) % 2))]
