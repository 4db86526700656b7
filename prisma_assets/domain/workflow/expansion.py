"""A template that uses others, made into one that does not: the steps of a sub-workflow become steps of the whole.

Ids of the used template get the prefix `<step>__`; its inputs are replaced by the expressions given for them. What stands
behind the using step reads the outputs it names, computed from the used steps.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.condition import Condition, Expression
from prisma_assets.domain.workflow.part import ForEach, Repeat, SignOff, SubWorkflow
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.domain.workflow.validation import did_you_mean, problems

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?<![\w.])(?P<root>steps|status)\.(?P<step>[A-Za-z_]\w*)"
    r"|(?<![\w.])inputs\.(?P<input>[A-Za-z_]\w*)"
)
_SEPARATOR = "__"

Rewrite = Callable[[str], str]


def expand(
    template: Template, find: Callable[[str], Template], *, agents: frozenset[str]
) -> Template:
    """The template without sub-workflows.

    Args:
        template: As parsed.
        find: Gives the template of a name.
        agents: Ids of the agents the firm has, for checking the whole.

    Raises:
        InputError: A template is unknown, uses itself, or gives or reads what is not there.
    """
    return _expand(template, find, agents, users=(template.name,))


def _expand(
    template: Template,
    find: Callable[[str], Template],
    agents: frozenset[str],
    users: tuple[str, ...],
) -> Template:
    if not any(s.workflow for s in template.steps):
        return template
    steps: list[Step] = []
    inside: dict[str, tuple[str, ...]] = {}
    for step in template.steps:
        if step.workflow is None:
            steps.append(step)
            continue
        if step.workflow.template in users:
            circle = " -> ".join([*users, step.workflow.template])
            raise InputError(
                f"template '{template.name}', step '{step.id}': templates use each other in a circle ({circle}); "
                "remove one `workflow`"
            )
        used = find(step.workflow.template)
        used = _expand(used, find, agents, (*users, used.name))
        placed = _place(template, step, step.workflow, used)
        inside[step.id] = tuple(s.id for s in placed[:-1])
        steps += placed
    whole = template.model_copy(update={"steps": tuple(_send_back(s, inside) for s in steps)})
    # Built from checked parts, but what one reads of the other can only be checked together.
    found = problems(whole, agents=agents)
    if found:
        raise InputError("\n".join(f"template '{template.name}': {p.sentence}" for p in found))
    return whole


def _place(outer: Template, step: Step, use: SubWorkflow, used: Template) -> list[Step]:
    where = f"template '{outer.name}', step '{step.id}'"
    given = _given(where, use, used)
    prefix = step.id + _SEPARATOR
    rewrite = _rewriter(prefix, given, where)
    first = tuple(step.after)
    placed = [_prefixed(s, prefix, step, first, rewrite) for s in used.steps]
    placed = [
        s.model_copy(
            update={
                "scope": prefix + s.scope,
                "given": {n: Expression(rewrite(e)) for n, e in s.given.items()}
                if s.scope
                else given,
            }
        )
        for s in placed
    ]
    behind = {a for s in used.steps for a in s.after}
    last = tuple(prefix + s.id for s in used.steps if s.id not in behind)
    gather = step.model_copy(
        update={
            "workflow": None,
            "compute": {
                n: Expression(_rewriter(prefix, {}, where)(e)) for n, e in use.outputs.items()
            }
            or {"template": Expression(json.dumps(used.name))},
            "after": (*step.after, *last) if step.after else last,
            "title": step.title,
        }
    )
    return [*placed, gather]


def _given(where: str, use: SubWorkflow, used: Template) -> dict[str, Expression]:
    for name in use.inputs:
        if name not in used.inputs:
            hint = did_you_mean(name, set(used.inputs))
            raise InputError(f"{where}: template '{used.name}' has no input '{name}'{hint}")
    given: dict[str, Expression] = {}
    for name, declared in used.inputs.items():
        if name in use.inputs:
            given[name] = use.inputs[name]
        elif declared.type == "folder":
            continue  # The engagement is the same; the engine hands it to every step.
        elif declared.required:
            raise InputError(
                f"{where}: template '{used.name}' needs the input '{name}'; give it under workflow.inputs"
            )
        else:
            given[name] = Expression(json.dumps(declared.default))
    return given


def _rewriter(prefix: str, given: Mapping[str, Expression], where: str) -> Rewrite:
    def token(match: re.Match[str]) -> str:
        if match["text"] is not None:
            return match["text"]
        if match["root"] is not None:
            return f"{match['root']}.{prefix}{match['step']}"
        if match["input"] not in given:
            raise InputError(
                f"{where}: the used template reads inputs.{match['input']} in an expression; give it under workflow.inputs"
            )
        return f"({given[match['input']]})"

    return lambda text: _TOKEN.sub(token, text)


def _prefixed(
    step: Step, prefix: str, using: Step, first: tuple[str, ...], rewrite: Rewrite
) -> Step:
    when = [f"({c})" for c in (using.when, rewrite(step.when) if step.when else None) if c]
    change: dict[str, Any] = {
        "id": prefix + step.id,
        "name": f"{using.name}{_SEPARATOR}{step.name}",
        "task": step.procedure if step.agent is not None else step.task,
        "title": f"{using.title}: {step.title}",
        "chapter": prefix + step.chapter if step.chapter is not None else None,
        "after": tuple(prefix + a for a in step.after) or first,
        "when": Condition(" && ".join(when)) if when else None,
        "compute": {n: Expression(rewrite(e)) for n, e in step.compute.items()},
        "ends": tuple(e.model_copy(update={"when": Condition(rewrite(e.when))}) for e in step.ends),
    }
    if step.repeat is not None:
        change["repeat"] = _repeat(step.repeat, rewrite)
    if step.for_each is not None:
        change["for_each"] = _for_each(step.for_each, rewrite)
    if step.sign_off is not None:
        change["sign_off"] = _sign_off(step.sign_off, prefix, rewrite)
    return step.model_copy(update=change)


def _repeat(repeat: Repeat, rewrite: Rewrite) -> Repeat:
    return repeat.model_copy(update={"until": Condition(rewrite(repeat.until))})


def _for_each(loop: ForEach, rewrite: Rewrite) -> ForEach:
    def rewritten(items: Any) -> dict[str, Any]:
        return {
            n: Expression(rewrite(getattr(items, n)))
            for n in ("items", "key", "agent")
            if getattr(items, n) is not None
        }

    inner = loop.for_each
    change = rewritten(loop)
    if inner is not None:
        change["for_each"] = inner.model_copy(update=rewritten(inner))
    return loop.model_copy(update=change)


def _sign_off(sign_off: SignOff, prefix: str, rewrite: Rewrite) -> SignOff:
    return sign_off.model_copy(
        update={
            **{
                name: Condition(rewrite(condition)) if condition else None
                for name, condition in (
                    ("when", sign_off.when),
                    ("approve_when", sign_off.approve_when),
                )
            },
            "roles": tuple(
                r.model_copy(update={"when": Condition(rewrite(r.when)) if r.when else None})
                for r in sign_off.roles
            ),
            "rework": tuple(prefix + r for r in sign_off.rework),
        }
    )


def _send_back(step: Step, inside: Mapping[str, tuple[str, ...]]) -> Step:
    """Work sent back to a sub-workflow goes to all its steps."""
    gate = step.sign_off
    if gate is None or not set(gate.rework) & set(inside):
        return step
    targets = [t for r in gate.rework for t in inside.get(r, (r,))]
    return step.model_copy(
        update={"sign_off": gate.model_copy(update={"rework": tuple(dict.fromkeys(targets))})}
    )
