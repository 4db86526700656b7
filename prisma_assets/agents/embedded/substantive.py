"""Step a08: misstatements in revenue, receivables and payments, found, projected and weighed."""

from typing import Any

from prisma_assets.agents.embedded.samples import draw_samples
from prisma_assets.agents.embedded.work import (
    Draft,
    StepWork,
    finish,
    first_performed,
    key_procedure,
)
from prisma_assets.agents.heartbeat import beat
from prisma_assets.domain.audit import ageing, cut_off, matching, misstatement
from prisma_assets.domain.audit.misstatement import Judgement, KindTotal, Misstatement
from prisma_assets.domain.audit.outcome import Outcome
from prisma_assets.domain.audit.workpaper import Evidence, StepResult

ITEMS_HANDED_ON = 50
"""Largest misstatements handed on one by one; totals are always of all."""


def substantive_testing(work: StepWork) -> StepResult:
    """Match and compare whole populations, sample the rest, and sum what is wrong."""
    books, period = work.books, work.engagement.period
    revenue = [matching.unshipped_invoices(books, period), cut_off.sales_cut_off(books, period)]
    beat()
    others = [
        matching.invoices_without_order(books),
        matching.unknown_parties(books),
        ageing.receivable_ageing(books, period),
        ageing.credit_limits(books, period),
    ]
    beat()
    duplicates = matching.duplicate_payments(books)
    beat()
    corrected = work.engagement.completion.corrected if work.engagement.completion else ()
    found = misstatement.factual((f for o in (*revenue, duplicates) for f in o.findings), corrected)
    drawn = draw_samples(work, found)
    receivables, payments = drawn.receivables, drawn.payments
    errors = [*found, *_projected(receivables, payments, corrected)]
    totals = misstatement.totals(errors)
    searched = any(o.is_performed for o in (*revenue, duplicates)) or _is_evaluated(
        receivables, payments
    )
    performance = work.outputs_of("a05").get("performance_materiality_cents")
    keys = {
        "revenue": first_performed(revenue),
        "receivables": _receivables_key(work, receivables),
        "payments": first_performed([duplicates, payments]),
    }
    verdict = _verdict(totals, performance if searched else None, (receivables, payments), keys)
    goes_on = verdict == "further_procedures_required" and drawn.can_extend
    return finish(
        work,
        Draft(
            outcomes=[*revenue, *others, receivables, *drawn.alternative, duplicates, payments],
            evidence=_evidence(work, totals),
            conclusion=_conclusion(work, verdict, totals if searched else None, keys)
            + (" The samples are extended." if goes_on else ""),
            outputs={
                "conclusion": verdict,
                "can_extend": goes_on,
                "misstatements": misstatement.to_json(totals) if searched else None,
                "misstatement_items": _largest(errors),
                "uncorrected_cents": misstatement.uncorrected_cents(totals) if searched else None,
                "samples": {"receivables": _compact(receivables), "payments": _compact(payments)},
                "to_examine": drawn.to_examine,
                "key_procedures": keys,
            },
        ),
    )


def _is_evaluated(*samples: Outcome) -> bool:
    return any(o.figures.get("evaluated") for o in samples)


def _projected(
    receivables: Outcome, payments: Outcome, corrected: tuple[str, ...]
) -> list[Misstatement]:
    pairs = (("projected_receivables", receivables), ("projected_payments", payments))
    return [
        misstatement.projected(kind, outcome.figures["projected_cents"], corrected)
        for kind, outcome in pairs
        if outcome.figures.get("projected_cents")
    ]


def _receivables_key(work: StepWork, sample: Outcome) -> dict[str, Any]:
    """Receivables count as tested when the sample is evaluated, or when they are too small to matter."""
    balance = work.figures.get("receivables")
    performance = work.outputs_of("a05").get("performance_materiality_cents")
    if balance is not None and performance is not None and abs(balance.cents) < performance:
        return {"is_performed": True, "reason": "receivables are below performance materiality"}
    if not sample.is_performed or sample.figures["evaluated"]:
        return key_procedure(sample)
    return key_procedure(sample, problem="items are selected, but not all have an audited amount")


def _verdict(
    totals: tuple[KindTotal, ...],
    performance: int | None,
    samples: tuple[Outcome, ...],
    keys: dict[str, dict[str, Any]],
) -> Judgement:
    """The gravest of: what was found, what samples say, what is missing."""
    verdict = misstatement.judge(totals, performance)
    said = {o.figures.get("conclusion") for o in samples}
    if verdict in ("material", "not_evaluated"):
        return verdict
    if "material" in said:
        return "material"
    is_missing = not all(k["is_performed"] for k in keys.values())
    if is_missing or "further procedures required" in said:
        return "further_procedures_required"
    return verdict


def _conclusion(
    work: StepWork,
    verdict: Judgement,
    totals: tuple[KindTotal, ...] | None,
    keys: dict[str, dict[str, Any]],
) -> str:
    gaps = [
        f"{area}: {state['reason']}" for area, state in keys.items() if not state["is_performed"]
    ]
    missing = f" Not established: {'; '.join(gaps)}." if gaps else ""
    if totals is None:
        return f"No population could be searched for misstatements.{missing}"
    found = work.amount(misstatement.uncorrected_cents(totals))
    performance = work.amount(work.outputs_of("a05").get("performance_materiality_cents"))
    words = {
        "acceptable": f"Uncorrected misstatement of {found} is below half of performance materiality ({performance}): the evidence suffices.",
        "further_procedures_required": f"Uncorrected misstatement comes to {found} (performance materiality {performance}); further procedures are required before the area can be signed off.",
        "material": f"Misstatement is material for this area: {found} uncorrected against performance materiality of {performance}. The client is asked to correct it.",
        "not_evaluated": f"Misstatement of {found} was found and cannot be evaluated without materiality.",
    }
    return words[verdict] + missing


def _evidence(work: StepWork, totals: tuple[KindTotal, ...]) -> tuple[Evidence, ...]:
    if not totals:
        return ()
    rows = tuple(
        (t.kind, t.nature, t.items, work.amount(t.total_cents), work.amount(t.corrected_cents),
         work.amount(t.uncorrected_cents), misstatement.FACTUAL_KINDS.get(t.kind, "projected from the sample"))
        for t in totals
    )  # fmt: skip
    columns = ("kind", "nature", "items", "total", "corrected", "uncorrected", "effect")
    title = "Misstatements, each record once; over- and understatements are not set off"
    return (Evidence(title=title, columns=columns, rows=rows),)


def _largest(errors: list[Misstatement]) -> list[dict[str, Any]]:
    ordered = sorted(errors, key=lambda m: (-m.cents, m.record_id))
    return [
        {
            "kind": m.kind,
            "record_id": m.record_id,
            "amount_cents": m.cents,
            "is_corrected": m.is_corrected,
        }
        for m in ordered[:ITEMS_HANDED_ON]
    ]


def _compact(sample: Outcome) -> dict[str, Any]:
    """What later steps need of a sample, without the list of items."""
    if not sample.is_performed:
        return {"performed": False, "reason": sample.procedure.reason}
    kept = (
        "sample_size",
        "splits",
        "evaluated",
        "projected_cents",
        "upper_limit_cents",
        "conclusion",
    )
    figures = {name: sample.figures[name] for name in kept if name in sample.figures}
    return {"performed": True, "items": len(sample.figures["selected"]), **figures}
