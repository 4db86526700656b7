"""The log as a channel: it is always there, and shows what people were told when every other channel fails."""

import logging
from dataclasses import dataclass

from prisma_assets.domain.notification.notification import Notification
from prisma_assets.notify.channel import Message


@dataclass(frozen=True, kw_only=True)
class LogChannel:
    """Writes every notification to a log."""

    logger: logging.Logger
    name: str = "log"

    def recipients(self, notification: Notification) -> tuple[str, ...]:  # noqa: ARG002 - every one
        """The log itself."""
        return ("",)

    async def send(self, message: Message, recipient: str) -> None:  # noqa: ARG002 - there is one log
        """Write it."""
        told = message.notification
        users = ", ".join(r.user for r in told.audience) or "nobody in particular"
        self.logger.info("%s [%s, to %s]\n%s", told.subject, told.kind, users, told.text)
