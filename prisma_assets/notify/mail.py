"""E-mail as a channel: one message per person over SMTP, sent in a thread."""

import asyncio
import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

from prisma_assets.domain.notification.notification import Notification
from prisma_assets.notify.channel import DeliveryError, Message
from prisma_assets.settings import MailSettings, is_loopback, is_mail_address

TIMEOUT_SECONDS = 20.0
"""Longest silence of the server; a greeting that is delayed against spam takes up to 10 s."""


@dataclass(frozen=True, kw_only=True)
class MailChannel:
    """Sends notifications as e-mail."""

    settings: MailSettings
    name: str = "email"

    def recipients(self, notification: Notification) -> tuple[str, ...]:
        """Addresses of those it concerns, and those that receive everything."""
        return tuple(dict.fromkeys(self._addresses(notification)))

    def _addresses(self, notification: Notification) -> Iterator[str]:
        patterns = [to for to in self.settings.to if "{user}" in to]
        for person in notification.audience:
            if person.email is not None:
                yield person.email
                continue
            # A user name that makes no address has none.
            made = (pattern.replace("{user}", person.user) for pattern in patterns)
            yield from (address for address in made if is_mail_address(address))
        yield from (to for to in self.settings.to if "{user}" not in to)

    async def send(self, message: Message, recipient: str) -> None:
        """Send it to one address."""
        await asyncio.to_thread(self._send, _letter(message, self.settings.sender, recipient))

    def _send(self, letter: EmailMessage) -> None:
        try:
            with self._connected() as server:
                server.send_message(letter)
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(
                f"{self.settings.host}:{self.settings.port}: {_said(error)}"
            ) from error

    def _connected(self) -> smtplib.SMTP:
        given = self.settings
        context = ssl.create_default_context()
        if given.is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                given.host, given.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(given.host, given.port, timeout=TIMEOUT_SECONDS)
        try:
            self._secure(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _secure(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        given = self.settings
        server.ehlo()
        is_secret = given.is_tls
        if not is_secret and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            is_secret = True
        if given.user is None:
            return
        if not is_secret and not is_loopback(given.host):
            raise DeliveryError(
                f"{given.host}:{given.port} offers no encryption, and a password is not sent in the clear; use smtps://"
            )
        server.login(given.user, given.password or "")


def _letter(message: Message, sender: str, recipient: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = recipient
    letter["Subject"] = " ".join(message.notification.subject.split())
    letter["Date"] = format_datetime(message.created_at)
    # The same for every attempt: mail programs show one of several messages with the same id.
    digest = hashlib.sha256(recipient.encode()).hexdigest()[:16]
    letter["Message-ID"] = f"<{message.id}.{digest}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no out-of-office answers
    letter.set_content(message.notification.text)
    return letter


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"refused the address ({code} {_text(text)})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
