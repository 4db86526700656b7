"""Running experiments: every cut of the stream is the same, verdicts are calibrated, broken data is held."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.experiment import Experiment
from prisma_assets.domain.experiments.health import Units, late_outcomes
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.replay import replay_units

BOTH = (
    Metric(name="accuracy", kind=Kind.BINARY, direction=Direction.HIGHER, margin=0.1, role=Role.PRIMARY),
    Metric(name="seconds", kind=Kind.LATENCY, direction=Direction.LOWER, margin=0.2, role=Role.GUARDRAIL),
    Metric(name="errors", kind=Kind.BINARY, direction=Direction.LOWER, margin=0.05, role=Role.GUARDRAIL),
    Metric(name="stars", kind=Kind.RATING, direction=Direction.HIGHER, margin=0.2),
)  # fmt: skip


def mixed(n, *, seed=1, lift=0.0, split=0.5):
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < split
    return Units(
        treated=treated, splits=np.full(n, split),
        values={
            "accuracy": (rng.random(n) < 0.7 + lift * treated).astype(float),
            "seconds": np.exp(rng.normal(0, 0.5, n)),
            "errors": (rng.random(n) < 0.05).astype(float),
            "stars": np.where(rng.random(n) < 0.1, np.nan, rng.integers(1, 6, n)),
        },
    )  # fmt: skip


def word(experiment) -> str:
    return experiment.decision().verdict.word


# ---- the state


@given(parts=st.integers(1, 40), split=st.sampled_from([0.5, 0.1]), declared=st.sampled_from([None, 120]))  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_any_cut_of_the_stream_gives_the_same(parts, split, declared):
    design = Design(metrics=BOTH, splits=(split,), max_blocks=declared)
    units = mixed(600, lift=0.2, split=split)
    whole, cut = Experiment(design), Experiment(design)
    whole.update(units)
    for edge in range(parts):
        part = units.part(edge * 600 // parts, (edge + 1) * 600 // parts)
        cut.update(part)
        cut = Experiment.from_state(design, json.loads(json.dumps(cut.to_state())))

    assert cut.decision() == whole.decision()
    for name, track in whole.tracks.items():
        assert cut.tracks[name].tally == track.tally
        assert cut.tracks[name].events == track.events
    assert cut.health.checks() == whole.health.checks()


def test_the_state_stays_small():
    """It fits into a row of a table however long the experiment runs."""
    experiment = Experiment(Design(metrics=BOTH, splits=(0.5,)))
    experiment.update(mixed(20_000))

    assert len(json.dumps(experiment.to_state())) < 10_000


def test_a_state_of_another_version_is_refused(a_design):
    state = {**Experiment(a_design()).to_state(), "version": 0}

    with pytest.raises(PrismaError, match="has version 0, this one reads 1"):
        Experiment.from_state(a_design(), state)


# ---- symmetries


def swapped(units):
    return Units(treated=~units.treated, splits=1 - units.splits, values=units.values)


@pytest.mark.parametrize("split", [0.5, 0.2])
def test_exchanging_the_arms_exchanges_better_and_worse(split, a_design, coins, judged):
    """With a declared maximum, where nothing is learned from the control alone."""
    units = coins(3000, control=0.6, treated=0.72, split=split, seed=5)
    design = a_design(max_blocks=400, splits=(split,))
    mirror = a_design(max_blocks=400, splits=(1 - split,))
    one, other = judged(design, units).tracks["accuracy"], judged(mirror, swapped(units)).tracks["accuracy"]  # fmt: skip

    assert one.estimate().effect == pytest.approx(-other.estimate().effect, abs=0.02)
    if split == 0.5:
        assert one.events["better"] == other.events["worse"]
        assert one.tally.summary().total == -other.tally.summary().total


@given(st.permutations(range(4)))
@settings(max_examples=10, deadline=None)
def test_order_within_a_block_does_not_matter(order):
    """Blocks of one treated and three controls, each shuffled in the same way."""
    rng = np.random.default_rng(2)
    design = Design(metrics=BOTH[:1], splits=(0.25,))
    treated = np.tile([True, False, False, False], 100)
    values = (rng.random(400) < 0.7).astype(float)
    shuffle = (np.arange(400).reshape(-1, 4)[:, list(order)]).ravel()
    found = []
    for index in (np.arange(400), shuffle):
        one = Experiment(design)
        one.update(Units(treated=treated[index], splits=np.full(400, 0.25), values={"accuracy": values[index]}))  # fmt: skip
        found.append(one.tracks["accuracy"].tally)

    assert found[0] == found[1]


# ---- verdicts


def test_a_better_version_is_adopted_and_a_worse_one_is_not(a_design, coins, judged):
    better = coins(4000, control=0.8, treated=0.9)
    worse = coins(4000, control=0.9, treated=0.8)

    assert word(judged(a_design(max_blocks=1500), better)) == "adopt"
    assert word(judged(a_design(), better)) == "adopt"
    assert word(judged(a_design(), worse)) == "keep control"


def test_a_harmed_guardrail_rolls_back_before_the_primary_decides(a_metric, a_design, judged, coins):  # fmt: skip
    guardrail = a_metric("safety", role=Role.GUARDRAIL)
    units = coins(6000, control=0.97, treated=0.80, names=("safety",), split=0.1)
    accuracy = (np.random.default_rng(70).random(6000) < 0.9).astype(float)
    found = judged(
        a_design(a_metric(), guardrail, splits=(0.1,)), changed(units, accuracy=accuracy)
    )

    assert word(found) == "roll back"
    assert found.decision().at < 2000


@pytest.mark.slow
def test_a_canary_without_harm_is_left_alone(a_metric, a_design, judged, coins, at_most):
    design = a_design(a_metric(), a_metric("safety", role=Role.GUARDRAIL), splits=(0.1,))
    rolled = [
        "harmed" in judged(design, coins(4000, control=0.97, treated=0.97, split=0.1, names=("accuracy", "safety"), seed=s)).tracks["safety"].events
        for s in range(60)
    ]  # fmt: skip

    assert sum(rolled) <= at_most(60, 0.01)


@pytest.mark.slow
def test_an_effect_of_exactly_the_margin_is_seldom_adopted(a_metric, a_design, coins, judged, at_most):  # fmt: skip
    """The primary is far better, the guardrail worse by its margin: not shown unharmed, so not adopted."""
    design = a_design(a_metric(), a_metric("safety", role=Role.GUARDRAIL, margin=0.05))
    adopted = 0
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        units = coins(2500, control=0.5, treated=0.8, seed=seed)
        safety = (rng.random(2500) < np.where(units.treated, 0.90, 0.95)).astype(float)
        both = Units(treated=units.treated, splits=units.splits, values={**units.values, "safety": safety})  # fmt: skip
        adopted += word(judged(design, both)) == "adopt"

    assert adopted <= at_most(60, 0.05)


def test_drift_under_a_ramp_is_no_effect(a_design, judged, at_most):
    """A pooled z of the same data is wrong 85 times in 100: the treated come later, when everything has got worse."""
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        splits = np.repeat([0.1, 0.3, 0.5], 1000)
        treated = rng.random(3000) < splits
        values = (rng.random(3000) < np.linspace(0.98, 0.75, 3000)).astype(float)
        found = judged(a_design(splits=(0.1, 0.3, 0.5)), Units(treated=treated, splits=splits, values={"accuracy": values}))  # fmt: skip
        wrong += word(found) in ("adopt", "keep control")

    assert wrong <= at_most(40, 0.05)


def test_spending_is_for_even_splits_with_a_maximum(a_design):
    assert a_design(max_blocks=100).spends
    assert not a_design(max_blocks=100, splits=(0.1,)).spends
    assert not a_design(max_blocks=100, splits=(0.5, 0.1)).spends
    assert not a_design().spends


def test_nothing_is_compared_beyond_a_declared_maximum(a_design, coins, judged):
    found = judged(a_design(max_blocks=200), coins(1000), parts=7).tracks["accuracy"]

    assert found.estimate().blocks == 200
    assert found.events["ended"] < 500


# ---- broken data


def changed(units, **values):
    return Units(treated=units.treated, splits=units.splits, values={**units.values, **values})


def test_equal_outcomes_are_held(a_design, coins, judged):
    units = coins(400)

    found = word(judged(a_design(), changed(units, accuracy=np.ones(400))))

    assert found == "hold (accuracy never differs between the arms)"


@pytest.mark.parametrize(
    ("n", "reason"),
    [
        (1, "the control was never exposed"),
        (8, "0 comparisons of accuracy after the warm-up, of at least 10"),
        (70, "5 comparisons of accuracy after the warm-up, of at least 10"),
    ],
)
def test_too_few_units_are_held(a_design, judged, n, reason):
    treated = np.arange(n) % 2 == 0
    values = {"accuracy": (np.arange(n) % 3 == 0).astype(float)}
    units = Units(treated=treated, splits=np.full(n, 0.5), values=values)

    assert word(judged(a_design(), units)) == f"hold ({reason})"


def test_an_arm_never_exposed_is_held(a_design, judged):
    units = Units(treated=np.zeros(20, bool), splits=np.full(20, 0.5), values={"accuracy": np.ones(20)})  # fmt: skip

    assert word(judged(a_design(), units)) == "hold (the treatment was never exposed)"


def test_a_wrong_ratio_is_held(a_design, coins, judged):
    units = coins(3000, split=0.6)
    promised = Units(treated=units.treated, splits=np.full(3000, 0.5), values=units.values)

    found = judged(a_design(), promised)

    assert word(found) == "hold (units do not reach the arms in the promised ratio)"
    assert not found.health.checks()[0].is_healthy


def test_outcomes_lost_in_one_arm_are_held(a_design, coins, judged):
    units = coins(2000)
    lost = units.treated & (np.random.default_rng(3).random(2000) < 0.15)

    found = judged(a_design(), changed(units, accuracy=np.where(lost, np.nan, units.values["accuracy"])))  # fmt: skip

    assert word(found) == "hold (the arms lose outcomes of accuracy unequally)"


def test_outcomes_lost_in_both_arms_alike_are_not(a_design, coins, judged):
    units = coins(2000)
    lost = np.random.default_rng(3).random(2000) < 0.15

    found = judged(a_design(), changed(units, accuracy=np.where(lost, np.nan, units.values["accuracy"])))  # fmt: skip

    assert not word(found).startswith("hold")


@pytest.mark.parametrize("cost", [0.0, np.nan])
def test_a_cost_without_a_price_is_held_not_averaged(a_metric, a_design, coins, judged, cost):
    """A fine-tuned model costs 0 in the record because nobody knows its price."""
    units = coins(500)
    costs = np.where(units.treated, cost, 0.04)
    design = a_design(a_metric(), a_metric("usd", kind=Kind.COST, role=Role.GUARDRAIL))

    found = judged(design, changed(units, usd=costs))
    told = replay_units(design, changed(units, usd=costs))

    assert word(found) == "hold (units have no price, so usd is unknown, not 0)"
    assert told.readings[1].estimate is None


def test_an_unpriced_secondary_metric_holds_nothing(a_metric, a_design, coins, judged):
    units = coins(500)
    design = a_design(a_metric(), a_metric("usd", kind=Kind.COST, role=Role.SECONDARY))

    told = replay_units(design, changed(units, usd=np.zeros(500)))

    assert told.decision.verdict.word == "inconclusive"
    assert told.readings[1].estimate is None


def test_a_change_of_the_judge_is_held(a_design, coins, judged):
    units = coins(800)
    labels = np.array(["judge-1"] * 500 + ["judge-2"] * 300, dtype=object)
    measured = Units(treated=units.treated, splits=units.splits, values=units.values, instruments={"judge": labels})  # fmt: skip

    decision = judged(a_design(), measured).decision()

    assert decision.verdict.word == "hold (judge changed from judge-1 to judge-2 on the way)"
    assert decision.at == 501


def test_late_outcomes_are_noticed():
    missing = np.zeros(1000, dtype=bool)
    missing[::50] = True
    assert late_outcomes(missing) is None

    missing[950:] = True

    assert late_outcomes(missing).startswith("51 of the last 100 units have no outcome yet")
    assert late_outcomes(np.zeros(5, dtype=bool)) is None


# ---- replay


def test_a_replay_ends_where_the_verdict_fell(a_design, coins):
    design, units = a_design(), coins(6000, control=0.8, treated=0.9)

    told = replay_units(design, units)
    shorter = replay_units(design, units.part(0, told.seen))

    assert told.decision.at == told.seen < 3000
    assert shorter.decision == told.decision
    assert shorter.readings == told.readings
    assert told.readings[0].sequence[-1] == (told.seen, told.readings[0].estimate)
    assert told.readings[0].estimate.low > 0


def test_secondary_metrics_are_reported_by_e_bh(coins, a_metric, a_design):
    design = a_design(a_metric(), a_metric("other", role=Role.SECONDARY), a_metric("third", role=Role.SECONDARY))  # fmt: skip
    units = coins(3000, control=0.7, treated=0.72, names=("accuracy", "other", "third"))
    other = (np.random.default_rng(77).random(3000) < np.where(units.treated, 0.9, 0.6)).astype(float)  # fmt: skip

    told = replay_units(design, changed(units, other=other))

    assert [r.is_discovery for r in told.readings] == [False, True, False]
