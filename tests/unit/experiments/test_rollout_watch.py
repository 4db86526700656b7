"""Watching a rollout: harm is found at every look and seldom where there is none; a state carries over exactly."""

import json

import numpy as np
import pytest

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.design import Design
from prisma_assets.domain.experiments.health import Units
from prisma_assets.domain.experiments.metric import Direction, Kind, Metric, Role
from prisma_assets.domain.experiments.rollout_watch import RolloutWatch, rollout_design

ACCURACY = Metric(
    name="accuracy", kind=Kind.BINARY, direction=Direction.HIGHER, margin=0.03, role=Role.GUARDRAIL
)
SECONDS = Metric(
    name="response_time", kind=Kind.LATENCY, direction=Direction.LOWER, margin=0.25, role=Role.GUARDRAIL
)  # fmt: skip
DESIGN = rollout_design(Design(metrics=(ACCURACY, SECONDS), splits=(0.5,)))


def work(n: int, *, control: float, treated: float, seed: int, split: float = 0.1) -> Units:
    """A rollout's units: accuracy as given, latency alike for both."""
    rng = np.random.default_rng(seed)
    arms = rng.random(n) < split
    return Units(
        treated=arms, splits=np.full(n, split),
        values={
            "accuracy": (rng.random(n) < np.where(arms, treated, control)).astype(float),
            "response_time": rng.lognormal(0, 0.5, n),
        },
    )  # fmt: skip


def test_watches_only_guardrails_at_the_shares_of_the_stages():
    """A rollout has nothing to win: everything it measures may only not get worse."""
    assert {m.role for m in DESIGN.metrics} == {Role.GUARDRAIL}
    assert DESIGN.splits == (0.05, 0.1, 0.25, 0.5)
    assert DESIGN.harm_evidence == pytest.approx(2 / 0.01)


def test_finds_harm():
    """Accuracy .97 becomes .80."""
    watch = RolloutWatch(DESIGN)
    watch.update(work(4_000, control=0.97, treated=0.80, seed=1))
    said = watch.watched().harmed
    assert said is not None
    assert said.startswith("accuracy is worse than the version beside it, shown after ")
    assert watch.evidence()["accuracy"]["effect"] < 0


def test_seldom_finds_harm_where_there_is_none():
    """At most 1 in 100 over all guardrails; 40 rollouts of no effect."""
    harmed = 0
    for seed in range(40):
        watch = RolloutWatch(DESIGN)
        watch.update(work(2_000, control=0.95, treated=0.95, seed=seed))
        harmed += watch.watched().harmed is not None
    assert harmed <= 2  # three or more of 40 at 1 %: one chance in 130


def test_unproven_until_enough_is_seen():
    """Nothing seen is nothing proven."""
    watch = RolloutWatch(DESIGN)
    assert watch.watched().unproven == ("accuracy", "response_time")
    assert watch.evidence()["accuracy"]["effect"] is None
    watch.update(work(30_000, control=0.97, treated=0.97, seed=3, split=0.5))
    assert watch.watched().unproven == ()


def test_a_broken_ratio_leaves_nothing_to_conclude():
    """Half the work promised to the new version, a tenth of it arrives."""
    units = work(4_000, control=0.97, treated=0.97, seed=4)
    watch = RolloutWatch(DESIGN)
    watch.update(Units(treated=units.treated, splits=np.full(len(units), 0.5), values=units.values))
    assert watch.watched().broken == "units do not reach the arms in the promised ratio"


def test_any_cut_of_the_stream_gives_the_same_state():
    """A sensor may look after every unit or once a day; a state goes through JSON between looks."""
    units = work(900, control=0.95, treated=0.9, seed=5)
    whole = RolloutWatch(DESIGN)
    whole.update(units)
    cut = RolloutWatch(DESIGN)
    for start, stop in ((0, 1), (1, 350), (350, 351), (351, 900)):
        cut.update(units.part(start, stop))
        cut = RolloutWatch.from_state(DESIGN, json.loads(json.dumps(cut.to_state())))
    assert cut.watched() == whole.watched()
    assert cut.evidence() == whole.evidence()


def test_refuses_the_state_of_another_version():
    """A state that would be misread."""
    with pytest.raises(PrismaError, match="version 0, this one reads 1"):
        RolloutWatch.from_state(DESIGN, {"version": 0})


def test_a_price_nobody_knows_does_not_hide_that_it_fails():
    """Only what rests on the broken instrument is left without a conclusion."""
    cost = Metric(
        name="cost", kind=Kind.COST, direction=Direction.LOWER, margin=0.1, role=Role.GUARDRAIL
    )
    design = rollout_design(Design(metrics=(ACCURACY, cost), splits=(0.5,)))
    units = work(4_000, control=0.97, treated=0.80, seed=1)
    unpriced = {"accuracy": units.values["accuracy"], "cost": np.full(len(units), np.nan)}
    watch = RolloutWatch(design)
    watch.update(Units(treated=units.treated, splits=units.splits, values=unpriced))
    said = watch.watched()
    assert said.harmed is not None
    assert said.harmed.startswith("accuracy is worse")
    harmless = RolloutWatch(design)
    fine = work(500, control=0.97, treated=0.97, seed=2)
    harmless.update(
        Units(
            treated=fine.treated,
            splits=fine.splits,
            values={**fine.values, "cost": np.full(500, np.nan)},
        )
    )
    assert harmless.watched().broken == "units have no price, so cost is unknown, not 0"
