"""Ratios of the period against the prior one, each difference put into money (ISA 520)."""

from collections.abc import Callable
from dataclasses import dataclass

from prisma_assets.domain.audit.amount import in_currency, percentage, ratio
from prisma_assets.domain.audit.key_figure import FigureName, KeyFigure, KeyFigures
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Finding

NAME = "Ratio analytics against the prior period"
DAYS = 365
"""Days of the year for turnover in days; the usual convention."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One ratio: a figure over its base. Expected is the prior period's ratio times this period's base."""

    name: str
    figure: FigureName
    base: FigureName
    is_complement: bool = False
    """The ratio is 1 - figure/base, as the gross margin is of costs."""
    show: Callable[[float], str] = ratio


def _days(value: float) -> str:
    return f"{value * DAYS:,.1f} days"


RATIOS: tuple[Ratio, ...] = (
    Ratio(name="Gross margin", figure="cost_of_sales", base="revenue", is_complement=True, show=percentage),
    Ratio(name="Margin before tax", figure="profit_before_tax", base="revenue", show=percentage),
    Ratio(name="Days sales outstanding", figure="receivables", base="revenue", show=_days),
    Ratio(name="Days inventory held", figure="inventory", base="cost_of_sales", show=_days),
    Ratio(name="Gearing (total liabilities to equity)", figure="total_liabilities", base="equity"),
    Ratio(name="Current ratio", figure="current_assets", base="current_liabilities"),
)  # fmt: skip


def ratio_analytics(
    figures: KeyFigures, *, performance_cents: int | None, currency: str
) -> Outcome:
    """Compare ratios with the prior period and name those whose difference is worth an explanation.

    The expectation is that relations persist: prior ratio times this period's base. A difference in money above
    performance materiality asks for an explanation (ISA 520 paragraph 5(c)-(d)); without materiality none is named.

    Figures: per ratio its values and `difference_cents`; `unexplained` names.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    findings: list[Finding] = []
    values: dict[str, dict[str, float | int]] = {}
    for item in RATIOS:
        pair = _pair(figures, item)
        if pair is None:
            rows.append((item.name, "not known", "not known", "", "no figures for both periods"))
            continue
        now, before, difference = pair
        is_unexpected = performance_cents is not None and abs(difference) > performance_cents
        reading = "ask for an explanation" if is_unexpected else "within performance materiality"
        if performance_cents is None:
            reading = "not judged: no materiality"
        rows.append(
            (
                item.name,
                item.show(now),
                item.show(before),
                in_currency(difference, currency),
                reading,
            )
        )
        values[item.name] = {
            "current": round(now, 6),
            "prior": round(before, 6),
            "difference_cents": difference,
        }
        if is_unexpected:
            findings.append(_finding(item, now, before, difference, figures))
    if not values:
        return not_performed(NAME, "the books show no figure for both periods")
    columns = ("ratio", "period", "prior period", "difference in money", "reading")
    return performed(
        NAME,
        population=f"{len(values)} of {len(RATIOS)} ratios; expectation: the prior period's relation persists",
        result=f"{len(findings)} differ by more than performance materiality"
        + (f": {', '.join(f.record_id for f in findings)}." if findings else "."),
        findings=tuple(findings),
        evidence=(Evidence(title=NAME, columns=columns, rows=tuple(rows)),),
        figures={"ratios": values, "unexplained": [f.record_id for f in findings]},
    )


def _pair(figures: KeyFigures, item: Ratio) -> tuple[float, float, int] | None:
    """This period's ratio, the prior one's, and the difference in cents; None when a figure or a base is missing."""
    figure, base = figures.get(item.figure), figures.get(item.base)
    if figure is None or base is None or base.cents <= 0:
        return None
    if figure.prior_cents is None or base.prior_cents is None or base.prior_cents <= 0:
        return None
    now, before = figure.cents / base.cents, figure.prior_cents / base.prior_cents
    difference = figure.cents - round(before * base.cents)
    if item.is_complement:
        return 1 - now, 1 - before, -difference
    return now, before, difference


def _finding(
    item: Ratio, now: float, before: float, difference: int, figures: KeyFigures
) -> Finding:
    figure: KeyFigure = figures[item.figure]
    return Finding(
        kind="unexpected_ratio",
        table="financial_statements",
        record_id=item.name,
        amount_cents=difference,
        description=f"{item.name} is {item.show(now)} after {item.show(before)}; management explains it ({figure.source}).",
        procedure=NAME,
    )
