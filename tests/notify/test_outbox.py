"""The outbox: everything once, nothing lost, no channel in the way of another."""

import asyncio
import logging

import psycopg
import pytest

from prisma_assets.domain.notification.attempt import MAX_ATTEMPTS
from prisma_assets.domain.notification.notification import Notification, Recipient
from prisma_assets.engine.outbox import send_due
from prisma_assets.notify.log import LogChannel
from prisma_assets.notify.mail import MailChannel
from prisma_assets.notify.webhook import WebhookChannel
from prisma_assets.settings import MailSettings, WebhookSettings
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore

LOG = LogChannel(logger=logging.getLogger("told"))


def news(key, user="pat"):
    return Notification(
        kind="alert", dedupe_key=key, subject=key, text=key, audience=(Recipient(user=user),)
    )


@pytest.fixture
def outbox(database_url):
    """Runs what is asked on the test's database, on connections of its own."""

    def ask(question):
        async def run():
            async with Database(database_url, max_size=4) as database:
                return await question(database)

        return asyncio.run(run())

    return ask


@pytest.fixture
def webhook(receiver):
    return WebhookChannel(settings=WebhookSettings(url=receiver.url, secret="s" * 16))


@pytest.fixture
def mail(mail_server):
    return MailChannel(
        settings=MailSettings(
            host="127.0.0.1", port=mail_server.port, is_tls=False, sender="a@firm.example",
            to=("{user}@firm.example",),
        )
    )  # fmt: skip


def add(outbox, *found):
    async def write(database):
        return [await NotificationStore(source=database).add(n) for n in found]

    return outbox(write)


def send(outbox, *channels):
    return outbox(lambda database: send_due(database, channels, draw=lambda: 0.5))


def recent(outbox):
    return outbox(lambda database: NotificationStore(source=database).recent(10))


def states(outbox):
    return {
        (n["subject"], d["channel"]): d["status"] for n in recent(outbox) for d in n["deliveries"]
    }


def due_now(url):
    """Let the pauses pass."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update notification_deliveries set next_attempt_at = now()")


def test_the_same_news_is_stored_once(outbox):
    assert add(outbox, news("k"), news("k"), news("l")) == [True, False, True]
    assert len(recent(outbox)) == 2


def test_what_is_rolled_back_was_never_news(outbox):
    """A notification is written with the fact it tells of, or not at all."""

    async def fail(database):
        async with database.transaction() as tx:
            await NotificationStore(source=tx).add(news("k"))
            raise LookupError

    with pytest.raises(LookupError):
        outbox(fail)

    assert recent(outbox) == []


def test_every_channel_gets_it_once(outbox, mail_server, receiver, mail, webhook):
    add(outbox, news("k"))

    first, second = send(outbox, LOG, mail, webhook), send(outbox, LOG, mail, webhook)

    assert (first.sent, first.failed, second.sent) == (3, 0, 0)
    assert [letter["To"] for letter in mail_server.received] == ["pat@firm.example"]
    assert [body["subject"] for body in receiver.bodies()] == ["k"]
    assert set(states(outbox).values()) == {"sent"}
    assert receiver.bodies()[0]["id"] == recent(outbox)[0]["notification_id"]


def test_a_channel_that_fails_keeps_no_other_waiting(outbox, receiver, mail_server, mail, webhook):
    mail_server.answer_to_data = "452 no room"
    add(outbox, news("k"))

    done = send(outbox, LOG, mail, webhook)

    assert (done.sent, done.failed) == (2, 1)
    assert states(outbox) == {
        ("k", "log"): "sent",
        ("k", "email"): "pending",
        ("k", "webhook"): "sent",
    }
    (failed,) = [d for d in recent(outbox)[0]["deliveries"] if d["channel"] == "email"]
    assert failed["attempts"] == 1
    assert "452 no room" in failed["error"]


def test_it_is_tried_again_after_a_pause_and_under_the_same_id(
    outbox, receiver, webhook, database_url
):
    receiver.status = 503
    add(outbox, news("k"))
    send(outbox, webhook)
    too_soon = send(outbox, webhook)
    receiver.status = 200
    due_now(database_url)
    later = send(outbox, webhook)

    assert (too_soon.sent, too_soon.failed, later.sent) == (0, 0, 1)
    first, second = (headers["Prisma-Delivery"] for headers, _ in receiver.posts)
    assert first == second
    assert states(outbox) == {("k", "webhook"): "sent"}


def test_it_is_given_up_in_the_end_and_stays_visible(outbox, receiver, webhook, database_url):
    receiver.status = 500
    add(outbox, news("k"))
    for _ in range(MAX_ATTEMPTS + 2):
        send(outbox, webhook)
        due_now(database_url)

    (delivery,) = recent(outbox)[0]["deliveries"]

    assert len(receiver.posts) == MAX_ATTEMPTS
    assert (delivery["status"], delivery["attempts"]) == ("failed", MAX_ATTEMPTS)
    assert "answered 500" in delivery["error"]


def test_two_workers_never_send_the_same(outbox, receiver, webhook):
    add(outbox, *(news(f"k{n}") for n in range(60)))

    async def both(database):
        async with Database(database.url, max_size=4) as other:
            return await asyncio.gather(
                *(send_due(d, [webhook]) for d in (database, other) for _ in range(2))
            )

    done = outbox(both)
    outbox(lambda database: send_due(database, [webhook]))

    subjects = [body["subject"] for body in receiver.bodies()]
    assert sorted(subjects) == sorted(f"k{n}" for n in range(60))
    assert sum(d.sent for d in done) == 60


def test_what_a_dead_worker_took_is_sent_by_another(outbox, receiver, webhook, database_url):
    """It took the delivery and died: once its lease is over, the next worker sends."""
    add(outbox, news("k"))
    receiver.status = 500
    send(outbox, webhook)
    due_now(database_url)
    taken = outbox(lambda d: NotificationStore(source=d).take_due(10, lease_seconds=900))
    receiver.status = 200
    meanwhile = send(outbox, webhook)
    due_now(database_url)

    assert (len(taken), meanwhile.sent) == (1, 0)
    assert send(outbox, webhook).sent == 1


def test_a_channel_set_up_later_does_not_tell_old_news(outbox, receiver, webhook):
    add(outbox, news("old"))
    send(outbox, LOG)
    add(outbox, news("new"))
    send(outbox, LOG, webhook)

    assert [body["subject"] for body in receiver.bodies()] == ["new"]


def test_a_channel_that_was_taken_down_is_said_so(outbox, receiver, webhook, database_url):
    receiver.status = 500
    add(outbox, news("k"))
    send(outbox, LOG, webhook)
    due_now(database_url)
    send(outbox, LOG)

    (delivery,) = [d for d in recent(outbox)[0]["deliveries"] if d["channel"] == "webhook"]

    assert (delivery["status"], delivery["error"]) == (
        "failed",
        "the channel webhook is not set up any more",
    )
