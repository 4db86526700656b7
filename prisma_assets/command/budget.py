"""`budget`: what agents may spend, what is spent of it, and letting one go beyond its limit."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

budget = typer.Typer(help="What agents may spend.", no_args_is_help=True)

By = Annotated[str, typer.Option(help="Who decides it.")]
Reason = Annotated[str, typer.Option(help="Why; kept with it.")]
BudgetId = Annotated[
    str, typer.Argument(metavar="BUDGET", help="Its id, as `budget list` shows it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(budget, name="budget")


@budget.command("set")
def set_budget(
    for_: Annotated[
        str,
        typer.Argument(
            metavar="FOR",
            help="firm, or client:ID, engagement:ID, workflow:TEMPLATE or agent:ID.",
        ),
    ],
    limit: Annotated[str, typer.Option(help="US dollars.")],
    by: By,
    reason: Reason,
    period: Annotated[
        str, typer.Option(help="month (anew each month, UTC) or whole (once for all).")
    ] = "month",
    as_json: AsJson = False,
) -> None:
    """Set a limit, in the place of the one in force for the same.

    At 80 % its owners are told, at 100 % calls are refused until somebody overrides it, at 120 % whatever anybody says.
    """
    from prisma_assets.store.budget import BudgetStore

    new = _new_budget(for_, limit, period, by, reason)
    budget_id = _ask(lambda database: BudgetStore(source=database).set(new))
    if as_json:
        answer({"budget_id": budget_id})
    else:
        say(f"{for_}: {new.limit_usd:.2f} USD a {period}, budget {budget_id}")


@budget.command("list")
def list_budgets(as_json: AsJson = False) -> None:
    """List the budgets in force with what is spent and promised in the period under way."""
    from prisma_assets.store.budget import BudgetStore

    found = _ask(lambda database: BudgetStore(source=database).balances(at=datetime.now(UTC)))
    if as_json:
        answer({"budgets": found})
    elif not found:
        say("No budget is set; `prisma-assets budget set` sets one.")
    else:
        heads = ["budget", "for", "period", "limit USD", "spent", "promised", "used", ""]
        table(heads, [_line(row) for row in found])


@budget.command("override")
def override_budget(budget_id: BudgetId, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Let a budget go to 120 % of its limit in the period under way."""
    from prisma_assets.store.budget import BudgetStore

    _said(by, reason)
    now = datetime.now(UTC)
    _found(
        _ask(lambda d: BudgetStore(source=d).override(budget_id, by=by, reason=reason, at=now)),
        budget_id,
    )
    note("resume the executions that waited for it")
    list_budgets(as_json=as_json)


@budget.command("end")
def end_budget(budget_id: BudgetId, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Have a budget hold no more; what it held is kept."""
    from prisma_assets.store.budget import BudgetStore

    _said(by, reason)
    _found(_ask(lambda d: BudgetStore(source=d).end(budget_id, by=by, reason=reason)), budget_id)
    list_budgets(as_json=as_json)


def _new_budget(for_: str, limit: str, period: str, by: str, reason: str) -> Any:
    from prisma_assets.domain.monitoring.budget import LEVELS
    from prisma_assets.store.budget import NewBudget

    _said(by, reason)
    level, _, scope = for_.partition(":")
    known = next((known for known in LEVELS if known == level), None)
    if known is None or (known == "firm") != (not scope):
        raise InputError(
            f"'{for_}' is nothing a budget can be for; write firm, client:ID, engagement:ID, workflow:TEMPLATE or agent:ID"
        )
    if period not in ("month", "whole"):
        raise InputError(f"--period is month or whole, not '{period}'")
    if known == "agent":
        from prisma_assets.command.connection import firm

        firm().get(scope)
    return NewBudget(
        level=known, scope=scope or None, period="month" if period == "month" else "whole",
        limit_usd=_dollars(limit), by=by, reason=reason,
    )  # fmt: skip


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 < amount < Decimal(10) ** 8:
        raise InputError(f"--limit is an amount of US dollars above 0, e.g. 250.00, not '{text}'")
    return amount


def _said(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise InputError("a budget is somebody's decision for a reason; give --by and --reason")


def _found(is_found: bool, budget_id: str) -> None:
    if not is_found:
        raise InputError(
            f"no budget {budget_id} is in force; `prisma-assets budget list` shows those that are"
        )


def _line(row: dict[str, Any]) -> list[Any]:
    used = (row["spent_usd"] + row["reserved_usd"]) / row["limit_usd"]
    for_ = row["level"] if row["scope"] is None else f"{row['level']}:{row['scope']}"
    overridden = f"overridden by {row['overridden_by']}" if row["overridden_by"] else ""
    return [
        row["budget_id"], for_, row["period"], f"{row['limit_usd']:.2f}", f"{row['spent_usd']:.4f}",
        f"{row['reserved_usd']:.4f}", f"{used:.0%}", overridden,
    ]  # fmt: skip


def _ask(question: Any) -> Any:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: question(store.database))
