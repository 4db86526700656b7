"""Sufficient statistics over time, judged like single units."""

import numpy as np
import pytest

from prisma_assets.domain.experiments.metric import Direction, Kind, Role
from prisma_assets.domain.experiments.summary import Arm, Looks, SummaryTrack
from prisma_assets.domain.experiments.summary_replay import ratio_path, replay_summaries


def looks(rng, *, effect=0.0, days=20, per_day=500, drift=0.0, splits=None, base=10.0):
    """Cumulative figures of a metric with mean `base` and standard deviation 5."""
    splits = np.full(days, 0.5) if splits is None else np.asarray(splits)
    sides = []
    for share, lift in ((1 - splits, 0.0), (splits, effect)):
        n = np.maximum((2 * per_day * share).astype(int), 1)
        days_values = [rng.normal(base + lift + drift * d, 5.0, size) for d, size in enumerate(n)]
        count = np.cumsum(n).astype(float)
        total = np.cumsum([v.sum() for v in days_values])
        squares = np.cumsum([(v**2).sum() for v in days_values])
        mean = total / count
        sides.append(Arm(count=count, mean=mean, variance=squares / count - mean**2))
    return Looks(control=sides[0], treated=sides[1], splits=splits)


@pytest.fixture
def judge(a_metric, a_design):
    def run(recorded, **changed):
        given = {"kind": Kind.MEAN, "margin": 0.05, **changed.pop("metric", {})}
        design = a_design(a_metric("sales", **given), splits=tuple(dict.fromkeys(recorded.splits)), **changed)  # fmt: skip
        return replay_summaries([SummaryTrack(design.primary, design, recorded)])

    return run


@pytest.mark.parametrize("maximum", [None, 10_000], ids=["open-ended", "declared"])
def test_a_lift_is_adopted_and_a_loss_is_not(judge, maximum):
    rng = np.random.default_rng(1)

    assert judge(looks(rng, effect=0.6), max_blocks=maximum).decision.verdict.word == "adopt"
    assert judge(looks(rng, effect=-0.6), max_blocks=maximum).decision.verdict.word == "keep control"  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("maximum", [None, 10_000], ids=["open-ended", "declared"])
def test_error_is_kept_at_every_look(judge, at_most, maximum):
    rng = np.random.default_rng(2)
    events = [judge(looks(rng, per_day=200), max_blocks=maximum).readings[0].events for _ in range(150)]  # fmt: skip

    assert sum("better" in e or "worse" in e for e in events) <= at_most(100, 0.05)


def test_drift_under_a_ramp_is_no_effect(judge, at_most):
    """Figures are compared within each allocation: pooled, every one of these is "worse"."""
    rng, ramp = np.random.default_rng(3), np.repeat([0.1, 0.3, 0.5], 7)
    found = [judge(looks(rng, days=21, drift=0.3, splits=ramp)).readings[0].events for _ in range(40)]  # fmt: skip

    assert sum("better" in e or "worse" in e for e in found) <= at_most(40, 0.05)


def test_lower_can_be_better_and_effects_are_relative(judge):
    found = judge(looks(np.random.default_rng(4), effect=-1.0), metric={"direction": Direction.LOWER})  # fmt: skip

    estimate = found.readings[0].estimate
    assert found.decision.verdict.word == "adopt"
    assert estimate.low < estimate.effect < estimate.high < 0
    assert estimate.effect == pytest.approx(-0.1, abs=0.03)


def test_the_estimate_is_that_of_the_arms(judge):
    recorded = looks(np.random.default_rng(5), days=3)
    estimate = judge(recorded).readings[0].estimate
    t, c = recorded.treated.mean[-1], recorded.control.mean[-1]

    assert estimate.effect == pytest.approx((t - c) / c)
    assert estimate.blocks == 1500


def test_a_look_without_a_variance_is_left_out(judge):
    recorded = looks(np.random.default_rng(6), effect=0.6)
    recorded.control.variance[:10] = np.nan

    found = judge(recorded)

    assert found.decision.verdict.word == "adopt"
    assert found.decision.at > 10


def test_without_any_variance_nothing_is_concluded(judge):
    recorded = looks(np.random.default_rng(6))
    recorded.control.variance[:] = np.nan

    assert judge(recorded).decision.verdict.word.startswith("hold (no look at sales")


def test_units_that_vanish_are_held(judge):
    recorded = looks(np.random.default_rng(7))
    recorded.treated.count[5:] -= 900

    assert judge(recorded).decision.verdict.word == "hold (the treatment's units fall from 2500 to 2100)"  # fmt: skip


def test_a_wrong_ratio_is_held(judge):
    recorded = looks(np.random.default_rng(8), splits=np.full(20, 0.4))
    promised = Looks(control=recorded.control, treated=recorded.treated, splits=np.full(20, 0.5))

    assert judge(promised).decision.verdict.word == "hold (units do not reach the arms in the promised ratio)"  # fmt: skip
    assert ratio_path(recorded).max() < 1


def test_a_guardrail_harmed_rolls_back(a_metric, a_design):
    rng = np.random.default_rng(9)
    primary = a_metric("sales", kind=Kind.MEAN, margin=0.05)
    guardrail = a_metric("visits", kind=Kind.MEAN, margin=0.05, role=Role.GUARDRAIL)
    design = a_design(primary, guardrail)
    tracks = [SummaryTrack(primary, design, looks(rng)), SummaryTrack(guardrail, design, looks(rng, effect=-1.0))]  # fmt: skip

    assert replay_summaries(tracks).decision.verdict.word == "roll back"
