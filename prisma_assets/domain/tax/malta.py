"""Malta: refunds to shareholders under full imputation, and the firm's review of Maltese results (Cap. 123 art. 56(6), Cap. 372 art. 48).

The company's own tax does not belong here: that is `corporate`.
"""

from dataclasses import dataclass
from fractions import Fraction

from prisma_assets.domain.tax.decision import (
    HEAD_OF_TAX,
    MALTA_TAX_REVIEW,
    REFUND_REVIEW,
    TECHNICAL_REVIEWER,
    Reason,
    refuse,
    review,
)
from prisma_assets.domain.tax.facts import MaltaProfit, TaxEntity
from prisma_assets.domain.tax.rounding import to_cents

REFUNDS = {
    "trading": Fraction(6, 7),
    "passive": Fraction(5, 7),
    "double_tax_relief": Fraction(2, 3),
    "immovable_property": Fraction(0),
}
"""Part of the tax refunded on distribution (Cap. 372 art. 48(4), 48(4A); passive interest and royalties 5/7)."""


@dataclass(frozen=True, kw_only=True)
class Refund:
    """What a shareholder may claim for one kind of profit."""

    category: str
    tax_cents: int
    """Tax on the profits distributed."""
    refund_cents: int


def refunds(profits: tuple[MaltaProfit, ...], *, tax_cents: int) -> tuple[Refund, ...]:
    """Refunds that the period's distributions carry.

    Tax is spread over the kinds of profit by their part of the chargeable income, then by the part distributed.

    Args:
        profits: Parts that add up to the whole.
        tax_cents: The company's tax under imputation.
    """
    found = []
    for profit in profits:
        share = Fraction(profit.chargeable_pct) * Fraction(profit.distributed_pct) / 10_000
        distributed = tax_cents * share
        found.append(
            Refund(
                category=profit.category,
                tax_cents=to_cents(distributed),
                refund_cents=to_cents(distributed * REFUNDS[profit.category]),
            )
        )
    return tuple(found)


def concerns(
    entity: TaxEntity, *, chargeable_cents: int, tax_cents: int, refund_cents: int
) -> tuple[Reason, ...]:
    """The firm's reasons to review or refuse a Maltese result; amounts in euro cents."""
    found = []
    if tax_cents > MALTA_TAX_REVIEW.value * 100:
        found.append(review(f"Maltese tax exceeds {MALTA_TAX_REVIEW.text}.", HEAD_OF_TAX))
    if chargeable_cents <= 0:
        found.append(review("Chargeable income in Malta is not positive.", HEAD_OF_TAX))
    if refund_cents > REFUND_REVIEW.value * 100:
        found.append(review(f"The refund exceeds {REFUND_REVIEW.text}.", TECHNICAL_REVIEWER))
    if "participation_exemption" in entity.elections:
        found.append(review("The participation exemption is claimed.", TECHNICAL_REVIEWER))
    if "fiscal_unit" in entity.elections:
        is_loss = chargeable_cents <= 0
        text = "A fiscal unit is claimed" + (" while there is a loss." if is_loss else ".")
        found.append(refuse(text) if is_loss else review(text, TECHNICAL_REVIEWER))
    return tuple(found)
