"""`learn`: the learning loop, for every day whose facts changed."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.platform.learn import CheckSeen, Learned
    from prisma_assets.store.server import ServerUrls

FAILED = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(learn)


def learn(
    through: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Last day (UTC), as YYYY-MM-DD; default: today."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run the learning loop for every day whose facts changed, and for the last day.

    Counts facts by hour and day, and draws trends, themes and opportunities from them. Each run is recorded in Dagster.
    Exit status 3 when a check stopped a day; the others are done.
    """
    from prisma_assets.command.connection import migrated_server
    from prisma_assets.command.error_log import log_to_file
    from prisma_assets.platform.learn import learn as run_loop
    from prisma_assets.platform.local import local_platform

    settings = Settings.from_environ()
    last = day_of(through, "--through") if through else datetime.now(UTC).date()
    with migrated_server(settings) as urls:
        days = _days(urls, last)
        note(f"{len(days)} days, the last is {last}")
        log_to_file(settings.home)
        with local_platform(settings, urls) as platform:
            learned = run_loop(platform, days)
    _show(learned, last, as_json=as_json)
    return FAILED if learned.failures else 0


def day_of(text: str, option: str) -> date:
    """A day somebody typed.

    Raises:
        InputError: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} is a day as YYYY-MM-DD, not '{text}'") from None


def _days(urls: "ServerUrls", last: date) -> list[date]:
    """Days to run the loop for.

    Raises:
        InputError: The last one lies before the firm's first day or has not begun.
    """
    import asyncio

    from prisma_assets.assets.partition import FIRST_DAY
    from prisma_assets.learning.roll_up import days_to_count, look_for_changes
    from prisma_assets.store.database import Database
    from prisma_assets.store.roll_up import RollUpStore

    if not FIRST_DAY <= last <= datetime.now(UTC).date():
        raise InputError(f"--through is a day from {FIRST_DAY} to today, not {last}")

    async def ask() -> tuple[list[date], int]:
        async with Database(urls.prisma, max_size=2) as database:
            await look_for_changes(database)
            found = await days_to_count(database, since=FIRST_DAY, through=last)
            return found, await RollUpStore(source=database).days_before(FIRST_DAY)

    changed, before = asyncio.run(ask())
    if before:
        note(f"facts of {before} days before {FIRST_DAY} are kept and not counted")
    return sorted({*changed, last})


def _show(learned: "Learned", last: date, *, as_json: bool) -> None:
    for run in learned.failures:
        note(f"{run.first_day} is stopped: {run.failure} (Dagster run {run.run_id})")
    if as_json:
        answer(
            {
                "through": last,
                "runs": [asdict(run) for run in learned.runs],
                "assets": [{"asset": name, "rows": n} for name, n in sorted(learned.rows.items())],
                "checks": [asdict(check) for check in learned.checks],
                "failed_days": [run.first_day for run in learned.failures],
            }
        )
        return
    table(("asset", "rows"), sorted(learned.rows.items()))
    say("")
    table(
        ("asset", "check", "days", "", "failing"),
        [(c.asset, c.check, _span(c), _verdict(c), c.failing) for c in learned.checks],
    )


def _span(check: "CheckSeen") -> str:
    if check.first_day == check.last_day:
        return str(check.first_day)
    return f"{check.first_day} to {check.last_day}"


def _verdict(check: "CheckSeen") -> str:
    if check.passed:
        return "holds"
    return "FAILS" if check.severity == "ERROR" else "warns"
