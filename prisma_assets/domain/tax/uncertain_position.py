"""Uncertain tax treatments: whether and at what amount a liability is recognised (IFRIC 23 paragraphs 9-12)."""

from dataclasses import dataclass
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import UncertainPosition
from prisma_assets.domain.tax.rounding import to_cents

PROBABLE_PCT = 50
"""More likely than not (IFRIC 23 paragraph 9, with IAS 37's meaning of probable)."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The liability for one position, in hundredths of the entity's currency."""

    position: str
    entity: str
    liability_cents: int | None
    """None: the outcomes that measuring takes are not stated."""
    movement_cents: int
    """Expense of the year; zero where the liability could not be measured."""
    why: str


def measure(position: UncertainPosition) -> Measured:
    """Measure a position: nothing where acceptance is probable, else the most likely amount or the expected value.

    The authority is taken to examine it with full knowledge (paragraph 8).

    Source: IFRIC 23 paragraphs 9-11.
    """
    liability, why = _liability(position)
    return Measured(
        position=position.id,
        entity=position.entity,
        liability_cents=liability,
        movement_cents=0 if liability is None else liability - cents(position.opening_liability),
        why=why,
    )


def _liability(position: UncertainPosition) -> tuple[int | None, str]:
    if position.acceptance_pct > PROBABLE_PCT:
        return 0, f"acceptance is probable ({position.acceptance_pct} %)"
    if not position.outcomes:
        return None, "acceptance is not probable, and engagement.yaml states no outcomes"
    if position.method == "expected_value":
        weighted = (cents(o.tax) * Fraction(o.probability_pct) / 100 for o in position.outcomes)
        return to_cents(sum(weighted, Fraction(0))), "expected value of the outcomes"
    # Of outcomes equally likely, the larger: the cautious reading.
    likely = max(position.outcomes, key=lambda o: (o.probability_pct, o.tax))
    return cents(likely.tax), f"most likely outcome ({likely.probability_pct} %)"
