"""The samples of step a08: drawn by the plan, extended while what they show asks for it, helped by alternative procedures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit import alternative, sampling
from prisma_assets.domain.audit.engagement import SampleResult
from prisma_assets.domain.audit.misstatement import Misstatement
from prisma_assets.domain.audit.outcome import Outcome
from prisma_assets.domain.audit.sampling import SamplePlan

LOWERED_CONFIDENCE_PCT = 90
"""Confidence of samples when every key control worked: controls then carry part of the assurance (ISA 330 A43); the lower
of the two levels the firm works with."""
EXTENSION = 2
"""Each extension cuts the sampling intervals in two: twice the items, all of the earlier ones among them."""
UNDECIDED = "further procedures required"

_SAMPLED_COLUMNS = {
    "open_accounts_receivable": ("invoice_id", "open_amount_cents"),
    "payments_made": ("payment_id", "payment_amount_cents"),
}
_SELECTION = {
    "receivables": ("open_accounts_receivable", sampling.sample_receivables),
    "payments": ("payments_made", sampling.sample_payments),
}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Both samples of one turn."""

    receivables: Outcome
    payments: Outcome
    alternative: tuple[Outcome, ...]
    """Other evidence for items without an answer; none in the first turn."""
    can_extend: bool
    """Another turn could tell more: a larger sample, or other evidence that has not been looked for."""
    to_examine: dict[str, list[str]]
    """Items of an extended sample without an audited amount, by sample: the team examines them."""


def draw_samples(work: StepWork, found: Iterable[Misstatement]) -> Drawn:
    """Draw and evaluate the samples of this turn; records already known to be wrong are not projected a second time.

    The first turn draws what the plan says. A later one extends a sample whose result left the matter open (ISA 530
    A23) and looks for other evidence where an answer is missing (ISA 505 paragraph 12). An extended sample that holds
    items nobody has examined yet cannot be evaluated: the earlier evaluation stands, and the items are listed.
    """
    known = list(found)
    before = (work.task.previous or {}).get("samples", {}) if work.task.turn > 1 else {}
    results = work.engagement.sample_results
    other: tuple[Outcome, ...] = ()
    if before:
        other = (_alternative(work, before, known),)
        results += _supported(other[0])
    drawn = {
        n: _sample(work, n, before.get(n, {}), _apart_from(work, results, n, known))
        for n in _SELECTION
    }
    return Drawn(
        receivables=drawn["receivables"][0],
        payments=drawn["payments"][0],
        alternative=other,
        can_extend=any(_can_extend(work, n, outcome, left) for n, (outcome, left) in drawn.items()),
        to_examine={n: left for n, (_, left) in drawn.items() if left},
    )  # fmt: skip


def _sample(
    work: StepWork,
    name: str,
    before: Mapping[str, Any],
    results: tuple[SampleResult, ...],
) -> tuple[Outcome, list[str]]:
    """One sample, and the items of its extension that nobody has examined."""
    _, select = _SELECTION[name]
    splits = int(before.get("splits", 1))
    plan = _plan(work)
    if before.get("conclusion") != UNDECIDED:
        return select(work.books, plan.model_copy(update={"splits": splits}), results), []
    larger = select(work.books, plan.model_copy(update={"splits": splits * EXTENSION}), results)
    if larger.figures["evaluated"]:
        return larger, []
    smaller = select(work.books, plan.model_copy(update={"splits": splits}), results)
    return smaller, larger.figures["unaudited"]


def _plan(work: StepWork) -> SamplePlan:
    planned = work.outputs_of("a05")
    parameters = planned.get("sampling", {})
    strategy = work.engagement.strategy
    reliance = work.outputs_of("a06").get("reliance_level", "none")
    stated = int(parameters.get("confidence_pct", strategy.confidence_pct))
    return SamplePlan(
        tolerable_cents=planned.get("performance_materiality_cents") or 0,
        expected_misstatement_pct=float(parameters.get("expected_misstatement_pct", 0)),
        confidence_pct=LOWERED_CONFIDENCE_PCT if reliance == "full" else stated,
        seed=int(parameters.get("seed", strategy.sampling_seed)),
    )


def _can_extend(work: StepWork, name: str, sample: Outcome, left: list[str]) -> bool:
    if not sample.is_performed:
        return False
    if sample.figures["evaluated"]:
        return sample.figures["conclusion"] == UNDECIDED and not left
    # Payments have no other evidence in the books; receivables have, and it is looked for once.
    return name == "receivables" and work.task.turn == 1


def _alternative(
    work: StepWork, before: Mapping[str, Any], known: Iterable[Misstatement]
) -> Outcome:
    """Other evidence for what this turn's sample of receivables holds without an audited amount."""
    first = before.get("receivables", {})
    grows = EXTENSION if first.get("conclusion") == UNDECIDED else 1
    plan = _plan(work).model_copy(update={"splits": int(first.get("splits", 1)) * grows})
    results = _apart_from(work, work.engagement.sample_results, "receivables", known)
    wanted = sampling.sample_receivables(work.books, plan, results).figures.get("unaudited", [])
    return alternative.vouch(work.books, work.engagement.period, wanted)


def _supported(found: Outcome) -> tuple[SampleResult, ...]:
    """Other evidence supports the book amount."""
    return tuple(
        SampleResult(
            record_id=v.invoice_id,
            audited_amount=Decimal(v.open_cents).scaleb(-2),
            note=v.evidence,
        )
        for v in found.figures.get("vouched", ())
    )


def _apart_from(
    work: StepWork, results: tuple[SampleResult, ...], name: str, found: Iterable[Misstatement]
) -> tuple[SampleResult, ...]:
    """The results with the records known from tests of the whole population taken as right.

    Their error is counted in full where it was found; the population was searched for all of its kind, so nothing is
    left to project from it (ISA 450 paragraph 5: each misstatement once).
    """
    document = "invoice" if name == "receivables" else "payment"
    known = {m.record_id for m in found if m.document == document}
    table, _ = _SELECTION[name]
    key, amount = _SAMPLED_COLUMNS[table]
    if not known or not work.books.has(table, key, amount):
        return results
    frame = work.books.tables[table]
    rows = frame[frame[key].isin(known) & frame[amount].notna()]
    book = {str(record): int(cents) for record, cents in zip(rows[key], rows[amount], strict=True)}
    return tuple(
        r.model_copy(update={"audited_amount": Decimal(book[r.record_id]) / 100})
        if r.record_id in book
        else r
        for r in results
    )
