"""Who and what money was spent on, from counted days. Budgets do not belong here."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import Row
from prisma_assets.store.spend import SpendStore, SpentBy


@dataclass(frozen=True, kw_only=True)
class SpendRow:
    """What the runs of one provider, model, agent, client, engagement or workflow add up to."""

    key: str | None
    """Its name or id; None: the runs that do not say."""
    runs: int
    unpriced: int
    """Runs without a price; their cost is not in `cost_usd`."""
    cost_usd: Decimal | None
    """Of the runs with a price; None: none has one."""
    failed: int
    failed_usd: Decimal | None
    """Of `cost_usd`, paid for runs that failed; None: no failed run has a price."""
    tokens_in: int | None
    """All tokens read; here and below None: no run reported tokens."""
    tokens_out: int | None
    tokens_cached: int | None


async def spend(database: Database, *, by: SpentBy, since: date, until: date) -> list[SpendRow]:
    """Spend of the UTC days from `since` to `until`, both included, the dearest first.

    Args:
        database: Where days are counted.
        by: What it is added up by; a workflow by its template's name.
        since: First day.
        until: Last day; one that is not counted yet has nothing.
    """
    rows = await SpendStore(source=database).by(by, since=since, until=until)
    return [_row(row) for row in rows]


def _row(row: Row) -> SpendRow:
    has_tokens = row["tokens_n"] > 0
    return SpendRow(
        key=row["key"],
        runs=int(row["runs"]),
        unpriced=int(row["unpriced"]),
        cost_usd=row["cost_usd"],
        failed=int(row["failed"]),
        failed_usd=row["failed_usd"],
        tokens_in=row["tokens_in"] if has_tokens else None,
        tokens_out=row["tokens_out"] if has_tokens else None,
        tokens_cached=row["tokens_cached"] if has_tokens else None,
    )
