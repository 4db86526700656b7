"""Step a09: the components of a group, one branch each: the instruction, and what the component's auditor reported."""

from collections.abc import Mapping

from prisma_assets.agents.embedded.work import Draft, StepWork, finish, key_procedure
from prisma_assets.domain.audit import group, misstatement
from prisma_assets.domain.audit.engagement import Component
from prisma_assets.domain.audit.outcome import Outcome
from prisma_assets.domain.audit.workpaper import StepResult
from prisma_assets.domain.errors import InputError


def group_component_work(work: StepWork) -> StepResult:
    """Instruct the component the branch is for and take up its report; outside a for-each, all components."""
    item = work.task.item
    if isinstance(item, Mapping):
        return _component_work(work, _named(work, str(item.get("name"))))
    return _group_work(work)


def _named(work: StepWork, name: str) -> Component:
    found = next((c for c in work.engagement.components if c.name == name), None)
    if found is None:
        raise InputError(
            f"components of engagement.yaml holds none called {name}, which the plan names; send step a05 back"
        )
    return found


def _component_work(work: StepWork, component: Component) -> StepResult:
    allotted = _allotted(work)
    own = allotted.figures.get("component_performance_cents", {}).get(component.name)
    number = _instruction_number(work, component)
    instruction = group.instruct(
        component,
        performance=work.amount(own),
        risks=work.outputs_of("a03").get("significant_risks", []),
        number=number,
    )
    outcomes = [allotted, instruction]
    return _result(work, (component,), outcomes, {"instruction_number": number})


def _instruction_number(work: StepWork, component: Component) -> int:
    """The instruction goes out once, and again each time the step comes back without an acknowledgement."""
    issued = int((work.task.previous or {}).get("instruction_number", 0))
    return max(issued, 1) if component.instruction_acknowledged else issued + 1


def _group_work(work: StepWork) -> StepResult:
    components = work.engagement.components
    revenue = work.figures.get("revenue")
    covered = group.coverage(components, group_revenue_cents=revenue.cents if revenue else None)
    return _result(work, components, [_allotted(work), covered], {})


def _allotted(work: StepWork) -> Outcome:
    return group.allocate(
        work.engagement.components,
        performance_cents=work.outputs_of("a05").get("performance_materiality_cents"),
        currency=work.currency,
    )


def _result(
    work: StepWork,
    components: tuple[Component, ...],
    outcomes: list[Outcome],
    more: Mapping[str, int],
) -> StepResult:
    reported = group.reports(components, currency=work.currency)
    corrected = work.engagement.completion.corrected if work.engagement.completion else ()
    errors = misstatement.factual(reported.findings, corrected)
    still_open = reported.figures.get("open_components", [])
    allotted = outcomes[0].figures.get("component_performance_cents", {})
    problem = f"open: {', '.join(still_open)}" if still_open else ""
    return finish(
        work,
        Draft(
            tables=("financial_statements", "trial_balance"),
            outcomes=[*outcomes, reported],
            core=[reported],
            conclusion=_conclusion(work, components, still_open),
            outputs={
                **more,
                "component_performance_cents": {
                    c.name: allotted[c.name] for c in components if c.name in allotted
                },
                "component_conclusions": [
                    {"component": c.name, "conclusion": c.conclusion} for c in components
                ],
                "open_components": still_open,
                "misstatements": misstatement.to_json(misstatement.totals(errors))
                if reported.is_performed
                else None,
                "key_procedures": {"components": key_procedure(reported, problem=problem)},
            },
        ),
    )


def _conclusion(work: StepWork, components: tuple[Component, ...], still_open: list[str]) -> str:
    if not components:
        return (
            "The work on components is outstanding."
            if work.engagement.client.is_group
            else "The client is not a group."
        )
    if still_open:
        return f"The group's opinion cannot rest yet on {', '.join(still_open)}: instructions are issued again and conclusions awaited."
    return "Every component's auditor acknowledged the instruction and reported a conclusion."
