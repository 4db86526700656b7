"""Takes in runs that somebody else recorded: checked, priced, stored once. Where rows come from does not belong here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from prisma_assets.agents.price import price_use
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.agent_run import AgentRun, read_run
from prisma_assets.domain.learning.run_mapping import RunMapping
from prisma_assets.learning.taken import Row, Taken
from prisma_assets.store.agent_run import AgentRunStore

_BATCH = 5_000
"""Runs per statement: about two megabytes, beyond which a statement gains nothing."""

_USE = ("model", "provider", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning")


async def take_runs(
    rows: Iterable[Row], mapping: RunMapping, *, agents: frozenset[str], store: AgentRunStore
) -> Taken:
    """Store the good rows, a batch at a time, and say what is wrong with the others."""
    taken = Taken()
    runs = _checked(rows, mapping, agents, taken.rejected)
    while batch := list(islice(runs, _BATCH)):
        new = await store.add(batch, source="file")
        taken.accepted += new
        taken.duplicates += len(batch) - new
    return taken


def _checked(
    rows: Iterable[Row],
    mapping: RunMapping,
    agents: frozenset[str],
    rejected: list[tuple[int, str]],
) -> Iterator[AgentRun]:
    now = datetime.now(UTC)
    for number, values in rows:
        if isinstance(values, str):
            rejected.append((number, values))
            continue
        try:
            yield priced(read_run(mapping.values(values), agents=agents, now=now))
        except InputError as error:
            rejected.append((number, str(error)))


def priced(run: AgentRun) -> AgentRun:
    """The run with the price of its tokens, unless its cost was reported or something needed is unknown."""
    if run.cost_usd is not None:
        return run
    found = price_use({name: getattr(run, name) for name in _USE}, at=run.started_at)
    if found is None:
        return run
    return replace(run, cost_usd=round(found.usd, 6), price_version=found.version)
