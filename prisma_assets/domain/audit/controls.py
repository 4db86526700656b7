"""What tests of key controls allow the audit to rely on (ISA 330 paragraphs 8-17, ISA 265, ISA 530)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from prisma_assets.domain.audit.amount import percentage
from prisma_assets.domain.audit.engagement import ControlTest
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.threshold import firm
from prisma_assets.domain.audit.workpaper import Evidence, Finding

Reliance = Literal["none", "partial", "full"]

KEY_CONTROL_MINIMUM = firm(25, "items")
"""Fewest items a test of a key control may rest on."""

LARGEST_EXTENSION = 5_000
"""Sample sizes beyond this are no remedy: the control has failed."""

NAME = "Tests of key controls"
EXTENSIONS = "Extended samples of key controls"


@dataclass(frozen=True, kw_only=True)
class ControlConclusion:
    """How one control's test came out."""

    control: str
    is_effective: bool
    upper_rate: float
    """Upper confidence bound of the deviation rate, in [0, 1]."""
    reason: str
    size_needed: int | None
    """Items needed in all for the bound to reach the tolerable rate with the deviations found. None: out of reach."""


def upper_deviation_rate(test: ControlTest, *, confidence_pct: int) -> float:
    """Upper bound of the rate at which the control fails.

    Args:
        test: Items tested and deviations found; deviations <= sample_size.
        confidence_pct: One-sided, e.g. 95.

    Returns:
        Bound in [0, 1]; 1 when every item deviated.

    Assumes: a random sample from a population large against it.
    Source: Clopper and Pearson (1934), Biometrika 26(4), 404-413; AICPA Audit Guide Audit Sampling, appendix A.
    """
    from scipy import stats

    if test.deviations >= test.sample_size:
        return 1.0
    # The exact bound is a quantile of Beta(d + 1, n - d).
    quantile = stats.beta.ppf(
        confidence_pct / 100, test.deviations + 1, test.sample_size - test.deviations
    )
    return float(quantile)


def conclude(test: ControlTest, *, confidence_pct: int) -> ControlConclusion:
    """Call a control effective when the bound stays within the tolerable rate and the sample is large enough."""
    upper = upper_deviation_rate(test, confidence_pct=confidence_pct)
    tolerable = test.tolerable_rate_pct / 100
    is_within = Decimal(upper) <= tolerable
    is_large_enough = test.sample_size >= KEY_CONTROL_MINIMUM.value
    if is_within and is_large_enough:
        reason = "the bound is within the tolerable rate"
    elif is_within:
        reason = f"fewer items than the minimum of {KEY_CONTROL_MINIMUM.text}"
    else:
        reason = f"the bound exceeds the tolerable rate of {test.tolerable_rate_pct} %"
    needed = None if is_within and is_large_enough else _size_needed(test, confidence_pct)
    return ControlConclusion(
        control=test.control,
        is_effective=is_within and is_large_enough,
        upper_rate=upper,
        reason=reason,
        size_needed=needed,
    )


def with_extension(test: ControlTest) -> ControlTest:
    """The first sample and its extension as one sample."""
    if test.extension is None:
        return test
    return test.model_copy(
        update={
            "sample_size": test.sample_size + test.extension.sample_size,
            "deviations": test.deviations + test.extension.deviations,
        }
    )


def evaluate(tests: tuple[ControlTest, ...], *, confidence_pct: int) -> Outcome:
    """Evaluate every test and the reliance they allow together.

    Figures: `reliance_level` none, partial or full; `conclusions`; `to_extend`, the controls whose deviations leave open
    whether they work, with the further items that would show it.
    """
    if not tests:
        return not_performed(NAME, "engagement.yaml has no control_tests")
    wrong = [t.control for t in tests if t.deviations > t.sample_size]
    if wrong:
        return not_performed(
            NAME, f"control_tests state more deviations than items for {', '.join(wrong)}"
        )
    conclusions = [conclude(t, confidence_pct=confidence_pct) for t in tests]
    findings = tuple(_finding(c) for c in conclusions if not c.is_effective)
    effective = len(conclusions) - len(findings)
    reliance: Reliance = "full" if not findings else "partial" if effective else "none"
    return performed(
        NAME,
        population=f"{len(tests):,} key controls, {sum(t.sample_size for t in tests):,} items; one-sided {confidence_pct} % confidence",
        result=f"{effective} of {len(tests)} controls can be relied on; reliance: {reliance}.",
        findings=findings,
        evidence=(_evidence(tests, conclusions),),
        figures={
            "reliance_level": reliance,
            "conclusions": [_as_json(c) for c in conclusions],
            "to_extend": [
                {"control": c.control, "further_items": c.size_needed - t.sample_size}
                for t, c in zip(tests, conclusions, strict=True)
                if t.deviations and c.size_needed is not None
            ],
        },
    )


def extensions(tests: tuple[ControlTest, ...], asked: Sequence[Mapping[str, Any]]) -> Outcome:
    """Hold the further items that were asked for against those tested; a sample is extended once, then concluded on.

    Args:
        tests: With the extensions on file.
        asked: `to_extend` of the first evaluation.

    Assumes: both samples are read as one that was planned as such; since the second depends on the first, the bound's
    confidence is slightly below the stated one, which is why a sample is extended once and no more.
    Source: firm practice for step a06; ISA 530 paragraph 13 (deviations are investigated before concluding).
    """
    by_name = {t.control: t.extension for t in tests}
    rows = []
    findings = []
    for row in asked:
        control, further = str(row["control"]), int(row["further_items"])
        found = by_name.get(control)
        rows.append(
            (
                control,
                further,
                found.sample_size if found else 0,
                found.deviations if found else None,
            )
        )
        if found is None:
            findings.append(_not_extended(control, further))
    return performed(
        EXTENSIONS,
        population=count(len(rows), "control") + " with deviations",
        result=f"{count(len(rows) - len(findings), 'extension')} tested, {len(findings)} not; what is not tested counts as not effective.",
        findings=tuple(findings),
        evidence=(
            Evidence(title=EXTENSIONS, columns=("control", "further items asked", "tested", "deviations"), rows=tuple(rows)),
        ),
    )  # fmt: skip


def _not_extended(control: str, further: int) -> Finding:
    return Finding(
        kind="control_sample_not_extended",
        table="engagement",
        record_id=control,
        description=f"{control}: {further:,} further items would show whether it works; none is on file (control_tests.extension).",
        procedure=EXTENSIONS,
    )


def _size_needed(test: ControlTest, confidence_pct: int) -> int | None:
    """Smallest sample whose bound would reach the tolerable rate with no further deviation, by bisection."""

    def suffices(size: int) -> bool:
        larger = test.model_copy(update={"sample_size": size})
        upper = upper_deviation_rate(larger, confidence_pct=confidence_pct)
        return Decimal(upper) <= test.tolerable_rate_pct / 100

    low, high = max(int(KEY_CONTROL_MINIMUM.value), test.sample_size), LARGEST_EXTENSION
    if not suffices(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return low


def _finding(conclusion: ControlConclusion) -> Finding:
    remedy = (
        "it cannot be relied on"
        if conclusion.size_needed is None
        else f"with no further deviation {conclusion.size_needed:,} items in all would do"
    )
    return Finding(
        kind="control_not_effective",
        table="engagement",
        record_id=conclusion.control,
        description=f"{conclusion.control}: {conclusion.reason} (bound {percentage(conclusion.upper_rate)}); {remedy}.",
        procedure=NAME,
    )


def _evidence(tests: tuple[ControlTest, ...], conclusions: list[ControlConclusion]) -> Evidence:
    rows = tuple(
        (t.control, t.assertion, t.sample_size, t.deviations, f"{t.tolerable_rate_pct} %",
         percentage(c.upper_rate), "effective" if c.is_effective else "not effective", t.tested_by)
        for t, c in zip(tests, conclusions, strict=True)
    )  # fmt: skip
    columns = (
        "control",
        "assertion",
        "items",
        "deviations",
        "tolerable",
        "upper bound",
        "conclusion",
        "tested by",
    )
    return Evidence(title="Tests of key controls", columns=columns, rows=rows)


def _as_json(conclusion: ControlConclusion) -> dict[str, object]:
    return {
        "control": conclusion.control,
        "is_effective": conclusion.is_effective,
        "upper_rate": round(conclusion.upper_rate, 6),
        "size_needed": conclusion.size_needed,
    }
