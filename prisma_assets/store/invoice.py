"""Compared invoices in PostgreSQL, and the usage they are compared with. What a difference means does not belong here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.roll_up import Row, span


@dataclass(frozen=True, kw_only=True)
class InvoiceStore:
    """Where they live."""

    source: Database | Transaction

    async def usage(self, provider: str, day: date) -> list[Row]:
        """A provider's runs of a UTC day by model and tokens."""
        return await self.source.fetch("provider_usage", {**span(day), "provider": provider})

    async def providers(self, since: date, until: date) -> list[str]:
        """Providers whose models ran, as far as days are counted."""
        rows = await self.source.fetch("recorded_providers", {"since": since, "until": until})
        return [row["provider"] for row in rows]

    async def add(self, about: Mapping[str, Any], lines: Sequence[Row]) -> int:
        """Keep a comparison with its lines, all or nothing; its id."""
        params = {**about, "lines": json.dumps(lines, default=str)}
        (row,) = await self.source.fetch("insert_invoice_match", params)
        return int(row["invoice_match_id"])

    async def latest(self, limit: int) -> list[Row]:
        """What was compared, the latest first."""
        return await self.source.fetch("invoice_matches", {"limit": limit})
