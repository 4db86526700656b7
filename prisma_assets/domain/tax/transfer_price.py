"""Transactions between entities of the group: do both books agree, and does the price stand in the arm's length range?"""

from dataclasses import dataclass
from decimal import Decimal

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.facts import IntercompanyFlow
from prisma_assets.domain.tax.rounding import pct_of


@dataclass(frozen=True, kw_only=True)
class PriceFinding:
    """One exception."""

    flow: str
    kind: str
    amount_cents: int | None
    """In euro cents. None: not measurable."""
    description: str


def findings(flow: IntercompanyFlow, *, tolerance_cents: int) -> tuple[PriceFinding, ...]:
    """Hold one kind of transaction against both books, its documentation and its range.

    A result outside the range is adjusted to the median, as an authority would; the size assumes that the indicator is a
    percentage of the transaction's amount.

    Source: OECD Transfer Pricing Guidelines 2022 paragraphs 3.55-3.62, 5.17-5.24.
    """
    found = []
    seller = cents(flow.amount_seller)
    if flow.amount_buyer is None:
        found.append(PriceFinding(flow=flow.id, kind="intercompany_one_sided", amount_cents=seller,
                                  description=f"{flow.kind} of {flow.seller} to {flow.buyer}: the buyer's books do not show it."))  # fmt: skip
    elif abs(seller - cents(flow.amount_buyer)) > tolerance_cents:
        found.append(PriceFinding(flow=flow.id, kind="intercompany_mismatch", amount_cents=seller - cents(flow.amount_buyer),
                                  description=f"{flow.seller} and {flow.buyer} book {flow.kind} differently."))  # fmt: skip
    if not flow.method:
        found.append(PriceFinding(flow=flow.id, kind="transfer_price_undocumented", amount_cents=None,
                                  description=f"{flow.kind} of {flow.seller} to {flow.buyer}: no method is documented."))  # fmt: skip
    found.extend(_out_of_range(flow, seller))
    return tuple(found)


def _out_of_range(flow: IntercompanyFlow, amount: int) -> tuple[PriceFinding, ...]:
    tested, low, high = flow.tested_pct, flow.range_low_pct, flow.range_high_pct
    if tested is None or low is None or high is None or low <= tested <= high:
        return ()
    size = None
    if flow.median_pct is not None:
        size = pct_of(amount, abs(Decimal(flow.median_pct) - tested))
    text = (
        f"{flow.kind} of {flow.seller} to {flow.buyer}: {tested} % lies outside {low} % to {high} %"
    )
    return (
        PriceFinding(flow=flow.id, kind="transfer_price_out_of_range", amount_cents=size,
                     description=f"{text}; adjusting to the median is expected."),
    )  # fmt: skip
