"""Quantiles that merge: within a percent of the values' own, and the same bytes whichever way they were merged."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.learning.sketch import GAMMA, RELATIVE_ERROR, Sketch

VALUES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-7, 1e9), st.floats(0, 1e300)),
    max_size=60,
)
ROUNDING = 1e-9


def of(*parts):
    return [Sketch.of(part) for part in parts]


@given(VALUES, VALUES, VALUES)
def test_any_order_of_merging_gives_the_same_bytes(a, b, c):
    x, y, z = of(a, b, c)
    at_once = Sketch.of([*a, *b, *c]).to_bytes()

    assert Sketch.merged([x, y, z]).to_bytes() == at_once
    assert Sketch.merged([Sketch.merged([z, x]), y]).to_bytes() == at_once
    assert Sketch.merged_bytes([s.to_bytes() for s in (y, z, x)]).to_bytes() == at_once


@given(VALUES)
def test_bytes_hold_everything(values):
    sketch = Sketch.of(values)
    back = Sketch.from_bytes(sketch.to_bytes())

    assert (back.zeros, back.buckets.tolist(), back.counts.tolist()) == (
        sketch.zeros,
        sketch.buckets.tolist(),
        sketch.counts.tolist(),
    )
    assert back.n == len(values)


@given(
    st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_a_quantile_is_within_a_percent_of_the_values_own(values, q):
    ordered, rank = sorted(values), q * (len(values) - 1)
    low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    exact = low + (high - low) * (rank - math.floor(rank))
    got = Sketch.of(values).quantile(q)

    assert got is not None
    assert abs(got - exact) <= (RELATIVE_ERROR + ROUNDING) * exact


@given(VALUES.filter(bool), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_quantile_is_not_lower(values, one, other):
    sketch = Sketch.of(values)
    low, high = sketch.quantile(min(one, other)), sketch.quantile(max(one, other))

    assert low is not None
    assert high is not None
    assert low <= high * (1 + ROUNDING)


RNG = np.random.default_rng(20261123)
LATENCIES = {
    "lognormal": RNG.lognormal(6, 1, (720, 500)),
    "wide-lognormal": RNG.lognormal(6, 2, (720, 500)),
    "pareto": 100 * (1 + RNG.pareto(1.2, (720, 500))),
    "bimodal": np.where(
        RNG.random((720, 500)) < 0.5,
        RNG.normal(100, 10, (720, 500)).clip(1),
        RNG.lognormal(8, 0.5, (720, 500)),
    ),
}


@pytest.mark.parametrize("name", LATENCIES)
def test_a_month_of_hours_keeps_its_tail(name):
    """720 hours of 500 calls: KLL sketches of four times the bytes are 6-19 % off at P99."""
    hours = LATENCIES[name]
    packed = [Sketch.of(hour).to_bytes() for hour in hours]
    month = Sketch.merged_bytes(packed)

    assert max(map(len, packed)) <= 600
    assert month.n == hours.size
    for q in (0.5, 0.9, 0.95, 0.99, 0.999):
        assert month.quantile(q) == pytest.approx(np.quantile(hours, q), rel=RELATIVE_ERROR)


def test_no_value_has_no_quantile():
    for sketch in (Sketch.of([]), Sketch.merged([]), Sketch.merged_bytes([])):
        assert sketch.n == 0
        assert sketch.quantile(0.5) is None
        assert Sketch.from_bytes(sketch.to_bytes()).n == 0


def test_zeros_are_values():
    sketch = Sketch.of([0, 0, 0, 8])

    assert sketch.n == 4
    assert sketch.quantile(0.5) == 0
    assert sketch.quantile(1) == pytest.approx(8, rel=RELATIVE_ERROR)


def test_a_bucket_is_as_wide_as_the_error_allows():
    """The estimate 2 G^i / (G + 1) is off by (G - 1) / (G + 1) at both ends of its bucket."""
    assert pytest.approx(RELATIVE_ERROR) == (GAMMA - 1) / (GAMMA + 1)
    assert Sketch.of([GAMMA**7 * 0.9999]).buckets.tolist() == [7]
    assert Sketch.of([GAMMA**7 * 1.0001]).buckets.tolist() == [8]


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, 1e301])
def test_what_is_no_duration_is_refused(bad):
    with pytest.raises(ValueError, match="from 0 to"):
        Sketch.of([1.0, bad])


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_a_quantile_outside_is_refused(q):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sketch.of([1.0]).quantile(q)


@pytest.mark.parametrize(
    "packed",
    [b"", b"\x02\x00\x00\x00", b"\x01\x00", b"\x01\x00\x00\x05\x04", b"\x01\x00\x80"],
    ids=["empty", "other-format", "short", "cut-off", "cut-in-a-number"],
)
def test_bytes_of_something_else_are_refused(packed):
    with pytest.raises(ValueError, match="these bytes"):
        Sketch.from_bytes(packed)


def test_a_large_sketch_that_was_cut_is_refused():
    packed = Sketch.of([1, 5, 5, 900, 900]).to_bytes()
    found = 0
    for end in range(1, len(packed)):
        with pytest.raises(ValueError, match="these bytes"):
            Sketch.from_bytes(packed[:end])
        found += 1

    assert found == len(packed) - 1
