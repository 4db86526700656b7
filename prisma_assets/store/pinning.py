"""What executions work by, in PostgreSQL: contents of templates and cards of agents, each kept once under its hash."""

from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg.rows import dict_row

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.named_query import named_query

CONNECT_SECONDS = 2
"""The definitions load without the database when it does not answer; libpq waits no shorter (manual, connect_timeout)."""


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """The content of one template."""

    sha256: str
    name: str
    version: str
    content: str
    """JSON."""
    compensated_steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgentVersion:
    """The card of one agent."""

    sha256: str
    agent_id: str
    version: str
    card: str
    """JSON."""


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What an execution works by from its first step to its last."""

    template: TemplateVersion
    agents: tuple[AgentVersion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunningVersion:
    """A content that executions which are not over work by."""

    name: str
    version: str
    sha256: str
    executions: int


async def keep(tx: Transaction, pins: Pins) -> None:
    """Keep what an execution is opened by, unless it is kept already."""
    template = pins.template
    await tx.execute(
        "upsert_template_version",
        {
            "sha256": template.sha256,
            "name": template.name,
            "version": template.version,
            "content": template.content,
            "compensated_steps": list(template.compensated_steps),
        },
    )
    params = {
        "sha256s": [a.sha256 for a in pins.agents],
        "agent_ids": [a.agent_id for a in pins.agents],
        "versions": [a.version for a in pins.agents],
        "cards": [a.card for a in pins.agents],
    }
    await tx.execute("insert_agent_cards", params)


async def template_content(database: Database, sha256: str) -> str | None:
    """The content kept under that hash, as JSON; None for executions older than the table."""
    rows = await database.fetch("template_content", {"sha256": sha256})
    return str(rows[0]["content"]) if rows else None


async def agent_cards(database: Database, sha256s: Collection[str]) -> list[str]:
    """The cards kept under those hashes, as JSON."""
    rows = await database.fetch("agent_cards", {"sha256s": list(sha256s)})
    return [r["card"] for r in rows]


async def touch(database: Database, sha256: str) -> None:
    """Say that the content is used: definitions that load from now on hold it, however old it is."""
    await database.execute("touch_template_version", {"sha256": sha256})


async def running_versions(database: Database) -> list[RunningVersion]:
    """Every content with executions that are not over, newest first within a name."""
    return [RunningVersion(**r) for r in await database.fetch("running_template_versions")]


def needed_contents(
    url: str, *, other_than: Collection[str], days: int, limit: int
) -> list[TemplateVersion]:
    """Contents unfinished executions work by, latest use first; none when the database cannot say.

    On a connection of its own, closed before it returns: definitions load in processes that are forked afterwards.

    Args:
        url: The product's database.
        other_than: Hashes of the contents at hand.
        days: How long one stays whose executions have all failed or been cancelled.
        limit: How many at most.
    """
    params = {"except": list(other_than), "days": days, "limit": limit}
    return [
        TemplateVersion(
            sha256=r["sha256"], name=r["name"], version=r["version"], content=r["content"]
        )
        for r in _ask(url, "needed_template_versions", params)
    ]


def latest_cards(url: str, agent_ids: Collection[str]) -> list[str]:
    """The newest cards kept of these agents, as JSON; none when the database cannot say."""
    return [r["card"] for r in _ask(url, "latest_agent_cards", {"agent_ids": list(agent_ids)})]


def _ask(url: str, query: str, params: dict[str, object]) -> list[dict[str, str]]:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS, row_factory=dict_row) as asked:
            return asked.execute(named_query(query), params).fetchall()
    except (psycopg.OperationalError, psycopg.ProgrammingError):
        return []  # Not there, not migrated, or no address: the templates of today work without it.
