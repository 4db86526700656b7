"""The first start's sample, as the supervisor sees it."""

import json
from pathlib import Path

import pytest

from prisma_assets.settings import Settings
from prisma_assets.supervisor.sample import SampleEngagement


def answer(status: str = "COMPLETED") -> dict[str, object]:
    return {
        "execution_id": "e1",
        "status": status,
        "duration_ms": 1500,
        "dagster_run_ids": ["first", "second"],
        "steps": [
            {"step_id": "a07", "outputs": {}, "workpaper": {"findings": [1, 2]}},
            {"step_id": "a12", "outputs": {"opinion": "UNMODIFIED"}, "workpaper": {"findings": [3]}},
            {"step_id": "a13", "outputs": {}, "workpaper": None},
        ],
    }  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> SampleEngagement:
    (tmp_path / "logs").mkdir()
    return SampleEngagement(Settings(home=tmp_path))


def test_the_answer_is_told_in_sentences(sample):
    sample.answer.write_text(json.dumps(answer()))

    assert sample.finish().sentences("http://here") == [
        "Annual audit of the sample: COMPLETED, 3 findings, 1.5 s.",
        "Opinion: UNMODIFIED",
        "Every step with its workpaper: http://here/runs/second",
    ]


def test_a_finished_audit_is_remembered(sample):
    sample.answer.write_text(json.dumps(answer()))
    finished = sample.finish()

    assert sample.audited() == finished


def test_a_failed_audit_is_tried_again_at_the_next_start(sample):
    sample.answer.write_text(json.dumps(answer("FAILED")))
    sample.finish()

    assert sample.audited() is None


def test_a_sample_that_was_interrupted_is_written_again(sample):
    """Half a folder must never pass for an engagement."""
    folder = Path(sample.write_command()[1])
    folder.mkdir()
    (folder / "engagement.yaml").write_text("half")

    assert not sample.is_written()

    again = Path(sample.write_command()[1])
    again.mkdir()
    again.with_name("sample.planted.json").write_text("{}")
    sample.put_in_place()

    assert sample.is_written()
    assert not (sample.folder / "engagement.yaml").exists()
    assert sample.folder.with_name("sample.planted.json").exists()
