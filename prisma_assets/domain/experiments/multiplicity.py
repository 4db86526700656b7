"""Several secondary metrics at once: which of them may be called changed."""

from collections.abc import Mapping

FALSE_SHARE = 0.10
"""Of the metrics called changed, the share that may be false: they are reported, never decisive."""


def discoveries(e_values: Mapping[str, float], *, q: float = FALSE_SHARE) -> frozenset[str]:
    """Metrics whose change is established, whatever the metrics' dependence.

    Args:
        e_values: E-value by metric, >= 0.
        q: Bound of the false discovery rate, in (0, 1).

    Source: e-BH, Wang and Ramdas (2022), JRSS B 84(3), 822-852: the k largest with k e_(k) >= K / q.
    """
    ordered = sorted(e_values, key=e_values.__getitem__, reverse=True)
    needed = len(ordered) / q
    kept = [k for k, name in enumerate(ordered, start=1) if k * e_values[name] >= needed]
    return frozenset(ordered[: kept[-1]]) if kept else frozenset()
