"""How far two results of the same work say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.agreement import agreement, correctness

PROSE = "the control failed twice in March because nobody reviewed the bank"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({}, {}, 1.0),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5),
        ({"a": 1}, {"b": 1}, 0.0),
        ({"a": None}, {}, 0.0),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, 1.0),
        ({"a": 1}, {"a": True}, 1.0),
        ({"a": "yes"}, {"a": "Yes"}, 0.0),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, 1.0),
        ({"a": ["x", "y", "z", "u"]}, {"a": ["x", "y"]}, 2 * 2 / 6),
        ({"a": [{"id": 1}, {"id": 2}]}, {"a": [{"id": 1}]}, 0.5),
        ({"a": PROSE}, {"a": PROSE.replace("March", "April")}, 2 * 10 / 22),
        ({"big": list(range(100)), "flag": "no"}, {"big": list(range(100)), "flag": "yes"}, 0.5),
    ],
    ids=["nothing", "half", "other outputs", "none is not absent", "sums", "flags", "names", "order of a list", "longer list", "rows", "prose", "outputs count alike"],
)  # fmt: skip
def test_agreement_is_that_of_the_outputs(one, other, alike):
    assert agreement(one, other) == pytest.approx(alike)


@given(one=st.dictionaries(st.text(), VALUES), other=st.dictionaries(st.text(), VALUES))
def test_agreement_is_a_share_and_the_same_from_either_side(one, other):
    found = agreement(one, other)

    assert 0 <= found <= 1
    assert found == pytest.approx(agreement(other, one))
    assert agreement(one, one) == pytest.approx(1)


def test_correctness_looks_at_what_is_known_alone():
    outputs = {"tax": 100, "note": "any", "rate": 0.2}

    assert correctness(outputs, {"tax": 100}) == 1
    assert correctness(outputs, {"tax": 100, "rate": 0.25, "due": "2026-01-01"}) == pytest.approx(1 / 3)  # fmt: skip
