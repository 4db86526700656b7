"""A methodology as a template: its order, gates, reviews and judgements are all there."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.workflow.blueprint import Blueprint
from prisma_assets.domain.workflow.blueprint_note import notes
from prisma_assets.domain.workflow.blueprint_overlay import Overlay
from prisma_assets.domain.workflow.blueprint_template import Identifiers, identifier
from prisma_assets.domain.workflow.source import parse_template
from prisma_assets.domain.workflow.template_text import template_text
from prisma_assets.domain.workflow.validation import problems

AGENTS = frozenset({"audit-plan-012"})


@pytest.fixture(scope="module")
def template(translated):
    return translated().template("small_review")


def step(template, step_id):
    found = template.step(step_id)
    assert found is not None, step_id
    return found


def roles(found):
    return [r.role for r in found.sign_off.roles] if found.sign_off else []


def test_it_is_valid(template):
    assert problems(template, agents=AGENTS) == []
    assert (template.title, template.version) == ("Small Review", "3.2")


def test_every_step_of_every_procedure_is_there_in_phase_order(template):
    assert [s.id for s in template.steps] == [
        "know_1", "limit_1", "limit_2", "gate_1", "entry_1", "entry_2", "entry_3", "count_1",
        "gate_2_any", "gate_2", "say_1",
    ]  # fmt: skip


def test_steps_follow_each_other_preconditions_and_gates(template):
    after = {s.id: set(s.after) for s in template.steps}

    assert after["limit_1"] == {"know_1"}
    assert after["limit_2"] == {"limit_1"}
    assert after["gate_1"] == {"limit_2"}
    assert after["entry_1"] == {"gate_1"}
    assert after["count_1"] == {"gate_1"}
    assert after["say_1"] == {"gate_2"}


def test_one_step_is_the_last_of_a_reviewed_procedure(template):
    """Two steps may be done side by side, but who reviews them sees both."""
    assert set(step(template, "entry_2").after) == {"entry_1"}
    assert set(step(template, "entry_3").after) == {"entry_2"}


def test_a_gate_of_which_any_is_enough_joins_any(template):
    assert set(step(template, "gate_2_any").after) == {"count_1", "entry_3"}
    assert step(template, "gate_2_any").join == "any"
    # The one of `any` may be the other procedure, so `entry_3` is still asked for itself.
    assert set(step(template, "gate_2").after) == {"entry_3", "gate_2_any"}
    assert 'status.entry_3 == "COMPLETED"' in step(template, "gate_2").compute["is_met"]


def test_reviews_and_judgements_are_signed(template):
    assert roles(step(template, "limit_2")) == ["PARTNER"]
    assert roles(step(template, "entry_3")) == ["MANAGER", "PARTNER"]
    assert step(template, "entry_3").sign_off.in_turn
    assert roles(step(template, "say_1")) == ["PARTNER"]
    assert roles(step(template, "limit_1")) == []


def test_work_is_sent_back_to_the_first_step_where_the_machine_allows_it(template):
    assert step(template, "limit_2").sign_off.rework == ("limit_1",)
    assert step(template, "entry_3").sign_off.rework == ()


def test_the_agent_is_told_what_the_methodology_says(template):
    brief = step(template, "entry_1").parameters

    assert brief["procedure"] == "Test Entries"
    assert brief["actor"] == "Review Staff"
    assert brief["reads"] == {"plan_memo": "Planning Memorandum", "count_sheets": "Stock Count Sheets"}  # fmt: skip
    assert brief["questions"] == [{"question": "Is anything odd?", "answers": ["Yes: Look closer", "No"]}]  # fmt: skip
    assert step(template, "entry_3").parameters["judged_by_people"] is True
    assert step(template, "limit_1").standards == ("ISA 320 10",)


def test_titles_read_like_titles(template):
    assert step(template, "limit_1").title == "Determine materiality"
    assert step(template, "entry_2").title == "Evaluate entry 2"


def test_what_a_template_cannot_say_is_told(translated):
    told = notes(translated())

    assert any(n.startswith("what a step must state") and "limit_1" in n for n in told)
    for part in ("entry_1 -> entry_3", "test_entries (know_client)", "count_stock (goods)", "evidence_catalog.lifecycle"):  # fmt: skip
        assert any(part in n for n in told), part


def test_an_overlay_sets_limits_times_and_hours(translated):
    translation = translated(
        iteration_limits={"default": 7, "per_procedure": {"say_so": 40, "stranger": 3}},
        transitions={"defaults": {"revision_probability": 0.3, "timing": {"mu_hours": 36}}},
        resource_costs={"cost_multiplier": 1.5, "per_procedure_multipliers": {"set_limits": 2}},
    )
    template = translation.template("small_review")

    # Four states take three transitions, so two revisions of two transitions each fit into seven.
    assert step(template, "limit_2").sign_off.rework_limit == 2
    assert step(template, "say_1").sign_off.rework_limit == 10
    assert step(template, "limit_2").sign_off.remind == 36 * 3600
    assert step(template, "limit_1").parameters["hours"] == 13.5
    told = " ".join(notes(translation))
    assert "more revisions than 10" in told
    assert "stranger" in told
    assert "how likely a revision is" in told


def test_an_overlay_leaves_out_steps_no_standard_requires(translated):
    translation = translated(actor_profiles={"review_manager": {"skip_guidance_steps": True}})
    template = translation.template("small_review")

    assert template.step("limit_2") is None
    assert roles(step(template, "limit_1")) == ["PARTNER"]
    assert any("limit_2" in n and "skip" in n for n in notes(translation))


def test_what_waits_for_a_procedure_left_out_waits_for_what_that_one_waits_for(small, translate):
    """An overlay for another kind of engagement."""
    data = small.model_dump()
    data["procedures"][1]["discriminators"] = {"tiers": ["complex"]}
    translation = translate(
        Blueprint.model_validate(data), Overlay.model_validate({"discriminators": {"tiers": ["simple"]}})
    )  # fmt: skip
    template = translation.template("small_review")

    assert template.step("limit_1") is None
    assert template.step("count_1") is None
    assert set(step(template, "entry_1").after) == {"gate_1"}
    assert set(step(template, "gate_1").after) == {"know_1"}
    assert any("set_limits" in n and "discriminators" in n for n in notes(translation))


def test_steps_of_the_same_id_in_two_procedures_are_told_apart(small, translate):
    """The format lets ids repeat from procedure to procedure."""
    data = small.model_dump()
    data["procedures"][0]["steps"][0]["id"] = "say_1"
    template = translate(Blueprint.model_validate(data)).template("small_review")

    assert template.step("know_client_say_1") is not None
    assert template.step("say_so_say_1") is not None
    assert problems(template, agents=AGENTS) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Plan & Risk", "plan_risk"), ("2nd look", "x_2nd_look"), ("Ü", "x"), ("a" * 80, "a" * 60)],
)
def test_any_text_makes_an_identifier(text, expected):
    assert identifier(text) == expected


def test_an_identifier_is_given_out_once():
    names = Identifiers()

    assert [names.take("go on"), names.take("go-on"), names.take("for")] == ["go_on", "go_on_2", "for_2"]  # fmt: skip
    assert len(names.take("a" * 70)) == len(names.take("a" * 70)) == 60


@st.composite
def blueprints(draw) -> Blueprint:
    """Small methodologies: any preconditions that make no circle, any gates, any order of steps."""
    phases = draw(st.integers(1, 4))
    count = draw(st.integers(1, 7))
    of_phase = sorted(draw(st.lists(st.integers(0, phases - 1), min_size=count, max_size=count)))
    procedures = []
    for n in range(count):
        before = draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True)) if n else []
        orders = draw(st.lists(st.integers(1, 3), min_size=0 if n else 1, max_size=4))
        judged = draw(st.booleans())
        procedures.append(
            {
                "id": f"p{n}", "phase": f"f{of_phase[n]}", "title": f"Procedure {n}",
                "preconditions": [f"p{i}" for i in before],
                "aggregate": draw(st.sampled_from([None, MACHINE])),
                "steps": [
                    {"id": f"s{k}", "order": o, "actor": "boss", "description": "Work.",
                     "judgment_level": "human_required" if judged else None}
                    for k, o in enumerate(orders)
                ],
            }
        )  # fmt: skip
    gates = []
    for f in range(phases):
        # A gate may name what belongs to its phase or an earlier one; a later one would be a circle.
        open_to = [f"p{n}" for n in range(count) if of_phase[n] <= f]
        named = draw(st.lists(st.sampled_from(open_to), unique=True, max_size=3)) if open_to else []
        kind = draw(st.sampled_from(["all_of", "any_of"]))
        gates.append({kind: [{"procedure": p, "state": "done"} for p in named]})
    return Blueprint.model_validate(
        {
            "schema_version": "1.0",
            "methodology": {"name": "M", "version": "1", "framework": "ISA"},
            "actors": [{"id": "boss", "name": "Partner"}],
            "phases": [{"id": f"f{f}", "name": f"Phase {f}", "order": f, "gate": gates[f]} for f in range(phases)],
            "procedures": procedures,
        }
    )  # fmt: skip


MACHINE = {
    "initial_state": "open",
    "states": ["open", "done"],
    "transitions": [{"from_state": "open", "to_state": "done", "guards": ["partner_approved"]}],
}


@given(blueprint=blueprints())
def test_every_methodology_gives_a_valid_template(blueprint, translate):
    template = translate(blueprint).template("m")

    assert problems(template, agents=AGENTS) == []
    agent_steps = [s for s in template.steps if s.agent is not None]
    assert len(agent_steps) == sum(len(p.steps) for p in blueprint.procedures)


@given(blueprint=blueprints())
def test_every_precondition_and_every_order_is_kept(blueprint, translate):
    translation = translate(blueprint)
    template, ids = translation.template("m"), translation.ids

    for procedure in blueprint.procedures:
        own = [[ids[procedure.id, s.id] for s in g] for g in procedure.in_groups()]
        for earlier, later in pairwise(own):
            assert all(set(earlier) <= template.upstream(i) for i in later)
        for other in procedure.preconditions:
            last = {ids[other, s.id] for p, s in blueprint.steps() if p.id == other}
            assert all(last <= template.upstream(i) for group in own for i in group)


@given(blueprint=blueprints())
def test_every_gate_is_kept(blueprint, translate):
    """Whatever belongs to a later phase stands behind all that the gate of an earlier one names."""
    translation = translate(blueprint)
    template, ids = translation.template("m"), translation.ids
    phases = [p.id for p in blueprint.phases_in_order()]
    for number, phase in enumerate(blueprint.phases_in_order()):
        named = [c.procedure for c in (*phase.gate.all_of, *phase.gate.any_of)]
        needed = {ids[p.id, s.id] for p, s in blueprint.steps() if p.id in named}
        later = [ids[p.id, s.id] for p, s in blueprint.steps() if phases.index(p.phase) > number]
        assert all(needed <= template.upstream(i) for i in later)


@given(blueprint=blueprints())
def test_people_sign_what_only_they_may_judge(blueprint, translate):
    translation = translate(blueprint)
    template, ids = translation.template("m"), translation.ids

    for p, s in blueprint.steps():
        signed = template.step(ids[p.id, s.id]).sign_off is not None
        assert signed or s.judgment_level is None


@given(blueprint=blueprints())
def test_what_is_written_is_read_back_the_same(blueprint, translate):
    template = translate(blueprint).template("m")
    text = template_text(template, comment="From somewhere.")

    assert parse_template(text, file="m.yaml", agents=AGENTS) == template
