"""Sends what lies in the outbox. Receivers may get a message twice when a worker dies between sending and noting it: with the same id."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prisma_assets.domain.notification.attempt import pause_seconds
from prisma_assets.notify.channel import Channel, DeliveryError, Message
from prisma_assets.store.database import Database
from prisma_assets.store.notification import Delivery, NotificationStore

BATCH = 200
"""Deliveries of one run; what is left is due again at once."""
LEASE_SECONDS = 900.0
"""Longer than a batch takes when every receiver is silent until its time is up: 200 / 8 × 20 s."""
_AT_ONCE = 8
"""Deliveries under way at once on one channel: mail servers commonly take ten connections of one sender."""

_RANDOM = random.SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of one batch."""

    sent: int
    failed: int
    """To be tried again, or given up."""


async def send_due(
    database: Database,
    channels: Sequence[Channel],
    *,
    draw: Callable[[], float] = _RANDOM.random,
) -> Sent:
    """Hand new notifications to the channels and try each delivery that is due, once. Workers beside this one take others.

    Args:
        database: Where the outbox is.
        channels: Those that are set up.
        draw: Random numbers in [0, 1), for the pauses after failures.
    """
    by_name = {channel.name: channel for channel in channels}
    await _route(database, channels)
    store = NotificationStore(source=database)
    taken = await store.take_due(BATCH, lease_seconds=LEASE_SECONDS)
    places = {name: asyncio.Semaphore(_AT_ONCE) for name in {d.channel for d in taken}}

    async def one(delivery: Delivery) -> bool:
        async with places[delivery.channel]:
            return await _send(store, by_name, delivery, draw)

    ends = await asyncio.gather(*(one(delivery) for delivery in taken))
    return Sent(sent=sum(ends), failed=len(ends) - sum(ends))


async def _route(database: Database, channels: Sequence[Channel]) -> None:
    """Decide who gets what, by the channels as they are set up now: one set up later does not tell old news."""
    async with database.transaction() as tx:
        store = NotificationStore(source=tx)
        for stored in await store.take_unrouted(BATCH):
            for channel in channels:
                for recipient in channel.recipients(stored.notification):
                    await store.add_delivery(stored.id, channel=channel.name, recipient=recipient)


async def _send(
    store: NotificationStore,
    channels: Mapping[str, Channel],
    delivery: Delivery,
    draw: Callable[[], float],
) -> bool:
    channel = channels.get(delivery.channel)
    if channel is None:
        error = f"the channel {delivery.channel} is not set up any more"
        await store.failed(delivery, error, pause_seconds=None)
        return False
    stored = delivery.stored
    message = Message(id=stored.id, created_at=stored.created_at, notification=stored.notification)
    try:
        await channel.send(message, delivery.recipient)
    except DeliveryError as error:
        pause = pause_seconds(delivery.attempts, draw())
        await store.failed(delivery, str(error), pause_seconds=pause)
        return False
    await store.sent(delivery)
    return True
