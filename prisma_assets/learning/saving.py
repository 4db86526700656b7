"""Savings: found in what was paid, measured in what is not paid any more, and how far they reach towards the target."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from prisma_assets.domain.monitoring.saving import (
    MONTH_DAYS,
    TARGET,
    Amount,
    Kind,
    NoEvidence,
    Option,
    Saving,
    Sums,
    changed,
    cheapest,
    counted,
)
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import Row
from prisma_assets.store.spend import SpendStore

_BEFORE_DAYS = 28
"""Days before a change that it is compared with when both versions never ran on the same days: four of each weekday."""


@dataclass(frozen=True, kw_only=True)
class CacheShare:
    """How much of what a model read came from its provider's cache."""

    provider: str | None
    model: str | None
    n: int
    """Runs that reported tokens."""
    share: float
    """Of the tokens read, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Savings:
    """What is saved and could be, over some days."""

    since: date
    until: date
    spent_usd: float | None
    """Of the runs with a price; None: none has one."""
    unpriced: int
    found: tuple[Saving, ...]
    """The largest first."""
    no_evidence: tuple[NoEvidence, ...]
    prompt_caches: tuple[CacheShare, ...]
    """Of models that read anything from a cache."""
    target: float = TARGET
    """Share of the cost that the firm means to save."""

    @property
    def realised(self) -> tuple[Saving, ...]:
        """Saved already, as measured."""
        return tuple(s for s in self.found if s.is_realised)

    @property
    def possible(self) -> tuple[Saving, ...]:
        """Still paid."""
        return tuple(s for s in self.found if not s.is_realised)

    @property
    def saved_usd(self) -> Amount | None:
        """Saved so far in these days; None: nothing measured says so. The interval adds up those of its parts, so it is too wide."""
        parts = [s.amount for s in self.realised]
        if not parts:
            return None
        low, high = sum(p.low for p in parts), sum(p.high for p in parts)
        return Amount(usd=sum(p.usd for p in parts), low=low, high=high)

    @property
    def saved_share(self) -> float | None:
        """Of what these days would have cost without the savings; None: nothing was spent or saved that is known."""
        saved = self.saved_usd
        if saved is None or self.spent_usd is None or not self.spent_usd + saved.usd:
            return None
        return saved.usd / (self.spent_usd + saved.usd)


async def savings(database: Database, *, since: date, until: date) -> Savings:
    """Find and measure savings in the UTC days from `since` to `until`, both included.

    Args:
        database: Where days are counted and calls recorded.
        since: First day.
        until: Last day, not before the first.
    """
    store = SpendStore(source=database)
    month = MONTH_DAYS / ((until - since).days + 1)
    agents = await store.of_agents(since, until)
    found = [
        *_events("cache hits", await store.cache_hits(since, until), month),
        *await _versions(store, since, until, month),
        *_events("repeated work", await store.repeats(since, until), month),
        *_events("failed work", _failures(agents), month),
    ]
    models = _models(agents, month)
    found += [m for m in models if isinstance(m, Saving)]
    costs = [row["cost_usd"] for row in agents if row["cost_usd"] is not None]
    return Savings(
        since=since,
        until=until,
        spent_usd=float(sum(costs)) if costs else None,
        unpriced=sum(row["unpriced"] for row in agents),
        found=tuple(sorted(found, key=lambda s: -s.amount.usd)),
        no_evidence=tuple(m for m in models if isinstance(m, NoEvidence)),
        prompt_caches=tuple(_prompt_caches(agents)),
    )


_SAYS: dict[Kind, tuple[str, str]] = {
    "cache hits": ("results of earlier calls answered; the amount is what those calls had cost", ""),
    "repeated work": (
        "calls gave the same agent version the same input again",
        "let the step take earlier results: `cache` in its template",
    ),
    "failed work": ("runs failed and were paid for", "read the error types: prisma-assets metrics AGENT"),
}  # fmt: skip


def _events(kind: Kind, rows: Iterable[Row], month: float) -> Iterator[Saving]:
    """One saving an agent, of single events that cost money."""
    says, action = _SAYS[kind]
    for row in rows:
        priced = row["n"] - row["unpriced"]
        if not row["cost_usd"]:
            continue  # work that is free or has no price saves nothing that is known
        costs = Sums(n=priced, total=float(row["cost_usd"]), squares=row["cost_sq"])
        amount = counted(costs)
        unpriced = f"; {row['unpriced']:,} more have no price" if row["unpriced"] else ""
        yield Saving(
            kind=kind, agent_id=row["agent_id"], n=priced, amount=amount, usd_month=amount.scaled(month),
            evidence=f"{priced:,} {says}{unpriced}", action=action,
        )  # fmt: skip


def _failures(agents: Sequence[Row]) -> Iterator[Row]:
    for agent_id, group in groupby(agents, key=lambda row: str(row["agent_id"])):
        rows = list(group)
        yield {
            "agent_id": agent_id,
            "n": sum(row["failed"] for row in rows),
            "unpriced": sum(row["failed_unpriced"] for row in rows),
            "cost_usd": sum(row["failed_usd"] or 0 for row in rows),
            "cost_sq": sum(row["failed_sq"] for row in rows),
        }


def _models(agents: Sequence[Row], month: float) -> list[Saving | NoEvidence]:
    from prisma_assets.domain.experiments.plan import RECORDED

    by_agent = {
        agent: [_option(row) for row in rows if row["cost_usd"] is not None]
        for agent, rows in groupby(agents, key=lambda row: str(row["agent_id"]))
    }
    comparisons = sum(max(len(options) - 1, 0) for options in by_agent.values())
    _, _, margin = RECORDED["accuracy"]
    judged = (
        cheapest(agent, options, margin=margin, comparisons=comparisons, month=month)
        for agent, options in by_agent.items()
        if options
    )
    return [one for one in judged if one is not None]


def _option(row: Row) -> Option:
    return Option(
        version=row["agent_version"], provider=row["provider"], model=row["model"], runs=row["runs"],
        cost=_costs(row, row["runs"] - row["unpriced"]),
        accuracy=Sums(n=row["accuracy_n"], total=row["accuracy_sum"], squares=row["accuracy_sq"]),
    )  # fmt: skip


def _costs(row: Row, n: int) -> Sums:
    return Sums(n=n, total=float(row["cost_usd"] or 0), squares=row["cost_sq"])


async def _versions(store: SpendStore, since: date, until: date, month: float) -> list[Saving]:
    """What versions that replaced others save, measured against the version they replaced."""
    found = []
    for rollout in await store.rollouts(until):
        saving = await _version(store, rollout, since, until, month)
        found += [saving] if saving is not None else []
    return found


async def _version(
    store: SpendStore, rollout: Row, since: date, until: date, month: float
) -> Saving | None:
    agent, old, new = rollout["agent_id"], rollout["from_version"], rollout["to_version"]
    began, ended = rollout["started_on"], rollout["completed_on"]
    before = await store.version(agent, old, since=began, until=ended, beside=new)
    after = await store.version(agent, new, since=began, until=ended, beside=old)
    at_work = await store.version(agent, new, since=since, until=until)
    baseline = f"on the same days, {began} to {ended}"
    amount = changed(_costs(before, before["n"]), _costs(after, after["n"]), runs=at_work["runs"])
    if amount is None:
        first = began - timedelta(days=_BEFORE_DAYS)
        before = await store.version(agent, old, since=first, until=began - timedelta(days=1))
        after = at_work
        baseline = f"from {first} to {began - timedelta(days=1)}"
        amount = changed(
            _costs(before, before["n"]), _costs(after, after["n"]), runs=at_work["runs"]
        )
    if amount is None or not at_work["runs"]:
        return None
    evidence = (
        f"{new} cost {_mean(after)} USD a run (n={after['n']:,}), {old} {_mean(before)} (n={before['n']:,}) {baseline}; "
        f"{at_work['runs']:,} runs of {new}"
    )
    return Saving(
        kind="changed version", agent_id=agent, n=at_work["runs"], amount=amount, usd_month=amount.scaled(month),
        evidence=evidence, action="",
    )  # fmt: skip


def _mean(row: Row) -> str:
    return f"{float(row['cost_usd']) / row['n']:.4f}"


def _prompt_caches(agents: Sequence[Row]) -> Iterator[CacheShare]:
    told = [row for row in agents if row["tokens_n"] and row["model"] is not None]
    told.sort(key=lambda row: (row["provider"] or "", row["model"]))
    for (provider, model), group in groupby(told, key=lambda r: (r["provider"], r["model"])):
        rows = list(group)
        read = sum(row["tokens_in"] for row in rows)
        cached = sum(row["tokens_cached"] for row in rows)
        if read and cached:  # reporters leave the figure out rather than say zero
            n = sum(row["tokens_n"] for row in rows)
            yield CacheShare(provider=provider, model=model, n=n, share=cached / read)
