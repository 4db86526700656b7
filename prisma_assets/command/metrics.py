"""`metrics`: how an agent did, or the work by anything figures are kept by."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.learn import day_of
from prisma_assets.command.metric_slices import Asked, show_slices
from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.learning.metrics import DailyFigure, Figures

_USUAL_DAYS = 30
"""Days looked at when nobody says which: a month, as the firm reports."""
_USUAL_WINDOW = "30d"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(metrics)


def metrics(
    agent: Annotated[
        str | None,
        typer.Argument(metavar="AGENT", help="Its id; with --by one of what figures are by."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="agent, version, domain, workflow, engagement, arm, provider, model or client."
        ),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="1m, 1h, 1d, 7d, 30d, 90d or 1y, up to now.")
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First day (UTC); default: 29 days before."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day (UTC); default: today.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show runs, errors, durations, tokens, cost, accuracy and satisfaction, of an agent or by any dimension.

    Of days as far as they are counted (`prisma-assets learn` counts what is new); the last minute or hour is read from the
    runs themselves. Quantiles of several days come from merged sketches and are within 1 % of those of the runs.
    """
    if window and (from_ or to):
        raise InputError("give either --window or --from and --to, not both")
    until = day_of(to, "--to") if to else datetime.now(UTC).date()
    since = day_of(from_, "--from") if from_ else until - timedelta(days=_USUAL_DAYS - 1)
    if since > until:
        raise InputError(f"--from {since} lies after --to {until}")
    if agent and by in (None, "agent"):
        _check_known(agent)
    if agent is None or by or window:
        days = (since, until) if from_ or to else None
        asked = Asked(by=by or "agent", value=agent, window=window or _USUAL_WINDOW, days=days)
        show_slices(asked, as_json=as_json)
        return
    _show_agent(agent, since, until, as_json=as_json)


def _show_agent(agent: str, since: date, until: date, *, as_json: bool) -> None:
    whole, days = _read(agent, since, until)
    if as_json:
        answer(
            {
                "agent_id": agent,
                "from": since,
                "to": until,
                **_figures(whole),
                "days": [{"day": day.day, **_figures(day)} for day in days],
            }
        )
        return
    say(f"{agent}, {since} to {until} (UTC)")
    table(
        ("", ""), [(name, "no data" if value is None else value) for name, value in _lines(whole)]
    )


def _check_known(agent: str) -> None:
    from prisma_assets.command.connection import firm
    from prisma_assets.domain.workflow.validation import did_you_mean

    if agent not in firm().ids:
        raise InputError(
            f"no agent has the id '{agent}'{did_you_mean(agent, firm().ids)}; `prisma-assets agents list` shows all"
        )


def _read(agent: str, since: date, until: date) -> "tuple[Figures, list[DailyFigure]]":
    import asyncio

    from prisma_assets.command.connection import migrated_server
    from prisma_assets.learning.metrics import daily_series, total
    from prisma_assets.store.database import Database

    async def ask(url: str) -> "tuple[Figures, list[DailyFigure]]":
        async with Database(url, max_size=2) as database:
            whole = await total(database, agent, since=since, until=until)
            return whole, await daily_series(database, agent_id=agent, since=since, until=until)

    with migrated_server(Settings.from_environ()) as urls:
        return asyncio.run(ask(urls.prisma))


def _figures(figures: "Figures") -> dict[str, Any]:
    found = {**asdict(figures), "error_rate": figures.error_rate}
    found.pop("agent_id", None)
    cost = found["cost_usd"]
    return {**found, "cost_usd": None if cost is None else float(cost)}


def _lines(figures: "Figures") -> list[tuple[str, str | None]]:
    """What a person reads; None: no data."""
    types = ", ".join(f"{name} {times}" for name, times in figures.error_types.items())
    return [
        ("runs", f"{figures.executions:,}"),
        ("failed", f"{figures.errors:,} errors, {figures.timeouts:,} timeouts"),
        ("error rate", _share(figures.error_rate)),
        ("errors by type", types or "none"),
        *(
            (f"P{q} of {figures.timed:,} timed runs", _ms(value))
            for q, value in _quantiles(figures)
        ),
        (f"tokens in, of {figures.tokens_n:,} runs", _count(figures.tokens_in)),
        ("  of these from a cache", _count(figures.tokens_cached)),
        ("tokens out", _count(figures.tokens_out)),
        ("  of these reasoning", _count(figures.tokens_reasoning)),
        ("cost", None if figures.cost_usd is None else f"{figures.cost_usd:,.4f} USD"),
        ("runs without a price", f"{figures.unpriced:,}"),
        (f"accuracy of {figures.accuracy_n:,} runs", _share(figures.accuracy)),
        (f"satisfaction, {figures.satisfaction_n:,} ratings", _rating(figures.satisfaction)),
        ("answered from a cache", _share(figures.cache_hit_rate)),
    ]


def _quantiles(figures: "Figures") -> list[tuple[int, float | None]]:
    return [(50, figures.p50_ms), (95, figures.p95_ms), (99, figures.p99_ms)]


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f} ms"


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _rating(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} of 5"
