"""An overlay of a blueprint: how much of it is done, how often work may come back, how long things take.

Overlays are written for simulating audits; what they say of chances (revisions, anomalies, numbers of documents) has no
meaning for a template and is told as a note.
"""

from typing import Final

from pydantic import Field, JsonValue

from prisma_assets.domain.workflow.blueprint import Blueprint, BlueprintPart, BlueprintProcedure
from prisma_assets.domain.yaml_source import parse_model

MOST_REVISIONS: Final = 10
"""The most a template's `rework_limit` may say."""


class Timing(BlueprintPart):
    """How long a change of state takes."""

    mu_hours: float = Field(gt=0)
    sigma_hours: float = Field(default=0, ge=0)


class TransitionDefaults(BlueprintPart):
    """What holds for every transition."""

    revision_probability: float | None = None
    timing: Timing | None = None


class Transitions(BlueprintPart):
    """How transitions go."""

    defaults: TransitionDefaults = TransitionDefaults()
    overrides: JsonValue = None


class IterationLimits(BlueprintPart):
    """How many transitions a procedure's state machine may make at most."""

    default: int | None = Field(default=None, ge=1)
    per_procedure: dict[str, int] = Field(default_factory=dict)


class ActorProfile(BlueprintPart):
    """How somebody works."""

    revision_multiplier: float | None = None
    evidence_multiplier: float | None = None
    skip_guidance_steps: bool = False


class ResourceCosts(BlueprintPart):
    """What work costs."""

    cost_multiplier: float = Field(default=1.0, gt=0)
    """Of the procedures' hours."""
    role_hourly_rates: dict[str, float] = Field(default_factory=dict)
    per_procedure_multipliers: dict[str, float] = Field(default_factory=dict)


class Overlay(BlueprintPart):
    """What an overlay file says."""

    blueprint_id: str | None = None
    depth: str | None = None
    max_self_loop_iterations: int | None = Field(default=None, ge=1)
    """Review and revise cycles at most."""
    transitions: Transitions = Transitions()
    artifacts: JsonValue = None
    iteration_limits: IterationLimits = IterationLimits()
    anomalies: JsonValue = None
    resource_costs: ResourceCosts = ResourceCosts()
    actor_profiles: dict[str, ActorProfile] = Field(default_factory=dict)
    discriminators: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Only procedures with one of these values in every category are done."""

    def takes(self, procedure: BlueprintProcedure) -> bool:
        """Whether the procedure is for this kind of engagement; one that names no kind is for all."""
        own = procedure.discriminators
        return all(
            set(own[category]) & set(wanted)
            for category, wanted in self.discriminators.items()
            if category in own
        )

    def skips_guidance(self, actor: str) -> bool:
        """Whether that actor leaves out steps no standard requires."""
        profile = self.actor_profiles.get(actor)
        return profile is not None and profile.skip_guidance_steps

    def revisions(self, procedure: BlueprintProcedure) -> int | None:
        """How often the procedure's work may be sent back, at least 1; None: the overlay does not say."""
        limits = self.iteration_limits
        transitions = limits.per_procedure.get(procedure.id, limits.default)
        if self.max_self_loop_iterations is not None:
            return self.max_self_loop_iterations
        if transitions is None or procedure.aggregate is None:
            return None
        # Straight through takes one transition per state but the first; each revision takes two more: back, and forth again.
        return max(1, (transitions - (len(procedure.aggregate.states) - 1)) // 2)

    def hours(self, procedure: BlueprintProcedure) -> float | None:
        """Hours budgeted for the procedure; None: the blueprint does not say."""
        costs = self.resource_costs
        own = costs.per_procedure_multipliers.get(procedure.id, 1.0)
        base = procedure.base_hours
        return None if base is None else round(base * costs.cost_multiplier * own, 2)


def parse_overlay(text: str, *, file: str) -> Overlay:
    """Read an overlay.

    Raises:
        InputError: One line per mistake, with file, line, column and the mend.
    """
    return parse_model(text, Overlay, file=file)


def without_meaning(overlay: Overlay, blueprint: Blueprint) -> list[str]:
    """What the overlay says that a template cannot, as sentences."""
    said = {
        "how likely a revision is": overlay.transitions.defaults.revision_probability,
        "transitions.overrides": overlay.transitions.overrides,
        "how many documents a step leaves": overlay.artifacts,
        "how likely anomalies are": overlay.anomalies,
        "hourly rates": overlay.resource_costs.role_hourly_rates,
        "depth": overlay.depth,
        "blueprint_id": overlay.blueprint_id,
    }
    unused = [name for name, value in said.items() if value]
    notes = [f"overlay: {', '.join(unused)}: a template has no place for it"] if unused else []
    named = {
        *overlay.iteration_limits.per_procedure,
        *overlay.resource_costs.per_procedure_multipliers,
    }
    strangers = sorted(named - {p.id for p in blueprint.procedures})
    if strangers:
        notes.append(
            f"overlay: limits for procedures the blueprint does not have: {', '.join(strangers)}"
        )
    unknown = sorted(set(overlay.actor_profiles) - {a.id for a in blueprint.actors})
    if unknown:
        notes.append(
            f"overlay: profiles of actors the blueprint does not have: {', '.join(unknown)}"
        )
    return notes
