"""Blueprint text to a checked blueprint. Which files are read is the caller's business."""

from collections import Counter
from collections.abc import Iterator, Sequence

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.blueprint import Blueprint, BlueprintProcedure
from prisma_assets.domain.workflow.blueprint_order import circle, gate_conditions
from prisma_assets.domain.workflow.validation import Problem, did_you_mean
from prisma_assets.domain.yaml_source import parse_yaml, place, validate


def parse_blueprint(text: str, *, file: str) -> Blueprint:
    """Read a blueprint and check that its parts fit together.

    Args:
        text: Content of the YAML file.
        file: Name to show in errors.

    Raises:
        InputError: One line per mistake, with file, line, column and the mend.
    """
    data = parse_yaml(text, file=file)
    blueprint = validate(data, Blueprint, file=file)
    found = list(_doubles(blueprint)) or list(_strangers(blueprint)) or list(_circles(blueprint))
    if found:
        raise InputError("\n".join(f"{place(data, p.path, file)}: {p.sentence}" for p in found))
    return blueprint


def _doubles(blueprint: Blueprint) -> Iterator[Problem]:
    for kind in ("actors", "phases", "procedures", "evidence_catalog"):
        ids = [part.id for part in getattr(blueprint, kind)]
        yield from _twice(ids, (kind,), f"entries of {kind}")
    for number, procedure in enumerate(blueprint.procedures):
        ids = [s.id for s in procedure.steps]
        yield from _twice(ids, ("procedures", number, "steps"), f"steps of '{procedure.id}'")


def _twice(ids: Sequence[str], path: tuple[str | int, ...], what: str) -> Iterator[Problem]:
    counts = Counter(ids)
    for position, name in enumerate(ids):
        if counts[name] > 1 and name in ids[:position]:
            yield Problem(
                (*path, position, "id"), f"two {what} have the id '{name}': give each its own"
            )


def _strangers(blueprint: Blueprint) -> Iterator[Problem]:
    """What is referred to and nowhere defined."""
    procedures = {p.id: p for p in blueprint.procedures}
    for path, condition in gate_conditions(blueprint):
        known = procedures.get(condition.procedure)
        if known is None:
            yield _unknown(
                (*path, "procedure"), "the gate", "procedure", condition.procedure, set(procedures)
            )
        elif known.aggregate is not None and condition.state not in known.aggregate.states:
            yield _unknown(
                (*path, "state"), "the gate", "state", condition.state, set(known.aggregate.states)
            )
    for number, procedure in enumerate(blueprint.procedures):
        for problem in _in_procedure(blueprint, procedure, set(procedures)):
            yield Problem(("procedures", number, *problem.path), problem.sentence)


def _in_procedure(
    blueprint: Blueprint, procedure: BlueprintProcedure, procedures: set[str]
) -> Iterator[Problem]:
    who = f"procedure '{procedure.id}'"
    phases, actors = {p.id for p in blueprint.phases}, {a.id for a in blueprint.actors}
    if procedure.phase not in phases:
        yield _unknown(("phase",), who, "phase", procedure.phase, phases)
    for key in ("preconditions", "knowledge_refs"):
        for place_, other in enumerate(getattr(procedure, key)):
            if other not in procedures:
                yield _unknown((key, place_), who, "procedure", other, procedures)
    for place_, actor in enumerate(procedure.required_roles):
        if actor not in actors:
            yield _unknown(("required_roles", place_), who, "actor", actor, actors)
    yield from _in_states(procedure, who)
    yield from _in_steps(blueprint, procedure, actors)


def _in_states(procedure: BlueprintProcedure, who: str) -> Iterator[Problem]:
    machine = procedure.aggregate
    if machine is None:
        return
    states = set(machine.states)
    if machine.initial_state not in states:
        yield _unknown(("aggregate", "initial_state"), who, "state", machine.initial_state, states)
    for number, transition in enumerate(machine.transitions):
        for key in ("from_state", "to_state"):
            state = getattr(transition, key)
            if state not in states:
                yield _unknown(
                    ("aggregate", "transitions", number, key), who, "state", state, states
                )


def _in_steps(
    blueprint: Blueprint, procedure: BlueprintProcedure, actors: set[str]
) -> Iterator[Problem]:
    evidence = {e.id for e in blueprint.evidence_catalog}
    ids = {s.id for s in procedure.steps}
    for number, step in enumerate(procedure.steps):
        who, path = f"step '{step.id}'", ("steps", number)
        if step.actor not in actors:
            yield _unknown((*path, "actor"), who, "actor", step.actor, actors)
        for key in ("inputs", "outputs"):
            for place_, item in enumerate(getattr(step.evidence, key)):
                if item.ref not in evidence:
                    here = (*path, "evidence", key, place_, "ref")
                    yield _unknown(here, who, "evidence", item.ref, evidence)
        for place_, decision in enumerate(step.decisions):
            for branch_place, branch in enumerate(decision.branches):
                if branch.next_step is not None and branch.next_step not in ids:
                    at = (*path, "decisions", place_, "branches", branch_place, "next_step")
                    yield _unknown(at, who, f"step of '{procedure.id}'", branch.next_step, ids)


def _unknown(
    path: tuple[str | int, ...], who: str, what: str, name: str, known: set[str]
) -> Problem:
    hint = did_you_mean(name, known) or f"; there are: {', '.join(sorted(known)[:8]) or 'none'}"
    return Problem(path, f"{who} names '{name}', which is no {what}{hint}")


def _circles(blueprint: Blueprint) -> Iterator[Problem]:
    found = circle(blueprint)
    if found is not None:
        names, path = found
        arrows = " -> ".join(names)
        yield Problem(
            path,
            f"procedures wait for each other in a circle ({arrows}): remove one precondition or gate condition",
        )
