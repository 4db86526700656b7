"""Tax expense of an entity and of the group, and why it differs from profit times the rate (IAS 12 paragraphs 79-81)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from prisma_assets.domain.tax.result import EntityTax
from prisma_assets.domain.tax.rounding import pct_of, ratio_pct, to_cents

ROUNDING = "Rounding"
EXPECTED = "Profit before tax at the rate of its jurisdiction"


@dataclass(frozen=True, kw_only=True)
class ReconcilingLine:
    """One line between expected and actual tax."""

    label: str
    cents: int


@dataclass(frozen=True, kw_only=True)
class OtherTax:
    """Parts of an entity's expense that its return does not show, in hundredths of its currency."""

    prior_years_cents: int = 0
    uncertain_cents: int = 0
    """Movement of liabilities for uncertain positions."""
    deferred_cents: int = 0
    """Movement of deferred tax through profit or loss."""
    inclusion_cents: int = 0
    """Tax on the income of controlled foreign companies."""
    refunds_cents: int = 0
    """Refunds of an imputation tax received with distributions; positive."""
    top_up_cents: int = 0
    """Minimum tax; a current tax (IAS 12 paragraph 88B)."""

    @property
    def current_cents(self) -> int:
        """All of it that is current tax."""
        known = (
            self.prior_years_cents,
            self.uncertain_cents,
            self.inclusion_cents,
            self.top_up_cents,
            -self.refunds_cents,
        )
        return sum(known)


@dataclass(frozen=True, kw_only=True)
class Provision:
    """Tax expense and its reconciliation; the lines add up to the expense, to the cent."""

    name: str
    currency: str
    profit_cents: int
    current_cents: int
    deferred_cents: int
    lines: tuple[ReconcilingLine, ...]
    """Expected tax first, rounding last."""

    @property
    def expense_cents(self) -> int:
        """Current and deferred tax."""
        return self.current_cents + self.deferred_cents

    @property
    def effective_pct(self) -> Fraction | None:
        """Expense as a percentage of profit before tax; None without profit."""
        return ratio_pct(self.expense_cents, self.profit_cents)

    @property
    def rounding_cents(self) -> int:
        """What rounding each line to the cent leaves."""
        return sum(line.cents for line in self.lines if line.label == ROUNDING)


def provide(tax: EntityTax, other: OtherTax) -> Provision:
    """Put an entity's expense together and reconcile it.

    Each cause is its effect on the base times the rate of the top band, or its own amount of tax; the causes are
    exhaustive, so that nothing but rounding is left over.

    Source: IAS 12 paragraphs 77, 80, 81(c)(i).
    """
    rate = tax.headline_pct
    current = tax.tax_cents + other.current_cents
    causes = (
        (EXPECTED, pct_of(tax.profit_cents, rate)),
        ("Permanent differences", pct_of(tax.permanent_cents, rate)),
        ("Interest limitation", pct_of(tax.interest_cents, rate)),
        (
            "Temporary differences and changes of their rates",
            pct_of(tax.temporary_cents, rate) + other.deferred_cents,
        ),
        ("Losses of earlier years used", -pct_of(tax.losses_used_cents, rate)),
        ("Loss of the year without current relief", pct_of(tax.loss_of_year_cents, rate)),
        ("Local taxes deducted from the base", -pct_of(_deducted(tax), rate)),
        (
            "Bands, reliefs and taxes on distributions",
            tax.central_cents - pct_of(tax.chargeable_cents, rate),
        ),
        ("Surcharges", tax.surcharge_cents),
        ("Local taxes", tax.local_cents),
        ("Credits", -tax.credits_cents),
        ("Taxes of earlier years", other.prior_years_cents),
        ("Uncertain positions", other.uncertain_cents),
        ("Income of controlled foreign companies", other.inclusion_cents),
        ("Refunds with distributions", -other.refunds_cents),
        ("Minimum tax", other.top_up_cents),
    )
    lines = tuple(ReconcilingLine(label=label, cents=amount) for label, amount in causes)
    return _closed(
        name=tax.entity,
        currency=tax.currency,
        profit_cents=tax.profit_cents,
        current_cents=current,
        deferred_cents=other.deferred_cents,
        lines=lines,
    )


def consolidate(provisions: Iterable[tuple[Provision, Fraction]], *, name: str) -> Provision:
    """Add up entities in euros, each line converted and rounded; the lines still add up to the expense.

    The expected tax is the sum of each jurisdiction's, as paragraph 85 allows.

    Args:
        provisions: Each with the units of its currency for one euro.
        name: The group's name.
    """
    listed = list(provisions)
    sums: dict[str, int] = {}
    for provision, per_eur in listed:
        for line in provision.lines:
            if line.label != ROUNDING:
                sums[line.label] = sums.get(line.label, 0) + to_cents(line.cents / per_eur)
    return _closed(
        name=name,
        currency="EUR",
        profit_cents=sum(to_cents(p.profit_cents / rate) for p, rate in listed),
        current_cents=sum(to_cents(p.current_cents / rate) for p, rate in listed),
        deferred_cents=sum(to_cents(p.deferred_cents / rate) for p, rate in listed),
        lines=tuple(ReconcilingLine(label=label, cents=amount) for label, amount in sums.items()),
    )


def _closed(
    *,
    name: str,
    currency: str,
    profit_cents: int,
    current_cents: int,
    deferred_cents: int,
    lines: tuple[ReconcilingLine, ...],
) -> Provision:
    """With the rounding line that closes the reconciliation."""
    rest = current_cents + deferred_cents - sum(line.cents for line in lines)
    shown = tuple(line for line in lines if line.cents or line.label == EXPECTED)
    return Provision(
        name=name,
        currency=currency,
        profit_cents=profit_cents,
        current_cents=current_cents,
        deferred_cents=deferred_cents,
        lines=(*shown, ReconcilingLine(label=ROUNDING, cents=rest)),
    )


def _deducted(tax: EntityTax) -> int:
    """Deductible local taxes as far as there was a base to deduct them from."""
    taxable = max(
        tax.profit_cents + tax.permanent_cents + tax.temporary_cents + tax.interest_cents, 0
    )
    return min(tax.local_deducted_cents, taxable - tax.losses_used_cents)
