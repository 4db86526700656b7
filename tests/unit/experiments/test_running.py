"""An experiment while it runs: one state however it is cut, judgements with all their numbers, and the page that tells them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.errors import PrismaError
from prisma_assets.domain.experiments.plan import Plan, planned_metrics
from prisma_assets.domain.experiments.running import (
    NOTHING,
    Judgement,
    RunningExperiment,
    Started,
    UnitOutcome,
)
from prisma_assets.domain.experiments.spending import power_boundaries
from prisma_assets.learning.experiment_chart import png
from prisma_assets.learning.experiment_report import markdown, picture

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
SOUND = Started(
    plan=Plan(
        name="brief <notes> | trial", hypothesis="Shorter is read.", agent_id="audit-doc-044", changes={"prompt": "x"},
        metrics=planned_metrics(["error_rate", "response_time"]), unit="task", split=0.5, risk="low", min_hours=24, max_blocks=200,
    ),
    started_at=BEGAN, control_version="1.0.0", treatment_version="1.0.0-b.1", min_samples=20,
)  # fmt: skip


def stream(count: int, *, fails: dict[str, float], seed: int = 1) -> list[UnitOutcome]:
    """Units, one every five minutes."""
    rng = np.random.default_rng(seed)
    arms = ["B" if rng.random() < 0.5 else "A" for _ in range(count)]
    return [
        UnitOutcome(
            unit=f"u{n}", variant=arm, split=0.5, exposed_at=BEGAN + timedelta(minutes=5 * n),
            values={"error_rate": float(rng.random() < fails[arm]), "response_time": float(np.exp(rng.normal(5, 0.3)))},
            versions=frozenset({SOUND.version(arm)}),
        )
        for n, arm in enumerate(arms)
    ]  # fmt: skip


def judged(running: RunningExperiment, *, days: float = 7, at_work: str = "1.0.0") -> Judgement:
    return running.judge(now=BEGAN + timedelta(days=days), version_at_work=at_work)


def after(units: list[UnitOutcome], started: Started = SOUND) -> RunningExperiment:
    running = RunningExperiment(started)
    running.take(units)
    return running


UNITS = stream(600, fails={"A": 0.3, "B": 0.2})


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 600), max_size=6))
def test_any_cut_of_the_stream_through_storage_gives_one_state(cuts):
    running = RunningExperiment(SOUND)
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), 600], strict=True):
        running.take(UNITS[low:high])
        state = json.loads(json.dumps(running.to_state()))
        running = RunningExperiment.from_state(SOUND, state, data_sha256=running.data_sha256)

    whole = after(UNITS)
    assert running.to_state() == whole.to_state()
    assert running.data_sha256 == whole.data_sha256


def test_hash_tells_data_apart():
    other = [*UNITS[:-1], replace(UNITS[-1], values={"error_rate": 1.0, "response_time": 9.0})]

    assert after([]).data_sha256 == NOTHING
    assert len({after(u).data_sha256 for u in (UNITS, other, UNITS[:-1])}) == 3


@given(
    names=st.lists(st.text(), min_size=1, max_size=4),
    value=st.none() | st.floats(allow_nan=False),
    price=st.none() | st.text(),
)
def test_hash_is_that_of_each_unit_chained_to_the_one_before(names, value, price):
    """Whatever a unit is called, brackets, commas and the mark between values included: sealed verdicts depend on it."""
    names += ["u]\x1f[", 'a", "b', "]\x1f[\x1f"]
    units = [replace(UNITS[0], unit=n, values={"response_time": 2.5, "error_rate": value}, price_version=price) for n in names]  # fmt: skip
    expected = NOTHING
    for u in units:
        row = [expected, u.unit, u.variant, u.split, u.exposed_at.isoformat(), dict(u.values), u.price_version]  # fmt: skip
        expected = sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    running = RunningExperiment(SOUND)
    running._chain(units)

    assert running.data_sha256 == expected


def test_boundaries_are_remembered_and_belong_to_the_declared_maximum():
    """They take a fifth of a second each, and a look meets a thousand experiments in a new process; of another maximum they are wrong."""
    units = stream(600, fails={"A": 0.3, "B": 0.3})
    state = json.loads(json.dumps(after(units).to_state()))
    larger = replace(SOUND, plan=replace(SOUND.plan, max_blocks=300))
    power_boundaries.cache_clear()

    again = RunningExperiment.from_state(SOUND, state, data_sha256=NOTHING)
    again.take(units)
    assert judged(again).numbers == judged(after(units + units)).numbers
    assert power_boundaries.cache_info().misses == 1, "only the experiment without a state asked"
    other = RunningExperiment.from_state(larger, state, data_sha256=NOTHING)
    assert other.experiment.tracks["error_rate"].bounds is None


def test_improvement_is_adopted_once_both_arms_have_enough():
    units = stream(400, fails={"A": 0.6, "B": 0.05})
    few = after(units, replace(SOUND, min_samples=300))

    assert judged(after(units)).word == "adopt"
    assert judged(after(units)).is_over
    assert judged(few).word == "inconclusive"


def test_units_of_the_least_duration_choose_nothing():
    units = stream(500, fails={"A": 0.6, "B": 0.05})

    assert judged(after(units[:280]), days=0.99).word == "inconclusive"
    assert (judged(after(units)).decided_at or 0) >= 288  # 24 hours at one every five minutes


@pytest.mark.parametrize("count", [0, 1, 15])
def test_too_little_is_too_early_while_more_is_to_come(count):
    found = judged(after(UNITS[:count]))

    assert found.word == "inconclusive"
    assert found.verdict.reason.startswith("too early: ")
    assert (found.decided_at, found.is_over) == (None, False)


def test_numbers_that_are_not_there_are_null():
    numbers = judged(after([])).numbers

    assert {m["effect"] for m in numbers["metrics"]} == {None}
    assert {v for m in numbers["metrics"] for v in m["mean"].values()} == {None}
    assert numbers["needed_blocks"] is None


def test_alarm_stays_and_its_experiment_never_concludes():
    units = stream(400, fails={"A": 0.6, "B": 0.05})
    crossed = [replace(u, is_crossed=n == 30) for n, u in enumerate(units)]
    found = judged(after(crossed))

    assert (found.word, found.verdict.reason, found.decided_at) == (
        "hold",
        "u30 met both versions",
        31,
    )
    assert not found.is_over


def test_change_of_the_agent_after_the_verdict_does_not_unmake_it():
    """The evidence was complete before; holding it would undo decisions for what came later."""
    running = after(stream(400, fails={"A": 0.6, "B": 0.05}))

    assert judged(running, at_work="2.0.0").word == "adopt"
    assert judged(after(UNITS[:100]), at_work="2.0.0").word == "hold"


def test_state_of_another_version_is_refused():
    state = after(UNITS).to_state()
    state["experiment"]["version"] = 0

    with pytest.raises(PrismaError, match="delete it"):
        RunningExperiment.from_state(SOUND, state, data_sha256=NOTHING)


# ---- the page


def told(*counts: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An experiment as its row and its verdicts after so many units."""
    verdicts = []
    for count in counts:
        running = after(UNITS[:count])
        found = judged(running)
        verdicts.append(
            {
                "units": found.units, "verdict": found.word, "reason": found.verdict.reason, "numbers": found.numbers, "as_of": BEGAN,
                "data_sha256": running.data_sha256, "plan_sha256": "0" * 64, "price_version": None, "code_version": "1",
            }
        )  # fmt: skip
    plan = SOUND.plan
    row = {
        "name": plan.name, "hypothesis": plan.hypothesis, "agent_id": plan.agent_id, "control_version": "1.0.0",
        "treatment_version": "1.0.0-b.1", "traffic_split_b": 0.5, "assignment_unit": "task", "risk_level": "low", "status": "running",
        "power_statement": "underpowered: about 9 weeks",
    }  # fmt: skip
    return row, verdicts


def test_page_says_what_is_known_and_no_data_where_nothing_is():
    page = markdown(*told(0))

    assert "underpowered: about 9 weeks" in page
    assert "| error_rate | primary | 0 / 0 | no data / no data | no data | no data | 0.03 |" in page
    assert "nan" not in page.lower()


def test_page_shows_effect_instruments_and_seal():
    row, verdicts = told(100, 600)
    page = markdown(row, verdicts)

    assert "| sample ratio | healthy |" in page
    assert verdicts[-1]["data_sha256"] in page
    means = verdicts[-1]["numbers"]["metrics"][0]["mean"]
    assert f"{means['A']:.4g} / {means['B']:.4g}" in page


def test_picture_is_whole_and_escapes_names():
    drawn = picture(*told(100, 300, 600))

    assert drawn is not None
    root = ElementTree.fromstring(drawn)  # noqa: S314 - drawn by us
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "brief <notes> | trial: effect of B on error_rate" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) >= 2


def test_nothing_compared_is_no_picture():
    assert picture(*told(0)) is None
    assert png(*told(0)) is None


@pytest.mark.parametrize("looks", [(600,), (100, 300, 600)], ids=["one look", "several"])
def test_png_is_whole_and_takes_any_name(looks):
    """A dollar sign is no formula; the same verdicts give the same bytes."""
    row, verdicts = told(*looks)
    drawn = png({**row, "name": "cost < 1 $ | $x"}, verdicts)

    assert drawn is not None
    assert drawn.startswith(b"\x89PNG")
    assert (int.from_bytes(drawn[16:20]), int.from_bytes(drawn[20:24])) == (960, 624)
    assert drawn == png({**row, "name": "cost < 1 $ | $x"}, verdicts)
