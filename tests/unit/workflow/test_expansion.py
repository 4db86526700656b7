"""Sub-workflows: what a template looks like once those it uses are put in."""

import textwrap

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.expansion import expand
from prisma_assets.domain.workflow.source import parse_template
from prisma_assets.domain.workflow.template import Template

AGENTS = frozenset({"audit-plan-012"})

PARTS = """
name: component_review
title: Review of a component
version: "1"
description: What is done for one component.
inputs:
  limit: {type: number, required: true}
  depth: {type: text, default: full}
steps:
  - {id: b1, name: read, title: Read, objective: Read., agent: audit-plan-012}
  - id: b2
    name: judge
    title: Judge
    objective: Judge.
    agent: audit-plan-012
    after: [b1]
    when: steps.b1.total > inputs.limit && inputs.depth == 'full' && "steps.b1" != 'inputs.limit'
    sign_off: {kind: REVIEW, roles: [MANAGER], rework: [b1], when: output.open > inputs.limit}
"""

WHOLE = """
name: group_review
title: Review of a group
version: "1"
description: Uses another template.
inputs:
  materiality: {type: number, default: 10}
steps:
  - {id: a1, name: plan, title: Plan, objective: Plan., agent: audit-plan-012}
  - id: a2
    name: components
    title: Components
    objective: Review them.
    after: [a1]
    when: steps.a1.is_group
    workflow:
      template: component_review
      inputs: {limit: inputs.materiality * 0.5}
      outputs: {judged: steps.b2.verdict}
  - id: a3
    name: conclude
    title: Conclude
    objective: Conclude.
    agent: audit-plan-012
    after: [a2]
    when: status.a2 == 'COMPLETED' && steps.a2.judged == 'fair'
    sign_off: {kind: REVIEW, roles: [PARTNER], rework: [a2]}
"""


def parsed(text: str) -> Template:
    return parse_template(textwrap.dedent(text), file="t.yaml", agents=AGENTS)


def whole(text: str = WHOLE, *others: str) -> Template:
    found = {t.name: t for t in map(parsed, (PARTS, *others))}

    def find(name: str) -> Template:
        if name not in found:
            raise InputError(f"no template is called '{name}'")
        return found[name]

    return expand(parsed(text), find, agents=AGENTS)


def test_steps_of_the_used_template_stand_between_those_before_and_behind() -> None:
    template = whole()
    assert [s.id for s in template.in_order()] == ["a1", "a2__b1", "a2__b2", "a2", "a3"]
    after = {s.id: s.after for s in template.steps}
    assert after["a2__b1"] == ("a1",)
    assert after["a2__b2"] == ("a2__b1",)
    assert after["a2"] == ("a1", "a2__b2")
    assert after["a3"] == ("a2",)


def test_expressions_read_the_steps_and_inputs_of_the_whole() -> None:
    """Text in quotes is nobody's name."""
    step = whole().step("a2__b2")
    assert step is not None
    assert step.when == (
        "(steps.a1.is_group) && (steps.a2__b1.total > (inputs.materiality * 0.5) && "
        "(\"full\") == 'full' && \"steps.b1\" != 'inputs.limit')"
    )
    assert step.sign_off is not None
    assert step.sign_off.when == "output.open > (inputs.materiality * 0.5)"


def test_a_condition_on_the_using_step_holds_for_every_step_inside() -> None:
    first = whole().step("a2__b1")
    assert first is not None
    assert first.when == "(steps.a1.is_group)"


def test_the_using_step_gives_the_outputs_it_names() -> None:
    using = whole().step("a2")
    assert using is not None
    assert (using.workflow, using.agent) == (None, None)
    assert using.compute == {"judged": "steps.a2__b2.verdict"}


def test_agents_inside_get_their_own_names() -> None:
    step = whole().step("a2__b2")
    assert step is not None
    assert (step.scope, step.procedure) == ("a2__", "judge")
    assert step.given == {"limit": "inputs.materiality * 0.5", "depth": '"full"'}


def test_work_sent_back_to_a_sub_workflow_goes_to_all_its_steps() -> None:
    last, inside = whole().step("a3"), whole().step("a2__b2")
    assert last is not None
    assert last.sign_off is not None
    assert last.sign_off.rework == ("a2__b1", "a2__b2")
    assert inside is not None
    assert inside.sign_off is not None
    assert inside.sign_off.rework == ("a2__b1",)


def test_sub_workflows_stand_inside_sub_workflows() -> None:
    outermost = """
    name: firm_review
    title: Review of everything
    version: "1"
    description: Uses a template that uses another.
    inputs:
      share: {type: number, default: 2}
    steps:
      - id: z1
        name: group
        title: Group
        objective: Review it.
        workflow: {template: group_review, inputs: {materiality: inputs.share + 1.0}}
    """
    template = whole(outermost, WHOLE)
    assert [s.id for s in template.in_order()] == [
        "z1__a1",
        "z1__a2__b1",
        "z1__a2__b2",
        "z1__a2",
        "z1__a3",
        "z1",
    ]
    deep = template.step("z1__a2__b2")
    assert deep is not None
    assert deep.scope == "z1__a2__"
    assert deep.given["limit"] == "(inputs.share + 1.0) * 0.5"
    assert "steps.z1__a1.is_group" in str(deep.when)


def test_changing_the_used_template_changes_the_hash_of_the_whole() -> None:
    other = expand(
        parsed(WHOLE), lambda _name: parsed(PARTS.replace("Judge.", "Judge well.")), agents=AGENTS
    )
    assert whole().sha256 != other.sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("template: component_review", "template: group_review", "in a circle (group_review -> group_review)"),
        ("template: component_review", "template: nobody", "no template is called 'nobody'"),
        ("{limit: inputs.materiality * 0.5}", "{limt: inputs.materiality}", "has no input 'limt'; did you mean 'limit'?"),
        ("inputs: {limit: inputs.materiality * 0.5}", "inputs: {}", "needs the input 'limit'"),
        ("steps.b2.verdict", "steps.b9.verdict", "reads 'a2__b9', which does not come before"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(old: str, new: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        whole(WHOLE.replace(old, new))
    assert said in str(refused.value)


def test_what_only_the_product_sets_is_refused_in_a_file() -> None:
    with pytest.raises(
        InputError, match=r"t.yaml:\d+:\d+: step 'b1': `scope` is set by the product"
    ):
        parsed(PARTS.replace("objective: Read.,", "objective: Read., scope: x__,"))
