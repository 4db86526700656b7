"""The minimum tax within step t05: top-up tax by jurisdiction, and who charges it."""

from typing import Any

from prisma_assets.agents.embedded.tax_work import decided, shown
from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed
from prisma_assets.domain.audit.workpaper import Evidence
from prisma_assets.domain.tax import minimum_tax as rules
from prisma_assets.domain.tax.decision import TOP_UP_REFUSED, Decision, Reason, refuse, review
from prisma_assets.domain.tax.facts import TaxFacts
from prisma_assets.domain.tax.rate import NoRate
from prisma_assets.domain.tax.rounding import pct_text

NAME = "Minimum tax"


def minimum_tax(work: StepWork, facts: TaxFacts) -> tuple[list[Outcome], dict[str, Any]]:
    """Compute the top-up tax of every jurisdiction, unless the group is out of scope."""
    year = work.engagement.period.end.year
    scope = rules.scope(facts.revenue_history, fiscal_year=year)
    if scope.is_in_scope is False:
        return [not_performed(NAME, f"the group is out of scope: {scope.why}")], _outputs(
            [], [], Decision(), "out of scope"
        )
    reasons = [] if scope.is_in_scope else [review(f"Scope is not decided: {scope.why}.")]
    done: list[rules.TopUp] = []
    missing: list[tuple[str, str]] = []
    parent = facts.ultimate_parent
    for code in facts.jurisdictions:
        entities = tuple(e for e in facts.entities if e.jurisdiction == code)
        found = rules.top_up(
            rules.totals(entities, fiscal_year=year),
            fiscal_start=work.engagement.period.start,
            parent=parent.jurisdiction if parent else None,
        )
        if isinstance(found, NoRate):
            missing.append((code, found.reason))
        else:
            done.append(found)
    reasons += _reasons(done, missing)
    decision = Decision(reasons=tuple(reasons))
    outcomes = [not_performed(f"{NAME} of {code}", reason) for code, reason in missing]
    if done:
        population = count(len(done), "jurisdiction")
        outcomes.insert(
            0, decided(NAME, decision.as_json(), population=population, evidence=(_table(done),))
        )
    word = "in scope" if scope.is_in_scope else "not decided"
    return outcomes, _outputs(done, missing, decision, word)


def _reasons(done: list[rules.TopUp], missing: list[tuple[str, str]]) -> list[Reason]:
    total = sum(t.top_up_cents for t in done)
    found = [review(f"{code}: {reason}.") for code, reason in missing]
    found += [review(note) for t in done for note in t.notes]
    if total >= TOP_UP_REFUSED.value * 100:
        found.append(refuse(f"Top-up tax of {shown(total, 'EUR')} reaches {TOP_UP_REFUSED.text}."))
    return found


def _table(done: list[rules.TopUp]) -> Evidence:
    rows = tuple(
        (
            t.jurisdiction, pct_text(t.effective_rate_pct), shown(t.exclusion_cents, "EUR"), shown(t.excess_cents, "EUR"),
            shown(t.top_up_cents, "EUR"), shown(t.domestic_cents, "EUR"), shown(t.residual_cents, "EUR"),
            t.relieved_by or t.charged_under,
        )
        for t in done
    )  # fmt: skip
    columns = ("jurisdiction", "effective rate", "substance exclusion", "excess profit", "top-up tax", "domestic", "residual", "relief or charge")  # fmt: skip
    return Evidence(title=NAME, columns=columns, rows=rows)


def _outputs(
    done: list[rules.TopUp], missing: list[tuple[str, str]], decision: Decision, scope: str
) -> dict[str, Any]:
    return {
        "scope": scope,
        "jurisdictions": [
            {
                "jurisdiction": t.jurisdiction,
                "etr_pct": None if t.effective_rate_pct is None else pct_text(t.effective_rate_pct),
                "exclusion_cents": t.exclusion_cents,
                "excess_cents": t.excess_cents,
                "topup_cents": t.top_up_cents,
                "credit_cents": t.domestic_cents,
                "residual_cents": t.residual_cents,
                "charged_under": t.charged_under,
                "relieved_by": t.relieved_by,
                "notes": list(t.notes),
            }
            for t in done
        ],
        "not_computed": [{"jurisdiction": code, "reason": reason} for code, reason in missing],
        "topup_cents": sum(t.top_up_cents for t in done),
        "credit_cents": sum(t.domestic_cents for t in done),
        "residual_cents": sum(t.residual_cents for t in done),
        **decision.as_json(),
    }
