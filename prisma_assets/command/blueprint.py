"""The work behind `templates import-blueprint`: an audit methodology becomes a workflow template of the firm."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.agents.embedded.subject import procedure_for
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.command.output import answer, note, say
from prisma_assets.domain.errors import InputError, PermanentError
from prisma_assets.domain.workflow.blueprint import (
    Blueprint,
    BlueprintProcedure,
    BlueprintStep,
    Key,
)
from prisma_assets.domain.workflow.blueprint_note import notes
from prisma_assets.domain.workflow.blueprint_overlay import Overlay, parse_overlay
from prisma_assets.domain.workflow.blueprint_source import parse_blueprint
from prisma_assets.domain.workflow.blueprint_template import Doer, Translation, identifier
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.template_text import template_text
from prisma_assets.domain.workflow.validation import problems
from prisma_assets.engine.text_file import read_text

FALLBACK = "audit-doc-044"
"""Does the steps whose words no agent's card knows: documenting what people do is this agent's work."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody asks to be imported, as typed."""

    file: Path
    overlay: Path | None
    name: str | None
    output: Path | None
    force: bool


def import_blueprint(registry: AgentRegistry, asked: Asked, *, as_json: bool) -> None:
    """Translate the methodology and write the template.

    Raises:
        InputError: A file is wrong, the name is none, or the output exists already.
    """
    _refuse_overwriting(asked)
    text = read_text(asked.file)
    blueprint = parse_blueprint(text, file=str(asked.file))
    overlay = _overlay(asked.overlay)
    translation = Translation(
        blueprint=blueprint, overlay=overlay, doers=doers(blueprint, registry)
    )
    template = translation.template(_name(asked.name, blueprint))
    _check(template, registry)
    told = notes(translation)
    written = template_text(template, comment=_comment(asked, text, told))
    if asked.output is not None:
        _write(asked.output, written)
    if as_json:
        answer({**_summary(template, asked.output), "notes": told, **_inline(template, asked)})
        return
    for line in told:
        note(f"note: {line}")
    if asked.output is None:
        say(written.rstrip("\n"))
    else:
        say(f"{asked.output}: template '{template.name}' with {len(template.steps)} steps")


def doers(blueprint: Blueprint, registry: AgentRegistry) -> Mapping[Key, Doer]:
    """Choose who does each step: the firm's procedure that covers it, and the agent whose card speaks of it most.

    Args:
        blueprint: A methodology.
        registry: The firm's agents.
    """
    phases = [p.id for p in blueprint.phases_in_order()]
    filled = [p for p in phases if any(q.phase == p for q in blueprint.procedures)]
    last = filled[-1] if filled else None

    @cache
    def agent(question: str) -> str:
        found = registry.who_can(question, limit=1)
        return found[0].card.id if found else FALLBACK

    def doer(step: BlueprintStep, task: str | None) -> Doer:
        if task is None:
            return Doer(agent=agent(" ".join([step.description, *(s.ref for s in step.standards)])))
        brief = ASSIGNMENTS[task]
        about = " ".join((brief.title, brief.objective, *brief.references))
        return Doer(agent=agent(about), performs=task)

    return {
        (p.id, s.id): doer(s, task)
        for p in blueprint.procedures
        for s, task in _tasks(p, is_closing=p.phase == last)
    }


def _tasks(
    procedure: BlueprintProcedure, *, is_closing: bool
) -> list[tuple[BlueprintStep, str | None]]:
    """The firm's procedure for each step; a step that only designs work leaves it to the one that does it."""
    found = [
        (
            step,
            procedure_for(
                step.description,
                [(s.ref, s.paragraphs) for s in step.standards],
                is_closing=is_closing,
            ),
        )
        for step in procedure.steps
    ]
    done = {task for step, task in found if step.action != "design"}
    return [(s, None if s.action == "design" and task in done else task) for s, task in found]


def _overlay(path: Path | None) -> Overlay:
    return Overlay() if path is None else parse_overlay(read_text(path), file=str(path))


def _name(given: str | None, blueprint: Blueprint) -> str:
    if given is None:
        return identifier(blueprint.methodology.name)
    if identifier(given) != given:
        raise InputError(
            f"--name '{given}' is no name of a template; use lower-case letters, digits and _, e.g. '{identifier(given)}'"
        )
    return given


def _check(template: Template, registry: AgentRegistry) -> None:
    """The translation gives valid templates; what a person would have to mend was found in the blueprint."""
    found = problems(template, agents=registry.ids)
    if found:
        raise PermanentError(
            f"the blueprint was read, but its template is not valid: {found[0].sentence}"
        )


def _comment(asked: Asked, text: str, told: Sequence[str]) -> str:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    overlay = f" with the overlay {asked.overlay.name}" if asked.overlay is not None else ""
    lines = [
        f"Imported by `prisma-assets templates import-blueprint` from {asked.file.name} (sha256 {sha256[:12]}){overlay}.",
        "`parameters.performs` names the firm's own procedure that does the step's work; without it people do, and the step",
        "leaves them a workpaper. Change what does not fit.",
    ]
    return "\n".join([*lines, *(f"Note: {line}" for line in told)])


def _summary(template: Template, output: Path | None) -> dict[str, object]:
    return {
        "file": str(output) if output is not None else None,
        "name": template.name,
        "steps": len(template.steps),
        "sign_offs": sum(s.sign_off is not None for s in template.steps),
        "performed_by_procedures": sum("performs" in s.parameters for s in template.steps),
        "sha256": template.sha256,
    }


def _inline(template: Template, asked: Asked) -> dict[str, object]:
    """The template itself, when it is written nowhere else."""
    if asked.output is not None:
        return {}
    return {"template": template.model_dump(mode="json", exclude_defaults=True)}


def _refuse_overwriting(asked: Asked) -> None:
    if asked.output is None:
        return
    if asked.output.exists() and not asked.force:
        raise InputError(f"{asked.output} exists already; give --force to replace it")
    if not asked.output.parent.is_dir():
        raise InputError(f"{asked.output.parent}: no such folder; create it first")


def _write(path: Path, text: str) -> None:
    """Put the whole file in place at once, so that nobody reads half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(path)
