"""What people were told, as the command lists it."""

import asyncio

import pytest

from prisma_assets.domain.notification.notification import Notification, Recipient
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore

NEWS = Notification(
    kind="alert", dedupe_key="k", subject="Look here", text="t", audience=(Recipient(user="pat"),)
)


@pytest.fixture
def told(office):
    """One notification of which the webhook failed once."""

    async def tell():
        async with Database(office.database_url, max_size=1) as database:
            store = NotificationStore(source=database)
            if await store.add(NEWS):
                (stored,) = [n for n in await store.take_unrouted(1000) if n.notification == NEWS]
                await store.add_delivery(stored.id, channel="webhook", recipient="")
                (delivery,) = await store.take_due(10, lease_seconds=60)
                await store.failed(delivery, "h: answered 500", pause_seconds=60)

    asyncio.run(tell())


def test_a_person_sees_what_did_not_arrive_and_why(office, told):
    said = office.command("notifications")

    assert said.code == 0
    assert "Look here" in said.out
    assert "webhook pending (h: answered 500)" in said.out


def test_a_program_sees_every_delivery(office, told):
    (found,) = [
        n
        for n in office.answer("notifications", "--limit", "1000")["notifications"]
        if n["kind"] == "alert"
    ]

    assert found["audience"] == [{"user": "pat", "email": None}]
    (delivery,) = found["deliveries"]
    assert (delivery["channel"], delivery["status"], delivery["attempts"]) == (
        "webhook",
        "pending",
        1,
    )
    assert delivery["next_attempt_at"] is not None


def test_no_number_is_a_mistake(mistake):
    said = mistake("notifications", "--limit", "0")

    assert said.code == 2
