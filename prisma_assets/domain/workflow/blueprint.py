"""The model of an audit methodology as a blueprint: phases with gates, procedures with state machines, steps with actors.

The format is the YAML one of audit process generators (blueprint schema 1.0). Reading a file and what must hold between its
parts is `blueprint_source`; what becomes of it here is `blueprint_template`.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Binding = Literal["requirement", "guidance", "informational", "example"]
"""requirement: the standard says "shall". The others may be left out by whoever is allowed to."""
JudgementLevel = Literal["human_required", "ai_assistable", "data_only"]
"""Who may judge: only people; an agent drafts and people review; computed from data."""
Key = tuple[str, str]
"""A step: id of its procedure and its own, which is unique in the procedure only."""


class BlueprintPart(BaseModel):
    """Base of the parts: immutable, unknown keys refused, since a misspelt `preconditions` would lose the order."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Methodology(BlueprintPart):
    """What the blueprint describes."""

    name: str = Field(min_length=1)
    version: str
    framework: str
    description: str = ""


class Actor(BlueprintPart):
    """Somebody who does or reviews work."""

    id: str
    name: str
    responsibilities: tuple[str, ...] = ()


class CatalogStandard(BlueprintPart):
    """A standard the methodology rests on."""

    ref: str
    title: str
    binding: Binding = "requirement"
    isa_group: str | None = None
    requirement_count: int | None = None
    application_count: int | None = None
    paragraphs: JsonValue = None
    dependencies: JsonValue = None


class CatalogEvidence(BlueprintPart):
    """A document the work produces or rests on."""

    id: str
    name: str
    type: str
    lifecycle: tuple[str, ...] = ()
    source_forms: JsonValue = None
    signoff_required: JsonValue = None
    required_fields: JsonValue = None
    is_noise: bool | None = None
    source_type: str | None = None
    responsible_actor: str | None = None
    expected_content: str | None = None


class GateCondition(BlueprintPart):
    """A procedure that must have reached a state."""

    procedure: str
    state: str


class PhaseGate(BlueprintPart):
    """What must hold before the next phase begins."""

    all_of: tuple[GateCondition, ...] = ()
    any_of: tuple[GateCondition, ...] = ()


class Phase(BlueprintPart):
    """A stretch of the audit."""

    id: str
    name: str
    order: int | None = None
    """Place among the phases; None: as in the file. Below 0: goes on all the time, before and behind no gate."""
    description: str = ""
    gate: PhaseGate | None = None


class Transition(BlueprintPart):
    """A change of a procedure's state."""

    from_state: str
    to_state: str
    command: str | None = None
    emits: str | None = None
    guards: tuple[str, ...] = ()


class Aggregate(BlueprintPart):
    """The state machine of a procedure."""

    initial_state: str
    states: tuple[str, ...] = Field(min_length=1)
    transitions: tuple[Transition, ...] = ()

    def reach(self, state: str) -> frozenset[str]:
        """States that can follow that one, directly or not."""
        seen: set[str] = set()
        todo = [state]
        while todo:
            current = todo.pop()
            further = {t.to_state for t in self.transitions if t.from_state == current} - seen
            seen |= further
            todo += further
        return frozenset(seen)


class StepGuard(BlueprintPart):
    """What a step must have stated before it counts as done."""

    type: str
    fields: tuple[str, ...] = ()


class EvidenceRef(BlueprintPart):
    """A document of the catalog."""

    ref: str
    type: str | None = None


class StepEvidence(BlueprintPart):
    """What a step reads and leaves."""

    inputs: tuple[EvidenceRef, ...] = ()
    outputs: tuple[EvidenceRef, ...] = ()


class StepStandard(BlueprintPart):
    """Paragraphs a step answers."""

    ref: str
    paragraphs: tuple[str, ...] = ()
    binding: Binding = "requirement"

    @property
    def cited(self) -> str:
        """As workpapers cite it, e.g. `ISA 220 12, 13`."""
        return " ".join([self.ref, ", ".join(self.paragraphs)]).strip()


class Branch(BlueprintPart):
    """One answer to a decision."""

    label: str
    description: str = ""
    next_step: str | None = None


class Decision(BlueprintPart):
    """A question whose answer is a person's."""

    condition: str
    branches: tuple[Branch, ...] = ()


class BlueprintStep(BlueprintPart):
    """One step of a procedure."""

    id: str
    order: int | None = None
    """Place in the procedure; equal numbers may be done side by side. None: as in the file."""
    action: str = ""
    actor: str
    description: str
    binding: Binding = "requirement"
    command: str | None = None
    emits: str | None = None
    guards: tuple[StepGuard, ...] = ()
    evidence: StepEvidence = StepEvidence()
    standards: tuple[StepStandard, ...] = ()
    decisions: tuple[Decision, ...] = ()
    judgment_level: JudgementLevel | None = None
    ai_capabilities: tuple[str, ...] = ()
    human_responsibilities: tuple[str, ...] = ()
    isa_mandate: str | None = None
    form_refs: JsonValue = None
    deliverable_fields: JsonValue = None
    standard_field_trace: JsonValue = None


class BlueprintProcedure(BlueprintPart):
    """A procedure: steps, what must be completed first, and how it is reviewed."""

    id: str
    phase: str
    title: str
    base_hours: float | None = Field(default=None, gt=0)
    required_roles: tuple[str, ...] = ()
    discriminators: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Kinds of engagement it is for, by category."""
    aggregate: Aggregate | None = None
    steps: tuple[BlueprintStep, ...] = ()
    preconditions: tuple[str, ...] = ()
    knowledge_refs: tuple[str, ...] = ()
    """Procedures whose results help; they do not have to come first."""

    def in_groups(self) -> list[tuple[BlueprintStep, ...]]:
        """Steps by `order`; those of one group may be done side by side."""
        groups: dict[int, list[BlueprintStep]] = {}
        for position, step in enumerate(self.steps, start=1):
            groups.setdefault(step.order if step.order is not None else position, []).append(step)
        return [tuple(groups[order]) for order in sorted(groups)]


class Blueprint(BlueprintPart):
    """An audit methodology."""

    schema_version: Literal["1.0"]
    depth: str | None = None
    methodology: Methodology
    discriminators: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    actors: tuple[Actor, ...] = Field(min_length=1)
    standards_catalog: tuple[CatalogStandard, ...] = ()
    evidence_catalog: tuple[CatalogEvidence, ...] = ()
    phases: tuple[Phase, ...] = Field(min_length=1)
    procedures: tuple[BlueprintProcedure, ...] = Field(min_length=1)
    forms_catalog: JsonValue = None
    standard_dependencies: JsonValue = None
    coverage: JsonValue = None
    form_enrichment: JsonValue = None
    projections: JsonValue = None
    reports: JsonValue = None

    def steps(self) -> Iterator[tuple[BlueprintProcedure, BlueprintStep]]:
        """Every step with its procedure, in file order."""
        for procedure in self.procedures:
            for step in procedure.steps:
                yield procedure, step

    def phases_in_order(self) -> list[Phase]:
        """Phases as they follow each other; those that go on all the time are not among them."""
        numbered = [
            (p.order if p.order is not None else n, n, p) for n, p in enumerate(self.phases, 1)
        ]
        return [p for order, _, p in sorted(numbered, key=lambda x: x[:2]) if order >= 0]
