"""Monetary-unit sampling: how many items, which ones, and what their audit results say of the whole (ISA 530).

Source: AICPA Audit Guide, Audit Sampling, on monetary-unit sampling, and T. R. Stewart, Technical Notes on the
AICPA Audit Guide Audit Sampling (2012): its tables are Poisson factors, which are computed here as quantiles of the
gamma distribution.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import SampleResult
from prisma_assets.domain.audit.outcome import (
    Outcome,
    count,
    evidence_of,
    findings_of,
    lacking,
    money,
    not_performed,
    performed,
)
from prisma_assets.domain.audit.workpaper import Frozen

RECEIVABLE_SAMPLE = "Monetary-unit sample of receivables"
PAYMENT_SAMPLE = "Monetary-unit sample of payments"
MAX_EXPECTED_SHARE = 0.5
"""Expected over tolerable misstatement is capped here (firm rule): with more, a sample is the wrong procedure."""
Conclusion = Literal["acceptable", "further procedures required", "material"]


class SamplePlan(Frozen):
    """What the team decided about a sample."""

    tolerable_cents: int
    """Tolerable misstatement of the population: usually performance materiality."""
    expected_misstatement_pct: float = Field(default=0, ge=0, le=50)
    """Expected misstatement in percent of the tolerable."""
    confidence_pct: float = Field(default=95, gt=50, lt=100)
    seed: int = 0
    minimum_items: int = Field(default=20, ge=1)
    """The firm's smallest sample."""
    splits: int = Field(default=1, ge=1, le=8)
    """Parts each sampling interval is cut into: a sample that is extended keeps every item drawn before."""


@dataclass(frozen=True, kw_only=True)
class SampleDesign:
    """Size and interval of a monetary-unit sample."""

    sample_size: int
    """Sampling intervals the population is cut into; the items drawn can be fewer where some exceed the interval."""
    interval_cents: int
    """Monetary units between two selections."""
    confidence_factor: float
    """Poisson factor at the expected misstatement: 3.00 at 95 % and none expected."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What the audited sample says of the population. Overstatement: book above audited amount."""

    factual_cents: int
    """Net misstatement of the sampled items themselves, overstatement positive."""
    projected_cents: int
    """Most likely net misstatement of the population, overstatement positive."""
    upper_overstatement_cents: int
    """Upper limit of the overstatement at the plan's confidence."""
    upper_understatement_cents: int
    """Upper limit of the understatement found by the same reckoning; a monetary-unit sample seldom draws items that
    are recorded too low, so it says little of them."""

    @property
    def upper_limit_cents(self) -> int:
        """The larger of both limits."""
        return max(self.upper_overstatement_cents, self.upper_understatement_cents)


def poisson_factor(confidence: float, misstatements: float) -> float:
    """Upper limit of a Poisson mean after that many occurrences.

    Args:
        confidence: In (0, 1).
        misstatements: Sum of taintings, 0 or more; need not be whole.
    """
    return float(stats.gamma.ppf(confidence, 1 + misstatements))


def design(book_value_cents: int, plan: SamplePlan) -> SampleDesign:
    """Find the sample size n = BV * CF / TM, with CF at the misstatement expected in the sample itself.

    With expected over tolerable misstatement r, the sample is expected to hold n * EM / BV = CF * r misstatements, so
    CF solves CF = poisson_factor(CF * r) (Stewart 2012; the guide's confidence factors for sample size).

    Args:
        book_value_cents: Population, positive.
        plan: `tolerable_cents` is positive.
    """
    confidence = plan.confidence_pct / 100
    ratio = min(plan.expected_misstatement_pct / 100, MAX_EXPECTED_SHARE)
    factor = poisson_factor(confidence, 0)
    for _ in range(200):  # a contraction: converges to 1e-9 in some 50 steps at the largest ratio
        step = poisson_factor(confidence, factor * ratio)
        if abs(step - factor) < 1e-9:
            break
        factor = step
    size = max(ceil(book_value_cents * factor / plan.tolerable_cents - 1e-9), plan.minimum_items)
    interval = max(book_value_cents // size, 1)
    return SampleDesign(sample_size=size, interval_cents=interval, confidence_factor=factor)


def monetary_unit_sample(
    items: pd.DataFrame, *, interval_cents: int, seed: int, splits: int = 1
) -> pd.DataFrame:
    """Draw items with probability proportional to size: systematic selection from a random start in random order.

    Args:
        items: `record_id` and `amount_cents`, book values; zero and negative ones are never drawn.
        interval_cents: Items of this size or more are all taken (top stratum).
        seed: The same seed and items give the same sample.
        splits: Parts each interval is cut into. A larger number draws the items of a smaller one that divides it, and more.

    Returns:
        The rows drawn, in the order of `items`, with `is_top_stratum`.
    """
    positive = items[items["amount_cents"] > 0]
    is_top = positive["amount_cents"] >= interval_cents
    rest = positive[~is_top]
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(rest))
    start = int(generator.integers(1, interval_cents + 1))
    reached = np.cumsum(rest["amount_cents"].to_numpy(dtype="int64")[order])
    total = int(reached[-1]) if len(reached) else 0
    marks = (
        start
        + np.arange(1 - splits, splits * (total // interval_cents + 1)) * interval_cents // splits
    )
    hits = np.searchsorted(reached, marks[(marks > 0) & (marks <= total)])
    drawn = rest.index[order[hits]]
    is_top = positive["amount_cents"] >= interval_cents // splits
    chosen = is_top | positive.index.isin(drawn)
    return positive[chosen].assign(is_top_stratum=is_top[chosen])


def evaluate_sample(
    sample: pd.DataFrame, audited: Mapping[str, int], *, interval_cents: int, confidence: float
) -> Evaluation:
    """Project the misstatements found to the population and bound them.

    Each item below the interval stands for one interval: it projects its tainting, (book - audited) / book, times
    the interval. The bound adds the Poisson factors' increments to the taintings from the largest to the smallest
    (AICPA Guide: basic precision, projected misstatement, incremental allowance; Stringer's bound). Items of the top
    stratum were all examined: their misstatement is known and enters as it is.

    Args:
        sample: As drawn by `monetary_unit_sample`.
        audited: Audited amount in cents of every sampled record.
        interval_cents: The interval of the selection.
        confidence: In (0, 1), one-sided.
    """
    book = sample["amount_cents"].to_numpy(dtype="int64")
    errors = book - np.array([audited[r] for r in sample["record_id"]], dtype="int64")
    is_top = sample["is_top_stratum"].to_numpy(dtype=bool)
    taintings = errors[~is_top] / book[~is_top]
    known = errors[is_top]
    return Evaluation(
        factual_cents=int(errors.sum()),
        projected_cents=round(float(taintings.sum()) * interval_cents) + int(known.sum()),
        upper_overstatement_cents=_upper(taintings, confidence, interval_cents)
        + max(int(known.sum()), 0),
        upper_understatement_cents=_upper(-taintings, confidence, interval_cents)
        + max(int(-known.sum()), 0),
    )


def _upper(taintings: Any, confidence: float, interval_cents: int) -> int:
    ordered = np.sort(taintings[taintings > 0])[::-1]
    factors = stats.gamma.ppf(confidence, np.arange(1, len(ordered) + 2))
    bound = float(factors[0] + (ordered * np.diff(factors)).sum())
    return ceil(bound * interval_cents)


def conclude(evaluation: Evaluation, tolerable_cents: int) -> Conclusion:
    """Judge the result: projected below half of tolerable (firm rule) with the upper limit inside it is acceptable.

    A projection that reaches the tolerable misstatement is material; between both, the evidence does not suffice
    (ISA 530 paragraphs 14-15).
    """
    projected = abs(evaluation.projected_cents)
    if projected >= tolerable_cents:
        return "material"
    if projected * 2 < tolerable_cents and evaluation.upper_limit_cents <= tolerable_cents:
        return "acceptable"
    return "further procedures required"


def sample_receivables(
    books: Books, plan: SamplePlan, results: tuple[SampleResult, ...] = ()
) -> Outcome:
    """Sample open customer items by invoice and, once their audited amounts are known, evaluate them."""
    table = "open_accounts_receivable"
    if reason := lacking(books, table, "invoice_id", "open_amount_cents"):
        return not_performed(RECEIVABLE_SAMPLE, reason)
    frame = books.tables[table]
    items = pd.DataFrame(
        {"record_id": frame["invoice_id"], "amount_cents": frame["open_amount_cents"]}
    )
    return _sampled(RECEIVABLE_SAMPLE, table, items, plan, results)


def sample_payments(
    books: Books, plan: SamplePlan, results: tuple[SampleResult, ...] = ()
) -> Outcome:
    """Sample payments to suppliers and, once their audited amounts are known, evaluate them."""
    table = "payments_made"
    if reason := lacking(books, table, "payment_amount_cents"):
        return not_performed(PAYMENT_SAMPLE, reason)
    frame = books.tables[table]
    rows = pd.Series([str(n) for n in range(1, len(frame) + 1)], index=frame.index, dtype="str")
    records = frame["payment_id"].fillna(rows) if "payment_id" in frame else rows
    items = pd.DataFrame({"record_id": records, "amount_cents": frame["payment_amount_cents"]})
    return _sampled(PAYMENT_SAMPLE, table, items, plan, results)


def _sampled(
    name: str, table: str, items: pd.DataFrame, plan: SamplePlan, results: tuple[SampleResult, ...]
) -> Outcome:
    book_value = int(items.loc[items["amount_cents"] > 0, "amount_cents"].sum())
    if not book_value:
        return not_performed(name, f"table {table} holds no positive amount")
    if plan.tolerable_cents <= 0:
        return not_performed(name, "no tolerable misstatement is set")
    size, sample = _drawn(items.reset_index(drop=True), book_value, plan)
    audited = {r.record_id: round(r.audited_amount * 100) for r in results}
    figures = _selection_figures(sample, size, plan, audited) | {"book_value_cents": book_value}
    selection = (
        f"{count(len(sample), 'item')} of {money(figures['selected_cents'])} selected at intervals of "
        f"{money(size.interval_cents)} with seed {plan.seed}, {figures['top_stratum']:,} of them for their size."
    )
    wrong = pd.DataFrame(columns=["record_id", "amount_cents", "description"])
    if obstacle := _unaudited(sample, audited):
        verdict = f"Projection not performed, because {obstacle}."
    else:
        wrong = _misstated(sample, audited)
        figures |= _evaluated(sample, audited, size, plan)
        verdict = (
            f"{count(len(wrong), 'item')} misstated; projected misstatement {money(figures['projected_cents'])}, "
            f"upper limit {money(figures['upper_limit_cents'])} at {plan.confidence_pct:g} % confidence against "
            f"tolerable {money(plan.tolerable_cents)}: {figures['conclusion']}."
        )
    shown = sample.sort_values("amount_cents", ascending=False, kind="stable")
    return performed(
        name,
        population=_population(items, book_value),
        result=f"{selection} {verdict}",
        findings=findings_of(wrong, kind="sample_misstatement", table=table, procedure=name),
        evidence=(
            evidence_of("Items selected, largest first", shown[["record_id", "amount_cents"]]),
        ),
        figures=figures,
    )


def _drawn(
    items: pd.DataFrame, book_value: int, plan: SamplePlan
) -> tuple[SampleDesign, pd.DataFrame]:
    """The design of the sample as extended, and its items."""
    size = design(book_value, plan)
    sample = monetary_unit_sample(
        items, interval_cents=size.interval_cents, seed=plan.seed, splits=plan.splits
    )
    extended = replace(
        size,
        sample_size=size.sample_size * plan.splits,
        interval_cents=max(size.interval_cents // plan.splits, 1),
    )
    return extended, sample


def _selection_figures(
    sample: pd.DataFrame, size: SampleDesign, plan: SamplePlan, audited: Mapping[str, int]
) -> dict[str, Any]:
    is_open = ~sample["record_id"].isin(list(audited))
    return {
        "sample_size": size.sample_size,
        "interval_cents": size.interval_cents,
        "confidence_factor": size.confidence_factor,
        "seed": plan.seed,
        "splits": plan.splits,
        "selected": sample["record_id"].tolist(),
        "unaudited": sample.loc[is_open, "record_id"].tolist(),
        "selected_cents": int(sample["amount_cents"].sum()),
        "top_stratum": int(sample["is_top_stratum"].sum()),
        "evaluated": False,
    }


def _population(items: pd.DataFrame, book_value: int) -> str:
    positive = int((items["amount_cents"] > 0).sum())
    text = f"{count(positive, 'item')}, total {money(book_value)}"
    if left_out := len(items) - positive:
        credit = money(items["amount_cents"].clip(upper=0).sum())
        text += f"; {count(left_out, 'zero or negative item')} ({credit}) left out, to be tested by other means"
    return text


def _unaudited(sample: pd.DataFrame, audited: Mapping[str, int]) -> str:
    missing = int((~sample["record_id"].isin(list(audited))).sum())
    if missing == len(sample):
        return "no audited values were supplied"
    if missing:
        return f"{missing:,} of the {len(sample):,} selected items have no audited amount yet"
    return ""


def _evaluated(
    sample: pd.DataFrame, audited: Mapping[str, int], size: SampleDesign, plan: SamplePlan
) -> dict[str, Any]:
    evaluation = evaluate_sample(
        sample, audited, interval_cents=size.interval_cents, confidence=plan.confidence_pct / 100
    )
    return {
        "evaluated": True,
        "factual_cents": evaluation.factual_cents,
        "projected_cents": evaluation.projected_cents,
        "upper_overstatement_cents": evaluation.upper_overstatement_cents,
        "upper_understatement_cents": evaluation.upper_understatement_cents,
        "upper_limit_cents": evaluation.upper_limit_cents,
        "conclusion": conclude(evaluation, plan.tolerable_cents),
    }


def _misstated(sample: pd.DataFrame, audited: Mapping[str, int]) -> pd.DataFrame:
    found = sample["record_id"].map(audited).astype("int64")
    wrong = sample.assign(book_cents=sample["amount_cents"], audited_cents=found)
    wrong["amount_cents"] = wrong["book_cents"] - wrong["audited_cents"]
    wrong = wrong[wrong["amount_cents"] != 0].copy()
    wrong["description"] = [
        f"Sampled item {row.record_id}: book {money(row.book_cents)}, audited {money(row.audited_cents)}."
        for row in wrong.itertuples(index=False)
    ]
    return wrong
