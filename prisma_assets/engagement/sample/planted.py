"""What is wrong in the sample on purpose: how many errors of each kind, and the record of where they are.

The records that carry them are made where their like are made; reading the list again belongs to `planted_file`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Numbers of errors to plant."""

    unshipped_invoices: int
    duplicate_payments: int
    cut_off_errors: int
    round_sum_manual_entries: int
    unbalanced_pairs: int
    """Pairs of entries that offset each other, so that the trial balance still balances."""
    over_limit_customers: int


def plan_errors(rng: np.random.Generator) -> Plan:
    """Draw how many errors of each kind the year holds."""
    draws: Iterator[int] = iter(rng.integers(6, 15, size=5).tolist())
    return Plan(
        unshipped_invoices=next(draws),
        duplicate_payments=next(draws),
        cut_off_errors=next(draws),
        round_sum_manual_entries=next(draws),
        over_limit_customers=next(draws),
        unbalanced_pairs=int(rng.integers(3, 8)),
    )
