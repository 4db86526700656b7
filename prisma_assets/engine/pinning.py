"""What an execution works by, from its first step to its last: its template and its agents as they were when it was opened."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.store.database import Database
from prisma_assets.store.pinning import (
    AgentVersion,
    Pins,
    TemplateVersion,
    agent_cards,
    latest_cards,
    needed_contents,
    template_content,
)
from prisma_assets.store.workflow_record import Execution

KEPT_DAYS = 30
"""So long the definitions hold a content whose executions have all failed or been cancelled: as long as a month's work is
looked after. Who resumes a later one brings its content back."""

MOST_EARLIER = 20
"""So many earlier contents the definitions hold: each takes about 30 ms at every load, and a firm that changes its
templates every week runs a handful at a time."""


def pins_of(template: Template, registry: AgentRegistry) -> Pins:
    """What an execution that is opened now works by: the template, and the agents it names.

    Raises:
        UnknownAgentError: The firm has no such agent.
    """
    ids = sorted({agent for step in template.steps for _, agent in step.agents})
    return Pins(
        template=TemplateVersion(
            sha256=template.sha256,
            name=template.name,
            version=template.version,
            content=template.content,
            compensated_steps=tuple(s.id for s in template.steps if s.compensate is not None),
        ),
        agents=tuple(_version(registry.get(agent_id)) for agent_id in ids),
    )


def _version(card: AgentCard) -> AgentVersion:
    return AgentVersion(
        sha256=card.sha256, agent_id=card.id, version=card.version, card=card.content
    )


async def pinned_template(
    database: Database, execution: Execution, library: TemplateLibrary
) -> Template:
    """The template an execution works by, whatever its file says now.

    Raises:
        InputError: It is not known any more, or this version of the product cannot read it.
    """
    at_hand = library.templates.get(execution.template_name)
    if at_hand is not None and at_hand.sha256 == execution.template_sha256:
        return at_hand
    content = await template_content(database, execution.template_sha256)
    if content is None:
        raise InputError(
            f"execution {execution.id} was opened before templates were kept, by version {execution.template_version} "
            f"of '{execution.template_name}', which is not at hand; put that file back, or start a new execution"
        )
    return _read(content, about=f"execution {execution.id}")


def _read(content: str, *, about: str) -> Template:
    try:
        return Template.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{about} works by a template this version of the product cannot read ({where}: {first['msg']}); "
            "finish it with the version it was opened with, or start a new execution"
        ) from error


async def pinned_registry(
    database: Database, execution: Execution, registry: AgentRegistry
) -> AgentRegistry:
    """The firm's agents, those the execution was opened with as they were then."""
    wanted = _changed(execution, registry)
    if not wanted:
        return registry
    cards = await agent_cards(database, wanted.values())
    return registry.with_cards(AgentCard.model_validate_json(card) for card in cards)


def changed_agents(execution: Execution, registry: AgentRegistry) -> tuple[str, ...]:
    """Ids of the agents that are not today what they were when the execution was opened."""
    served: Mapping[str, str] = execution.context.get("served", {})
    return tuple(agent_id for agent_id in _changed(execution, registry) if agent_id not in served)


def _changed(execution: Execution, registry: AgentRegistry) -> Mapping[str, str]:
    pinned: Mapping[str, str] = execution.context.get("agent_versions", {})
    return {
        agent_id: sha256
        for agent_id, sha256 in pinned.items()
        if agent_id not in registry.ids or registry.get(agent_id).sha256 != sha256
    }


def with_needed(library: TemplateLibrary, url: str) -> TemplateLibrary:
    """The library and the contents that unfinished executions still work by; the same where the database cannot say."""
    at_hand = {t.sha256 for t in library.templates.values()}
    versions = needed_contents(url, other_than=at_hand, days=KEPT_DAYS, limit=MOST_EARLIER)
    earlier: list[Template] = []
    problems = list(library.problems)
    for version in versions:
        about = f"an unfinished execution of '{version.name}' {version.version}"
        try:
            earlier.append(_read(version.content, about=about))
        except InputError as error:
            problems.append(str(error))
    return replace(library, earlier=tuple(earlier), problems=tuple(problems))


def with_former(registry: AgentRegistry, templates: Iterable[Template], url: str) -> AgentRegistry:
    """The firm's agents, and those of these templates that it has no longer, as they were last."""
    named = {agent for t in templates for step in t.steps for _, agent in step.agents}
    gone = named - registry.ids
    if not gone:
        return registry
    return registry.with_cards(
        AgentCard.model_validate_json(card) for card in latest_cards(url, gone)
    )
