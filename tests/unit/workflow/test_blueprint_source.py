"""Blueprints: what is accepted, and what each mistake is answered with."""

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.blueprint_overlay import parse_overlay
from prisma_assets.domain.workflow.blueprint_source import parse_blueprint


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        parse_blueprint(text, file="m.yaml")
    return str(error.value)


def test_a_valid_methodology_is_read(small):
    assert [p.id for p in small.phases_in_order()] == ["plan", "test", "report"]
    assert [(p.id, s.id) for p, s in small.steps()][:2] == [
        ("know_client", "know_1"),
        ("set_limits", "limit_1"),
    ]
    assert [[s.id for s in g] for g in small.procedures[2].in_groups()] == [
        ["entry_1"],
        ["entry_2", "entry_3"],
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "preconditions: [know_client]",
            "preconditions: [know_clients]",
            "m.yaml:102:21: procedure 'set_limits' names 'know_clients', which is no procedure; did you mean 'know_client'?",
        ),
        (
            "knowledge_refs: [know_client]",
            "knowledge_refs: [nothing_like_it]",
            "which is no procedure; there are: count_stock, know_client",
        ),
        (
            "{procedure: know_client, state: completed}",
            "{procedure: nobody, state: completed}",
            "m.yaml:43:12: the gate names 'nobody', which is no procedure",
        ),
        (
            "{procedure: set_limits, state: completed}",
            "{procedure: set_limits, state: complete}",
            "m.yaml:42:35: the gate names 'complete', which is no state; did you mean 'completed'?",
        ),
        ("phase: report\n", "phase: reporting\n", "names 'reporting', which is no phase; did you mean 'report'?"),
        ("        actor: review_partner", "        actor: partner", "step 'say_1' names 'partner', which is no actor"),
        ("required_roles: [review_manager]", "required_roles: [boss]", "procedure 'set_limits' names 'boss', which is no actor"),
        ("outputs: [{ref: plan_memo, type: memo}]", "outputs: [{ref: plan_note}]", "step 'limit_1' names 'plan_note', which is no evidence"),
        ("next_step: entry_3", "next_step: entry_9", "step 'entry_1' names 'entry_9', which is no step of 'test_entries'"),
        ("initial_state: open\n      states: [open, working", "initial_state: shut\n      states: [open, working", "names 'shut', which is no state"),
        ("to_state: working, command: revise", "to_state: workin, command: revise", "names 'workin', which is no state; did you mean 'working'?"),
        ("      - id: entry_2", "      - id: entry_1", "two steps of 'test_entries' have the id 'entry_1': give each its own"),
        ("  - id: know_client\n    phase", "  - id: say_so\n    phase", "two entries of procedures have the id 'say_so'"),
        ("  - id: review_staff\n", "  - id: review_manager\n", "m.yaml:18:5: two entries of actors have the id 'review_manager'"),
        ("preconditions: [test_entries]", "precondition: [test_entries]", "unknown key 'procedures.4.precondition'; did you mean 'preconditions'?"),
        ("order: 2\n    gate", "order: second\n    gate", "m.yaml:46:5: phases.1.order: Input should be a valid integer"),
        ("base_hours: 4.5", "base_hours: -1", "procedures.1.base_hours: Input should be greater than 0"),
        ("judgment_level: human_required\n        human", "judgment_level: humans\n        human", "'humans' is none of"),
        ('schema_version: "1.0"', 'schema_version: "2.0"', "schema_version: '2.0' is none of '1.0'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_the_mend(small_text, old, new, expected):
    assert old in small_text

    assert expected in refused(small_text.replace(old, new, 1))


def test_procedures_that_wait_for_each_other_are_refused(small_text):
    said = refused(small_text.replace("- id: know_client\n    phase: plan", "- id: know_client\n    preconditions: [set_limits]\n    phase: plan"))  # fmt: skip

    assert said.startswith("m.yaml:59:21: procedures wait for each other in a circle (")
    assert said.endswith("remove one precondition or gate condition")


def test_a_gate_that_waits_for_a_later_phase_is_refused(small_text):
    """The later phase waits for the gate, so neither could ever begin."""
    said = refused(
        small_text.replace(
            "{procedure: know_client, state: completed}", "{procedure: say_so, state: completed}"
        )
    )

    assert "procedures wait for each other in a circle" in said
    assert "gate of plan" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "m.yaml:1:1: expected `key: value` lines, found nothing"),
        ("- a\n- b\n", "found a list"),
        ("phases: [\n", "m.yaml:2:1: not valid YAML"),
        ("phases: []\n", "'methodology' is missing; add it"),
    ],
)
def test_what_is_no_blueprint_at_all_is_said(text, expected):
    assert expected in refused(text)


def test_a_misspelt_overlay_is_refused():
    with pytest.raises(
        InputError, match=r"o\.yaml:1:1: unknown key 'iteration_limit'; did you mean"
    ):
        parse_overlay("iteration_limit: {default: 3}\n", file="o.yaml")
