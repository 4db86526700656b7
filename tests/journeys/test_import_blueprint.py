"""An audit methodology becomes a workflow of the firm: imported, checked, drawn, run to its end."""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.timeout(300)

SMALL = Path(__file__).parents[1] / "unit" / "workflow" / "small_methodology.yaml"
SIGNERS = {"PARTNER": "p.marlowsby", "MANAGER": "m.tindlewick"}


@pytest.fixture(scope="module")
def templates(tmp_path_factory) -> Path:
    """A folder for the firm's own templates."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(scope="module")
def imported(office, templates) -> dict[str, Any]:
    """The small methodology as a template of that folder."""
    file = templates / "small_review.yaml"
    return office.answer("templates", "import-blueprint", SMALL, "--output", file)


@pytest.fixture(scope="module")
def template(imported) -> dict[str, Any]:
    """What was written."""
    return yaml.safe_load(Path(imported["file"]).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def finished(office, imported, template, sample, tmp_path_factory) -> dict[str, Any]:
    """A run of it on the sample's books, every sign-off given in advance."""
    given = [
        {"step": s["id"], "user": SIGNERS[role], "role": role, "comment": "Seen."}
        for s in template["steps"]
        for role in s.get("sign_off", {}).get("roles", [])
    ]
    file = tmp_path_factory.mktemp("small") / "sign_offs.yaml"
    file.write_text(yaml.safe_dump({"sign_offs": given}), encoding="utf-8")
    said = office.command(
        "run", "small_review", "--engagement", sample.folder, "--sign-offs", file, "--json",
        environ={"PRISMA_TEMPLATES": str(Path(imported["file"]).parent)},
    )  # fmt: skip
    assert said.code == 0, said.err
    return said.answer


def test_what_was_imported_is_told(imported):
    assert (imported["name"], imported["steps"], imported["sign_offs"]) == ("small_review", 11, 3)
    assert imported["performed_by_procedures"] == 3
    assert any("entry_1 -> entry_3" in note for note in imported["notes"])


def test_the_agents_are_those_whose_cards_speak_of_the_work(template):
    agents = {s["id"]: s.get("agent") for s in template["steps"]}

    assert agents["limit_1"] == "audit-plan-012"
    assert agents["entry_1"] == "audit-analytics-017"
    assert agents["say_1"] == "audit-report-021"
    assert agents["gate_1"] is None


def test_the_file_passes_the_check_and_can_be_drawn(office, imported):
    checked = office.answer("templates", "check", imported["file"])
    drawn = office.command("templates", "graph", imported["file"])

    assert checked["sha256"] == imported["sha256"]
    assert "entry_1 --> entry_2" in drawn.out
    assert "gate_1" in drawn.out


def test_the_notes_stand_in_the_file_too(imported):
    head = Path(imported["file"]).read_text(encoding="utf-8").splitlines()[:20]

    assert head[0].startswith("# Imported by `prisma-assets templates import-blueprint` from small_methodology.yaml")  # fmt: skip
    assert any("entry_1 -> entry_3" in line for line in head)


def test_it_runs_to_its_end(finished):
    assert finished["status"] == "COMPLETED"
    assert {s["status"] for s in finished["steps"]} == {"COMPLETED"}


def test_its_steps_did_real_work_or_said_that_people_do(finished, sample):
    """The journal entries of the sample are tested; nobody counted stock."""
    outputs = {s["step_id"]: s["outputs"] for s in finished["steps"]}

    tested = outputs["entry_1"]["performed"]["analytics_and_je_testing"]
    assert tested["je_selected"] >= sample.planted["round_sum_manual_entry"] > 0
    assert outputs["entry_1"]["missing_evidence"] == ["count_sheets"]
    assert outputs["count_1"]["conclusion"].startswith("Not performed, because")
    assert outputs["say_1"]["performed"]["opinion_and_report_draft"]["reasons"]
    assert outputs["gate_2"] == {"is_met": True}


def test_without_a_file_the_template_goes_to_standard_output(office):
    said = office.command("templates", "import-blueprint", SMALL, "--name", "other_name")

    assert yaml.safe_load(said.out)["name"] == "other_name"
    assert "note: " in said.err
    assert said.out == office.command("templates", "import-blueprint", SMALL, "--name", "other_name").out  # fmt: skip


def test_json_without_a_file_holds_the_template(office):
    answer = office.answer("templates", "import-blueprint", SMALL)

    assert answer["file"] is None
    assert answer["template"]["steps"][0]["id"] == "know_1"


def test_an_overlay_is_named_and_takes_effect(office, tmp_path):
    overlay = tmp_path / "quick.yaml"
    overlay.write_text("actor_profiles: {review_manager: {skip_guidance_steps: true}}\n")
    said = office.command("templates", "import-blueprint", SMALL, "--overlay", overlay)

    assert "with the overlay quick.yaml" in said.out
    assert "limit_2" not in [s["id"] for s in yaml.safe_load(said.out)["steps"]]


def test_a_file_is_replaced_only_by_force(mistake, imported, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("mine\n", encoding="utf-8")

    said = mistake("templates", "import-blueprint", SMALL, "--output", file)

    assert (said.code, file.read_text(encoding="utf-8")) == (2, "mine\n")
    assert said.sentence.endswith("mine.yaml exists already; give --force to replace it")
    assert mistake("templates", "import-blueprint", SMALL, "--output", file, "--force").code == 0
    assert file.read_text(encoding="utf-8").startswith("# Imported")
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("missing.yaml",), "missing.yaml: no such file"),
        ((SMALL, "--name", "Small Review"), "use lower-case letters, digits and _, e.g. 'small_review'"),
        ((SMALL, "--overlay", "none.yaml"), "none.yaml: no such file"),
        ((SMALL, "--output", "no/such/folder/x.yaml"), "no such folder; create it first"),
        ((SMALL, "--overlay", SMALL), "unknown key 'schema_version'"),
    ],
    ids=["missing-file", "name", "missing-overlay", "folder", "overlay-is-none"],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_one_sentence(mistake, arguments, expected):
    said = mistake("templates", "import-blueprint", *arguments)

    assert said.code == 2
    assert expected in said.err
    assert "Traceback" not in said.err
