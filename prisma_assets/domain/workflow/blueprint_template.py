"""From a blueprint to a workflow template: every step of every procedure becomes a step, every gate a computed one.

Which agent does a step is the caller's choice. What a template cannot say is told by `blueprint_note`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Final

from prisma_assets.domain.workflow.blueprint import (
    Blueprint,
    BlueprintProcedure,
    BlueprintStep,
    Key,
)
from prisma_assets.domain.workflow.blueprint_brief import TASK, ProcedureBrief, Question
from prisma_assets.domain.workflow.blueprint_order import Gate, Order, order_of
from prisma_assets.domain.workflow.blueprint_overlay import MOST_REVISIONS, Overlay
from prisma_assets.domain.workflow.blueprint_role import (
    judge_of,
    may_come_back,
    reviewer_of,
    role_of,
)
from prisma_assets.domain.workflow.condition import Expression
from prisma_assets.domain.workflow.part import Role, SignOff
from prisma_assets.domain.workflow.template import Input, Step, Template

LONGEST: Final = 60
"""Characters of an identifier in a template."""
_RETRIES: Final = 2
"""A step reads the client's files; a shared drive may be away for a moment."""
_RESERVED: Final = frozenset(
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
    }
)  # fmt: skip
"""Words the Common Expression Language keeps for itself; a gate could not read the status of a step called so."""


@dataclass(frozen=True, kw_only=True)
class Doer:
    """Who does a step."""

    agent: str
    performs: str | None = None
    """The firm's procedure that covers the step; None: none does."""


class Identifiers:
    """Makes identifiers of any text, each only once."""

    def __init__(self) -> None:
        """Nothing is taken but the reserved words."""
        self._taken = set(_RESERVED)

    def take(self, text: str) -> str:
        """An identifier like the text, with a number where another one has taken it."""
        base = identifier(text)
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base[: LONGEST - len(str(number)) - 1]}_{number}"
        self._taken.add(name)
        return name


def identifier(text: str) -> str:
    """The text as an identifier of a template, e.g. `Plan & Risk` as `plan_risk`."""
    words = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    named = words if words[:1].isalpha() else f"x_{words}".rstrip("_")
    return named[:LONGEST].rstrip("_")


def without_implied(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps without dependencies that follow from their others (transitive reduction, Aho, Garey and Ullman 1972).

    A gate names every procedure of its phase, and most of these wait for each other: drawn, such edges run past hundreds of
    steps, and a browser takes minutes to place them. Through a step that joins `any`, nothing follows.
    """
    by_id = {s.id: s for s in steps}
    implied: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter({s.id: s.after for s in steps}).static_order():
        before = by_id[name].after if by_id[name].join == "all" else ()
        implied[name] = frozenset(before).union(*(implied[b] for b in before))
    for step in steps:
        behind = frozenset[str]().union(*(implied[a] for a in step.after))
        after = tuple(a for a in step.after if a not in behind)
        yield step if step.join != "all" else step.model_copy(update={"after": after})


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A blueprint with an overlay, on the way to a template."""

    blueprint: Blueprint
    overlay: Overlay
    doers: Mapping[Key, Doer]
    """Who does each step, by procedure and step."""

    def template(self, name: str) -> Template:
        """The template, under that name.

        Raises:
            KeyError: A step has no doer.
        """
        about = self.blueprint.methodology
        folder = Input(
            type="folder",
            required=True,
            description="Folder with engagement.yaml and the client's tables.",
        )
        return Template(
            name=name,
            title=about.name,
            version=about.version,
            description=" ".join(about.description.split()) or f"{about.framework} methodology.",
            inputs={"engagement": folder},
            steps=tuple(without_implied(list(self._steps()))),
        )

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """The firm's role of each actor."""
        return {a.id: role_of(a)[0] for a in self.blueprint.actors}

    @cached_property
    def groups(self) -> Mapping[str, list[tuple[BlueprintStep, ...]]]:
        """Steps that are done, by procedure: each group after the one before it; no entry for a procedure left out."""
        kept: dict[str, list[tuple[BlueprintStep, ...]]] = {}
        for procedure in self.blueprint.procedures:
            skipped = {s.id for s in self.skipped(procedure)}
            groups = [tuple(s for s in g if s.id not in skipped) for g in procedure.in_groups()]
            found = [g for g in groups if g]
            if not found or not self.overlay.takes(procedure):
                continue
            if self._reviewer(procedure) and len(found[-1]) > 1:
                # The reviewer sees the whole procedure, so one step is the last.
                found[-1:] = [found[-1][:-1], found[-1][-1:]]
            kept[procedure.id] = found
        return kept

    def skipped(self, procedure: BlueprintProcedure) -> list[BlueprintStep]:
        """Steps no standard requires, left out because their actor skips such; never all of a procedure."""
        found = [
            s
            for s in procedure.steps
            if s.binding != "requirement" and self.overlay.skips_guidance(s.actor)
        ]
        return found if len(found) < len(procedure.steps) else []

    @cached_property
    def order(self) -> Order:
        """The order of the procedures that are done."""
        left_out = {p.id for p in self.blueprint.procedures} - set(self.groups)
        return order_of(self.blueprint, left_out=frozenset(left_out))

    @cached_property
    def _identifiers(self) -> Identifiers:
        return Identifiers()

    @cached_property
    def ids(self) -> Mapping[Key, str]:
        """Id of each step: its own, with the procedure before it where two procedures have a step of that id."""
        done = [(p, s.id) for p, groups in self.groups.items() for g in groups for s in g]
        own = [identifier(s) for _, s in done]
        return {
            (p, s): self._identifiers.take(s if own.count(i) == 1 else f"{p}_{s}")
            for (p, s), i in zip(done, own, strict=True)
        }

    @cached_property
    def gate_ids(self) -> Mapping[str, str]:
        """Id of each gate, by phase."""
        take = self._identifiers.take
        return {
            phase: take(f"gate_{number}") for number, phase in enumerate(self.order.gates, start=1)
        }

    @cached_property
    def chapters(self) -> Mapping[str, str]:
        """Chapter of each procedure."""
        return {p: self._identifiers.take(p) for p in self.groups}

    def _steps(self) -> Iterator[Step]:
        in_order = [p.id for p in self.blueprint.phases_in_order()]
        always = [p.id for p in self.blueprint.phases if p.id not in in_order]
        # Ids are given out before names, so that a step's own id is never taken by another one's name.
        _ = self.ids, self.gate_ids, self.chapters
        for phase in [*always, *in_order]:
            for procedure in self.blueprint.procedures:
                if procedure.phase == phase and procedure.id in self.groups:
                    yield from self._procedure(procedure)
            if phase in self.order.gates:
                yield from self._gate(self.order.gates[phase])

    def _procedure(self, procedure: BlueprintProcedure) -> Iterator[Step]:
        before = self._start(procedure.id)
        groups = self.groups[procedure.id]
        for number, group in enumerate(groups, start=1):
            for step in group:
                sign_off = self._sign_off(procedure, step, is_last=number == len(groups))
                yield self._step(procedure, step, before).model_copy(update={"sign_off": sign_off})
            before = tuple(self.ids[procedure.id, s.id] for s in group)

    def _start(self, procedure: str) -> tuple[str, ...]:
        start = self.order.starts[procedure]
        gate = (self.gate_ids[start.gate],) if start.gate else ()
        return (*gate, *self._ends(start.procedures))

    def _ends(self, procedures: Collection[str]) -> tuple[str, ...]:
        return tuple(self.ids[p, s.id] for p in procedures for s in self.groups[p][-1])

    def _step(
        self, procedure: BlueprintProcedure, step: BlueprintStep, after: tuple[str, ...]
    ) -> Step:
        key = procedure.id, step.id
        words = step.command or f"{step.action} {step.id}"
        return Step(
            id=self.ids[key],
            name=self._identifiers.take(words),
            title=self._title(words),
            objective=" ".join(step.description.split()),
            agent=self.doers[key].agent,
            task=TASK,
            parameters=self._brief(procedure, step).model_dump(mode="json", exclude_defaults=True),
            chapter=self.chapters[procedure.id],
            after=after,
            retries=_RETRIES,
            standards=tuple(s.cited for s in step.standards),
        )

    def _title(self, words: str) -> str:
        issuers = {s.ref.split()[0].casefold() for s in self.blueprint.standards_catalog if s.ref}
        spoken = [w.upper() if w in issuers else w for w in identifier(words).split("_")]
        title = " ".join(spoken)
        return title[:1].upper() + title[1:]

    def _brief(self, procedure: BlueprintProcedure, step: BlueprintStep) -> ProcedureBrief:
        names = {e.id: e.name for e in self.blueprint.evidence_catalog}
        actors = {a.id: a.name for a in self.blueprint.actors}
        return ProcedureBrief(
            procedure=procedure.title,
            actor=actors[step.actor],
            performs=self.doers[procedure.id, step.id].performs,
            judged_by_people=step.judgment_level == "human_required",
            binding=step.binding,
            reads={e.ref: names[e.ref] for e in step.evidence.inputs},
            leaves={e.ref: names[e.ref] for e in step.evidence.outputs},
            questions=tuple(
                Question(
                    question=d.condition,
                    answers=tuple(": ".join(filter(None, (b.label, b.description))) for b in d.branches),
                )
                for d in step.decisions
            ),
            states=tuple(f for g in step.guards for f in g.fields),
            people=step.human_responsibilities,
            hours=self.overlay.hours(procedure),
        )  # fmt: skip

    def _sign_off(
        self, procedure: BlueprintProcedure, step: BlueprintStep, *, is_last: bool
    ) -> SignOff | None:
        judge = judge_of(step, self.roles)
        reviewer = self._reviewer(procedure) if is_last else None
        roles = tuple(dict.fromkeys(r for r in (judge, reviewer) if r is not None))
        if not roles:
            return None
        said: dict[str, object] = {
            "kind": "PROCEDURE_REVIEW" if reviewer else "HUMAN_JUDGEMENT",
            "roles": roles,
            "in_turn": len(roles) > 1,
        }
        if reviewer and may_come_back(procedure):
            first = self.groups[procedure.id][0]
            said["rework"] = tuple(self.ids[procedure.id, s.id] for s in first)
        revisions = self.overlay.revisions(procedure)
        if revisions is not None:
            said["rework_limit"] = min(revisions, MOST_REVISIONS)
        timing = self.overlay.transitions.defaults.timing
        if timing is not None:
            # Whoever has not signed by the time a change of state usually takes is reminded.
            said["remind"] = f"{round(timing.mu_hours * 3600)}s"
        return SignOff.model_validate(said)

    def _reviewer(self, procedure: BlueprintProcedure) -> Role | None:
        return reviewer_of(procedure, self.roles)

    def _gate(self, gate: Gate) -> Iterator[Step]:
        before = (self.gate_ids[gate.previous],) if gate.previous else ()
        after = (*before, *self._ends(gate.all_of))
        if gate.any_of:
            own = self._identifiers.take(f"{self.gate_ids[gate.phase.id]}_any")
            any_of = self._computed(gate, own, self._ends(gate.any_of), " || ")
            yield any_of.model_copy(update={"join": "any"})
            after = (*after, any_of.id)
        yield self._computed(gate, self.gate_ids[gate.phase.id], after, " && ")

    def _computed(self, gate: Gate, own: str, after: tuple[str, ...], and_or: str) -> Step:
        how = "any" if and_or == " || " else "all"
        terms = (f'status.{i} == "COMPLETED"' for i in after)
        return Step(
            id=own,
            name=self._identifiers.take(f"{gate.phase.id}_{how}_complete"),
            title=f"Gate: {gate.phase.name}",
            objective=f"Holds the next phase back until {how} of what closes '{gate.phase.name}' is complete.",
            compute={"is_met": Expression(and_or.join(terms))},
            after=after,
        )
