"""A change point is a day from which a figure has another level, not a wild day, a week's pattern or a wandering."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.learning.change_point import (
    MIN_DAYS,
    PERMUTATIONS,
    find_change_points,
    levels_of,
    long_run_variance,
    recent_shift,
    segment,
)
from prisma_assets.domain.learning.tracked import Direction, Tracked
from tests.unit.learning.simulated_fleet import daily, wandering

# Annual flow of the Nile at Aswan, 1871-1970, 10^8 m3 (Cobb 1978, Biometrika 65, 243, table 1).
NILE = [
    *(1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140),
    *(1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969),
    *(831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759),
    *(781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890),
    *(744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740),
]  # fmt: skip


def noise(days=182, phi=0.4, seed=1, series=1):
    return wandering(np.random.default_rng(seed), series=series, days=days, phi=phi)


def shifted(at, *, by, days=182, phi=0.4, seed=1):
    values = noise(days, phi, seed)[0]
    values[at:] += by
    return values


def test_the_nile_fell_after_1898():
    """The textbook example: the first dam was begun in 1898, and the level is another from 1899 on (Cobb 1978)."""
    flow = np.array(NILE, dtype=float)

    assert recent_shift(flow).p < 0.01
    assert recent_shift(flow).at == 1899 - 1871
    assert segment(flow) == [1899 - 1871]
    before, after = levels_of(flow, segment(flow))
    assert (before.mean, after.mean) == (pytest.approx(1097.75), pytest.approx(849.97, abs=0.01))


def test_a_change_is_told_with_its_day_and_its_levels():
    values = 300 + 20 * shifted(120, by=4.0)
    (point,) = find_change_points([daily(values)])

    assert point.day == pytest.approx(120, abs=1)
    assert point.before == pytest.approx(300, abs=12)
    assert point.after == pytest.approx(380, abs=12)
    assert point.size == pytest.approx(4, abs=1)
    assert 1 / (PERMUTATIONS + 1) <= point.q <= 0.1
    assert point.direction is Direction.WORSE


def test_days_without_data_keep_their_place():
    values = 300 + 20 * shifted(120, by=4.0)
    values[:20] = values[50:60] = np.nan
    values[5::7] = np.nan

    (point,) = find_change_points([daily(values)])
    assert point.day == pytest.approx(120, abs=2)


def test_two_changes_are_told_apart():
    values = 0.9 - 0.02 * shifted(60, by=3.0)
    values[120:] -= 0.06

    points = find_change_points([daily(values, metric=Tracked.ACCURACY)])
    assert [p.day for p in points] == pytest.approx([60, 120], abs=2)
    assert {p.direction for p in points} == {Direction.WORSE}


def test_a_change_beneath_notice_is_not_told():
    """Beyond chance, but a tenth of a percent."""
    assert find_change_points([daily(1000 + 0.1 * shifted(90, by=10.0))]) == []


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.full(182, 3.0), id="constant"),
        pytest.param(noise(seed=3)[0], id="flat"),
        pytest.param(
            100 + 30 * np.sin(2 * np.pi * np.arange(182) / 7) + noise()[0], id="a weekly pattern"
        ),
        pytest.param(shifted(90, by=5.0)[: MIN_DAYS - 1], id="too short"),
        pytest.param(np.full(182, np.nan), id="no data"),
    ],
)
def test_nothing_is_told_where_no_level_changed(values):
    assert find_change_points([daily(values)]) == []


def test_a_wild_day_is_an_incident_and_not_a_level():
    values = 100 + noise(phi=0.0)[0]
    values[100] = 1e4

    assert find_change_points([daily(values)]) == []


def test_a_constant_figure_that_jumps_is_told():
    values = np.where(np.arange(182) < 100, 0.0, 0.2)
    (point,) = find_change_points([daily(values, metric=Tracked.ERROR_RATE)])

    assert point.day == 100
    assert (point.before, point.after) == (
        pytest.approx(0, abs=0.001),
        pytest.approx(0.2, abs=0.001),
    )


def test_series_are_judged_together():
    """One shift in a hundred is told, and hardly any of the others."""
    flat = [
        daily(100 + 20 * row, agent=f"audit-plan-{n:03}") for n, row in enumerate(noise(series=99))
    ]
    told = find_change_points(
        [*flat, daily(100 + 20 * shifted(90, by=3.0), agent="audit-plan-999")]
    )

    agents = {point.agent_id for point in told}
    assert "audit-plan-999" in agents
    assert len(agents) <= 3


def test_the_variance_in_the_long_run_is_that_of_the_noise():
    """Variance 1 and autocorrelation 0.4: (1 + 0.4) / (1 - 0.4); a shift hardly moves it."""
    values = noise(days=20_000)[0]
    shift = np.where(np.arange(20_000) < 10_000, 0, 3)

    assert long_run_variance(values) == pytest.approx(1.4 / 0.6, rel=0.06)
    assert long_run_variance(values + shift) == pytest.approx(long_run_variance(values), rel=0.01)
    assert long_run_variance(np.ones(9)) == 0.0


def test_flat_series_are_rarely_cut_and_shifts_are_found():
    """At 720 values and autocorrelation 0.4; the textbook's penalty cuts nine of ten."""
    flat = noise(720, seed=5, series=60)
    cut = sum(bool(segment(row)) for row in flat)
    found = sum(
        min((abs(c - 300) for c in segment(shifted(300, by=1.5, days=720, seed=n))), default=720)
        <= 21
        for n in range(40)
    )

    assert cut <= 5
    assert found >= 36


def test_the_test_for_one_shift_keeps_its_word():
    """Of 200 flat series at most one in twenty may seem shifted at 5 %, within three standard errors."""
    told = sum(recent_shift(row).p <= 0.05 for row in noise(56, seed=6, series=200))

    assert told <= 10 + 3 * np.sqrt(200 * 0.05 * 0.95)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e5), shift=st.floats(-1e5, 1e5))
def test_units_do_not_matter(seed, scale, shift):
    values = shifted(40, by=2.0, days=84, seed=seed)

    assert segment(scale * values + scale * shift) == segment(values)
    assert recent_shift(scale * values + scale * shift).at == recent_shift(values).at
