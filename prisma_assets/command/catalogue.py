"""`templates` and `agents`: what the firm has."""

from pathlib import Path
from typing import Annotated

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.settings import Settings

templates = typer.Typer(help="Workflow templates.", no_args_is_help=True)
agents = typer.Typer(help="The firm's agents.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(templates, name="templates")
    app.add_typer(agents, name="agents")


@templates.command("list")
def list_templates(as_json: AsJson = False) -> None:
    """List the templates, and by which versions of them executions still run.

    What is wrong with those that cannot be used follows on standard error. `in_use` is null when no database runs.
    """
    from dataclasses import asdict

    from prisma_assets.command.connection import library, versions_in_use

    settings = Settings.from_environ()
    found = library(settings)
    in_use = versions_in_use(settings)
    rows = [(t.name, t.version, len(t.steps), t.title) for t in found.templates.values()]
    if as_json:
        keys = ("name", "version", "steps", "title")
        answer(
            {
                "templates": [dict(zip(keys, r, strict=True)) for r in rows],
                "problems": list(found.problems),
                "in_use": None
                if in_use is None
                else [{**asdict(v), "job": found.job_of(v.name, v.sha256)} for v in in_use],
            }
        )
        return
    table(["name", "version", "steps", "title"], rows)
    if in_use:
        say("")
        table(
            ["running", "version", "executions", "job"],
            [(v.name, v.version, v.executions, found.job_of(v.name, v.sha256)) for v in in_use],
        )
    for problem in found.problems:
        note(problem)


@templates.command("show")
def show_template(name: str, as_json: AsJson = False) -> None:
    """Show a template's inputs and steps."""
    from prisma_assets.command.connection import library

    template = library(Settings.from_environ()).get(name)
    if as_json:
        answer({**template.model_dump(mode="json"), "sha256": template.sha256})
        return
    say(
        f"{template.title} ({template.name} {template.version})",
        "",
        template.description.strip(),
        "",
    )
    for key, given in template.inputs.items():
        say(
            f"input {key} ({given.type}{', required' if given.required else ''}): {given.description}"
        )
    rows = [
        (
            s.id,
            s.title,
            s.agent,
            " ".join(s.after),
            s.when,
            " ".join(r.role for r in s.sign_off.roles) if s.sign_off else "",
        )
        for s in template.steps
    ]
    table(["step", "what", "agent", "after", "when", "sign-off"], rows)


@templates.command("check")
def check_template(file: Path, as_json: AsJson = False) -> None:
    """Check a template file.

    Every mistake is named with line, column and the mend.
    """
    from prisma_assets.command.connection import firm, library

    template = library(Settings.from_environ()).read(file, agents=firm().ids)
    found = {
        "file": str(file),
        "name": template.name,
        "steps": len(template.steps),
        "sha256": template.sha256,
    }
    if as_json:
        answer(found)
    else:
        say(f"{file}: template '{template.name}' with {len(template.steps)} steps is valid")


@templates.command("graph")
def graph_template(
    name: Annotated[str, typer.Argument(help="Name of a template, or a template file.")],
    svg: Annotated[
        bool, typer.Option("--svg", help="Draw an SVG instead of Mermaid text.")
    ] = False,
) -> None:
    """Print a template's steps as a picture.

    Mermaid text for documents and chats, or an SVG for a browser; conditional steps are dashed.
    """
    from prisma_assets.command.connection import firm, library
    from prisma_assets.domain.workflow import graph

    path = Path(name)
    found = library(Settings.from_environ())
    if path.suffix in (".yaml", ".yml"):
        template = found.read(path, agents=firm().ids)
    else:
        template = found.get(name)
    say((graph.svg if svg else graph.mermaid)(template).rstrip())


@templates.command("schema")
def template_schema() -> None:
    """Print the JSON schema of template files.

    Editors use it to complete keys and mark mistakes while you write.
    """
    from prisma_assets.domain.workflow import json_schema

    answer(json_schema.template_schema())


@templates.command("import-blueprint")
def import_blueprint(
    file: Annotated[Path, typer.Argument(help="Audit methodology (blueprint YAML).")],
    overlay: Annotated[
        Path | None, typer.Option(help="File that sets limits, times and kinds of engagement.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the template; default: the methodology's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Template file; default: standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing FILE.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a template of an audit methodology.

    Procedures, preconditions, gates, reviews and who may judge become steps, order and sign-offs; what a template cannot
    say is noted on standard error and in the file.
    """
    from prisma_assets.command import blueprint
    from prisma_assets.command.connection import firm

    asked = blueprint.Asked(file=file, overlay=overlay, name=name, output=output, force=force)
    blueprint.import_blueprint(firm(), asked, as_json=as_json)


@agents.command("list")
def list_agents(
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    risk: Annotated[str | None, typer.Option(help="Only this risk level.")] = None,
    who_can: Annotated[
        str | None, typer.Option("--who-can", help="Rank by what the agent can do.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the agents, or answer who can do something."""
    from prisma_assets.command.connection import firm

    registry = firm()
    if who_can is not None:
        candidates = registry.who_can(who_can)
        if as_json:
            answer(
                {
                    "agents": [
                        {"id": c.card.id, "name": c.card.name, "why": c.why} for c in candidates
                    ]
                }
            )
        else:
            table(["id", "name", "why"], [(c.card.id, c.card.name, c.why) for c in candidates])
        return
    found = registry.find(domain=domain, risk=risk)
    if as_json:
        answer({"agents": [c.model_dump(mode="json") for c in found]})
    else:
        table(
            ["id", "name", "domain", "autonomy", "risk"],
            [(c.id, c.name, c.domain, c.autonomy, c.risk) for c in found],
        )


@agents.command("show")
def show_agent(agent_id: str, as_json: AsJson = False) -> None:
    """Show one agent's card."""
    from prisma_assets.command.connection import firm

    card = firm().get(agent_id)
    if as_json:
        answer(card.model_dump(mode="json"))
        return
    say(f"{card.name} ({card.id}, version {card.version})", "", card.does, "")
    say(f"domain {card.domain}, autonomy {card.autonomy}, risk {card.risk}, tier {card.tier}")
    say(f"tools: {', '.join(card.tools)}", f"standards: {', '.join(card.standards) or 'none'}")
