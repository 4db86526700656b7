"""Figures of agents by hour and day, the days to count anew, and facts set aside. What the figures mean does not belong here."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from prisma_assets.store.database import Database, Transaction

Granularity = Literal["1h", "1d"]
Row = dict[str, Any]


def span(since: date, until: date | None = None) -> dict[str, datetime]:
    """The moments a UTC day, or several up to and with the last, begin and end at."""
    last = until or since
    return {
        "start": datetime.combine(since, time(), UTC),
        "end": datetime.combine(last + timedelta(days=1), time(), UTC),
    }


@dataclass(frozen=True, kw_only=True)
class RollUpStore:
    """Where figures live."""

    source: Database | Transaction

    async def begin(self, roll_up: str, day: date) -> None:
        """Be the only one who counts this day, until the transaction ends."""
        await self.source.fetch("lock_roll_up", {"roll_up": roll_up, "day": day.isoformat()})

    async def end(self, roll_up: str, day: date, *, rows: int) -> None:
        """Remember that the day is counted."""
        await self.source.execute("record_roll_up", {"roll_up": roll_up, "day": day, "rows": rows})

    async def mark_changed_days(self) -> None:
        """Look at the facts that became known since the last look, and mark their days.

        Call it in a transaction. The oldest writer is asked for in a statement of its own before: what the look does
        not see yet had begun by then or begins later, and the next look is from there on.
        """
        await self.source.fetch("begin_look")
        (writer,) = await self.source.fetch("oldest_writer")
        await self.source.execute("mark_changed_days")
        await self.source.execute("end_look", writer)

    async def mark_changed_day(self, day: date) -> None:
        """Have one day counted anew."""
        await self.source.execute("mark_changed_day", {"day": day})

    async def days_to_count(
        self, roll_ups: Sequence[str], *, since: date, through: date
    ) -> list[date]:
        """Days whose facts one of the roll-ups has not counted as they are now, oldest first."""
        params = {"roll_ups": list(roll_ups), "since": since, "through": through}
        return [row["day"] for row in await self.source.fetch("days_to_count", params)]

    async def days_before(self, day: date) -> int:
        """How many days before this one hold facts."""
        (row,) = await self.source.fetch("days_before", {"day": day})
        return int(row["days"])

    async def hourly_figures(self, day: date, *, agents: Collection[str]) -> list[Row]:
        """Sums of the day's runs and ratings by agent, version and hour, with every duration in milliseconds."""
        return await self.source.fetch("hourly_figures", {**span(day), "agents": sorted(agents)})

    async def daily_figures(self, day: date) -> list[Row]:
        """The day's hours added up by agent and version, with the packed sketches of the hours."""
        return await self.source.fetch("daily_figures", span(day))

    async def replace_metrics(
        self, granularity: Granularity, day: date, rows: Sequence[Row]
    ) -> None:
        """Put these windows in the place of the day's."""
        await self.source.execute("delete_agent_metrics", {**span(day), "granularity": granularity})
        await self.source.execute(
            "insert_agent_metrics",
            {"granularity": granularity, "rows": json.dumps(rows, default=str)},
        )

    async def windows(
        self, granularity: Granularity, *, since: date, until: date, agent_id: str | None
    ) -> list[Row]:
        """Windows of the days from `since` to `until`, both included; a row per version."""
        params = {**span(since, until), "granularity": granularity, "agent_id": agent_id}
        return await self.source.fetch("agent_windows", params)

    async def windows_to_check(
        self, granularity: Granularity, since: date, until: date
    ) -> list[Row]:
        """What checks look at in the windows of these days, both included."""
        params = {**span(since, until), "granularity": granularity}
        return await self.source.fetch("windows_to_check", params)

    async def day_volumes(self, since: date, until: date) -> list[Row]:
        """Runs of each of these days, and what is usual on such a weekday (None: too few weeks are known)."""
        return await self.source.fetch("day_volumes", span(since, until))

    async def feedback_to_check(self, since: date, until: date) -> list[Row]:
        """What checks look at in the counted feedback of these days, both included."""
        params = {"since": since, "until": until}
        return await self.source.fetch("feedback_days_to_check", params)

    async def replace_feedback_daily(self, day: date, *, agents: Collection[str]) -> int:
        """Count a day's feedback anew; the number of agents it is about."""
        await self.source.execute("delete_feedback_daily", {"day": day})
        params = {**span(day), "day": day, "agents": sorted(agents)}
        return await self.source.execute("insert_feedback_daily", params)

    async def feedback_days(
        self, *, since: date, until: date, agent_id: str | None = None
    ) -> list[Row]:
        """Counted feedback of these days, both included."""
        params = {"since": since, "until": until, "agent_id": agent_id}
        return await self.source.fetch("feedback_days", params)


@dataclass(frozen=True, kw_only=True)
class QuarantineStore:
    """Where facts lie that are set aside."""

    source: Database | Transaction

    async def set_aside(self, day: date, *, agents: Collection[str]) -> None:
        """Set aside the day's facts that cannot be true or are about an agent the firm does not know."""
        params = {**span(day), "day": day, "agents": sorted(agents)}
        await self.source.execute("quarantine_facts", params)

    async def facts_of_days(
        self, since: date, until: date, *, agents: Collection[str]
    ) -> list[Row]:
        """Facts and facts set aside, by kind and day; both days included."""
        params = {**span(since, until), "agents": sorted(agents)}
        return await self.source.fetch("facts_of_days", params)

    async def facts(
        self,
        *,
        limit: int,
        released: bool = False,
        since: date | None = None,
        until: date | None = None,
    ) -> list[Row]:
        """Facts set aside, the latest first; released ones too when asked for."""
        params = {"limit": limit, "released": released, "since": since, "until": until}
        return await self.source.fetch("quarantined_facts", params)

    async def release(self, fact_key: str, *, user: str, reason: str) -> date | None:
        """Count a fact from now on; its day, or None when no fact of that key is set aside."""
        params: Mapping[str, str] = {"fact_key": fact_key, "user": user, "reason": reason}
        rows = await self.source.fetch("release_fact", params)
        return rows[0]["day"] if rows else None
