"""What somebody declares before an experiment on an agent starts, and why a declaration is refused.

What is assigned to which arm does not belong here (`assignment`), nor does judging outcomes (`experiment`).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.design import ALPHA, Design
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.release_path import ALLOWED_KEYS, WAYS, Risk
from prisma_assets.domain.workflow.validation import did_you_mean

Unit = Literal["task", "user", "engagement"]
CLIENT_DOMAINS = frozenset({"accounting", "assurance", "audit", "corporate", "tax"})
"""Agents of these domains work on clients' files, where one file must never see two versions (domain facts §6.2)."""
RECORDED: Mapping[str, tuple[Kind, Direction, float]] = {
    "accuracy": (Kind.BINARY, Direction.HIGHER, 0.03),
    "response_time": (Kind.LATENCY, Direction.LOWER, 0.10),
    "satisfaction": (Kind.RATING, Direction.HIGHER, 0.1),
    "cost": (Kind.COST, Direction.LOWER, 0.10),
    "error_rate": (Kind.BINARY, Direction.LOWER, 0.03),
}
"""What is recorded of runs and in feedback: kind, direction, and the difference that matters (`metric.DEFAULT_MARGIN` says why)."""
GUARDED = frozenset({"error_rate", "cost"})
"""Guardrails wherever they are measured and are not the goal itself (domain facts §6.2)."""
MIN_HOURS, MAX_DAYS = 168, 14
"""A full week, since Mondays are not Fridays; two weeks at most (domain facts §6.2)."""
LONGEST_DAYS = 366
OUTCOME_HOURS: Mapping[Unit, float] = {"task": 1.0, "user": 24.0, "engagement": 24.0}
"""A unit is read so long after its exposure: a call has ended by then, and a person's or a file's working day is over."""
FEEDBACK_HOURS = 72.0
"""People rate within three days or never."""
LEAST_SPLIT, LARGEST_SPLIT = 0.01, 0.99
_WORDING = frozenset({"prompt", "parameters"})
"""May be low risk on an agent that is: wording, order of examples, limits (domain facts §6.3); the author answers for it."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The agent an experiment is about."""

    agent_id: str
    domain: str
    risk: str
    """low, medium, high or critical."""
    tools: frozenset[str] = frozenset()
    parameters: Mapping[str, tuple[int, int]] | None = None
    """Least and most of what its procedures read, by name; None: a language model reads whatever it is given."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A declaration; nothing of it changes once the experiment runs."""

    name: str
    hypothesis: str
    agent_id: str
    changes: Mapping[str, Any]
    """What variant B changes, by allow-listed key."""
    metrics: tuple[Metric, ...]
    unit: Unit
    split: float
    """Share of variant B, in (0, 1)."""
    risk: Risk
    min_hours: int = MIN_HOURS
    max_days: int = MAX_DAYS
    outcome_hours: float = 1.0
    alpha: float = ALPHA
    max_blocks: int | None = None
    """Declared maximum of the smaller arm; None: open-ended."""

    @property
    def design(self) -> Design:
        """What inference needs of it."""
        return Design(
            metrics=self.metrics, splits=(self.split,), alpha=self.alpha, max_blocks=self.max_blocks
        )


def planned_metrics(
    names: list[str],
    *,
    primary: str | None = None,
    guardrails: Mapping[str, float | None] | None = None,
    margins: Mapping[str, float] | None = None,
) -> tuple[Metric, ...]:
    """Metrics by name, each with its role.

    Args:
        names: The first is the primary one unless `primary` says otherwise; `error_rate` is always measured.
        primary: The goal.
        guardrails: Metrics that must not be harmed, with the largest harm allowed; None: the usual margin.
        margins: Smallest difference that matters, where it is not the usual one.

    Raises:
        InputError: A metric nobody records, or a margin that is none.
    """
    guards = guardrails or {}
    wanted = list(dict.fromkeys([*names, *guards, "error_rate"]))
    for name in (*wanted, *([primary] if primary else []), *(margins or {})):
        if name not in RECORDED:
            known = f"; choose from {', '.join(RECORDED)}"
            raise InputError(
                f"nobody records the metric '{name}'{did_you_mean(name, set(RECORDED)) or known}"
            )
    goal = primary or (names[0] if names else None)
    if goal is None or goal not in wanted:
        raise InputError("an experiment needs one primary metric, e.g. metrics=['error_rate']")
    if goal in guards:
        raise InputError(f"'{goal}' is the goal and a guardrail at once; make it one of them")
    return tuple(
        _metric(name, goal=goal, guards=guards, margin=(margins or {}).get(name)) for name in wanted
    )


def _metric(
    name: str, *, goal: str, guards: Mapping[str, float | None], margin: float | None
) -> Metric:
    kind, direction, usual = RECORDED[name]
    role = Role.SECONDARY
    if name == goal:
        role = Role.PRIMARY
    elif name in guards or name in GUARDED:
        role = Role.GUARDRAIL
    chosen = guards.get(name) or margin or usual
    if not (math.isfinite(chosen) and chosen > 0) or (kind is Kind.BINARY and chosen >= 1):
        raise InputError(
            f"the margin of {name} is {chosen:g}; write the smallest difference that matters, e.g. {usual:g}"
        )
    return Metric(name=name, kind=kind, direction=direction, margin=chosen, role=role)


def usual_unit(subject: Subject) -> Unit:
    """What is assigned unless somebody says otherwise."""
    return "engagement" if subject.domain in CLIENT_DOMAINS else "task"


def usual_outcome_hours(unit: Unit, metrics: tuple[Metric, ...]) -> float:
    """How long after its exposure a unit is read."""
    waits = any(m.name == "satisfaction" and m.role is not Role.SECONDARY for m in metrics)
    return FEEDBACK_HOURS if waits else OUTCOME_HOURS[unit]


def least_risk(changes: Mapping[str, Any], subject: Subject) -> Risk:
    """The lowest risk a change may be declared with (domain facts §6.3)."""
    brings_tools = bool(set(changes.get("tools", ())) - subject.tools)
    if brings_tools or subject.risk == "critical":
        return "high"
    is_wording = set(changes) <= _WORDING and subject.risk in ("low", "medium")
    return "low" if is_wording else "medium"


def check_plan(plan: Plan, subject: Subject, *, control: Mapping[str, Any]) -> None:
    """Refuse a declaration that cannot be an experiment.

    Args:
        plan: The declaration.
        subject: The agent.
        control: What the agent has now under each allow-listed key.

    Raises:
        InputError: Everything that is wrong with it.
    """
    wrong = [said for _, said in wrong_parts(plan, subject, control=control)]
    if wrong:
        raise InputError(f"experiment '{plan.name}': {'; '.join(wrong)}")


def wrong_parts(
    plan: Plan, subject: Subject, *, control: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with a declaration, each with the field of the plan it is about.

    Args:
        plan: The declaration.
        subject: The agent.
        control: What the agent has now under each allow-listed key.
    """
    if not plan.name.strip():
        yield "name", "give it a name"
    if not plan.hypothesis.strip():
        yield "hypothesis", "say the hypothesis: what should become better, and why"
    yield from (("changes", said) for said in wrong_changes(plan.changes, subject, control))
    yield from (("risk", said) for said in _wrong_risk(plan, subject))
    yield from (("unit", said) for said in _wrong_unit(plan, subject))
    yield from _wrong_numbers(plan)


def wrong_changes(
    changes: Mapping[str, Any], subject: Subject, control: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with the changes of a version.

    Args:
        changes: By key.
        subject: The agent.
        control: What it has now under each allow-listed key.
    """
    if not changes:
        yield "variant B changes nothing; name a change, e.g. {'parameters': {...}}"
    for key, value in changes.items():
        if key not in ALLOWED_KEYS:
            yield f"variant B may not change '{key}'; allowed are {', '.join(sorted(ALLOWED_KEYS))}"
        elif not _fits(key, value):
            yield f"'{key}' of variant B must be {_SHAPES[key]}"
        elif value == control.get(key):
            yield f"'{key}' of variant B is what the agent has already"
    given = changes.get("parameters")
    if subject.parameters is not None and isinstance(given, Mapping):
        yield from _wrong_parameters(given, subject.parameters)


def _wrong_parameters(
    given: Mapping[str, Any], declared: Mapping[str, tuple[int, int]]
) -> Iterator[str]:
    for name, value in given.items():
        least, most = declared.get(name, (0, 0))
        if name not in declared:
            yield f"no procedure reads the parameter '{name}'; those that are read: {', '.join(sorted(declared))}"
        elif not isinstance(value, int) or not least <= value <= most:
            yield f"the parameter '{name}' is {value}; it is a whole number from {least} to {most}"


_SHAPES = {
    "prompt": "a text", "model": "the name of a model", "tools": "a list of names",
    "knowledge": "a list of sources", "parameters": "values by name",
}  # fmt: skip


def _fits(key: str, value: Any) -> bool:
    if key in ("prompt", "model"):
        return isinstance(value, str) and bool(value.strip())
    if key == "parameters":
        return isinstance(value, Mapping) and bool(value) and all(isinstance(k, str) for k in value)
    return isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)


def _wrong_risk(plan: Plan, subject: Subject) -> Iterator[str]:
    if plan.risk not in WAYS:
        yield f"the risk is '{plan.risk}'; write low, medium or high"
        return
    least = least_risk(plan.changes, subject) if set(plan.changes) <= ALLOWED_KEYS else "low"
    order = list(WAYS)
    if order.index(plan.risk) < order.index(least):
        yield f"such a change of an agent of {subject.risk} risk is at least of {least} risk, not {plan.risk}"


def _wrong_unit(plan: Plan, subject: Subject) -> Iterator[str]:
    if plan.unit not in get_args(Unit):
        yield f"the unit of assignment is '{plan.unit}'; write {', '.join(get_args(Unit))}"
    elif subject.domain in CLIENT_DOMAINS and plan.unit != "engagement":
        yield f"{plan.agent_id} works on clients' files, so engagements are assigned, not a {plan.unit}: one file never sees two versions"


def _wrong_numbers(plan: Plan) -> Iterator[tuple[str, str]]:
    if not LEAST_SPLIT <= plan.split <= LARGEST_SPLIT:
        yield (
            "split",
            f"the split is {plan.split:g}; it is the share of variant B, from {LEAST_SPLIT:g} to {LARGEST_SPLIT:g}",
        )
    if not 0 < plan.alpha < 1:
        yield "alpha", f"alpha is {plan.alpha:g}; it is an error probability between 0 and 1"
    if not 1 <= plan.max_days <= LONGEST_DAYS:
        yield "max_days", f"it may last {plan.max_days} days; write 1 to {LONGEST_DAYS}"
    if not 0 <= plan.min_hours <= 24 * max(plan.max_days, 0):
        yield (
            "min_hours",
            f"it lasts {plan.min_hours} hours at least and {plan.max_days} days at most; the least must fit into the most",
        )
    if not (math.isfinite(plan.outcome_hours) and 0 < plan.outcome_hours <= 24 * plan.max_days):
        yield (
            "outcome_hours",
            f"units are read {plan.outcome_hours:g} hours after their exposure; write a time within the {plan.max_days} days",
        )
