"""What a blueprint says that its template cannot, one sentence per kind; nothing is dropped in silence."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prisma_assets.domain.workflow.blueprint import BlueprintPart
from prisma_assets.domain.workflow.blueprint_order import gate_conditions
from prisma_assets.domain.workflow.blueprint_overlay import MOST_REVISIONS, without_meaning
from prisma_assets.domain.workflow.blueprint_role import (
    STEPS_COMPLETE,
    approval_of,
    is_approval,
    role_of,
)
from prisma_assets.domain.workflow.blueprint_template import Translation

_SHOWN = 5
"""Names given as examples; a blueprint may have hundreds of the kind."""


def notes(translation: Translation) -> list[str]:
    """What the template of this translation leaves out or reads in its own way."""
    blueprint = translation.blueprint
    found: list[str] = []
    for look in _LOOKS:
        found += look(translation)
    return [*found, *without_meaning(translation.overlay, blueprint)]


def _named(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _said(names: Iterable[str], sentence: str) -> Iterator[str]:
    """The sentence with the names in it, when there are any."""
    listed = list(names)
    if listed:
        yield sentence.format(_named(listed))


def _actors(translation: Translation) -> Iterator[str]:
    unclear = [a.id for a in translation.blueprint.actors if not role_of(a)[1]]
    yield from _said(unclear, "taken as EMPLOYEE, because their words name no role of the firm: {}")
    idle = [
        f"{p.id} ({r})"
        for p in translation.blueprint.procedures
        for r in p.required_roles
        if r not in {s.actor for s in p.steps}
    ]
    yield from _said(idle, "required roles that do no step of their procedure, not asked for: {}")


def _left_out(translation: Translation) -> Iterator[str]:
    blueprint, overlay = translation.blueprint, translation.overlay
    yield from _said(
        (p.id for p in blueprint.procedures if not p.steps),
        "procedures without steps are left out; what waits for them waits for what they wait for: {}",
    )
    yield from _said(
        (p.id for p in blueprint.procedures if p.steps and not overlay.takes(p)),
        "procedures the overlay's discriminators leave out; what waits for them waits for what they wait for: {}",
    )
    yield from _said(
        (s.id for p in blueprint.procedures if p.id in translation.groups for s in translation.skipped(p)),
        "steps without requirement left out, because the overlay lets their actor skip them: {}",
    )  # fmt: skip
    if not overlay.discriminators:
        kinds = (
            f"{p.id} ({v})"
            for p in blueprint.procedures
            for vs in p.discriminators.values()
            for v in vs
            if v != "core"
        )
        yield from _said(
            kinds,
            "procedures for certain engagements only are included; an overlay with `discriminators` chooses: {}",
        )


def _phases(translation: Translation) -> Iterator[str]:
    blueprint = translation.blueprint
    filled = {p.phase for p in blueprint.procedures}
    yield from _said((p.id for p in blueprint.phases if p.id not in filled), "phases without procedures: {}")  # fmt: skip
    in_order = {p.id for p in blueprint.phases_in_order()}
    yield from _said(
        (p.id for p in blueprint.phases if p.id not in in_order),
        "phases that go on all the time begin with the workflow, and no gate waits for them: {}",
    )
    machines = {p.id: approval_of(p) for p in blueprint.procedures}
    early = (
        f"{c.procedure} ({c.state})"
        for _, c in gate_conditions(blueprint)
        if (t := machines[c.procedure]) is not None and c.state != t.to_state
    )
    yield from _said(
        early,
        "gates ask for a state short of approval; the template waits until these are approved: {}",
    )


def _guards(translation: Translation) -> Iterator[str]:
    blueprint = translation.blueprint
    other = (
        f"{g} ({p.id})"
        for p in blueprint.procedures
        for t in (p.aggregate.transitions if p.aggregate else ())
        for g in t.guards
        if g != STEPS_COMPLETE and not is_approval(g)
    )
    yield from _said(
        other, "guards that a template cannot check; people see to them when they sign: {}"
    )
    fields = (s.id for _, s in blueprint.steps() if s.guards)
    yield from _said(
        fields,
        "what a step must state is listed in its workpaper for the person who signs, not checked: {}",
    )


def _decisions(translation: Translation) -> Iterator[str]:
    asking = [s for _, s in translation.blueprint.steps() if s.decisions]
    yield from _said(
        (s.id for s in asking),
        "decisions are put to people in the workpaper; no step is left out by their answer: {}",
    )
    jumps = (
        f"{s.id} -> {b.next_step}"
        for s in asking
        for d in s.decisions
        for b in d.branches
        if b.next_step
    )
    yield from _said(jumps, "steps an answer leads to are done whatever the answer is: {}")


def _knowledge(translation: Translation) -> Iterator[str]:
    refs = (
        f"{p.id} ({', '.join(p.knowledge_refs)})"
        for p in translation.blueprint.procedures
        if p.knowledge_refs
    )
    yield from _said(
        refs, "knowledge_refs make nothing wait; a step reads what comes before it: {}"
    )


def _limits(translation: Translation) -> Iterator[str]:
    capped = (
        p.id
        for p in translation.blueprint.procedures
        if p.id in translation.groups and (translation.overlay.revisions(p) or 0) > MOST_REVISIONS
    )
    yield from _said(
        capped, f"the overlay allows more revisions than {MOST_REVISIONS}, the most of a template: {{}}"
    )  # fmt: skip


def _unused(translation: Translation) -> Iterator[str]:
    """Fields of the format that have no counterpart."""
    blueprint = translation.blueprint
    procedures, steps = blueprint.procedures, [s for _, s in blueprint.steps()]
    machines = [t for p in procedures if p.aggregate for t in p.aggregate.transitions]
    places: Sequence[tuple[str, Sequence[BlueprintPart], Sequence[str]]] = (
        ("", [blueprint], _WHOLE),
        ("standards_catalog.", blueprint.standards_catalog, _STANDARD),
        ("evidence_catalog.", blueprint.evidence_catalog, _EVIDENCE),
        ("transitions.", machines, ("command", "emits")),
        ("steps.", steps, _STEP),
    )
    used = (
        f"{prefix}{field}"
        for prefix, parts, fields in places
        for field in fields
        if any(getattr(part, field) not in (None, (), {}) for part in parts)
    )
    names = list(used)
    if names:
        yield f"not used: {', '.join(names)}"


_WHOLE = (
    "depth", "forms_catalog", "standard_dependencies", "coverage", "form_enrichment", "projections", "reports",
)  # fmt: skip
_STANDARD = (
    "isa_group", "requirement_count", "application_count", "paragraphs", "dependencies",
)  # fmt: skip
_EVIDENCE = (
    "lifecycle", "source_forms", "signoff_required", "required_fields", "is_noise", "source_type",
    "responsible_actor", "expected_content",
)  # fmt: skip
_STEP = (
    "emits", "ai_capabilities", "isa_mandate", "form_refs", "deliverable_fields", "standard_field_trace",
)  # fmt: skip
_LOOKS: tuple[Callable[[Translation], Iterator[str]], ...] = (
    _actors, _left_out, _phases, _guards, _decisions, _knowledge, _limits, _unused,
)  # fmt: skip
