"""Does the profit a tax computation starts from agree with the trial balance and the statements?"""

from dataclasses import dataclass
from decimal import Decimal

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import TaxEntity


@dataclass(frozen=True, kw_only=True)
class TieOut:
    """One entity's three profits, in hundredths of its currency; None: not stated."""

    entity: str
    currency: str
    tax_cents: int | None
    trial_balance_cents: int | None
    statements_cents: int | None
    differences: tuple[str, ...]
    """What does not agree, as sentences."""
    gaps: tuple[str, ...]
    """What could not be compared."""

    @property
    def agrees(self) -> bool:
        """True when all three are there and agree."""
        return not self.differences and not self.gaps


def tie_out(
    entity: TaxEntity, *, tolerance_cents: int, ledger_profit_cents: int | None = None
) -> TieOut:
    """Compare the three profits.

    Args:
        entity: The profits as stated.
        tolerance_cents: Largest difference that still agrees.
        ledger_profit_cents: Profit before tax read from the trial balance in the folder; counts before the stated one.
    """
    tax = _cents(entity.profit_before_tax)
    trial = (
        ledger_profit_cents
        if ledger_profit_cents is not None
        else _cents(entity.trial_balance_profit)
    )
    statements = _cents(entity.statements_profit)
    named = (("the trial balance", trial), ("the statements", statements))
    gaps = [
        f"{entity.name}: {name} shows no profit before tax"
        for name, value in named
        if value is None
    ]
    differences: list[str] = []
    if tax is None:
        gaps = [f"{entity.name}: profit_before_tax is not stated"]
    else:
        differences = [
            f"{entity.name}: the tax computation starts from {tax / 100:,.2f}, {name} shows {value / 100:,.2f}."
            for name, value in named
            if value is not None and abs(value - tax) > tolerance_cents
        ]
    return TieOut(
        entity=entity.name,
        currency=entity.currency,
        tax_cents=tax,
        trial_balance_cents=trial,
        statements_cents=statements,
        differences=tuple(differences),
        gaps=tuple(gaps),
    )


def _cents(amount: Decimal | None) -> int | None:
    return None if amount is None else cents(amount)
