"""Tax withheld on payments abroad, and what a treaty takes off it (OECD Model Convention Art. 10-12)."""

from dataclasses import dataclass
from decimal import Decimal

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.decision import Decision, Reason, review, to_confirm
from prisma_assets.domain.tax.facts import CrossBorderPayment, TreatyRate
from prisma_assets.domain.tax.rate import NoRate, withholding_tax
from prisma_assets.domain.tax.rounding import pct_of


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """Tax on one payment; amounts in euro cents."""

    payment: str
    domestic_pct: Decimal
    treaty_pct: Decimal | None
    """None: no treaty rate is on file."""
    due_cents: int
    """At the rate that may be applied."""
    relief_cents: int
    """Domestic less due."""
    withheld_cents: int | None
    decision: Decision
    basis: str


def relieve(
    payment: CrossBorderPayment, *, source: str, treaties: tuple[TreatyRate, ...]
) -> Withheld | NoRate:
    """Apply the lower of the domestic and the treaty rate; without a residence certificate the domestic one.

    Args:
        payment: The payment.
        source: Jurisdiction of the payer.
        treaties: Rates as the engagement states them, with their sources.
    """
    domestic = withholding_tax(source, payment.kind, payment.paid_on)
    if isinstance(domestic, NoRate):
        return domestic
    treaty = _treaty(payment, source, treaties)
    gross = cents(payment.gross)
    reasons = list(to_confirm((domestic,)))
    applied, basis = domestic.rate_pct, domestic.version
    if treaty is not None and treaty.rate_pct < applied:
        if payment.has_residence_certificate:
            applied, basis = treaty.rate_pct, treaty.source
        else:
            reasons.append(
                review(
                    f"{payment.id}: the treaty rate of {treaty.rate_pct} % needs a residence certificate."
                )
            )
    due = pct_of(gross, applied)
    reasons += _procedure(payment, is_treaty_case=treaty is not None)
    withheld = None if payment.withheld is None else cents(payment.withheld)
    if withheld is not None and withheld != due:
        reasons.append(
            review(f"{payment.id}: {withheld / 100:,.2f} was withheld, {due / 100:,.2f} is due.")
        )
    return Withheld(
        payment=payment.id,
        domestic_pct=domestic.rate_pct,
        treaty_pct=treaty.rate_pct if treaty else None,
        due_cents=due,
        relief_cents=pct_of(gross, domestic.rate_pct) - due,
        withheld_cents=withheld,
        decision=Decision(reasons=tuple(reasons)),
        basis=basis,
    )


def _treaty(
    payment: CrossBorderPayment, source: str, treaties: tuple[TreatyRate, ...]
) -> TreatyRate | None:
    fitting = [
        t
        for t in treaties
        if (t.source_jurisdiction, t.residence_jurisdiction, t.kind)
        == (source, payment.recipient_jurisdiction, payment.kind)
        and t.effective_from <= payment.paid_on
    ]
    return max(fitting, key=lambda t: t.effective_from, default=None)


def _procedure(payment: CrossBorderPayment, *, is_treaty_case: bool) -> list[Reason]:
    """The firm's rule: a treaty case under a mutual agreement or advance pricing procedure is reviewed."""
    if not is_treaty_case or payment.procedure == "none":
        return []
    return [review(f"{payment.id}: a {payment.procedure} is involved.")]
