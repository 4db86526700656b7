"""Benchmark, percentages and what is not determined."""

from decimal import Decimal

import pytest

from prisma_assets.domain.audit.engagement import Strategy
from prisma_assets.domain.audit.materiality import Materiality, NotDetermined, determine


@pytest.mark.parametrize(
    ("profit", "chosen"),
    [
        ((1_000_00, 900_00), "profit_before_tax"),
        ((1_500_00, 1_000_00), "profit_before_tax"),  # moved by exactly 50 %
        ((1_501_00, 1_000_00), "revenue"),  # moved by more
        ((-1, 1_000_00), "revenue"),
        ((1_000_00, -1), "revenue"),
        ((1_000_00, None), "profit_before_tax"),  # volatility is not known
    ],
)
def test_auto_takes_profit_unless_it_is_a_loss_or_volatile(figures, profit, chosen):
    """A loss or a leap is no steady benchmark."""
    found = determine(figures(profit_before_tax=profit, revenue=50_000_00), Strategy(), "low")

    assert isinstance(found, Materiality)
    assert found.choice.benchmark == chosen


def test_auto_falls_back_to_assets(figures):
    """No revenue yet: a company under construction."""
    found = determine(figures(total_assets=10_000_00), Strategy(), "low")

    assert isinstance(found, Materiality)
    assert found.overall_cents == 100_00  # 1 %


@pytest.mark.parametrize(
    ("level", "performance"), [("low", 75_00), ("moderate", 65_00), ("significant", 55_00), ("high", 50_00)]
)  # fmt: skip
def test_performance_materiality_falls_with_risk(figures, level, performance):
    """100.00 overall: 75, 65, 55 or 50 % of it, and 5 % clearly trivial."""
    found = determine(figures(revenue=10_000_00), Strategy(), level)

    assert isinstance(found, Materiality)
    assert (found.overall_cents, found.performance_cents, found.trivial_cents) == (
        100_00,
        performance,
        5_00,
    )


def test_the_team_may_set_benchmark_and_percentage(figures):
    """2 % of equity instead of the firm's 5 %."""
    strategy = Strategy(materiality_benchmark="equity", materiality_pct=Decimal(2))

    found = determine(figures(equity=1_000_00, revenue=9_000_00), strategy, "low")

    assert isinstance(found, Materiality)
    assert found.overall_cents == 20_00
    assert "engagement.yaml" in found.pct_source


@pytest.mark.parametrize("profit", [None, -5])
def test_a_named_benchmark_is_not_replaced_in_silence(figures, profit):
    """The team named profit before tax; there is none to take a percentage of."""
    known = {"revenue": 1_000_00} | ({} if profit is None else {"profit_before_tax": profit})
    strategy = Strategy(materiality_benchmark="profit_before_tax")

    found = determine(figures(**known), strategy, "low")

    assert isinstance(found, NotDetermined)
    assert "name another benchmark" in found.reason


def test_without_figures_materiality_is_not_determined(figures):
    """Never zero: a zero would make every difference material."""
    assert isinstance(determine(figures(), Strategy(), "low"), NotDetermined)


def test_thresholds_are_rounded_down(figures):
    """1 % of 1.99 is one cent, not two."""
    found = determine(figures(revenue=1_99), Strategy(), "low")

    assert isinstance(found, Materiality)
    assert found.overall_cents == 1
