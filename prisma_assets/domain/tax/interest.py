"""How much of an entity's borrowing costs is deductible (Dir. (EU) 2016/1164 Art. 4; IRC § 163(j); TIOPA 2010 Part 10)."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.decision import (
    DISALLOWED_INTEREST_REFUSED,
    TECHNICAL_REVIEWER,
    Reason,
    refuse,
    review,
    to_confirm,
)
from prisma_assets.domain.tax.facts import TaxEntity
from prisma_assets.domain.tax.jurisdiction import is_eu
from prisma_assets.domain.tax.rate import InterestLimit, NoRate, rows, rule_on
from prisma_assets.domain.tax.rounding import pct_of, pct_text, portion, ratio_pct


@dataclass(frozen=True, kw_only=True)
class InterestResult:
    """The limitation as computed; amounts in hundredths of the entity's currency."""

    exceeding_cents: int
    """Borrowing costs above interest income; negative or zero: nothing to limit."""
    ebitda_cents: int
    """Taxable EBITDA, or EBIT where the rule says so."""
    ceiling_cents: int
    disallowed_cents: int
    """Of this year's costs, carried forward."""
    used_cents: int
    """Of earlier years' disallowed costs, deducted now."""
    rule: InterestLimit | NoRate
    reasons: tuple[Reason, ...] = ()

    @property
    def adjustment_cents(self) -> int:
        """What is added to taxable income."""
        return self.disallowed_cents - self.used_cents


def limit_interest(entity: TaxEntity, *, income_cents: int, day: date) -> InterestResult:
    """Apply the limitation of the entity's jurisdiction.

    EBITDA = taxable income + exceeding borrowing costs + tax depreciation; exempt income stays out since it is not in the
    taxable income. Deductible: the greater of the share of EBITDA and the safe amount; what exceeds is carried forward.

    Args:
        entity: Interest, depreciation and what earlier years carried forward.
        income_cents: Taxable income before the limitation and before losses.
        day: Day the rule is looked up on; first of the period.

    Source: Dir. (EU) 2016/1164 Art. 4(1)-(4).
    """
    exceeding = cents(entity.interest_expense) - cents(entity.interest_income)
    rule = _rule(entity.jurisdiction, day)
    depreciation = cents(entity.tax_depreciation)
    is_ebit = isinstance(rule, InterestLimit) and rule.measure == "EBIT"
    measure = income_cents + exceeding + (0 if is_ebit else depreciation)
    brought_forward = cents(entity.interest_brought_forward)
    if isinstance(rule, NoRate):
        reasons = (
            (review(f"Interest was deducted in full: {rule.reason}."),) if exceeding > 0 else ()
        )
        return InterestResult(exceeding_cents=exceeding, ebitda_cents=measure, ceiling_cents=max(exceeding, 0),
                              disallowed_cents=0, used_cents=0, rule=rule, reasons=reasons)  # fmt: skip
    ceiling, doubts = _ceiling(rule, entity, exceeding, measure)
    costs = max(exceeding, 0)
    disallowed = max(costs - ceiling, 0)
    used = min(brought_forward, max(ceiling - costs, 0))
    concerns = _reasons(disallowed, measure) if disallowed else ()
    applied = (rule,) if costs or brought_forward else ()
    return InterestResult(
        exceeding_cents=exceeding,
        ebitda_cents=measure,
        ceiling_cents=ceiling,
        disallowed_cents=disallowed,
        used_cents=used,
        rule=rule,
        reasons=(*concerns, *doubts, *to_confirm(applied)),
    )


def _rule(jurisdiction: str, day: date) -> InterestLimit | NoRate:
    limits = rows("interest_limits", InterestLimit)
    own = rule_on(limits, jurisdiction, day, what="limit on interest")
    if isinstance(own, NoRate) and is_eu(jurisdiction, day):
        return rule_on(limits, "EU", day, what="limit on interest")
    return own


def _ceiling(
    rule: InterestLimit, entity: TaxEntity, exceeding: int, measure: int
) -> tuple[int, tuple[Reason, ...]]:
    safe, doubts = _safe_amount(rule, entity)
    share = pct_of(max(measure, 0), rule.share_pct)
    if rule.is_cliff:
        return (safe if exceeding <= safe else share), doubts
    return max(safe, share), doubts


def _safe_amount(rule: InterestLimit, entity: TaxEntity) -> tuple[int, tuple[Reason, ...]]:
    """The safe amount in the entity's currency; zero, with a doubt, where it cannot be converted."""
    safe = rule.safe_amount * 100
    if not safe or rule.currency == entity.currency:
        return safe, ()
    if rule.currency == "EUR" and entity.per_eur is not None:
        return portion(safe, Fraction(entity.per_eur)), ()
    text = f"The safe amount of {rule.safe_amount:,} {rule.currency} was left out: it cannot be converted to {entity.currency}."
    return 0, (review(text),)


def _reasons(disallowed: int, measure: int) -> tuple[Reason, ...]:
    share = ratio_pct(disallowed, measure)
    limit = DISALLOWED_INTEREST_REFUSED
    if measure <= 0 or share is None or share > limit.value:
        text = f"Disallowed interest is {pct_text(share)} of tax EBITDA, more than {limit.text}."
        return (
            refuse(
                text if measure > 0 else "Interest is disallowed while tax EBITDA is not positive."
            ),
        )
    return (
        review(f"Interest is disallowed: {pct_text(share)} of tax EBITDA.", TECHNICAL_REVIEWER),
    )
