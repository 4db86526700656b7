"""The streaming detector: causal, calibrated, and quiet about what is usual."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.monitoring.anomaly import AnomalyDetector
from prisma_assets.domain.monitoring.anomaly_gate import COOLDOWN, THRESHOLD, WARM_UP
from prisma_assets.domain.monitoring.anomaly_judgement import Finding, Judgement, Sign

START = datetime(2026, 3, 2, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)


def judged(values, *, step=HOUR, detector=None, start=START) -> list[Judgement]:
    detector = detector or AnomalyDetector()
    return [
        detector.update(start + i * step, None if v is None else float(v))
        for i, v in enumerate(values)
    ]


def scores(values, **options) -> list[float | None]:
    return [j.score for j in judged(values, **options)]


def anomalies(judgements) -> list[int]:
    return [i for i, j in enumerate(judgements) if j.is_anomaly]


def noise(n, *, seed=1, phi=0.0):
    """An AR(1) series with standard normal innovations."""
    innovations = np.random.default_rng(seed).standard_normal(n)
    out = np.empty(n)
    last = 0.0
    for i, innovation in enumerate(innovations):
        out[i] = last = phi * last + innovation
    return out


def office_day(n, *, seed=2, step_hours=1.0):
    """Busy by day, quiet by night and at week-ends, with noise of a tenth."""
    hours = np.arange(n) * step_hours
    load = np.where((hours % 24 >= 8) & (hours % 24 < 18), 3.0, 1.0)
    load = np.where((hours // 24) % 7 < 5, load, 1.0)
    return load * (1 + 0.1 * np.random.default_rng(seed).standard_normal(n))


@given(
    past=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=150),
    futures=st.tuples(*[st.lists(st.floats(-1e9, 1e9), max_size=20)] * 2),
)
@settings(max_examples=25, deadline=None)
def test_no_score_depends_on_what_comes_later(past, futures):
    """The scores of a prefix are the prefix of the scores, whatever follows."""
    alone = judged(past)

    for future in futures:
        assert judged(past + future)[: len(past)] == alone


def test_a_long_series_is_judged_without_its_future_too():
    """The same beyond the warm-up, the cooldown and the memory of the measures."""
    values = noise(900, phi=0.5)
    values[700] = 40

    whole = judged(values)

    for cut in (199, 701, 860):
        assert judged(values[:cut]) == whole[:cut]


@pytest.mark.parametrize(("factor", "shift"), [(1024.0, 0.0), (1 / 64, 0.0), (-1.0, 0.0)])
def test_the_unit_does_not_matter(factor, shift):
    """Seconds or milliseconds, rate of success or of error: exact for powers of two, where no rounding differs."""
    values = noise(400)

    assert scores(values * factor + shift) == scores(values)


def test_the_zero_point_does_not_matter():
    values = np.round(noise(400) * 8)  # whole numbers: a shift of them is exact

    assert scores(values + 1024) == pytest.approx(scores(values), abs=0.01)


def test_a_detector_goes_on_from_its_stored_state():
    """The state passes through JSON at awkward moments, and nobody can tell."""
    values = office_day(4_500, step_hours=1 / 12)
    values[2_000] *= 9
    values[4_400] *= 9
    at_once = judged(values, step=FIVE_MINUTES)

    detector = AnomalyDetector()
    resumed: list[Judgement] = []
    for cut, end in ((0, 1), (1, 60), (60, 2_001), (2_001, 4_300), (4_300, 4_500)):
        detector = AnomalyDetector.from_state(json.loads(json.dumps(detector.to_state())))
        resumed += judged(
            values[cut:end], step=FIVE_MINUTES, detector=detector, start=START + cut * FIVE_MINUTES
        )

    assert resumed == at_once
    assert anomalies(at_once)


def test_the_state_stays_small_however_long_the_series():
    """51 agents with six metrics each are 60 MB at most."""
    detector = AnomalyDetector()
    judged(noise(4_300), detector=detector)

    assert len(json.dumps(detector.to_state())) < 200_000


def test_a_state_of_another_version_is_refused():
    state = {**AnomalyDetector().to_state(), "version": 0}

    with pytest.raises(PrismaError, match="learns the series anew"):
        AnomalyDetector.from_state(state)


def test_a_flat_series_is_never_unusual():
    assert anomalies(judged([45.0] * 1_500)) == []


def test_the_first_change_of_a_flat_series_is_news_at_once():
    assert anomalies(judged([45.0] * 500 + [45.1])) == [500]


def test_a_spike_is_found_where_it_happens_and_told_once():
    values = noise(1_000)
    values[800:803] = 30

    found = anomalies(judged(values))

    assert 800 in found
    assert not set(range(801, 800 + COOLDOWN)) & set(found)


def test_a_step_is_found_within_a_dozen_values_and_becomes_usual():
    values = noise(2_500)
    values[1_000:] += 8

    found = anomalies(judged(values))

    assert any(1_000 <= i < 1_012 for i in found)
    assert [i for i in found if i > 1_000 + 5 * COOLDOWN] == []


def test_a_slow_outage_within_the_usual_range_is_found():
    """Nothing is high or low, but the day's wave stands still."""
    hours = np.arange(24 * 60)
    values = np.sin(hours * 2 * np.pi / 24) + 0.05 * noise(len(hours))
    values[1_200:1_236] = 0.0

    assert any(1_200 <= i < 1_236 for i in anomalies(judged(values)))


def test_days_and_week_ends_are_usual():
    """Eight weeks of office hours, from the third on without an anomaly."""
    found = anomalies(judged(office_day(24 * 7 * 8)))

    assert [i for i in found if i >= 24 * 14] == []


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_no_data_is_a_state_and_not_a_zero(missing):
    """A value that is missing neither alarms nor is learnt: the rest is judged as if it had not been asked."""
    values = list(noise(300))
    holes = {50, 120, 121, 250}
    with_holes = [missing if i in holes else v for i, v in enumerate(values)]

    got = judged(with_holes)

    assert {got[i].finding for i in holes} == {Finding.NO_DATA}
    assert {got[i].score for i in holes} == {None}
    kept = [v for i, v in enumerate(values) if i not in holes]
    assert [j.score for i, j in enumerate(got) if i not in holes] == scores(kept)


def test_gaps_and_irregular_steps_raise_no_alarm():
    detector, at, found = AnomalyDetector(), START, []
    steps = np.random.default_rng(4).choice([60, 300, 301, 90_000], size=800)
    for seconds, value in zip(steps, noise(800), strict=True):
        at += timedelta(seconds=int(seconds))
        found.append(detector.update(at, float(value)).is_anomaly)

    assert sum(found[400:]) <= 1


def test_a_clock_set_back_does_no_harm():
    values = noise(600)
    detector = AnomalyDetector()
    judged(values[:300], detector=detector)

    again = judged(values[300:], detector=detector, start=START - 30 * HOUR)

    assert all(j.score is not None for j in again)


def test_a_cold_start_learns_before_it_judges():
    got = judged([1.0, 900.0, -5.0, *noise(WARM_UP)])

    assert {j.finding for j in got[:WARM_UP]} == {Finding.LEARNING}
    assert all(j.score is not None and j.score < THRESHOLD for j in got[:WARM_UP])


def test_an_anomaly_is_a_score_from_the_threshold_on():
    """One threshold says it all: nobody needs the flag and the score to agree by luck."""
    values = noise(3_000, phi=0.7)
    values[[700, 900, 1_500, 1_540]] += 25

    got = judged(values)

    assert anomalies(got)
    for judgement in got:
        assert judgement.is_anomaly == ((judgement.score or 0) >= THRESHOLD)
        assert judgement.is_anomaly == (judgement.evidence is not None)


@pytest.mark.slow
def test_a_series_that_keeps_alarming_has_to_try_harder():
    """A spike every nine hours for four weeks: the budget lets through what is one in five days, and little more."""
    values = noise(2016 * 4) * 0.1
    values[::108] += 10 + np.arange(len(values[::108]))  # each higher than the last

    found = anomalies(judged(values, step=FIVE_MINUTES))

    assert 2 <= len(found) <= 4 * 7 / 5 + 6


def test_huge_values_overflow_nothing():
    values = [1e300 * v for v in noise(300)]

    assert all(j.score is not None for j in judged(values))


def test_the_evidence_names_the_hour_when_its_habit_is_known():
    values = office_day(24 * 28)
    values[24 * 25 + 3] = 40

    (found,) = [
        j
        for j in judged(values)
        if j.evidence and Sign.RECORD_HIGH in j.evidence.signs and j.evidence.seen > 600
    ]

    assert found.evidence is not None
    assert found.evidence.usual.at_this_hour
    assert found.evidence.usual.high < 1.4


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.6], ids=["iid", "autocorrelated"])
def test_noise_alarms_less_than_once_a_week(phi):
    """Twelve weeks of five-minute noise; every alarm is false."""
    weeks = [
        anomalies(judged(noise(2016 * 4, seed=s, phi=phi), step=FIVE_MINUTES)) for s in range(3)
    ]

    assert sum(map(len, weeks)) / 12 <= 1.0
