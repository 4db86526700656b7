"""Scoring an audit against what was planted."""

import pytest

from prisma_assets.domain.audit.score import KindScore, PlantedError, parse_planted, score
from prisma_assets.domain.audit.workpaper import Finding
from prisma_assets.domain.errors import InputError


def planted(kind: str, record: str) -> PlantedError:
    return PlantedError(kind=kind, table="payments_made", record_id=record)


def finding(kind: str, record: str, procedure: str = "p") -> Finding:
    return Finding(
        kind=kind, table="payments_made", record_id=record, description="d", procedure=procedure
    )


def test_score_counts_found_missed_and_false_alarms():
    """Two of three planted records are named, and one that is right: recall 2/3, one false alarm."""
    errors = [planted("duplicate_payment", r) for r in ("P1", "P2", "P3")]
    findings = [finding("duplicate_payment", r) for r in ("P1", "P3", "P9")]

    assert score(errors, findings) == [
        KindScore(kind="duplicate_payment", planted=3, found=2, recall=2 / 3, false_alarms=1)
    ]


def test_score_counts_a_record_once_however_many_procedures_name_it():
    errors = [planted("cut_off_error", "I1"), planted("cut_off_error", "I1")]
    findings = [finding("cut_off_error", r, p) for r in ("I1", "I2") for p in ("a", "b")]

    assert score(errors, findings) == [
        KindScore(kind="cut_off_error", planted=1, found=1, recall=1.0, false_alarms=1)
    ]


def test_score_matches_kind_and_record_together():
    """The right record under another kind finds nothing and is a false alarm there."""
    errors = [planted("cut_off_error", "I1"), planted("unshipped_invoice", "I2")]

    scores = score(errors, [finding("cut_off_error", "I2")])

    assert [(s.kind, s.found, s.false_alarms) for s in scores] == [
        ("cut_off_error", 0, 1),
        ("unshipped_invoice", 0, 0),
    ]


def test_score_leaves_out_kinds_nobody_planted():
    """Without a known answer a finding is neither right nor wrong."""
    assert score([planted("a", "1")], [finding("late_posting", "J1")]) == [
        KindScore(kind="a", planted=1, found=0, recall=0.0, false_alarms=0)
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "the whole file"),
        ('{"seed": 1, "planted": []}', "planted"),
        ('{"seed": 1, "planted": [{"kind": "a", "table": "t"}]}', "planted.0.record_id"),
    ],
    ids=["empty", "nothing_planted", "field_missing"],
)
def test_a_list_that_is_none_is_refused_by_name(text, place):
    with pytest.raises(InputError) as error:
        parse_planted(text, file="x.planted.json")

    assert str(error.value).startswith(f"x.planted.json: no list of planted errors ({place}: ")
