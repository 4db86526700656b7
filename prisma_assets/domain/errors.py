"""The product's own errors. Their text is shown to people: it names the file, line or setting and what to do."""


class PrismaError(Exception):
    """Something went wrong that the product understands; the command line answers with exit 3."""

    exit_code = 3


class InputError(PrismaError):
    """What was handed in is wrong; correct it and try again. The command line answers with exit 2."""

    exit_code = 2


class RetryableError(PrismaError):
    """The same call may succeed when tried again: a provider was busy, a connection broke."""


class PermanentError(PrismaError):
    """Trying again cannot help; the step ends at once."""
