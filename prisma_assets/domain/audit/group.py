"""Components of a group: their performance materiality and what their auditors reported (ISA 600 Revised)."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from prisma_assets.domain.audit.amount import cents, in_currency, percentage
from prisma_assets.domain.audit.engagement import Component
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.threshold import firm
from prisma_assets.domain.audit.workpaper import Evidence, Finding

COMPONENT_CEILING = firm(
    90, "%", source="firm practice; ISA 600R paragraph 35(a) asks for less than the group's"
)
"""Largest share of the group's performance materiality one component may use."""


def component_materiality(
    components: tuple[Component, ...], *, performance_cents: int
) -> dict[str, int]:
    """Allot performance materiality to components.

    Each gets the group's amount times the root of its share of revenue, at most the ceiling: if components err
    independently, their squares add up to the group's, so that their sum is unlikely to exceed it (aggregation risk).
    Without revenue the shares follow total assets; without either they are equal.

    Args:
        components: Components in scope.
        performance_cents: The group's performance materiality; >= 0.

    Returns:
        Component name to hundredths of the currency.

    Assumes: errors of components are independent.
    Source: Zuber, Elliott, Kinney and Leisenring (1983), Journal of Accountancy 155(3), 42-54 (square-root rule);
    ISA 600R paragraph 35.
    """
    ceiling = COMPONENT_CEILING.value / 100
    shares = _shares(components)
    return {
        c.name: int((min(share.sqrt(), ceiling) * performance_cents).to_integral_value(ROUND_FLOOR))
        for c, share in zip(components, shares, strict=True)
    }


def allocate(
    components: tuple[Component, ...], *, performance_cents: int | None, currency: str
) -> Outcome:
    """Set each component's performance materiality. Figures: `component_performance_cents` by name."""
    name = "Component performance materiality"
    if not components:
        return not_performed(name, "engagement.yaml has no components")
    if performance_cents is None:
        return not_performed(name, "the plan has no performance materiality for the group")
    allotted = component_materiality(components, performance_cents=performance_cents)
    rows = tuple(
        (c.name, in_currency(cents(c.revenue), currency), in_currency(allotted[c.name], currency))
        for c in components
    )
    return performed(
        name,
        population=f"{count(len(components), 'component')}; group performance materiality {in_currency(performance_cents, currency)}",
        result=f"Each component works below the group's amount, at most {COMPONENT_CEILING.text}.",
        evidence=(
            Evidence(
                title="Component performance materiality",
                columns=("component", "revenue", "performance materiality"),
                rows=rows,
            ),
        ),
        figures={"component_performance_cents": allotted},
    )


def instruct(
    component: Component, *, performance: str, risks: Sequence[str], number: int
) -> Outcome:
    """The instruction to one component's auditor; issued again under the next number while it is not acknowledged.

    Args:
        component: The component.
        performance: Its performance materiality, as text.
        risks: Significant risks of the group's statements to respond to.
        number: How often the instruction has been issued, this time included.

    Source: ISA 600R paragraphs 24-28, 44.
    """
    rows = (
        ("Performance materiality", performance),
        *(("Significant risk to respond to", risk) for risk in risks),
        ("To report", "conclusion, uncorrected misstatements, deficiencies in control, events after the period, independence"),
    )  # fmt: skip
    state = "acknowledged" if component.instruction_acknowledged else "not acknowledged yet"
    again = "issued" if number == 1 else f"issued for the {number}. time"
    return performed(
        f"Instruction to the auditor of {component.name}",
        population=f"instruction no. {number}",
        result=f"Prepared to be {again} by a manager; {state}.",
        evidence=(Evidence(title="Instruction", columns=("subject", "content"), rows=rows),),
    )


def coverage(components: tuple[Component, ...], *, group_revenue_cents: int | None) -> Outcome:
    """Share of the group's revenue that the components reported on make up."""
    name = "Coverage of the group"
    if not components:
        return not_performed(name, "engagement.yaml has no components")
    if not group_revenue_cents or group_revenue_cents < 0:
        return not_performed(name, "the group's revenue cannot be read from the books")
    reported = [c for c in components if c.conclusion]
    share = cents(sum((c.revenue for c in reported), Decimal(0))) / group_revenue_cents
    return performed(
        name,
        population=f"{len(reported)} of {count(len(components), 'component')} with a conclusion",
        result=f"They make up {percentage(share)} of the group's revenue before eliminations.",
        figures={"revenue_share": round(share, 6)},
    )


def reports(components: tuple[Component, ...], *, currency: str) -> Outcome:
    """Review what came back: instructions acknowledged, conclusions, uncorrected misstatements.

    Figures: `uncorrected_cents`; `open_components` without acknowledgement or conclusion.
    """
    name = "Reports of component auditors"
    if not components:
        return not_performed(name, "engagement.yaml has no components")
    findings: list[Finding] = []
    for component in components:
        findings.extend(_findings(component, name))
    uncorrected = sum(abs(cents(c.uncorrected_misstatements)) for c in components)
    open_components = [
        c.name for c in components if not (c.instruction_acknowledged and c.conclusion)
    ]
    return performed(
        name,
        population=count(len(components), "component"),
        result=f"{count(len(open_components), 'component')} still open; uncorrected misstatements of {in_currency(uncorrected, currency)}.",
        findings=tuple(findings),
        evidence=(_evidence(components, currency),),
        figures={"uncorrected_cents": uncorrected, "open_components": open_components},
    )


def _shares(components: tuple[Component, ...]) -> list[Decimal]:
    for sizes in ([c.revenue for c in components], [c.total_assets for c in components]):
        positive = [max(size, Decimal(0)) for size in sizes]
        if sum(positive) > 0:
            return [size / sum(positive) for size in positive]
    return [Decimal(1) / len(components) for _ in components]


def _findings(component: Component, procedure: str) -> list[Finding]:
    missing = []
    if not component.instruction_acknowledged:
        missing.append(
            ("component_not_acknowledged", "has not acknowledged the instruction; issue it again")
        )
    if not component.conclusion:
        missing.append(("component_no_conclusion", "has not reported a conclusion"))
    found = [
        Finding(kind=kind, table="engagement", record_id=component.name,
                description=f"{component.name} {words}.", procedure=procedure)
        for kind, words in missing
    ]  # fmt: skip
    if component.uncorrected_misstatements:
        found.append(
            Finding(kind="component_misstatement", table="engagement", record_id=component.name,
                    amount_cents=abs(cents(component.uncorrected_misstatements)),
                    description=f"{component.name} reports uncorrected misstatements.", procedure=procedure)
        )  # fmt: skip
    return found


def _evidence(components: tuple[Component, ...], currency: str) -> Evidence:
    rows = tuple(
        (c.name, "yes" if c.instruction_acknowledged else "no", c.conclusion or "none",
         in_currency(cents(c.uncorrected_misstatements), currency))
        for c in components
    )  # fmt: skip
    return Evidence(
        title="Component reports",
        columns=("component", "acknowledged", "conclusion", "uncorrected"),
        rows=rows,
    )
