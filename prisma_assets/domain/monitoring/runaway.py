"""When work spends money too fast or over and over. Counting what it spent does not belong here."""

from decimal import Decimal

from prisma_assets.domain.workflow.template import Step, Template

FEWEST_CALLS = 5
"""Calls from which an hour's spend is a rate; fewer come by chance."""
MOST_HOURS = 720.0
"""No budget is foreseen further than a month, when it begins anew."""
MOST_EQUAL = 33
"""Attempts at one piece of work within a day: three times the most a template can ask for at once, ten retries and the first."""


def hours_left(left_usd: Decimal, *, spent_usd: Decimal, calls: int, hours: float) -> float:
    """How long what is left of a budget lasts at the rate of late.

    Args:
        left_usd: Neither spent nor promised; below 0 after an override.
        spent_usd: Of late, 0 or more.
        calls: That spent it.
        hours: How late, above 0.

    Returns:
        Hours, from 0 to `MOST_HOURS`; that many too where too few calls make no rate.
    """
    if calls < FEWEST_CALLS or not spent_usd:
        return MOST_HOURS
    return min(max(float(left_usd / spent_usd) * hours, 0.0), MOST_HOURS)


def most_attempts(template: Template, *, branches: int) -> int:
    """Attempts that all the steps of a template can make in one run, with every retry, turn, branch and rework.

    Args:
        template: What the execution works by.
        branches: Most branches of one step.
    """
    reworks = sum(step.sign_off.rework_limit for step in template.steps if step.sign_off)
    return (1 + reworks) * sum(_attempts(step, branches) for step in template.steps)


def _attempts(step: Step, branches: int) -> int:
    times = step.repeat.max if step.repeat else branches if step.for_each else 1
    undoing = step.compensate.retries + 1 if step.compensate else 0
    return times * (step.retries + 1 + undoing)


def runaway(*, equal: int, attempts: int, most: int) -> str | None:
    """Why a further attempt would be one of a loop; None: it would not.

    Args:
        equal: Attempts at the same work so far.
        attempts: All attempts of the run so far.
        most: What the template can make.
    """
    if equal >= MOST_EQUAL:
        return f"it was asked for the same work {equal} times within a day"
    if attempts >= most:
        return f"the execution made {attempts:,} calls in one run, and its template can make {most:,}"  # fmt: skip
    return None
