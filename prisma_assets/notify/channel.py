"""What a channel is: something that takes a notification to a receiver, or says why it could not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prisma_assets.domain.errors import RetryableError
from prisma_assets.domain.notification.notification import Notification


class DeliveryError(RetryableError):
    """The receiver did not take it; it is tried again later."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A stored notification on its way."""

    id: str
    """The same however often it is delivered, so that receivers can tell a repetition."""
    created_at: datetime
    notification: Notification


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """As the store knows it: log, email or webhook."""
        ...

    def recipients(self, notification: Notification) -> tuple[str, ...]:
        """Receivers of this notification, each once; none when the channel reaches nobody it concerns."""
        ...

    async def send(self, message: Message, recipient: str) -> None:
        """Take it to one receiver.

        Raises:
            DeliveryError: It did not arrive, as far as anybody can tell.
        """
        ...
