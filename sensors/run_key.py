"""The key of a run that is asked for while something is due. Dagster starts one run per key, for ever."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

_RETRY_SECONDS = 600
"""A run that died before it took anything is asked for again after this time: Dagster starts one run per key."""


def run_key(effect: str, due: Sequence[str], now: datetime) -> str:
    """One key per set of due things: as long as they are the same, one run has been asked for."""
    digest = hashlib.sha256("\n".join(due).encode()).hexdigest()[:16]
    return f"{effect}:{digest}:{int(now.timestamp()) // _RETRY_SECONDS}"
