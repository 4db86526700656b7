"""Why a value was called unusual, in words people can check."""

from prisma_assets.domain.monitoring.anomaly_judgement import Evidence, Sign
from prisma_assets.domain.monitoring.anomaly_novelty import COARSE_LAGS, COARSE_WIDTH, LAGS
from prisma_assets.domain.monitoring.figure import number


def explain(evidence: Evidence, value: float, *, name: str = "value", unit: str = "") -> str:
    """One sentence without a full stop: "P95 4.1 s, usual 1.2-1.9 s at this hour; the highest of 3,912 values".

    Args:
        evidence: What the detector found.
        value: The value it judged.
        name: What is measured.
        unit: Of the value; may be empty.
    """
    suffix = f" {unit}" if unit else ""
    usual = evidence.usual
    dash = " to " if usual.low < 0 else "-"
    span = f"usual {number(usual.low)}{dash}{number(usual.high)}{suffix}"
    hour = " at this hour" if usual.at_this_hour else ""
    within = "within the " if usual.low <= value <= usual.high else ""
    reasons = "; ".join(_reason(sign, evidence, suffix) for sign in evidence.signs)
    return f"{name} {number(value)}{suffix}, {within}{span}{hour}; {reasons}"


def _reason(sign: Sign, evidence: Evidence, suffix: str) -> str:
    if sign is Sign.RECORD_HIGH:
        return f"the highest of {evidence.seen:,} values"
    if sign is Sign.RECORD_LOW:
        return f"the lowest of {evidence.seen:,} values"
    if sign is Sign.LEVEL:
        now, before = evidence.levels
        return f"the level moved from {number(before)} to {number(now)}{suffix}"
    width = LAGS if sign is Sign.COURSE else COARSE_LAGS * COARSE_WIDTH
    return f"the last {width} values run unlike those before"
