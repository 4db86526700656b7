"""What must hold between the parts of a template. Each problem is one sentence that names the step and the mend."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from prisma_assets.domain.workflow.condition import ROOTS

if TYPE_CHECKING:
    from prisma_assets.domain.workflow.template import Step, Template


def problems(template: "Template") -> list[str]:
    """Everything wrong with the template, most basic first; an empty list means it can be compiled."""
    ids = [s.id for s in template.steps]
    found = [
        f"two steps are called '{i}': give each its own id"
        for i, n in Counter(ids).items()
        if n > 1
    ]
    names = Counter(s.name for s in template.steps)
    found += [
        f"two steps are named '{i}': give each its own name" for i, n in names.items() if n > 1
    ]
    found += _unknown_dependencies(template, set(ids))
    if found:
        return found
    circle = template.cycle()
    if circle:
        arrows = " -> ".join(circle)
        return [f"steps wait for each other in a circle ({arrows}): remove one `after` entry"]
    return [p for step in template.steps for p in _condition_problems(template, step)]


def unknown_agents(template: "Template", known: frozenset[str]) -> list[str]:
    """One sentence for each agent the template names and the firm does not have."""
    named = [(s.id, a) for s in template.steps for a in (s.agent, *s.support)]
    return [
        f"step '{step}': unknown agent '{agent}'{did_you_mean(agent, known)}"
        for step, agent in named
        if agent not in known
    ]


def did_you_mean(word: str, known: "set[str] | frozenset[str]") -> str:
    """A suffix that suggests the closest known word; empty when none is close."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _unknown_dependencies(template: "Template", ids: set[str]) -> Iterator[str]:
    for step in template.steps:
        for other in step.after:
            if other not in ids:
                yield f"step '{step.id}' comes after '{other}', which is no step{did_you_mean(other, ids)}"


def _condition_problems(template: "Template", step: "Step") -> Iterator[str]:
    upstream = template.upstream(step.id)
    for where, condition, may_read_output in step.conditions():
        prefix = f"step '{step.id}', {where}:"
        allowed = ROOTS if may_read_output else ROOTS - {"output"}
        for name in sorted(condition.roots - allowed):
            yield f"{prefix} unknown name '{name}'; a condition reads {', '.join(sorted(allowed))}"
        for other in sorted(condition.step_ids - upstream):
            yield f"{prefix} reads step '{other}', which does not come before '{step.id}'; add it to `after`"
        if "inputs" in condition.roots and not template.inputs:
            yield f"{prefix} reads inputs, but the template declares none"
