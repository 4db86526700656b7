"""How long nothing may be heard of an execution at work before it counts as stuck."""

from collections.abc import Iterable

from prisma_assets.domain.workflow.template import Step, Template

LONGEST_PAUSE_SECONDS = 30.0
"""Longest pause between two attempts of a call (agents/retry.py, Backoff.cap_seconds)."""

BETWEEN_STEPS_SECONDS = 300.0
"""With no step under way a run starts the next one at once, unless it waits for a pool of Dagster's; the default time of a
step is as long as anybody's pool is held."""

LATE = 1.1
"""A tenth more than the longest time: timers fire late, and results are written late, on a busy machine."""


def allowed_silence(template: Template, running: Iterable[str]) -> float:
    """Seconds in which something must be heard: an attempt, a turn, a branch or a step ends.

    An attempt that beats its heart may be silent towards the store until its timeout, like any other; one that does not is
    given up by its own process.

    Args:
        template: What the execution works by.
        running: Ids of the steps under way.
    """
    steps = (step for step in map(template.step, running) if step is not None)
    return LATE * max((_longest(step) for step in steps), default=BETWEEN_STEPS_SECONDS)


def _longest(step: Step) -> float:
    delay = step.repeat.delay if step.repeat is not None else None
    return max(step.timeout + LONGEST_PAUSE_SECONDS, delay or 0.0)
