"""Outputs of a step done per item, read by later steps as if it had been done once."""

from prisma_assets.agents.embedded.branched import merged

NORTH = {
    "procedures": {"performed": 2, "not_performed": []},
    "findings": {"late": {"count": 1, "amount_cents": 5}},
    "rows": [1],
    "key_procedures": {"components": {"is_performed": True, "reason": ""}},
}
SOUTH = {
    "procedures": {"performed": 1, "not_performed": [{"name": "x", "reason": "y"}]},
    "findings": {"late": {"count": 2, "amount_cents": 7}, "wrong": {"count": 1, "amount_cents": 0}},
    "rows": [2, 3],
    "key_procedures": {"components": {"is_performed": False, "reason": "open: South"}},
}
WHOLE = {
    "procedures": {"performed": 3, "not_performed": [{"name": "x", "reason": "y"}]},
    "findings": {"late": {"count": 3, "amount_cents": 12}, "wrong": {"count": 1, "amount_cents": 0}},
    "rows": [1, 2, 3],
    "key_procedures": {"components": {"is_performed": False, "reason": "open: South"}},
}  # fmt: skip


def without_branches(outputs):
    return {k: v for k, v in outputs.items() if k not in ("branches", "count")}


def test_branches_add_up():
    """A key procedure counts only when every branch performed it; whoever did not says why."""
    found = merged({"branches": {"North": NORTH, "South": SOUTH}, "count": 2})

    assert without_branches(found) == WHOLE


def test_branches_within_branches_add_up_alike():
    found = merged({"branches": {"EU": {"North": NORTH}, "US": {"South": SOUTH}}, "count": 2})

    assert without_branches(found) == WHOLE


def test_what_one_branch_does_not_know_is_not_known():
    """A component without a report is not one without misstatements."""
    found = merged({"branches": {"A": {**NORTH, "rows": None}, "B": SOUTH}, "count": 2})

    assert found["rows"] is None


def test_a_step_done_once_stays_as_it_is():
    assert merged(NORTH) is NORTH


def test_no_branches_leave_no_key_procedure():
    """A group without components has no work on components to rest on."""
    assert merged({"branches": {}, "count": 0})["key_procedures"] == {}
