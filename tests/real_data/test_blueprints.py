"""Published audit methodologies: all of each becomes a template that compiles, and runs on the sample's books to its end."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.compiler import compile_job
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.command.blueprint import doers
from prisma_assets.domain.workflow.blueprint import Blueprint
from prisma_assets.domain.workflow.blueprint_overlay import Overlay, parse_overlay
from prisma_assets.domain.workflow.blueprint_source import parse_blueprint
from prisma_assets.domain.workflow.blueprint_template import Translation
from prisma_assets.domain.workflow.validation import problems
from prisma_assets.engagement.sample.write import write_sample

pytestmark = pytest.mark.real_data

SIZES = {"generic_fsa": 24, "deloitte_omnia": 764, "ey_gam_lite": 757, "pwc_aura": 763}
"""Steps of each methodology, as its authors published it."""
COMMAND = Path(sys.executable).with_name("prisma-assets")
SIGNERS = {
    "PARTNER": "p.marlowsby",
    "MANAGER": "m.tindlewick",
    "EMPLOYEE": "e.fernsbeck",
    "EQR": "r.wexcombe",
}
LINES = 8_000


def file_of(shared_data: Path, name: str) -> Path:
    return next((shared_data / "workflows" / "audit_blueprints").rglob(f"{name}.yaml"))


@pytest.fixture(scope="module", params=list(SIZES))
def translation(request, shared_data) -> Translation:
    path = file_of(shared_data, request.param)
    blueprint = parse_blueprint(path.read_text(encoding="utf-8"), file=path.name)
    registry = AgentRegistry(firm_cards())
    found = Translation(blueprint=blueprint, overlay=Overlay(), doers=doers(blueprint, registry))
    assert sum(1 for _ in blueprint.steps()) == SIZES[request.param]
    return found


def test_every_step_order_gate_and_judgement_is_in_the_template(translation):
    blueprint, template = translation.blueprint, translation.template("m")
    ids = {step: translation.ids[p.id, step.id] for p, step in _steps(blueprint)}

    assert problems(template, agents=frozenset(c.id for c in firm_cards())) == []
    assert len(template.steps) == len(ids) + len(translation.order.gates)
    for procedure in blueprint.procedures:
        first = translation.groups[procedure.id][0][0]
        upstream = template.upstream(ids[first])
        for other in procedure.preconditions:
            last = translation.groups[other][-1][-1]
            assert ids[last] in upstream
    for step, step_id in ids.items():
        signed = template.step(step_id).sign_off is not None
        assert signed or step.judgment_level != "human_required"


def _steps(blueprint: Blueprint) -> list[Any]:
    return list(blueprint.steps())


def test_it_compiles_to_a_job_with_an_op_per_step_in_a_box_per_procedure(translation):
    """The Dagster UI lays out at most 300 ops in a row; no box and not the whole may be longer."""
    template = translation.template("m")
    job = compile_job(template, AgentRegistry(firm_cards()), name="m_job")
    shown = job.graph.node_dict

    assert len(list(job.graph.iterate_op_defs())) == len(template.steps) + 1
    assert len(shown) == len(translation.groups) + len(translation.order.gates) + 1 < 300
    assert max(len(translation.groups[p]) for p in translation.groups) < 300


@pytest.mark.parametrize("overlay", ["default", "rushed", "thorough"])
def test_its_overlays_set_how_often_work_may_come_back(shared_data, overlay):
    path = file_of(shared_data, "generic_fsa")
    blueprint = parse_blueprint(path.read_text(encoding="utf-8"), file=path.name)
    given = file_of(shared_data, f"overlay_{overlay}")
    translation = Translation(
        blueprint=blueprint,
        overlay=parse_overlay(given.read_text(encoding="utf-8"), file=given.name),
        doers=doers(blueprint, AgentRegistry(firm_cards())),
    )
    gates = [s.sign_off for s in translation.template("m").steps if s.sign_off]

    assert {g.rework_limit for g in gates} == {"default": {10}, "rushed": {8}, "thorough": {10}}[overlay]  # fmt: skip
    assert {g.remind for g in gates} == {{"default": 24, "rushed": 8, "thorough": 40}[overlay] * 3600.0}  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("books") / "sample"
    write_sample(folder, lines=LINES)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(SIZES))
def test_it_runs_to_its_end(name, shared_data, server, sample, tmp_path):
    """From the published file to a finished execution, by the command alone; every sign-off is given in advance."""
    environ = {
        **os.environ, "PRISMA_HOME": str(tmp_path / "home"), "DATABASE_URL": server.prisma,
        "PRISMA_TEMPLATES": str(tmp_path / "templates"),
    }  # fmt: skip
    (tmp_path / "templates").mkdir()
    file = tmp_path / "templates" / f"{name}.yaml"

    def command(*arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            [COMMAND, *map(str, arguments), "--json"],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    command("templates", "import-blueprint", file_of(shared_data, name), "--name", name, "--output", file)  # fmt: skip
    signed = tmp_path / "sign_offs.yaml"
    signed.write_text(yaml.safe_dump({"sign_offs": sign_offs(file)}), encoding="utf-8")
    ended = command("run", name, "--engagement", sample, "--sign-offs", signed)

    assert ended["status"] == "COMPLETED"
    outputs = {s["step_id"]: s["outputs"] for s in ended["steps"]}
    performed = {task for o in outputs.values() for task in o.get("performed", {})}
    assert performed >= {"strategy_materiality_plan", "substantive_testing", "completion", "opinion_and_report_draft"}  # fmt: skip
    assert all("conclusion" in o or "is_met" in o for o in outputs.values())


def sign_offs(file: Path) -> list[dict[str, str]]:
    template = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [
        {"step": s["id"], "user": SIGNERS[role], "role": role, "comment": "Seen in a test."}
        for s in template["steps"]
        for role in s.get("sign_off", {}).get("roles", [])
    ]
