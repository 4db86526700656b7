"""What reaches receivers, and what is said when it does not."""

import asyncio
import hashlib
import hmac
import json
import logging
import socket
from datetime import UTC, datetime

import pytest

from prisma_assets.domain.notification.notification import Notification, Recipient
from prisma_assets.notify.channel import DeliveryError, Message
from prisma_assets.notify.channels import channels
from prisma_assets.notify.log import LogChannel
from prisma_assets.notify.mail import MailChannel
from prisma_assets.notify.webhook import WebhookChannel
from prisma_assets.settings import MailSettings, Settings, WebhookSettings

SHARED = "sixteen or more of them"
LOGIN = {"user": "prisma", "password": "word"}
NEWS = Notification(
    kind="sign_off_asked",
    dedupe_key="k",
    subject="Sign-off needed:\nGrößte Prüfung",
    text="Es wartet: €\n",
    audience=(
        Recipient(user="pat", email="p.at@other.example"),
        Recipient(user="max"),
        Recipient(user="two words"),
    ),
    facts={"roles": ["PARTNER"]},
    execution_id="e1",
    step_id="a02",
)
MESSAGE = Message(id="7f1d", created_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC), notification=NEWS)


def mail(port, **changed):
    given = {"host": "127.0.0.1", "port": port, "is_tls": False, "sender": "prisma@firm.example"}
    return MailChannel(settings=MailSettings(**{**given, **changed}))


def send(channel, recipient=""):
    asyncio.run(channel.send(MESSAGE, recipient))


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ((), ("p.at@other.example",)),
        (("{user}@firm.example",), ("p.at@other.example", "max@firm.example")),
        (("audit@firm.example",), ("p.at@other.example", "audit@firm.example")),
        (("{user}@firm.example", "max@firm.example"), ("p.at@other.example", "max@firm.example")),
    ],
    ids=["those of the team", "a pattern", "one for everything", "each address once"],
)
def test_mail_goes_to_the_team_and_to_those_who_receive_everything(to, expected):
    """A user name that makes no address has none; the team member's own address comes before the pattern."""
    assert mail(25, to=to).recipients(NEWS) == expected


def test_a_mail_arrives_whole(mail_server):
    send(mail(mail_server.port), "max@firm.example")

    (letter,) = mail_server.received
    assert letter["To"] == "max@firm.example"
    assert letter["From"] == "prisma@firm.example"
    assert letter["Subject"] == "Sign-off needed: Größte Prüfung"
    assert letter["Date"].datetime == MESSAGE.created_at
    assert letter.get_content().replace("\r\n", "\n") == "Es wartet: €\n"


def test_a_repeated_mail_bears_the_same_id_and_another_receivers_another(mail_server):
    channel = mail(mail_server.port)
    for address in ("max@firm.example", "max@firm.example", "pat@firm.example"):
        send(channel, address)

    first, again, other = (letter["Message-ID"] for letter in mail_server.received)
    assert first == again != other


def test_the_login_is_used(mail_server):
    mail_server.offers_login = True
    send(mail(mail_server.port, **LOGIN), "max@firm.example")

    assert len(mail_server.logins) == 1


def test_a_password_is_not_sent_in_the_clear(mail_server, monkeypatch):
    """Only to this machine itself: elsewhere anybody on the way could read it."""
    mail_server.offers_login = True
    monkeypatch.setattr("prisma_assets.notify.mail.is_loopback", lambda _: False)

    with pytest.raises(DeliveryError, match="not sent in the clear"):
        send(mail(mail_server.port, **LOGIN), "max@firm.example")

    assert (mail_server.logins, mail_server.received) == ([], [])


def test_a_mail_that_is_refused_says_why(mail_server):
    mail_server.refuses = {"max@firm.example"}

    with pytest.raises(DeliveryError, match=r"refused the address \(550 no such person\)"):
        send(mail(mail_server.port), "max@firm.example")


def test_a_mail_server_that_is_full_says_so(mail_server):
    mail_server.answer_to_data = "452 no room"

    with pytest.raises(DeliveryError, match="452 no room"):
        send(mail(mail_server.port), "max@firm.example")


def unused_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("is_tls", [False, True])
def test_no_mail_server_is_a_sentence(is_tls):
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1:\d+: .*refused"):
        send(mail(unused_port(), is_tls=is_tls), "max@firm.example")


def test_a_mail_server_without_tls_is_a_sentence(mail_server):
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1:\d+: "):
        send(mail(mail_server.port, is_tls=True), "max@firm.example")


def test_a_post_is_signed_over_its_time_and_body(receiver):
    settings = WebhookSettings(url=receiver.url, secret=SHARED)
    send(WebhookChannel(settings=settings, clock=lambda: 1_772_000_000.9))

    ((headers, body),) = receiver.posts
    expected = hmac.new(SHARED.encode(), b"1772000000." + body, hashlib.sha256).hexdigest()
    assert headers["Prisma-Signature"] == f"sha256={expected}"
    assert headers["Prisma-Timestamp"] == "1772000000"
    assert headers["Prisma-Delivery"] == "7f1d"
    assert json.loads(body) == {
        "id": "7f1d",
        "created_at": "2026-03-02T09:30:00+00:00",
        "kind": "sign_off_asked",
        "subject": NEWS.subject,
        "text": NEWS.text,
        "execution_id": "e1",
        "step_id": "a02",
        "audience": [
            {"user": "pat", "email": "p.at@other.example"},
            {"user": "max", "email": None},
            {"user": "two words", "email": None},
        ],
        "facts": {"roles": ["PARTNER"]},
    }


@pytest.mark.parametrize("status", [301, 307, 400, 404, 429, 500])
def test_any_answer_but_success_is_a_failure_and_no_redirect_is_followed(receiver, status):
    receiver.status = status
    receiver.location = receiver.url

    with pytest.raises(DeliveryError, match=rf"127\.0\.0\.1: answered {status}"):
        send(WebhookChannel(settings=WebhookSettings(url=receiver.url, secret=SHARED)))

    assert len(receiver.posts) == 1


def test_no_receiver_is_a_sentence():
    settings = WebhookSettings(url=f"http://127.0.0.1:{unused_port()}/", secret=SHARED)

    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1: .*refused"):
        send(WebhookChannel(settings=settings))


def test_the_log_tells_everything(caplog):
    with caplog.at_level(logging.INFO, logger="told"):
        send(LogChannel(logger=logging.getLogger("told")))

    assert "sign_off_asked, to pat, max, two words" in caplog.text
    assert "Es wartet: €" in caplog.text


def test_channels_are_those_of_the_settings(tmp_path):
    logger = logging.getLogger("told")
    none = Settings(home=tmp_path)
    all_of_them = Settings(
        home=tmp_path,
        mail=MailSettings(host="h", port=25, is_tls=False, sender="a@b.example"),
        webhook=WebhookSettings(url="https://h.example/", secret=SHARED),
    )

    assert [c.name for c in channels(none, logger)] == ["log"]
    assert [c.name for c in channels(all_of_them, logger)] == ["log", "email", "webhook"]
    assert SHARED not in repr(all_of_them)
