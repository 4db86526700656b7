"""The outbox in PostgreSQL: notifications, and each on its way to each receiver."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from prisma_assets.domain.notification.notification import Notification, Recipient
from prisma_assets.store.database import Database, Transaction


@dataclass(frozen=True, kw_only=True)
class StoredNotification:
    """A notification with its id."""

    id: str
    created_at: datetime
    notification: Notification


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A notification on its way to one receiver on one channel, taken by this worker."""

    stored: StoredNotification
    channel: str
    recipient: str
    attempts: int
    """This one included."""


@dataclass(frozen=True, kw_only=True)
class NotificationStore:
    """Where notifications live."""

    source: Database | Transaction
    """The transaction of the fact that is told of."""

    async def add(self, new: Notification) -> bool:
        """Store what is to be told; False when it was stored before."""
        params = {
            "kind": new.kind,
            "dedupe_key": new.dedupe_key,
            "subject": new.subject,
            "body": new.text,
            "audience": json.dumps([asdict(person) for person in new.audience]),
            "facts": dict(new.facts),
            "workflow_execution_id": new.execution_id,
            "step_id": new.step_id,
        }
        return await self.source.execute("insert_notification", params) == 1

    async def take_unrouted(self, limit: int) -> list[StoredNotification]:
        """Take notifications that no channel has yet, oldest first; inside the transaction that routes them."""
        rows = await self.source.fetch("take_unrouted_notifications", {"limit": limit})
        return sorted((_stored(r) for r in rows), key=lambda stored: stored.created_at)

    async def add_delivery(self, notification_id: str, *, channel: str, recipient: str) -> None:
        """Have a notification go to one receiver."""
        params = {"notification_id": notification_id, "channel": channel, "recipient": recipient}
        await self.source.execute("insert_delivery", params)

    async def take_due(self, limit: int, *, lease_seconds: float) -> list[Delivery]:
        """Take deliveries that are due, oldest news first; no other worker does until the lease is over."""
        params = {"limit": limit, "lease_seconds": lease_seconds}
        taken = [
            Delivery(
                stored=_stored(r),
                channel=r["channel"],
                recipient=r["recipient"],
                attempts=r["attempts"],
            )
            for r in await self.source.fetch("take_due_deliveries", params)
        ]
        return sorted(taken, key=lambda delivery: delivery.stored.created_at)

    async def sent(self, delivery: Delivery) -> None:
        """Record that the receiver has it."""
        await self.source.execute("update_delivery_sent", _key(delivery))

    async def failed(self, delivery: Delivery, error: str, *, pause_seconds: float | None) -> None:
        """Record that the attempt failed; it is tried again after the pause, or given up without one."""
        params = {
            **_key(delivery),
            "attempts": delivery.attempts,
            "error": error,
            "pause_seconds": pause_seconds,
        }
        await self.source.execute("update_delivery_failed", params)

    async def due(self, limit: int) -> list[str]:
        """What there is to send now, oldest first: a text per delivery and attempt."""
        return [r["what"] for r in await self.source.fetch("due_notifications", {"limit": limit})]

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        """The latest notifications with the state of each delivery."""
        rows = await self.source.fetch("recent_notifications", {"limit": limit})
        return [{**row, **{k: str(row[k]) for k in _IDS if row[k] is not None}} for row in rows]


_IDS = ("notification_id", "workflow_execution_id")


def _key(delivery: Delivery) -> dict[str, Any]:
    return {
        "notification_id": delivery.stored.id,
        "channel": delivery.channel,
        "recipient": delivery.recipient,
    }


def _stored(row: Mapping[str, Any]) -> StoredNotification:
    execution_id = row["workflow_execution_id"]
    return StoredNotification(
        id=str(row["notification_id"]),
        created_at=row["created_at"],
        notification=Notification(
            kind=row["kind"],
            dedupe_key=row["dedupe_key"],
            subject=row["subject"],
            text=row["body"],
            audience=tuple(Recipient(**person) for person in row["audience"]),
            facts=row["facts"],
            execution_id=str(execution_id) if execution_id is not None else None,
            step_id=row["step_id"],
        ),
    )
