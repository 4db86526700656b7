"""What must hold between the parts of a template. Each problem is one sentence that names the step and the mend."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from prisma_assets.domain.workflow.condition import ROOTS
from prisma_assets.domain.workflow.template import Step, Template


class Problem(NamedTuple):
    """Something wrong, and where in the template it stands."""

    path: tuple[str | int, ...]
    """Keys and indices from the top, e.g. ("steps", 3, "agent")."""
    sentence: str


def problems(template: Template, *, agents: frozenset[str]) -> list[Problem]:
    """Everything wrong between the parts of a template, most basic first; an empty list means it can be compiled.

    Args:
        template: As validated by its model.
        agents: Ids of the agents the firm has.
    """
    ids = {s.id for s in template.steps}
    # A double hides the step that somebody meant, so what refers to that step is not wrong yet.
    found = list(_doubles(template)) or [
        *_unknown_dependencies(template, ids),
        *_unknown_agents(template, agents),
        *_nobody_undoes(template),
    ]
    circle = None if found else template.cycle()
    if circle:
        arrows = " -> ".join(circle)
        sentence = f"steps wait for each other in a circle ({arrows}): remove one `after` entry"
        position = next(i for i, s in enumerate(template.steps) if s.id == circle[0])
        return [Problem(("steps", position, "after"), sentence)]
    return found or [
        *_chapter_problems(template),
        *_rework_problems(template),
        *_condition_problems(template),
    ]


def did_you_mean(word: str, known: set[str] | frozenset[str]) -> str:
    """A suffix that suggests the closest known word; empty when none is close."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def written_internals(template: Template) -> Iterator[Problem]:
    """What only the expansion of sub-workflows may set, found in a file."""
    for position, step in enumerate(template.steps):
        for key in ("scope", "given"):
            if getattr(step, key):
                sentence = f"step '{step.id}': `{key}` is set by the product; remove it, and use `workflow` for another template"
                yield Problem(("steps", position, key), sentence)


def _doubles(template: Template) -> Iterator[Problem]:
    for key in ("id", "name"):
        counts = Counter(getattr(s, key) for s in template.steps)
        for position, step in enumerate(template.steps):
            value = getattr(step, key)
            if counts[value] > 1:
                counts[value] = 0  # Said once, at its first place.
                yield Problem(
                    ("steps", position, key),
                    f"two steps have the {key} '{value}': give each its own",
                )


def _unknown_dependencies(template: Template, ids: set[str]) -> Iterator[Problem]:
    for position, step in enumerate(template.steps):
        for place, other in enumerate(step.after):
            if other not in ids:
                sentence = f"step '{step.id}' comes after '{other}', which is no step{did_you_mean(other, ids)}"
                yield Problem(("steps", position, "after", place), sentence)


def _unknown_agents(template: Template, agents: frozenset[str]) -> Iterator[Problem]:
    for position, step in enumerate(template.steps):
        for place, agent in step.agents:
            if agent not in agents:
                sentence = f"step '{step.id}': unknown agent '{agent}'" + (
                    did_you_mean(agent, agents) or "; `prisma-assets agents list` names them all"
                )
                yield Problem(("steps", position, *place), sentence)


def _nobody_undoes(template: Template) -> Iterator[Problem]:
    for position, step in enumerate(template.steps):
        undoing = step.compensate
        if undoing is not None and undoing.agent is None and step.agent is None:
            sentence = (
                f"step '{step.id}' has no agent: name the one that undoes it under compensate.agent"
            )
            yield Problem(("steps", position, "compensate"), sentence)


def _chapter_problems(template: Template) -> Iterator[Problem]:
    """A box cannot stand before and behind the same step, nor bear the name of an op."""
    ops = {s.key for s in template.steps} | {"open_execution"}
    box = {s.id: s.box or s.id for s in template.steps}
    waits: dict[str, set[str]] = {}
    for position, step in enumerate(template.steps):
        if step.chapter in ops:
            sentence = f"step '{step.id}': the chapter '{step.chapter}' has the name of a step in the graph; rename it"
            yield Problem(("steps", position, "chapter"), sentence)
        waits.setdefault(box[step.id], set()).update({box[a] for a in step.after} - {box[step.id]})
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        arrows = " -> ".join(error.args[1])
        position = next(
            i for i, s in enumerate(template.steps) if s.box is not None and s.box in error.args[1]
        )
        sentence = f"chapters wait for each other in a circle ({arrows}): give the steps in between the same chapter, or none"
        yield Problem(("steps", position, "chapter"), sentence)


def _rework_problems(template: Template) -> Iterator[Problem]:
    for position, step in enumerate(template.steps):
        targets = step.sign_off.rework if step.sign_off is not None else ()
        for place, other in enumerate(targets):
            if other not in template.upstream(step.id) | {step.id}:
                sentence = f"step '{step.id}': rework goes back to '{other}', which does not come before it"
                yield Problem(("steps", position, "sign_off", "rework", place), sentence)


def _condition_problems(template: Template) -> Iterator[Problem]:
    for position, step in enumerate(template.steps):
        upstream = template.upstream(step.id)
        for path, condition, extra in step.expressions():
            place = ("steps", position, *path)
            allowed = (ROOTS - {"output", "item", "outer"}) | extra
            for name in sorted(condition.roots - allowed):
                known = ", ".join(sorted(allowed))
                yield Problem(
                    place, f"step '{step.id}': unknown name '{name}'; this condition reads {known}"
                )
            for other in sorted(condition.step_ids - upstream):
                yield Problem(place, _not_before(step, other))
            for name in sorted(condition.input_names - set(template.inputs)):
                hint = did_you_mean(name, set(template.inputs))
                yield Problem(
                    place, f"step '{step.id}': the template declares no input '{name}'{hint}"
                )


def _not_before(step: Step, other: str) -> str:
    return f"step '{step.id}': the condition reads '{other}', which does not come before '{step.id}'; add it to `after`"
