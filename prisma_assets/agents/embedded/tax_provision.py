"""Step t06: current and deferred tax, uncertain positions, the reconciliation of the effective rate, the file for review."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.tax_review import Standing, refusals, standing
from prisma_assets.agents.embedded.tax_work import (
    collected,
    euro_cents,
    per_euro,
    shown,
    tax_finding,
    without_facts,
)
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, StepResult
from prisma_assets.domain.tax.deferred_tax import DeferredTax, deferred_taxes
from prisma_assets.domain.tax.facts import TaxEntity, TaxFacts
from prisma_assets.domain.tax.minimum_tax import shares
from prisma_assets.domain.tax.provision import OtherTax, Provision, consolidate, provide
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.result import EntityTax
from prisma_assets.domain.tax.rounding import pct_of, pct_text, portion
from prisma_assets.domain.tax.uncertain_position import Measured, measure

CURRENT, DEFERRED = "Current tax", "Deferred tax"
UNCERTAIN, EFFECTIVE = "Uncertain positions", "Reconciliation of the effective rate"


@dataclass(frozen=True, kw_only=True)
class _File:
    """Everything the step computed."""

    taxes: dict[str, EntityTax]
    deferred: tuple[DeferredTax, ...]
    gaps: tuple[str, ...]
    """Deferred taxes that could not be measured, with the reason."""
    positions: tuple[Measured, ...]
    provisions: tuple[Provision, ...]
    group: Provision | None
    """None: no entity's tax was computed."""


@dataclass(frozen=True, kw_only=True)
class _Added:
    """Taxes that no return of the entity shows, by entity."""

    inclusions: dict[str, int]
    """In the entity's currency."""
    refunds: dict[str, int]
    """In euro cents."""
    top_ups: dict[str, int]
    """In euro cents."""


def provision_and_review(work: StepWork) -> StepResult:
    """Measure the expense and put the file together; people review it."""
    facts = work.engagement.tax
    if facts is None:
        nothing = {
            "current_tax": [],
            "deferred_tax": [],
            "etr_reconciliation": {},
            "utp": [],
            "review_status": "BLOCKED",
        }
        return without_facts(work, (CURRENT, DEFERRED, UNCERTAIN, EFFECTIVE), nothing)
    file = _file(work, facts)
    found = standing(work, facts)
    missing = [e.name for e in facts.entities if e.name not in file.taxes]
    status = found.status(missing)
    is_material = _is_material(facts, file)
    roles = _approvals(found, is_material=is_material)
    uncleared = list(found.uncleared)
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=[
                _current(file, missing),
                _deferred(file, facts),
                _uncertain(file, facts),
                _effective(file),
                *refusals(found),
                *since_last_round(work, "uncleared", uncleared),
            ],
            conclusion=_conclusion(file, missing, status, roles),
            outputs={
                "current_tax": [_current_json(p) for p in file.provisions],
                "deferred_tax": [_deferred_json(d) for d in file.deferred],
                "etr_reconciliation": {
                    "group": None if file.group is None else _provision_json(file.group),
                    "entities": [_provision_json(p) for p in file.provisions],
                    "not_included": missing,
                },
                "utp": [_position_json(m) for m in file.positions],
                "review_status": status,
                "decision": found.verdict,
                "refused": list(found.refused),
                "uncleared": uncleared,
                "not_computed": missing,
                "approvals_required": roles,
                "is_material": is_material,
                "technical_review_required": found.needs_technical_review,
            },
        ),
    )


def _file(work: StepWork, facts: TaxFacts) -> _File:
    rows = [e for r in collected(work, "t03", "cit_result") for e in r["entities"]]
    taxes = {row["entity"]: EntityTax.model_validate(row) for row in rows}
    reporting = work.engagement.period.end
    measured = [d for e in facts.entities for d in deferred_taxes(e, reporting=reporting)]
    deferred = tuple(d for d in measured if isinstance(d, DeferredTax))
    positions = tuple(measure(p) for p in facts.uncertain_positions)
    added = _Added(
        inclusions=_inclusions(work), refunds=_refunds(facts, taxes), top_ups=_top_ups(work, facts)
    )
    provisions = tuple(
        provide(taxes[e.name], _other(e, deferred, positions, added))
        for e in facts.entities
        if e.name in taxes
    )
    weighted: list[tuple[Provision, Fraction]] = [
        (p, per_euro(facts.entity(p.name))) for p in provisions
    ]
    return _File(
        taxes=taxes,
        deferred=deferred,
        gaps=tuple(d.reason for d in measured if isinstance(d, NoRate)),
        positions=positions,
        provisions=provisions,
        group=consolidate(weighted, name=facts.group or work.engagement.client.name)
        if weighted
        else None,
    )


def _other(
    entity: TaxEntity,
    deferred: tuple[DeferredTax, ...],
    positions: tuple[Measured, ...],
    added: _Added,
) -> OtherTax:
    name = entity.name
    moved = [d for d in deferred if d.entity == name and d.recognised_in == "profit_or_loss"]
    return OtherTax(
        prior_years_cents=cents(entity.prior_year_adjustment),
        uncertain_cents=sum(m.movement_cents for m in positions if m.entity == name),
        deferred_cents=sum(d.movement_cents for d in moved),
        inclusion_cents=added.inclusions.get(name, 0),
        refunds_cents=portion(added.refunds.get(name, 0), per_euro(entity)),
        top_up_cents=portion(added.top_ups.get(name, 0), per_euro(entity)),
    )


def _refunds(facts: TaxFacts, taxes: Mapping[str, EntityTax]) -> dict[str, int]:
    """Refunds of Maltese tax by the entity that holds the shares, in euro cents; earned when the profit is distributed."""
    found: dict[str, int] = {}
    for entity in facts.entities:
        refund = taxes[entity.name].refund_cents if entity.name in taxes else 0
        if refund and entity.parent is not None:
            own = pct_of(euro_cents(refund, entity), entity.ownership_pct)
            found[entity.parent] = found.get(entity.parent, 0) + own
    return found


def _top_ups(work: StepWork, facts: TaxFacts) -> dict[str, int]:
    """Minimum tax by entity in euro cents: the domestic part where it arises, the residual at the ultimate parent."""
    found: dict[str, int] = {}
    for row in work.outputs_of("t05").get("p2", {}).get("jurisdictions", []):
        entities = tuple(e for e in facts.entities if e.jurisdiction == row["jurisdiction"])
        for entity, part in zip(entities, shares(row["credit_cents"], entities), strict=True):
            found[entity.name] = found.get(entity.name, 0) + part
        parent = facts.ultimate_parent
        if row["residual_cents"] and parent is not None:
            found[parent.name] = found.get(parent.name, 0) + row["residual_cents"]
    return found


def _inclusions(work: StepWork) -> dict[str, int]:
    """Tax on the income of controlled foreign companies by holder, in the holder's currency."""
    found: dict[str, int] = {}
    for row in work.outputs_of("t05").get("cfc_ilr", []):
        found[row["holder"]] = found.get(row["holder"], 0) + row["tax_cents"]
    return found


def _is_material(facts: TaxFacts, file: _File) -> bool:
    if facts.materiality is None or file.group is None:
        return True
    return abs(file.group.expense_cents) >= cents(facts.materiality)


def _approvals(found: Standing, *, is_material: bool) -> list[str]:
    """Firm practice: a manager always, a technical reviewer for technical positions, a partner for what is material or was refused."""
    technical = ["TECHNICAL_REVIEWER"] if found.needs_technical_review else []
    partner = ["PARTNER"] if is_material or found.refused else []
    return ["MANAGER", *technical, *partner]


def _current(file: _File, missing: list[str]) -> Outcome:
    if not file.provisions:
        return not_performed(CURRENT, "step t03 computed no entity")
    rows = tuple(
        (
            p.name,
            shown(p.profit_cents, p.currency),
            shown(p.current_cents, p.currency),
            pct_text(p.effective_pct),
        )
        for p in file.provisions
    )
    columns = (
        "entity",
        "profit before tax",
        "current tax",
        "effective rate, deferred tax included",
    )
    return performed(
        CURRENT,
        population=count(len(file.provisions), "entity", "entities"),
        result=f"Not included: {', '.join(missing)}." if missing else "Every entity is included.",
        evidence=(Evidence(title=CURRENT, columns=columns, rows=rows),),
        findings=tuple(
            tax_finding("entity_without_tax", name, f"{name}: no tax was computed.", CURRENT)
            for name in missing
        ),
    )


def _deferred(file: _File, facts: TaxFacts) -> Outcome:
    if not any(e.temporary_differences for e in facts.entities):
        return not_performed(DEFERRED, "engagement.yaml states no temporary_differences")
    if not file.deferred:
        return not_performed(DEFERRED, "; ".join(file.gaps))
    rows = tuple(
        (d.entity, d.name, shown(d.closing_cents, facts.entity(d.entity).currency),
         shown(d.movement_cents, facts.entity(d.entity).currency), d.recognised_in, d.basis)
        for d in file.deferred
    )  # fmt: skip
    columns = (
        "entity",
        "difference",
        "closing (asset negative)",
        "movement",
        "recognised in",
        "basis",
    )
    return performed(
        DEFERRED,
        population=count(len(file.deferred), "temporary difference"),
        result=f"Not measured: {'; '.join(file.gaps)}."
        if file.gaps
        else "All measured at enacted rates.",
        evidence=(Evidence(title=DEFERRED, columns=columns, rows=rows),),
    )


def _uncertain(file: _File, facts: TaxFacts) -> Outcome:
    if not file.positions:
        return not_performed(UNCERTAIN, "engagement.yaml states no tax.uncertain_positions")
    rows = tuple(
        (m.position, m.entity, shown(m.liability_cents, facts.entity(m.entity).currency), m.why)
        for m in file.positions
    )
    unmeasured = [m for m in file.positions if m.liability_cents is None]
    return performed(
        UNCERTAIN,
        population=count(len(file.positions), "position"),
        result=f"{count(len(unmeasured), 'position')} could not be measured.",
        evidence=(
            Evidence(
                title=UNCERTAIN, columns=("position", "entity", "liability", "why"), rows=rows
            ),
        ),
        findings=tuple(
            tax_finding(
                "uncertain_position_unmeasured", m.position, f"{m.position}: {m.why}.", UNCERTAIN
            )
            for m in unmeasured
        ),
    )


def _effective(file: _File) -> Outcome:
    group = file.group
    if group is None:
        return not_performed(EFFECTIVE, "step t03 computed no entity")
    rows = tuple((line.label, shown(line.cents, "EUR")) for line in group.lines)
    total = ("Tax expense", shown(group.expense_cents, "EUR"))
    return performed(
        EFFECTIVE,
        population=f"profit before tax {shown(group.profit_cents, 'EUR')}",
        result=f"Effective rate {pct_text(group.effective_pct)}; rounding {shown(group.rounding_cents, 'EUR')}.",
        evidence=(Evidence(title=EFFECTIVE, columns=("cause", "tax"), rows=(*rows, total)),),
    )


def _conclusion(file: _File, missing: list[str], status: str, roles: list[str]) -> str:
    parts = []
    if file.group is not None:
        parts.append(
            f"Tax expense of {shown(file.group.expense_cents, 'EUR')}, effective rate {pct_text(file.group.effective_pct)}."
        )
    if missing:
        parts.append(
            f"Without {', '.join(missing)}, whose tax a person computes (computed_by_person) before anybody approves."
        )
    if status == "BLOCKED":
        parts.append(
            "A computation is refused: it is cleared with root cause and remedy (tax.clearances) before anybody approves."
        )
    parts.append(f"To be approved by: {', '.join(roles)}.")
    return " ".join(parts)


def _current_json(found: Provision) -> dict[str, Any]:
    return {"entity": found.name, "currency": found.currency, "current_cents": found.current_cents}


def _deferred_json(found: DeferredTax) -> dict[str, Any]:
    return {
        "entity": found.entity, "name": found.name, "difference_cents": found.difference_cents,
        "rate_pct": pct_text(found.rate_pct), "opening_cents": found.opening_cents, "closing_cents": found.closing_cents,
        "movement_cents": found.movement_cents, "recognised_in": found.recognised_in,
    }  # fmt: skip


def _provision_json(found: Provision) -> Mapping[str, Any]:
    return {
        "name": found.name, "currency": found.currency, "profit_cents": found.profit_cents,
        "expense_cents": found.expense_cents, "effective_rate": pct_text(found.effective_pct),
        "lines": [{"label": line.label, "cents": line.cents} for line in found.lines],
    }  # fmt: skip


def _position_json(found: Measured) -> dict[str, Any]:
    return {
        "position": found.position, "entity": found.entity, "liability_cents": found.liability_cents, "why": found.why,
    }  # fmt: skip
