"""How often a delivery is tried, and how long it rests in between."""

MAX_ATTEMPTS = 12
"""With these pauses the last attempt is 6 to 12 hours after the first: a mail server that is down overnight is waited for."""
_BASE_SECONDS = 30.0
"""First pause at most: a server that restarts is back by then."""
_CAP_SECONDS = 14_400.0
"""No pause is longer: whoever repairs the server in the morning sees by noon that it works."""


def pause_seconds(failures: int, draw: float) -> float | None:
    """Pause after that many failed attempts; None when it is given up.

    Args:
        failures: Failed attempts, at least 1.
        draw: Random number in [0, 1).

    Returns:
        Between half of and the whole exponential pause: "equal jitter", so that receivers which failed together are not
        all tried again at once, and yet none at once again.
        Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
    """
    if failures >= MAX_ATTEMPTS:
        return None
    whole = min(_CAP_SECONDS, _BASE_SECONDS * 2.0 ** (failures - 1))
    return whole / 2 + draw * whole / 2
