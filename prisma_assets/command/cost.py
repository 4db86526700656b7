"""`cost`: what was spent and on whom, what is saved and could be, and whether a provider's invoice agrees."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from prisma_assets.command.learn import day_of
from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.domain.monitoring.invoice import Match
    from prisma_assets.domain.monitoring.saving import Amount, Saving
    from prisma_assets.learning.invoice import Reconciled
    from prisma_assets.learning.saving import Savings
    from prisma_assets.learning.spend import SpendRow

cost = typer.Typer(help="What agents cost, and what is saved.", no_args_is_help=True)

_USUAL_DAYS = 30
"""Days looked at when nobody says which: a month, as the firm reports."""

DIFFERS = 3
"""Exit status of an invoice that does not agree."""

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="First day (UTC); default: 29 days before."),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="Last day (UTC); default: today.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(cost, name="cost")


@cost.command()
def show(
    by: Annotated[
        str,
        typer.Option(help="provider, model, agent, client, engagement or workflow."),
    ] = "agent",
    from_: From = None,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent, as far as days are counted; `prisma-assets learn` counts what is new.

    Runs without a price are counted beside the cost, which lacks theirs.
    """
    from prisma_assets.learning.spend import spend
    from prisma_assets.store.spend import SpentBy

    kind: SpentBy | None = next((k for k in get_args(SpentBy) if k == by), None)
    if kind is None:
        raise InputError(f"--by is one of {', '.join(get_args(SpentBy))}, not '{by}'")
    since, until = span_of(from_, to)
    rows = _ask(lambda database: spend(database, by=kind, since=since, until=until))
    if as_json:
        answer({"from": since, "to": until, "by": by, "spend": [asdict(row) for row in rows]})
    elif not rows:
        say(f"Nothing is counted from {since} to {until}; `prisma-assets learn` counts.")
    else:
        say(f"Spend by {by}, {since} to {until} (UTC)")
        heads = [by, "runs", "unpriced", "USD", "failed", "USD for failed", "tokens read", "written"]  # fmt: skip
        table(heads, [_spend_line(row) for row in rows])


@cost.command()
def savings(from_: From = None, to: To = None, as_json: AsJson = False) -> None:
    """Show what is saved, measured against what was paid before or beside it, and what could be saved, with the evidence."""
    from prisma_assets.learning import saving

    since, until = span_of(from_, to)
    found = _ask(lambda database: saving.savings(database, since=since, until=until))
    if as_json:
        answer(_savings(found))
    else:
        _say_savings(found)


@cost.command()
def reconcile(
    file: Annotated[
        Path, typer.Argument(metavar="INVOICE", help="CSV, JSON or Parquet; one line a row.")
    ],
    provider: Annotated[str, typer.Option(help="Whose invoice it is, as runs name it: openai.")],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="TARGET=COLUMN",
            help="Which column is what: period (day or month), model, amount (amount=COLUMN:cents), currency, "
            "tokens_in, tokens_out, tokens_cached. TARGET==TEXT is the same for all lines.",
        ),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option(metavar="EUR=USD", help="US dollars for one unit of a currency: EUR=1.0845."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="A model the invoice calls otherwise."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Compare a provider's invoice with what was recorded, and both with what the usage costs by the price lists.

    What was found is kept. Exit status 3 when a line differs beyond rounding; nothing is kept of a file with a faulty line.
    """
    from prisma_assets.command.invoice_file import InvoiceFile, read_invoice
    from prisma_assets.learning import invoice

    asked = InvoiceFile(path=file, provider=provider, mapping=map_ or [], rates=rate or [], names=model or [])  # fmt: skip
    read = read_invoice(asked)
    found = _ask(lambda database: invoice.reconcile(database, read))
    if as_json:
        answer(invoice.answer_of(found))
    else:
        _say_reconciled(found)
    return DIFFERS if found.differing else 0


def span_of(from_: str | None, to: str | None) -> tuple[date, date]:
    """The days somebody asks for, both included.

    Raises:
        InputError: No dates, or the last lies before the first.
    """
    until = day_of(to, "--to") if to else datetime.now(UTC).date()
    since = day_of(from_, "--from") if from_ else until - timedelta(days=_USUAL_DAYS - 1)
    if since > until:
        raise InputError(f"--from {since} lies after --to {until}")
    return since, until


def _spend_line(row: "SpendRow") -> list[Any]:
    tokens = ["no data" if n is None else f"{n:,}" for n in (row.tokens_in, row.tokens_out)]
    return [
        row.key or "not said", f"{row.runs:,}", f"{row.unpriced:,}", _usd(row.cost_usd), f"{row.failed:,}",
        _usd(row.failed_usd), *tokens,
    ]  # fmt: skip


def _usd(amount: Any) -> str:
    return "no data" if amount is None else f"{amount:,.4f}"


def _savings(found: "Savings") -> dict[str, Any]:
    saved = found.saved_usd
    return {
        "from": found.since,
        "to": found.until,
        "spent_usd": found.spent_usd,
        "unpriced": found.unpriced,
        "saved_usd": None if saved is None else asdict(saved),
        "saved_share": found.saved_share,
        "target_share": found.target,
        "realised": [asdict(s) for s in found.realised],
        "possible": [asdict(s) for s in found.possible],
        "no_evidence": [asdict(s) for s in found.no_evidence],
        "prompt_caches": [asdict(s) for s in found.prompt_caches],
    }


def _say_savings(found: "Savings") -> None:
    spent = "nothing that has a price" if found.spent_usd is None else f"{found.spent_usd:,.2f} USD"
    say(f"{found.since} to {found.until} (UTC): {spent} spent, {found.unpriced:,} runs without a price.")  # fmt: skip
    saved, share = found.saved_usd, found.saved_share
    if saved is None or share is None:
        say(f"Saved so far: no data; the target is {found.target:.0%} of the cost.")
    else:
        say(f"Saved so far: {_interval(saved)} USD, {share:.1%} of the cost; the target is {found.target:.0%}.")  # fmt: skip
    if found.found:
        heads = ["", "kind", "agent", "n", "USD a month", "evidence", "what to do"]
        table(heads, [_saving_line(s) for s in (*found.realised, *found.possible)])
    for cache in found.prompt_caches:
        say(f"{cache.model}: {cache.share:.1%} of what it read came from its provider's cache (n={cache.n:,}).")  # fmt: skip
    for unshown in found.no_evidence:
        note(f"{unshown.agent_id}, {unshown.kind}: no evidence: {unshown.reason}")


def _saving_line(one: "Saving") -> list[Any]:
    state = "saved" if one.is_realised else "possible"
    return [state, one.kind, one.agent_id, f"{one.n:,}", _interval(one.usd_month), one.evidence, one.action]  # fmt: skip


def _say_reconciled(found: "Reconciled") -> None:
    say(f"{found.first_day} to {found.last_day}: {found.invoiced_usd:,.2f} USD invoiced, {found.recorded_usd:,.2f} recorded.")  # fmt: skip
    if not found.differing:
        say(f"All {len(found.matches):,} lines agree within rounding. Kept as match {found.invoice_match_id}.")  # fmt: skip
        return
    heads = ["period", "model", "cause", "difference USD", "by quantity", "by price", "by recording", "invoiced", "recorded"]  # fmt: skip
    table(heads, [_match_line(m) for m in found.differing])
    agreed = len(found.matches) - len(found.differing)
    say(f"{agreed:,} of {len(found.matches):,} lines agree within rounding. Kept as match {found.invoice_match_id}.")  # fmt: skip


def _match_line(one: "Match") -> list[Any]:
    theirs, ours = one.invoiced, one.recorded
    asked = "not invoiced" if theirs is None else f"{theirs.amount:,.2f} {theirs.currency}"
    unpriced = f", {ours.unpriced:,} runs unpriced" if ours is not None and ours.unpriced else ""
    recorded = "not recorded" if ours is None else f"{ours.usd:,.4f} USD{unpriced}"
    parts = (one.difference_usd, one.quantity_usd, one.price_usd, one.recording_usd)
    shown = ["" if part is None else f"{part:+,.4f}" for part in parts]
    return [one.period, one.model, one.cause, *shown, asked, recorded]


def _interval(amount: "Amount") -> str:
    return f"{amount.usd:,.2f} [{amount.low:,.2f}, {amount.high:,.2f}]"


def _ask(question: Any) -> Any:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: question(store.database))
