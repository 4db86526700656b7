"""`trends` and `forecast`: how agents change over weeks, and what the next weeks bring."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.trend import Row

_DAYS_OF_A_WEEK = 7


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(trends)
    app.command()(forecast)


def trends(
    agent: Annotated[str | None, typer.Argument(help="Id of an agent; all when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which figures of the agents rose or fell over eight weeks, and since when levels are others.

    As of the last day that was judged. Of the trends told at most one in ten is expected to be chance. With an agent, the
    figures without a trend are listed too.
    """
    from prisma_assets.command.connection import ask, migrated_server
    from prisma_assets.store.trend import TrendStore

    agent_id = _known(agent)
    with migrated_server(Settings.from_environ()) as urls:
        found = ask(urls, lambda w: TrendStore(source=w.database).latest_trends(agent_id))
        points = ask(urls, lambda w: TrendStore(source=w.database).latest_change_points(agent_id))
    told = found if agent_id is not None else [row for row in found if row["is_significant"]]
    if as_json:
        as_of = found[0]["as_of"] if found else None
        answer({"as_of": as_of, "judged": len(found), "trends": told, "change_points": points})
    elif not found:
        say("No trends yet: they need 28 counted days, and `prisma-assets learn`.")
    else:
        _say_trends(found, told, points)


def forecast(
    agent: Annotated[str, typer.Argument(help="Id of an agent.")],
    as_json: AsJson = False,
) -> None:
    """Tell what the next four weeks are expected to bring an agent: runs, cost and accuracy by day.

    Four of five days are meant to lie between low and high. As of the last day a forecast was made.
    """
    from prisma_assets.command.connection import ask, migrated_server
    from prisma_assets.store.trend import TrendStore

    agent_id = _known(agent)
    with migrated_server(Settings.from_environ()) as urls:
        rows = ask(urls, lambda w: TrendStore(source=w.database).latest_forecasts(agent_id))
    if as_json:
        as_of = rows[0]["as_of"] if rows else None
        days = [{name: row[name] for name in ("metric", "day", "value", "low", "high")} for row in rows]  # fmt: skip
        answer({"agent_id": agent_id, "as_of": as_of, "days": days})
    elif not rows:
        say(f"No forecast for {agent_id}: it needs 56 counted days, and `prisma-assets learn`.")
    else:
        say(f"Made as of {rows[0]['as_of']}; by week, low and high are means of the days'.")
        table(["figure", "week from", "a day", "low", "high"], _weeks(rows))


def _known(agent: str | None) -> str | None:
    from prisma_assets.command.connection import firm

    return None if agent is None else firm().get(agent).id


def _say_trends(found: "Sequence[Row]", told: "Sequence[Row]", points: "Sequence[Row]") -> None:
    from prisma_assets.domain.learning.tracked import Tracked
    from prisma_assets.domain.learning.trend_text import change_sentence

    significant = sum(row["is_significant"] for row in found)
    say(f"As of {found[0]['as_of']}: {len(found)} figures judged, {significant} with a trend.")
    if told:
        table(["agent", "trend", "means", "q"], [_line(row) for row in told])
    for point in points:
        said = change_sentence(
            Tracked(point["metric"]), at=point["at"], before=point["before"], after=point["after"]
        )
        say(f"{point['agent_id']}: {said} ({point['direction']}).")


def _line(row: "Row") -> list[Any]:
    from prisma_assets.domain.learning.tracked import Tracked
    from prisma_assets.domain.learning.trend_text import level_sentence, trend_sentence

    metric, level, days = Tracked(row["metric"]), row["level"], row["days"]
    if row["is_significant"]:
        said = trend_sentence(metric, level=level, change=row["change"], days=days)
        return [row["agent_id"], said, row["direction"], f"{row['q']:.2g}"]
    return [row["agent_id"], level_sentence(metric, level=level, days=days), "no trend", f"{row['q']:.2g}"]  # fmt: skip


def _weeks(rows: "Sequence[Row]") -> list[list[Any]]:
    """Means of each figure by week ahead."""

    def week(row: "Row") -> tuple[str, int]:
        return row["metric"], ((row["day"] - row["as_of"]).days - 1) // _DAYS_OF_A_WEEK

    lines = []
    for (metric, _), group in groupby(rows, key=week):
        days = list(group)
        means = (sum(day[name] for day in days) / len(days) for name in ("value", "low", "high"))
        lines.append([metric, days[0]["day"], *(f"{mean:,.4g}" for mean in means)])
    return lines
