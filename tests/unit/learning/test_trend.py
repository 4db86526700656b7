"""A trend is told when it is neither chance nor small, and of those told at most a tenth is none."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, theilslopes

from prisma_assets.domain.learning.autocorrelation import (
    CAUTION,
    believed,
    flat_series,
    own_error,
    pooled_autocorrelation,
    present,
    rank_autocorrelation,
    spread_of,
)
from prisma_assets.domain.learning.slope import theil_sen
from prisma_assets.domain.learning.tracked import MEANINGS, Direction, Tracked, direction_of
from prisma_assets.domain.learning.trend import (
    FALSE_DISCOVERY_RATE,
    MIN_DAYS,
    WINDOW_DAYS,
    _mann_kendall,
    _null,
    _tail,
    find_trends,
)
from prisma_assets.domain.learning.weekday import without_weekdays
from tests.unit.learning.simulated_fleet import daily, discoveries, fleet, wandering


def noisy(slope, *, level=100.0, days=WINDOW_DAYS, seed=1):
    return level + slope * np.arange(days) + np.random.default_rng(seed).standard_normal(days)


def only(series):
    (trend,) = find_trends([series])
    return trend


def test_a_latency_that_climbs_is_worse():
    trend = only(daily(noisy(0.5)))

    assert trend.direction is Direction.WORSE
    assert trend.is_significant
    assert trend.days == 56
    assert trend.slope == pytest.approx(0.5, abs=0.03)
    assert trend.change == pytest.approx(0.5 * 55, abs=1.5)
    assert trend.relative_slope == pytest.approx(0.5 / trend.level, rel=0.1)
    assert trend.p < 0.001


@pytest.mark.parametrize(
    ("metric", "change", "direction"),
    [
        (Tracked.LATENCY, 9.9, Direction.NONE),  # below a tenth of 100
        (Tracked.LATENCY, 10.0, Direction.WORSE),
        (Tracked.COST, -10.0, Direction.BETTER),
        (Tracked.TOKENS, 30.0, Direction.WORSE),
        (Tracked.ERROR_RATE, 0.0101, Direction.WORSE),
        (Tracked.ERROR_RATE, -0.0099, Direction.NONE),
        (Tracked.ACCURACY, 0.02, Direction.BETTER),
        (Tracked.ACCURACY, -0.02, Direction.WORSE),
        (Tracked.SATISFACTION, -0.2, Direction.WORSE),
        (Tracked.SATISFACTION, 0.05, Direction.NONE),
    ],
)
def test_direction_says_what_a_change_means_for_the_firm(metric, change, direction):
    assert direction_of(metric, change, level=100.0) is direction


def test_every_figure_followed_has_a_meaning():
    assert set(MEANINGS) == set(Tracked)
    assert direction_of(Tracked.COST, 0.0, level=0.0) is Direction.NONE


def test_a_certain_trend_too_small_to_matter_is_not_told():
    """A thousandth of a percent a day may be beyond doubt and still beneath notice."""
    trend = only(daily(1000 + 0.01 * np.arange(56) + 1e-4 * noisy(0, level=0)))

    assert trend.q <= FALSE_DISCOVERY_RATE
    assert trend.direction is Direction.NONE
    assert not trend.is_significant


def test_too_few_days_give_no_answer():
    values = noisy(1.0)
    values[MIN_DAYS - 1 :] = np.nan

    assert find_trends([daily(values)]) == []
    assert find_trends([]) == []
    values[MIN_DAYS - 1] = 128.0
    assert len(find_trends([daily(values)])) == 1


def test_days_without_data_are_gaps_and_not_zeros():
    """A pipe that was down at weekends once looked like an agent that got faster."""
    values = noisy(0.5)
    values[5::7] = values[6::7] = np.nan

    trend = only(daily(values))
    assert trend.days == 40
    assert trend.slope == pytest.approx(0.5, abs=0.04)
    assert trend.level > 100


def test_a_constant_series_has_no_trend():
    trend = only(daily(np.zeros(56), metric=Tracked.ERROR_RATE))

    assert (trend.slope, trend.p, trend.q, trend.direction) == (0.0, 1.0, 1.0, Direction.NONE)
    assert trend.relative_slope is None


def test_one_wild_day_changes_nothing():
    values = noisy(0.0)
    values[55] = 1e9

    trend = only(daily(values))
    assert abs(trend.slope) < 0.05
    assert trend.direction is Direction.NONE


def test_the_same_series_always_give_the_same_answer_in_the_order_asked():
    series = fleet(3, days=56, phi=0.3).series[:60]

    trends = find_trends(series)
    again = find_trends(series[::-1])
    assert [t.agent_id for t in trends] == [s.agent_id for s in series]
    assert trends == again[::-1]


def test_q_is_never_below_p_and_ranks_alike():
    trends = find_trends(fleet(4, days=56, phi=0.3).series)
    p, q = np.array([t.p for t in trends]), np.array([t.q for t in trends])

    assert np.all(q >= p)
    assert np.all(q <= 1)
    assert np.all(np.diff(q[np.argsort(p)]) >= 0)


def test_metrics_reported_by_few_agents_borrow_from_the_others():
    """Accuracy of two agents says nothing about its autocorrelation; that of 51 latencies does."""
    many = fleet(5, days=56, phi=0.0).series[:51]
    few = [dataclasses.replace(s, metric=Tracked.ACCURACY) for s in many[:2]]

    alone = find_trends(few)
    together = find_trends([*few, *many])[:2]
    assert [t.p for t in together] <= [t.p for t in alone]


def test_a_glaring_trend_is_surer_than_any_simulation():
    """Else the only trend among a thousand figures could never be told."""
    faint, glaring = only(daily(noisy(0.01))), only(daily(noisy(5.0)))

    assert glaring.p < 1e-6 < 1 / 5_001 < faint.p
    assert only(daily(np.arange(56.0))).p > 0


def test_beyond_the_simulation_the_chance_is_not_too_small():
    """Of 60,000 flat series about one in a thousand has a p of one in a thousand by the curve, and not many more."""
    days = np.arange(56)
    flat = without_weekdays(
        wandering(np.random.default_rng(8), series=60_000, days=56, phi=0.3), days
    )
    null, pairs = _null(tuple(range(56)), 0.3), 56 * 55 // 2
    seen, counts = np.unique(np.abs(_mann_kendall(flat)), return_counts=True)
    chance = np.array([_tail(int(one), null, pairs=pairs) for one in seen])

    assert 20 <= counts[chance <= 0.001].sum() <= 60 + 3 * np.sqrt(60)


@pytest.mark.parametrize("n", [2, 3, 28, 56])
def test_the_slope_is_that_of_scipy(n):
    rng = np.random.default_rng(n)
    values, days = rng.standard_normal(n), np.cumsum(rng.integers(1, 4, n))

    assert theil_sen(values, days) == pytest.approx(theilslopes(values, days).slope)


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ([1, 2, 3, 4], 6),
        ([1, 3, 2, 4], 4),  # five pairs rise, one falls
        ([4, 3, 2, 1], -6),
        ([1, 1, 2, 2], 4),  # two ties count nothing
        ([2, 2, 2, 2], 0),
    ],
)
def test_the_statistic_counts_rising_less_falling_pairs(values, pairs):
    assert _mann_kendall(np.array([values], dtype=float)).tolist() == [pairs]


def test_the_null_without_autocorrelation_has_the_known_variance():
    """Mann (1945): the statistic of n = 56 independent values has variance n(n-1)(2n+5)/18."""
    null = np.abs(_mann_kendall(flat_series(20_000, np.arange(56), 0.0)))

    assert np.mean(null**2) == pytest.approx(56 * 55 * 117 / 18, rel=0.03)


def test_autocorrelation_widens_the_null():
    days = tuple(range(56))
    widths = [np.sqrt(np.mean(_null(days, phi).astype(float) ** 2)) for phi in (0.0, 0.3, 0.5)]

    # The variance of a mean grows with (1+phi)/(1-phi); the statistic nearly so, a little less in 56 days.
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(1.3 / 0.7), rel=0.06)
    assert widths[2] / widths[0] == pytest.approx(np.sqrt(3.0), rel=0.1)


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("week", [0.0, 1.0])
def test_autocorrelation_is_found_whatever_the_week(phi, week):
    series = fleet(6, days=56, phi=phi, week=week).series
    found = pooled_autocorrelation([present(s.values).autocorrelation for s in series])

    assert found == pytest.approx(phi, abs=0.07)


def test_few_series_are_met_with_caution():
    assert pooled_autocorrelation([0.0] * 9) == CAUTION
    assert pooled_autocorrelation([0.5] * 9) == 0.5
    assert pooled_autocorrelation([0.0] * 10) == 0.0
    assert pooled_autocorrelation([]) == CAUTION


def test_a_series_without_neighbouring_days_says_nothing():
    every_other_day = [float(n % 5) if n % 2 else None for n in range(56)]

    assert present(every_other_day).autocorrelation is None
    assert len(find_trends([daily(np.array(every_other_day, dtype=float))])) == 1


def test_a_constant_series_says_nothing_of_the_others():
    """Thirty agents that never fail once made the wandering error rates of twelve look like independent days."""
    wander = [
        daily(row) for row in wandering(np.random.default_rng(9), series=12, days=56, phi=0.5)
    ]
    constant = [daily(np.zeros(56)) for _ in range(30)]

    assert present(constant[0].values).autocorrelation is None
    alone, among = find_trends(wander), find_trends([*wander, *constant])[:12]
    assert [t.p for t in among] == [t.p for t in alone]


def test_flat_series_have_the_autocorrelation_asked_for():
    series = flat_series(4000, np.arange(56), 0.4)

    neighbours = np.corrcoef(series[:, :-1].ravel(), series[:, 1:].ravel())[0, 1]
    assert neighbours == pytest.approx(0.4, abs=0.01)
    assert series[:, 0].std() == pytest.approx(1, abs=0.05)
    assert series[:, -1].std() == pytest.approx(1, abs=0.05)


def test_one_wild_day_does_not_decide_the_autocorrelation():
    values = flat_series(1, np.arange(56), 0.4)
    wild = values.copy()
    wild[0, 20] = 1e6

    days = np.arange(56)
    assert rank_autocorrelation(wild, days) == pytest.approx(
        rank_autocorrelation(values, days), abs=0.15
    )


def test_a_weekly_pattern_goes_and_the_level_stays():
    days = np.arange(56)
    week = np.tile([5.0, 4, 0, 0, 0, -4, -5], 8)
    noise = np.random.default_rng(1).standard_normal(56)

    left = without_weekdays((50 + week + noise)[None, :], days)[0]
    assert np.std(left) < 1.2
    assert left.mean() == pytest.approx(50, abs=0.5)


def test_a_wild_day_does_not_move_its_weekday():
    values = np.random.default_rng(2).standard_normal((1, 56))
    wild = values.copy()
    wild[0, 9] = 1e6

    others = np.arange(56) != 9
    moved = without_weekdays(wild, np.arange(56)) - without_weekdays(values, np.arange(56))
    assert np.abs(moved[0, others]).max() < 0.6


def test_a_series_of_one_weekday_is_left_alone():
    values = np.arange(8.0)[None, :]

    assert without_weekdays(values, np.arange(0, 56, 7)) == pytest.approx(values)


def test_the_trimmed_mean_leaves_out_the_ends():
    """Mondays 0, 10, 20, 30, 1000: the middle three have the mean 20; the other days are 4."""
    values = np.full((1, 35), 4.0)
    values[0, ::7] = [0, 10, 20, 30, 1000]

    left = without_weekdays(values, np.arange(35))[0]
    overall = (20 + 6 * 4) / 7
    assert left[0] == pytest.approx(0 - (20 - overall))
    assert left[1] == pytest.approx(4 - (4 - overall))


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e6),
    shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 50),
)
def test_units_do_not_matter(scale, shift, seed):
    """Milliseconds or seconds: the same p, and the slope in the unit given."""
    values = noisy(0.02, level=0.0, seed=seed)

    one, other = only(daily(values)), only(daily(scale * values + shift * scale))
    assert other.p == pytest.approx(one.p, abs=0.002)
    assert other.slope == pytest.approx(scale * one.slope, rel=1e-6, abs=scale * 1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_time_run_backwards_turns_the_trend(seed):
    values = noisy(0.03, seed=seed)

    forward, backward = only(daily(values)), only(daily(values[::-1]))
    assert backward.slope == pytest.approx(-forward.slope, rel=1e-6, abs=1e-12)
    assert backward.p == forward.p


@pytest.mark.parametrize(("phi", "week"), [(0.3, 0.0), (0.5, 0.0), (0.3, 1.0)])
def test_of_the_trends_found_at_most_a_tenth_is_none(phi, week):
    """The rule as a reader meets it: over a few fleets, within two standard errors."""
    results = np.array(
        [
            discoveries([t.q for t in find_trends(f.series)], f.drifts)
            for f in (fleet(seed, days=56, phi=phi, week=week) for seed in range(6))
        ]
    )

    rates = results[:, 0]
    assert rates.mean() <= 0.10 + 2 * rates.std() / np.sqrt(len(rates))
    assert rates.mean() <= 0.15
    if phi == 0.3:
        assert results[:, 1].mean() >= 0.5


def test_plain_mann_kendall_would_mislead():
    """Why the null is simulated: with autocorrelation 0.5 half of what the textbook test finds is nothing."""
    rates = []
    for seed in range(4):
        made = fleet(seed, days=56, phi=0.5)
        values = np.array([s.values for s in made.series], dtype=float)
        z = _mann_kendall(values) / np.sqrt(56 * 55 * 117 / 18)
        rates.append(discoveries(_adjusted(2 * norm.sf(np.abs(z))), made.drifts)[0])

    assert np.mean(rates) > 0.35


def _adjusted(p):
    """Benjamini & Hochberg (1995), written out: the least p(k) m / k from here up."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.minimum.accumulate(scaled[::-1])[::-1]
    return q[np.argsort(order)]


def test_fleets_whose_figures_differ_in_autocorrelation_tell_few_false_trends():
    """Each its own, 0 to 0.6: with one for all a sixth was false; with each one's own as it is, four in ten."""
    made = [fleet(2_000 + seed, days=56, phi=None) for seed in range(8)]
    false, found = np.mean(
        [discoveries([t.q for t in find_trends(f.series)], f.drifts) for f in made], axis=0
    )

    # Eight fleets know the share to a third of itself.
    assert false <= FALSE_DISCOVERY_RATE + 0.08
    assert found > 0.4


@pytest.mark.parametrize(("phi", "low", "high"), [(0.3, 0.0, 0.0), (None, 0.1, 0.25)])
def test_the_spread_of_autocorrelations_is_learnt(phi, low, high):
    """Uniform over 0 to 0.6 has a standard deviation of 0.17; series that share one show none beyond chance."""
    said = []
    for series in fleet(9, days=56, phi=phi).series:
        own = present(series.values).autocorrelation
        said.append((own, own_error(tuple(range(56)), 0.3)))

    assert low <= spread_of(said) <= high


def test_few_series_show_no_spread():
    assert spread_of([(0.0, 0.1), (0.9, 0.1)]) == 0


def test_a_series_is_believed_as_far_as_it_knows_better_than_the_others():
    """An error of nothing: itself; a spread of nothing: the others; as large as each other: half way."""
    assert believed(0.5, error=1e-9, pooled=0.3, spread=0.1) == (pytest.approx(0.5), pytest.approx(0, abs=1e-6))  # fmt: skip
    assert believed(0.5, error=0.1, pooled=0.3, spread=0.0) == (0.3, 0.0)
    assert believed(0.5, error=0.1, pooled=0.3, spread=0.1) == (pytest.approx(0.4), pytest.approx(0.1 / 2**0.5))  # fmt: skip
