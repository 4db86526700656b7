"""When each way of deciding stops, for `benchmarks/statistics.py`: the product's own rules, and the published ones beside them."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from prisma_assets.domain.experiments.betting import tuned_bets
from prisma_assets.domain.experiments.look import Betting, Spending
from prisma_assets.domain.experiments.spending import power_boundaries
from prisma_assets.domain.experiments.tally import Tally, on_lattice

Numbers = NDArray[np.float64]
NEVER = 10**9
ALPHA = 0.05
GBSTATS_TUNING = 5000
"""What gbstats tunes its sequential interval to unless told otherwise."""
NOTHING = Tally().summary()


def spending(d: Numbers, *, maximum: int, effect: float) -> dict[str, int]:
    """Block at which each event came about under a declared maximum; see `look.Spending`."""
    rule = Spending(maximum=maximum, effect=effect, bounds=power_boundaries(maximum, ALPHA))
    return {name: at + 1 for name, at in rule.events(NOTHING, on_lattice(d)).items()}


def betting(d: Numbers, *, deviation: float, effect: float) -> dict[str, int]:
    """The same without a maximum; see `look.Betting`."""
    sides = {"better": (True, 0.0, 2 / ALPHA), "worse": (False, 0.0, 2 / ALPHA)}
    rule = Betting(bets=tuned_bets(effect, deviation), hypotheses=sides)
    return {name: at + 1 for name, at in rule.events(NOTHING, on_lattice(d)).items()}


def safe_at(d: Numbers, *, deviation: float, margin: float) -> int:
    """Block at which a guardrail is shown unharmed by its margin."""
    rule = Betting(
        bets=tuned_bets(margin, deviation), hypotheses={"safe": (True, -margin, 1 / ALPHA)}
    )
    return rule.events(NOTHING, on_lattice(d)).get("safe", NEVER - 1) + 1


def decided(events: dict[str, int]) -> int:
    """First block at which an arm is called better."""
    return min(events.get("better", NEVER), events.get("worse", NEVER))


def running(values: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and variance of the first n values, for every n."""
    n = np.arange(1, len(values) + 1)
    mean = np.cumsum(values) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(np.cumsum(values**2) / n - mean**2, 0) * n / (n - 1)
    return mean, variance


def gbstats_at(
    treated: Numbers, control: Numbers, *, controls: int = 1, tuning: int = GBSTATS_TUNING
) -> int:
    """Treated units at which the interval of gbstats first leaves 0 out, looked at after every treated unit.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2021), "Time-uniform central limit theory and asymptotic confidence sequences",
    as published in the documentation of gbstats (GrowthBook, "Sequential testing"): half width = s sqrt(2 (n rho^2 + 1) ln(sqrt(n rho^2 + 1) / alpha))
    / (n rho), rho^2 = (-2 ln alpha + ln(-2 ln alpha + 1)) / N*.
    """
    (mean_t, var_t), (mean_c, var_c) = running(treated), running(control)
    n_t = np.arange(1, len(treated) + 1)
    n_c = n_t * controls
    mean_c, var_c = mean_c[n_c - 1], var_c[n_c - 1]
    n = n_t + n_c
    log = -2 * math.log(ALPHA)
    rho2 = (log + math.log(log + 1)) / tuning
    spread = n * (var_t / n_t + var_c / n_c)
    half = np.sqrt(
        spread * 2 * (n * rho2 + 1) * np.log(np.sqrt(n * rho2 + 1) / ALPHA) / (n**2 * rho2)
    )
    return first((np.abs(mean_t - mean_c) > half) & (var_t + var_c > 0) & (n_t >= 2))


def naive_at(treated: Numbers, control: Numbers) -> int:
    """Pairs at which a t-test looked at after every pair first says p < 0.05."""
    (mean_t, var_t), (mean_c, var_c) = running(treated), running(control)
    n = np.arange(1, len(treated) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(mean_t - mean_c) / np.sqrt((var_t + var_c) / n)
    limit = student.ppf(1 - ALPHA / 2, np.maximum(2 * n - 2, 1))
    # Ten pairs, as for the product: before that the t-test is worse than wrong.
    return first((z > limit) & (n >= 10))


def is_significant_at_end(treated: Numbers, control: Numbers) -> bool:
    """A t-test looked at once."""
    n = len(treated)
    z = abs(treated.mean() - control.mean()) / math.sqrt(
        (treated.var(ddof=1) + control.var(ddof=1)) / n
    )
    return bool(z > student.ppf(1 - ALPHA / 2, 2 * n - 2))


def first(hit: NDArray[np.bool_]) -> int:
    """Position of the first hit, counted from 1."""
    return int(hit.argmax()) + 1 if hit.any() else NEVER


def stopped(at: Numbers, *, power: float = 0.8) -> tuple[float, float]:
    """Mean sample and maximum when everybody stops at the maximum by which `power` of them have decided."""
    cap = float(np.quantile(at, power, method="higher"))
    return float(np.minimum(at, cap).mean()), cap
