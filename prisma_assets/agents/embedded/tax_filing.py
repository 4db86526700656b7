"""Step t07: receipts, payments, what is due next, and the sealed file. Nothing is ever transmitted from here."""

from datetime import date
from typing import Any

from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.tax_work import tax_finding, without_facts
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit import archive
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.threshold import firm
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.obligation import Obligation, obligations

RECEIPTS, PAYMENTS, SEAL = "Receipts", "Payments", "Archive manifest"
RETENTION_YEARS = firm(7, "years", source="firm practice: engagement journals, 2,555 days")


def filing_payment_archive(work: StepWork) -> StepResult:
    """Hold the authorities' receipts against what is due, list payments and seal the file."""
    facts = work.engagement.tax
    manifest = archive.seal(work.engagement, work.books, work.stored_steps)
    if facts is None:
        nothing = {
            "filing_receipts": [], "payment_refs": [], "next_deadlines": [], "is_filed": False,
            "archive_manifest_sha256": manifest.sha256,
        }  # fmt: skip
        return without_facts(work, (RECEIPTS, PAYMENTS), nothing)
    due = obligations(facts, period_end=work.engagement.period.end)
    still_open = [o for o in due if not o.receipt]
    today = work.task.as_of.date() if work.task.as_of else None
    obstacles = _obstacles(work, still_open)
    missing = [f"{o.form} of {o.entity}, due on {o.due}" for o in still_open]
    until = archive.retention_until(today, int(RETENTION_YEARS.value)) if today else None
    return finish(
        work,
        Draft(
            outcomes=[
                _receipts(due, still_open, today),
                *since_last_round(work, "missing_receipts", missing),
                _payments(facts),
                _sealed(manifest, until),
            ],
            conclusion=_conclusion(manifest, obstacles),
            outputs={
                "filing_receipts": [
                    {"entity": o.entity, "form": o.form, "receipt": o.receipt,
                     "filed_on": o.filed_on.isoformat() if o.filed_on else None}
                    for o in due
                    if o.receipt
                ],
                "payment_refs": _payment_rows(facts),
                "next_deadlines": [
                    {"entity": o.entity, "jurisdiction": o.jurisdiction, "form": o.form, "due": o.due.isoformat(),
                     "is_overdue": bool(today and o.due < today)}
                    for o in still_open
                ],
                "is_filed": not still_open,
                "missing_receipts": missing,
                "overdue": sum(bool(today and o.due < today) for o in still_open),
                "obstacles": obstacles,
                "archive_manifest": manifest.content,
                "archive_manifest_sha256": manifest.sha256,
                "retention_until": until.isoformat() if until else None,
                "retention_rule": RETENTION_YEARS.text,
            },
        ),
    )  # fmt: skip


def _obstacles(work: StepWork, still_open: list[Obligation]) -> list[str]:
    found = []
    review = work.outputs_of("t06").get("review_status")
    if review == "BLOCKED":
        found.append("a computation is refused and not cleared")
    if review == "INCOMPLETE":
        found.append("the tax of an entity is not computed")
    if stale := work.changed_since("t02"):
        found.append(f"tables changed after the computations: {', '.join(stale)}")
    if not work.outputs_of("t06"):
        found.append("the provision and its review are not on file")
    if work.outputs_of("t02").get("is_reconciled") is False:
        found.append("the profits do not tie out")
    if still_open:
        found.append(f"{count(len(still_open), 'receipt')} missing")
    return found


def _receipts(
    due: tuple[Obligation, ...], still_open: list[Obligation], today: date | None
) -> Outcome:
    late = [o for o in still_open if today and o.due < today]
    rows = tuple((o.entity, o.form, o.due.isoformat(), o.receipt or "none") for o in due)
    return performed(
        RECEIPTS,
        population=count(len(due), "obligation"),
        result=f"{count(len(due) - len(still_open), 'receipt')} on file; {count(len(late), 'obligation')} overdue. A person submits; no agent does.",
        evidence=(
            Evidence(title=RECEIPTS, columns=("entity", "form", "due", "receipt"), rows=rows),
        ),
        findings=tuple(
            tax_finding(
                "filing_overdue",
                f"{o.entity} {o.form}",
                f"{o.form} of {o.entity} was due on {o.due} and has no receipt.",
                RECEIPTS,
            )
            for o in late
        ),
    )


def _payments(facts: TaxFacts) -> Outcome:
    owed = [f for f in facts.filings if f.payment]
    unpaid = [f for f in owed if not f.payment_reference]
    return performed(
        PAYMENTS,
        population=count(len(owed), "payment"),
        result=f"{count(len(unpaid), 'payment')} without a reference.",
        findings=tuple(
            tax_finding(
                "payment_without_reference",
                f"{f.entity} {f.form}",
                f"{f.entity}, {f.form}: no payment reference is on file.",
                PAYMENTS,
            )
            for f in unpaid
        ),
    )


def _payment_rows(facts: TaxFacts) -> list[dict[str, Any]]:
    return [
        {"entity": f.entity, "form": f.form, "reference": f.payment_reference, "amount": str(f.payment),
         "paid_on": f.paid_on.isoformat() if f.paid_on else None}
        for f in facts.filings
        if f.payment_reference
    ]  # fmt: skip


def _sealed(manifest: archive.Manifest, until: date | None) -> Outcome:
    steps = tuple(("step", step_id, sha) for step_id, sha in manifest.content["steps"].items())
    sources = tuple(("file", f["file"], f["sha256"]) for f in manifest.content["files"])
    return performed(
        SEAL,
        population=f"{count(len(steps), 'step')}, {count(len(sources), 'file')}",
        result=f"SHA-256 {manifest.sha256}; kept until {until or 'not known'} ({RETENTION_YEARS.text}).",
        evidence=(
            Evidence(title=SEAL, columns=("what", "name", "SHA-256"), rows=(*steps, *sources)),
        ),
    )


def _conclusion(manifest: archive.Manifest, obstacles: list[str]) -> str:
    start = (
        f"Not closed yet: {'; '.join(obstacles)}."
        if obstacles
        else "Every obligation has its receipt; the file may be closed."
    )
    return f"{start} The file is sealed as {manifest.sha256[:12]}…."
