"""What is asked of something that is there, and does not go with how it stands."""

from collections.abc import Iterator
from contextlib import contextmanager

from prisma_assets.domain.errors import InputError
from prisma_assets.platform.workflow import NoSuchExecutionError


class NotNowError(InputError):
    """What is asked does not go with how the execution stands."""


@contextmanager
def as_conflict() -> Iterator[None]:
    """What is wrong with an act on an execution that is there is how the execution stands, or who acts."""
    try:
        yield
    except (NoSuchExecutionError, NotNowError):
        raise
    except InputError as error:
        raise NotNowError(str(error)) from error
