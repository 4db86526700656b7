"""What an opportunity says to people: a title, and a sentence with its numbers."""

from collections.abc import Mapping

from prisma_assets.domain.learning.shift import Shift
from prisma_assets.domain.learning.stream import Metric

_TITLES: Mapping[Metric, str] = {
    Metric.ERRORS: "Too many runs fail",
    Metric.ERROR_TYPE: "Runs fail with {}",
    Metric.ACCURACY: "Results are less often right",
    Metric.LATENCY: "Runs take longer",
    Metric.COST: "Runs cost more",
    Metric.SATISFACTION: "People are less satisfied",
    Metric.ISSUE: "The same mistake is pointed out again: {}",
    Metric.THEME: "People complain of: {}",
}
_SHARES: Mapping[Metric, str] = {
    Metric.ERRORS: "of the runs failed",
    Metric.ERROR_TYPE: "of the runs failed this way",
    Metric.ACCURACY: "of what was judged was wrong",
    Metric.ISSUE: "of the feedback points it out",
    Metric.THEME: "of the feedback complains of it",
}


def title(metric: Metric, subject: str | None) -> str:
    """A few words for a list.

    Args:
        metric: What got worse.
        subject: In people's words.
    """
    return _TITLES[metric].format(str(subject).replace("_", " "))


def describe(metric: Metric, shift: Shift, *, basis: str, slow_ms: float | None) -> str:
    """One sentence: how it is, since when, and what it is compared with."""
    now = f"Since {shift.since:%Y-%m-%d}, {_level(metric, shift.now, slow_ms)} ({_count(shift.now_n)})"
    if basis == "limit":
        return f"{now}; the firm accepts {_amount(metric, shift.before)}."
    return f"{now}; before, it was {_amount(metric, shift.before)} ({_count(shift.before_n)})."


def _level(metric: Metric, value: float, slow_ms: float | None) -> str:
    if metric is Metric.COST:
        return f"a run costs {_amount(metric, value)}"
    if metric is Metric.SATISFACTION:
        return f"the mean rating is {_amount(metric, value)}"
    if metric is Metric.LATENCY:
        return f"{value:.1%} of the runs take longer than {slow_ms or 0:,.0f} ms"
    return f"{value:.1%} {_SHARES[metric]}"


def _amount(metric: Metric, value: float) -> str:
    if metric is Metric.COST:
        return f"{value:.4g} USD"
    if metric is Metric.SATISFACTION:
        return f"{5 - 4 * value:.2f}"
    return f"{value:.1%}"


def _count(n: float) -> str:
    return f"n = {n:,.0f}"
