"""`notifications`: what people were told, and whether it reached them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, say, table


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("notifications")(notifications)


def notifications(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> int:
    """List the latest notifications with the state of each delivery.

    `up` sends them; a delivery that fails is tried again, longer and longer after, and given up in the end.
    """
    from prisma_assets.command.connection import ask, migrated_server
    from prisma_assets.settings import Settings
    from prisma_assets.store.notification import NotificationStore

    with migrated_server(Settings.from_environ()) as urls:
        found = ask(urls, lambda store: NotificationStore(source=store.database).recent(limit))
    if as_json:
        answer({"notifications": found})
    elif not found:
        say("Nobody has been told anything yet.")
    else:
        table(["when", "execution", "step", "subject", "to", "state"], [_row(n) for n in found])
    return 0


def _row(told: Mapping[str, Any]) -> list[Any]:
    return [
        f"{told['created_at']:%Y-%m-%d %H:%M}",
        told["workflow_execution_id"],
        told["step_id"],
        told["subject"],
        ", ".join(person["user"] for person in told["audience"]),
        "; ".join(_state(d) for d in told["deliveries"]) or "to be sent",
    ]


def _state(delivery: Mapping[str, Any]) -> str:
    where = f"{delivery['channel']} {delivery['recipient']}".strip()
    why = f" ({delivery['error']})" if delivery["error"] else ""
    tries = f", {delivery['attempts']} tries" if delivery["attempts"] > 1 else ""
    return f"{where} {delivery['status']}{tries}{why}"
