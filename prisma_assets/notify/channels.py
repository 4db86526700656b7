"""The channels that are set up."""

import logging

from prisma_assets.notify.channel import Channel
from prisma_assets.notify.log import LogChannel
from prisma_assets.notify.mail import MailChannel
from prisma_assets.notify.webhook import WebhookChannel
from prisma_assets.settings import Settings


def channels(settings: Settings, logger: logging.Logger) -> tuple[Channel, ...]:
    """The log, and e-mail and webhook where the settings name them."""
    found: list[Channel] = [LogChannel(logger=logger)]
    if settings.mail is not None:
        found.append(MailChannel(settings=settings.mail))
    if settings.webhook is not None:
        found.append(WebhookChannel(settings=settings.webhook))
    return tuple(found)
