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
    why: str


def measure(position: UncertainPosition) -> Measured:
    """Measure a position: nothing where acceptance is probable, else the most likely amount or the expected value.

    The authority is taken to examine it with full knowledge (paragraph 8).

    Source: IFRIC 23 paragraphs 9-11.
    """
    if position.acceptance_pct > PROBABLE_PCT:
        return Measured(position=position.id, entity=position.entity, liability_cents=0,
                        why=f"acceptance is probable ({position.acceptance_pct} %)")  # fmt: skip
    if not position.outcomes:
        return Measured(position=position.id, entity=position.entity, liability_cents=None,
                        why="acceptance is not probable, and engagement.yaml states no outcomes")  # fmt: skip
    if position.method == "expected_value":
        value = sum(
            (cents(o.tax) * Fraction(o.probability_pct) / 100 for o in position.outcomes),
            Fraction(0),
        )
        amount, why = to_cents(value), "expected value of the outcomes"
    else:
        # Of outcomes equally likely, the larger: the cautious reading.
        likely = max(position.outcomes, key=lambda o: (o.probability_pct, o.tax))
        amount, why = cents(likely.tax), f"most likely outcome ({likely.probability_pct} %)"
    return Measured(position=position.id, entity=position.entity, liability_cents=amount, why=why)
