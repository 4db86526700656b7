"""A webhook as a channel: one signed POST per notification.

Headers: `Prisma-Delivery` (the notification's id, the same for every attempt), `Prisma-Timestamp` (seconds since 1970) and
`Prisma-Signature`: `sha256=` and the HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>` under the shared secret, in hex. A
receiver compares the signature in constant time, refuses timestamps older than a few minutes and passes over ids it knows.
"""

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from prisma_assets.domain.notification.notification import Notification
from prisma_assets.notify.channel import DeliveryError, Message
from prisma_assets.settings import WebhookSettings

TIMEOUT_SECONDS = 10.0
"""A receiver that has more to do answers first and works afterwards."""


@dataclass(frozen=True, kw_only=True)
class WebhookChannel:
    """Posts notifications as JSON."""

    settings: WebhookSettings
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    name: str = "webhook"

    def recipients(self, notification: Notification) -> tuple[str, ...]:  # noqa: ARG002 - every one
        """The one address of the settings."""
        return ("",)

    async def send(self, message: Message, recipient: str) -> None:  # noqa: ARG002 - there is one address
        """Post it. Redirects are not followed: the secret's owner named this address and no other."""
        await asyncio.to_thread(self._post, message)

    def _post(self, message: Message) -> None:
        body = _body(message)
        timestamp = str(int(self.clock()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "prisma-assets",
            "Prisma-Delivery": message.id,
            "Prisma-Timestamp": timestamp,
            "Prisma-Signature": f"sha256={signature(self.settings.secret, timestamp, body)}",
        }
        parts = urlsplit(self.settings.url)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            connection.request("POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (HTTPException, OSError) as error:
            raise DeliveryError(
                f"{parts.hostname}: {str(error) or type(error).__name__}"
            ) from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise DeliveryError(f"{parts.hostname}: answered {answer.status} {answer.reason}")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `<timestamp>.<body>`, lower-case hex."""
    signed = f"{timestamp}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _body(message: Message) -> bytes:
    told = message.notification
    content = {
        "id": message.id,
        "created_at": message.created_at.isoformat(),
        "kind": told.kind,
        "subject": told.subject,
        "text": told.text,
        "execution_id": told.execution_id,
        "step_id": told.step_id,
        "audience": [asdict(person) for person in told.audience],
        "facts": told.facts,
    }
    return json.dumps(content, ensure_ascii=False, default=str).encode()


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
