"""Templates: what is accepted, and what each mistake is answered with."""

from pathlib import Path

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.part import seconds
from prisma_assets.domain.workflow.source import parse_template
from prisma_assets.domain.workflow.template import Template

AGENTS = frozenset({"audit-plan-012", "audit-risk-013"})

GOOD = """\
name: small_review
title: Small review
version: "1"
description: Two steps.
inputs:
  engagement: {type: folder, required: true, description: Books.}
steps:
  - id: s1
    name: first_look
    title: First look
    objective: See what is there.
    agent: audit-risk-013
    timeout: 30s
  - id: s2
    name: second_look
    title: Second look
    objective: See the rest.
    agent: audit-plan-012
    after: [s1]
    when: steps.s1.risk == 'high' && inputs.engagement != ''
    sign_off: {kind: AGENT_ACTION, roles: [MANAGER, {role: PARTNER, when: output.big}]}
"""


def parse(text: str) -> Template:
    return parse_template(text, file="t.yaml", agents=AGENTS)


def test_a_valid_template_is_read():
    template = parse(GOOD)

    assert [s.key for s in template.in_order()] == ["s1_first_look", "s2_second_look"]
    assert template.steps[0].timeout == 30
    assert template.step("second_look") is template.steps[1]
    assert [r.role for r in template.steps[1].sign_off.roles] == ["MANAGER", "PARTNER"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "after: [s1]",
            "after: [s9]",
            "step 's2' comes after 's9', which is no step",
        ),
        (
            "agent: audit-plan-012",
            "agent: audit-plan-013",
            "t.yaml:18:5: step 's2': unknown agent 'audit-plan-013'",
        ),
        (
            "    after: [s1]",
            "    afterwards: [s1]",
            "t.yaml:19:5: unknown key 'steps.1.afterwards'; did you mean 'after'?",
        ),
        ("timeout: 30s", "timeout: 30", "t.yaml:13:5: steps.0.timeout: '30' is not a duration"),
        ("steps.s1.risk ==", "steps.s1.risk = =", "t.yaml:20:5: steps.1.when: `steps.s1.risk = ="),
        ("steps.s1.risk", "stepz.s1.risk", "unknown name 'stepz'"),
        (
            "steps.s1.risk",
            "steps.s2.risk",
            "t.yaml:20:5: step 's2': the condition reads 's2', which does not come before 's2'",
        ),
        ("inputs.engagement != ''", "output.big", "unknown name 'output'"),
        (
            "roles: [MANAGER,",
            "roles: [BOSS,",
            "'BOSS' is none of 'PARTNER', 'MANAGER', 'EMPLOYEE', 'EQR' or 'TECHNICAL_REVIEWER'",
        ),
        ("id: s2", "id: s1", "t.yaml:8:5: two steps have the id 's1'"),
        ("title: Small review\n", "", "'title' is missing; add it"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_each_mistake_names_its_place_and_the_mend(old, new, expected):
    with pytest.raises(InputError) as error:
        parse(GOOD.replace(old, new))

    assert expected in str(error.value)


def test_a_circle_of_steps_is_named():
    circle = GOOD.replace("    agent: audit-risk-013", "    agent: audit-risk-013\n    after: [s2]")

    with pytest.raises(InputError, match="in a circle"):
        parse(circle)


def test_a_yaml_mistake_names_line_and_column():
    with pytest.raises(InputError, match=r"t.yaml:3:\d+: not valid YAML"):
        parse(GOOD.replace('version: "1"', 'version: "1'))


def test_the_hash_changes_with_the_content_only():
    assert parse(GOOD).sha256 == parse("# a comment\n" + GOOD).sha256
    assert parse(GOOD).sha256 != parse(GOOD.replace("30s", "31s")).sha256


@pytest.mark.parametrize(
    ("text", "expected"), [("500ms", 0.5), ("30s", 30), ("1.5h", 5400), ("5d", 432000)]
)
def test_durations_are_seconds(text, expected):
    assert seconds(text) == expected


def test_the_annual_audit_ships_with_its_fourteen_steps():
    """The firm's template: ids, order and the sign-offs of the specification."""
    from prisma_assets.agents.cards import firm_cards

    path = Path(__file__).parents[3] / "jobs" / "templates" / "annual_audit.yaml"
    template = parse_template(
        path.read_text(), file=path.name, agents=frozenset(c.id for c in firm_cards())
    )

    assert [s.id for s in template.steps] == [f"a{i:02}" for i in range(1, 15)]
    assert template.step("a08").after == ("a05", "a06", "a07")
    assert {s.id for s in template.steps if s.when is not None} == {"a06", "a09", "a13"}
    assert template.step("a14").sign_off.kind == "AUDIT_REPORT_RELEASE"
