"""Blocks: one unit of the smaller arm with the others that arrived around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.block import WINDOW, BlockFormer, shape


def blocks_of(arrivals, *, former=None):
    """Blocks completed by (arm, value, split) in order."""
    former = former or BlockFormer()
    found = [former.add(value, is_treated=arm, split=split) for arm, value, split in arrivals]
    return [block for block in found if block is not None]


@pytest.mark.parametrize(
    ("split", "sizes"),
    [(0.5, (1, 1)), (0.1, (1, 9)), (0.9, (9, 1)), (0.05, (1, 19)), (0.3, (1, 2)), (0.45, (1, 1))],
)
def test_a_block_has_the_shape_of_the_split(split, sizes):
    assert shape(split) == sizes


def test_partners_are_those_closest_in_time():
    """Three controls wait; the treated unit takes the newest."""
    found = blocks_of([(False, 1.0, 0.5), (False, 2.0, 0.5), (False, 3.0, 0.5), (True, 9.0, 0.5)])

    assert found == [([9.0], [3.0])]


def test_no_block_reaches_across_a_change_of_allocation():
    arrivals = [(False, 1.0, 0.5), (True, 2.0, 0.25), (False, 3.0, 0.25), (False, 4.0, 0.25), (False, 5.0, 0.25)]  # fmt: skip

    assert blocks_of(arrivals) == [([2.0], [3.0, 4.0, 5.0])]


def test_what_waits_is_bounded():
    former = BlockFormer()
    blocks_of([(False, float(i), 0.25) for i in range(1000)], former=former)

    assert len(former.control) == 3 * WINDOW
    assert former.control[-1] == 999.0


def test_a_fair_coin_wastes_little():
    """Less than 3 % of the units end without a partner, waiting ones included."""
    rng = np.random.default_rng(4)
    found = blocks_of([(bool(arm), 0.0, 0.5) for arm in rng.random(8000) < 0.5])

    assert 2 * len(found) > 0.97 * 8000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60), st.sampled_from([0.5, 0.25]))  # fmt: skip
def test_values_do_not_change_which_units_meet(units, split):
    """Exactness rests on it: a block is formed by arrival and arm alone."""
    real = blocks_of([(arm, i, split) for i, (arm, _) in enumerate(units)])
    other = blocks_of([(arm, i, split) for i, (arm, _) in enumerate(units)])

    assert real == other
    flat = [v for t, c in real for v in (*t, *c)]
    assert len(flat) == len(set(flat))


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 60))
def test_a_former_can_be_carried_between_processes(arms, cut):
    arrivals = [(arm, float(i), 0.5) for i, arm in enumerate(arms)]
    former = BlockFormer()
    first = blocks_of(arrivals[:cut], former=former)
    rest = blocks_of(arrivals[cut:], former=BlockFormer.from_state(former.to_state()))

    assert first + rest == blocks_of(arrivals)
