"""Trends and change points in words people can check."""

from datetime import date

from prisma_assets.domain.learning.tracked import Tracked

_NAMES = {
    Tracked.LATENCY: "P95 of the time per run",
    Tracked.ERROR_RATE: "error rate",
    Tracked.COST: "cost per run",
    Tracked.TOKENS: "tokens per run",
    Tracked.ACCURACY: "accuracy",
    Tracked.SATISFACTION: "satisfaction",
}


def figure(metric: Tracked, value: float) -> str:
    """A value with its unit: 1,240 ms, 3.1 %, $0.0123, 4.2."""
    match metric:
        case Tracked.LATENCY:
            return f"{value:,.0f} ms"
        case Tracked.ERROR_RATE | Tracked.ACCURACY:
            return f"{100 * value:.1f} %"
        case Tracked.COST:
            return f"${value:,.4f}"
        case Tracked.TOKENS:
            return f"{value:,.0f} tokens"
        case Tracked.SATISFACTION:
            return f"{value:.2f} of 5"


def trend_sentence(metric: Tracked, *, level: float, change: float, days: int) -> str:
    """One sentence without a full stop: "cost per run rose by $0.0031 over 56 days with data, to about $0.0150".

    Args:
        metric: What moved.
        level: Its median, in its unit.
        change: From the first day to the last.
        days: Days with data.
    """
    verb = "rose" if change > 0 else "fell"
    about = figure(metric, max(0.0, level + change / 2))
    return f"{_NAMES[metric]} {verb} by {figure(metric, abs(change))} over {days} days with data, to about {about}"


def level_sentence(metric: Tracked, *, level: float, days: int) -> str:
    """One sentence without a full stop about a figure without a trend: "accuracy about 93.1 % over 56 days with data"."""
    return f"{_NAMES[metric]} about {figure(metric, level)} over {days} days with data"


def change_sentence(metric: Tracked, *, at: date, before: float, after: float) -> str:
    """One sentence without a full stop: "accuracy has been 88.0 % since 2026-03-04, before it was 93.1 %"."""
    now, then = figure(metric, after), figure(metric, before)
    return f"{_NAMES[metric]} has been {now} since {at}, before it was {then}"
