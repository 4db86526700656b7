"""What comes before what in a blueprint: procedures after their preconditions, phases after the gates before them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from prisma_assets.domain.workflow.blueprint import Blueprint, GateCondition, Phase, PhaseGate

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate between phases."""

    phase: Phase
    """The phase it closes."""
    all_of: tuple[str, ...]
    """Procedures that must be completed."""
    any_of: tuple[str, ...]
    """Procedures of which one must be completed; empty: no such condition."""
    previous: str | None
    """Phase whose gate comes before this one."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a procedure waits for."""

    procedures: tuple[str, ...]
    gate: str | None
    """Phase whose gate must be passed; None: no gate, or one that follows from the procedures."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order of a blueprint's procedures and gates."""

    starts: Mapping[str, Start]
    """By procedure, in file order."""
    gates: Mapping[str, Gate]
    """By phase, in the phases' order."""


def order_of(blueprint: Blueprint, *, left_out: frozenset[str] = frozenset()) -> Order:
    """The order in which procedures may be done.

    Args:
        blueprint: Its references exist, and nothing waits for itself when procedures are left out.
        left_out: Procedures not done; what waits for one of them waits for what that one waits for.
    """
    wanted = {p.id: p.preconditions for p in blueprint.procedures}

    def done(ids: Iterable[str]) -> tuple[str, ...]:
        """The procedures themselves, or what stands behind those left out."""
        found = (x for i in ids for x in (done(wanted[i]) if i in left_out else (i,)))
        return tuple(dict.fromkeys(found))

    gates: dict[str, Gate] = {}
    before: dict[str, str | None] = {}
    last: str | None = None
    for phase in blueprint.phases_in_order():
        before[phase.id] = last
        gate = phase.gate or PhaseGate()
        all_of = done(c.procedure for c in gate.all_of)
        any_of = done(c.procedure for c in gate.any_of)
        if all_of or any_of:
            gates[phase.id] = Gate(phase=phase, all_of=all_of, any_of=any_of, previous=last)
            last = phase.id
    phase_of = {p.id: p.phase for p in blueprint.procedures}
    starts = {}
    for procedure in blueprint.procedures:
        if procedure.id in left_out:
            continue
        first = done(procedure.preconditions)
        # A procedure of the same phase has already waited for the gate.
        follows = any(phase_of[i] == procedure.phase for i in first)
        gate_before = None if follows else before.get(procedure.phase)
        starts[procedure.id] = Start(procedures=first, gate=gate_before)
    return Order(starts=starts, gates=gates)


def circle(blueprint: Blueprint) -> tuple[list[str], Path] | None:
    """Procedures and gates that wait for each other, in words, and where in the file one of them says so; None: none do."""
    order = order_of(blueprint)
    graph: dict[str, list[str]] = {
        i: [*s.procedures, *([_gate(s.gate)] if s.gate else [])] for i, s in order.starts.items()
    }
    for phase, gate in order.gates.items():
        first = [_gate(gate.previous)] if gate.previous else []
        graph[_gate(phase)] = [*first, *gate.all_of, *gate.any_of]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found, _said_at(blueprint, frozenset(found))
    return None


def gate_conditions(blueprint: Blueprint) -> Iterator[tuple[Path, GateCondition]]:
    """Every condition of every gate, with its place in the file."""
    for number, phase in enumerate(blueprint.phases):
        for kind in ("all_of", "any_of"):
            listed = getattr(phase.gate, kind) if phase.gate is not None else ()
            for place, condition in enumerate(listed):
                yield ("phases", number, "gate", kind, place), condition


def _gate(phase: str) -> str:
    return f"gate of {phase}"


def _said_at(blueprint: Blueprint, in_circle: frozenset[str]) -> Path:
    for number, procedure in enumerate(blueprint.procedures):
        for place, first in enumerate(procedure.preconditions):
            if procedure.id in in_circle and first in in_circle:
                return ("procedures", number, "preconditions", place)
    by_gate = (
        path
        for path, condition in gate_conditions(blueprint)
        if condition.procedure in in_circle
        and _gate(blueprint.phases[int(path[1])].id) in in_circle
    )
    return next(by_gate)
