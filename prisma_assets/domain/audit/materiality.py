"""Materiality for the audit (ISA 320): benchmark, overall, performance and clearly trivial amounts.

Which figures the books show belongs to `key_figure`; what is material to an opinion to `opinion`.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from prisma_assets.domain.audit.amount import percent_of, percentage
from prisma_assets.domain.audit.engagement import Strategy
from prisma_assets.domain.audit.key_figure import KeyFigure, KeyFigures
from prisma_assets.domain.audit.threshold import Threshold, firm

Benchmark = Literal["profit_before_tax", "revenue", "total_assets", "equity"]
RiskLevel = Literal["low", "moderate", "significant", "high"]
"""Risk of material misstatement of the statements as a whole, in rising order."""

BENCHMARK_PCT: dict[Benchmark, Threshold] = {
    "profit_before_tax": firm(5, "%"),
    "revenue": firm(1, "%"),
    "total_assets": firm(1, "%"),
    "equity": firm(5, "%"),
}
"""The firm's percentages; ISA 320 A8 leaves them to judgement and names 5 % of profit, 1 % of revenue as examples."""

PERFORMANCE_PCT: dict[RiskLevel, Threshold] = {
    "low": firm(75, "%"),
    "moderate": firm(65, "%"),
    "significant": firm(55, "%"),
    "high": firm(50, "%"),
}
"""Share of overall materiality left for a single area: the riskier, the more is kept back for undetected errors."""

TRIVIAL_PCT = firm(5, "%")
"""Share of overall materiality below which an error need not be accumulated (ISA 450 paragraph 5)."""

VOLATILE_CHANGE_PCT = firm(50, "%")
"""A profit that moved more than this against the prior period is no steady benchmark (ISA 320 A5: "volatile")."""

AUTO_ORDER: tuple[Benchmark, ...] = ("profit_before_tax", "revenue", "total_assets")
AUTO_RULE = (
    "Profit before tax when there is a profit in both periods known and it moved by at most "
    f"{VOLATILE_CHANGE_PCT.value} % against the prior one; else revenue; else total assets."
)


@dataclass(frozen=True, kw_only=True)
class NotDetermined:
    """The facts do not allow the judgement; `reason` says what is missing."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The benchmark chosen."""

    benchmark: Benchmark
    figure: KeyFigure
    reason: str


@dataclass(frozen=True, kw_only=True)
class Materiality:
    """The amounts an audit is planned and judged with, in hundredths of the engagement's currency."""

    choice: Choice
    pct: Decimal
    """Percentage applied to the benchmark."""
    pct_source: str
    risk_level: RiskLevel
    overall_cents: int
    performance_cents: int
    trivial_cents: int


def choose_benchmark(
    figures: KeyFigures, wanted: Benchmark | Literal["auto"]
) -> Choice | NotDetermined:
    """Pick the benchmark the strategy names, or the first suitable one by `AUTO_RULE`.

    A named benchmark that is missing or not positive is not replaced in silence: the team named it, the team changes it.

    Source: ISA 320 A4-A7.
    """
    if wanted != "auto":
        return _named(figures, wanted)
    passed_over: list[str] = []
    for benchmark in AUTO_ORDER:
        objection = _objection(figures, benchmark)
        if objection is None:
            why = "; ".join([*passed_over, f"{_words(benchmark)} serves"])
            return Choice(
                benchmark=benchmark, figure=figures[benchmark], reason=f"{why[0].upper()}{why[1:]}."
            )
        passed_over.append(objection)
    return NotDetermined(reason=f"no benchmark is usable: {'; '.join(passed_over)}")


def determine(
    figures: KeyFigures, strategy: Strategy, risk_level: RiskLevel
) -> Materiality | NotDetermined:
    """Compute overall, performance and clearly trivial materiality.

    Args:
        figures: What the statements or the trial balance show.
        strategy: The team's benchmark and, where it departs from the firm's, its percentage.
        risk_level: Of the statements as a whole; sets the performance share.

    Source: ISA 320 paragraphs 10-11; ISA 450 paragraph 5; percentages as `BENCHMARK_PCT` and following.
    """
    choice = choose_benchmark(figures, strategy.materiality_benchmark)
    if isinstance(choice, NotDetermined):
        return choice
    pct = strategy.materiality_pct or BENCHMARK_PCT[choice.benchmark].value
    overall = percent_of(choice.figure.cents, pct)
    return Materiality(
        choice=choice,
        pct=pct,
        pct_source="set by the team in engagement.yaml"
        if strategy.materiality_pct
        else BENCHMARK_PCT[choice.benchmark].text,
        risk_level=risk_level,
        overall_cents=overall,
        performance_cents=percent_of(overall, PERFORMANCE_PCT[risk_level].value),
        trivial_cents=percent_of(overall, TRIVIAL_PCT.value),
    )


def _named(figures: KeyFigures, wanted: Benchmark) -> Choice | NotDetermined:
    figure = figures.get(wanted)
    if figure is None or figure.cents <= 0:
        found = "cannot be read from the books" if figure is None else "is not positive"
        return NotDetermined(
            reason=f"strategy.materiality_benchmark is {wanted}, which {found}; name another benchmark or auto"
        )
    return Choice(
        benchmark=wanted, figure=figure, reason="The team chose this benchmark in engagement.yaml."
    )


def _objection(figures: KeyFigures, benchmark: Benchmark) -> str | None:
    """Why the benchmark does not serve; None when it does."""
    figure = figures.get(benchmark)
    if figure is None:
        return f"{_words(benchmark)} cannot be read from the books"
    if figure.cents <= 0:
        return f"{_words(benchmark)} is not positive"
    if benchmark != "profit_before_tax" or figure.prior_cents is None:
        return None
    if figure.prior_cents <= 0:
        return "profit before tax was not positive in the prior period"
    change = abs(figure.cents - figure.prior_cents) / figure.prior_cents
    if change * 100 > VOLATILE_CHANGE_PCT.value:
        return f"profit before tax is volatile: it moved by {percentage(change)} against the prior period"
    return None


def _words(benchmark: Benchmark) -> str:
    return benchmark.replace("_", " ")
