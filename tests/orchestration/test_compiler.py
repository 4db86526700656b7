"""What Dagster sees of the shipped templates: the same graph, in words people understand."""

from pathlib import Path

import dagster as dg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import defs
from prisma_assets.engine.library import SHIPPED, read_library

SNAPSHOT = Path(__file__).with_name("graph_snapshot.txt")
REGISTRY = AgentRegistry(firm_cards())
LIBRARY = read_library([SHIPPED], agents=REGISTRY.ids)

OWN = {
    "alert_job", "compensation_job", "experiment_evaluation", "fact_roll_up", "feedback_signal_job", "learning_loop",
    "notification_job", "rollback_drill_job", "rollback_job", "rollout_job", "sign_off_clock_job",
}  # fmt: skip
"""Jobs that are no template's."""


@pytest.fixture(scope="module")
def product():
    """The definitions as the code location loads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PRISMA_TEMPLATES", raising=False)
        yield defs()


@pytest.fixture(scope="module")
def audit(product) -> dg.GraphDefinition:
    return product.get_job_def("annual_audit_job").graph


def feeds(graph):
    """`node <- node.output, node.output` for each input of each node; a line of its own for a node without inputs."""
    lines = []
    for node, inputs in graph.dependencies.items():
        if not inputs:
            lines.append(f"{node.alias or node.name} <-")
        for given in inputs.values():
            sources = (
                given.dependencies if isinstance(given, dg.MultiDependencyDefinition) else [given]
            )
            outputs = ", ".join(f"{s.node}.{s.output}" for s in sources)
            lines.append(f"{node.alias or node.name} <- {outputs}")
    return sorted(lines)


def test_every_shipped_file_is_a_template_with_a_job(product):
    jobs = {job.name for job in product.jobs}

    assert LIBRARY.problems == ()
    assert len(LIBRARY.templates) == len(list(SHIPPED.glob("*.y*ml"))) > 0
    assert jobs - OWN == {f"{name}_job" for name in LIBRARY.templates}


@pytest.mark.parametrize("name", sorted(LIBRARY.templates))
def test_ops_stand_in_the_order_of_the_template(product, name):
    template = LIBRARY.templates[name]
    nodes = [n.name for n in product.get_job_def(f"{name}_job").graph.nodes_in_topological_order]
    steps = [n for n in nodes if n != "open_execution" and not n.endswith("_condition")]

    position = {step: i for i, step in enumerate(steps)}
    assert nodes[0] == "open_execution"
    assert set(steps) == {s.key for s in template.steps}
    for step in template.steps:
        for before in step.after:
            assert position[template.step(before).key] < position[step.key]


@pytest.mark.parametrize("name", sorted(LIBRARY.templates))
def test_the_graph_has_the_edges_of_the_template_and_no_others(product, name):
    """An edge of the template is an input fed by the earlier step, or by the bypass of that step's gate."""
    template = LIBRARY.templates[name]
    expected = ["open_execution <-"]
    for step in template.steps:
        gate = f"{step.id}_condition"
        entered = step.key if step.when is None else gate
        if step.when is not None:
            expected.append(f"{step.key} <- {gate}.run")
        if not step.after:
            expected.append(f"{entered} <- open_execution.opened")
        for before in (template.step(b) for b in step.after):
            bypass = f", {before.id}_condition.bypass" if before.when is not None else ""
            expected.append(f"{entered} <- {before.key}.done{bypass}")

    assert feeds(product.get_job_def(f"{name}_job").graph) == sorted(expected)


def test_the_graph_is_the_one_reviewed(audit):
    """A change of the graph is a change of how the firm works; write the new snapshot only if that is meant."""
    assert feeds(audit) == SNAPSHOT.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("step", LIBRARY.templates["annual_audit"].steps, ids=lambda s: s.name)
def test_a_step_says_who_does_it_and_who_signs(audit, step):
    op = audit.node_named(step.key).definition

    assert step.title in op.description
    assert step.objective in op.description
    assert REGISTRY.get(step.agent).name in op.description
    assert f"`{step.agent}`" in op.description
    for role in step.sign_off.roles if step.sign_off else ():
        assert role.role in op.description
    assert op.tags["prisma/agent"] == step.agent
    assert op.tags["dagster/compute_kind"]


def test_a_gate_says_what_it_asks(audit):
    template = LIBRARY.templates["annual_audit"]
    conditional = [s for s in template.steps if s.when is not None]

    assert [s.id for s in conditional] == ["a06", "a09", "a13"]
    for step in conditional:
        description = audit.node_named(f"{step.id}_condition").definition.description
        assert str(step.when) in description
        assert step.title in description


def test_everything_has_a_description(product):
    sensors = list(product.sensors)
    jobs = [job for job in product.jobs if isinstance(job, dg.JobDefinition)]
    ops = [node.definition for job in jobs for node in job.graph.nodes]
    assets = [spec for spec in product.resolve_all_asset_specs() if spec.group_name != "default"]
    schedules = list(product.schedules)

    assert {s.name for s in sensors} == {
        "alert_sensor", "approval_resume_sensor", "compensation_sensor", "feedback_signal_sensor",
        "guardrail_rollback_sensor", "late_fact_sensor", "rollout_sensor",
        "notification_sensor", "sign_off_clock_sensor",
    }  # fmt: skip
    assert {s.name for s in schedules} == {
        "hourly_experiments",
        "hourly_roll_up",
        "nightly_learning",
        "weekly_drill",
    }
    for thing in [*product.jobs, *sensors, *schedules, *ops]:
        assert thing.description, thing.name
    for spec in assets:
        assert spec.description, spec.key
        assert spec.owners, spec.key


def test_a_job_says_what_it_is(product):
    job = product.get_job_def("annual_audit_job")
    template = LIBRARY.templates["annual_audit"]

    assert job.tags["prisma/template"] == "annual_audit"
    assert job.tags["prisma/version"] == template.version
    assert job.metadata["sha256"].value == template.sha256
    for step in template.steps:
        assert f"| {step.id} | {step.title} | {REGISTRY.get(step.agent).name} |" in job.description


def test_the_launchpad_asks_for_the_inputs_of_the_template(audit):
    config = audit.node_named("open_execution").definition.config_schema.config_type
    inputs = config.fields["inputs"].config_type.fields

    assert set(inputs) == set(LIBRARY.templates["annual_audit"].inputs)
    assert all(field.description for field in inputs.values())


def test_the_sensor_covers_every_job_of_a_template(product):
    (sensor,) = [s for s in product.sensors if s.name == "approval_resume_sensor"]
    jobs = {job.name for job in product.jobs}

    assert {target.job_name for target in sensor.targets} == jobs - OWN


def test_dagster_finds_nothing_to_object_to(product):
    """What `dagster definitions validate` does, without its process."""
    dg.Definitions.validate_loadable(product)


def test_one_bad_file_leaves_the_other_templates_at_work(tmp_path, monkeypatch):
    (tmp_path / "bad.yaml").write_text("name: bad\nsteps: [", encoding="utf-8")
    text = (SHIPPED / "annual_audit.yaml").read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("name: annual_audit", "name: own_audit"), encoding="utf-8")
    monkeypatch.setenv("PRISMA_TEMPLATES", str(tmp_path))

    found = defs()

    dg.Definitions.validate_loadable(found)
    assert {job.name for job in found.jobs} - OWN == {
        "annual_audit_job",
        "multi_jurisdiction_tax_job",
        "own_audit_job",
    }
