"""A staged rollout: more only after enough time and enough work, back at once when harm is shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.experiments.rollout import (
    FEWEST_UNITS,
    STAGES,
    Advance,
    Complete,
    Position,
    TakeBack,
    Wait,
    Watched,
    next_move,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
FINE = Watched()


def at(stage: int, **extra: object) -> Position:
    base = Position(stage=stage, entered_at=START, treated=500, control=5_000)
    return replace(base, **extra)


def after(**time: float) -> datetime:
    return START + timedelta(**time)


def test_shares_rise_to_everything():
    """5, 10, 25, 50 and 100 %, as the firm releases."""
    assert [s.percent for s in STAGES] == [5, 10, 25, 50, 100]
    assert [s.name for s in STAGES] == ["canary", "ramp", "ramp", "ramp", "full"]


@pytest.mark.parametrize(
    ("position", "watched", "now", "expected"),
    [
        (at(0), FINE, after(hours=23), "at 5 % for 23 h of at least 24 h"),
        (at(1), FINE, after(minutes=59), "at 10 % for 59 min of at least 1 h"),
        (at(0, treated=29), FINE, after(hours=25), "29 of at least 30 units at 5 % so far"),
        (at(0, treated=9), FINE, after(days=30), "9 of at least 10 units at 5 % so far"),
        (at(0, treated=0, control=0), FINE, after(hours=24), "no work reached either version in 24 h"),
        (at(0, treated=0), FINE, after(days=9), "0 of at least 10 units at 5 % so far"),
        (at(2, is_paused=True), FINE, after(days=9), "paused by a person"),
        (at(2), Watched(broken="units do not reach the arms"), after(days=9), "units do not reach the arms"),
        (at(3), Watched(unproven=("accuracy",)), after(days=9),
         "accuracy not shown to be unharmed; wait for more work, or release it with a reason"),
    ],
)  # fmt: skip
def test_waits_and_says_why(position, watched, now, expected):
    """A reason for every wait."""
    move = next_move(position, watched, now=now)
    assert isinstance(move, Wait)
    assert move.reason == expected


@pytest.mark.parametrize(
    ("position", "watched", "now", "expected"),
    [
        (at(0), FINE, after(hours=24), Advance(to=1)),
        (at(0, treated=10), FINE, after(hours=48), Advance(to=1)),
        (at(2), Watched(unproven=("accuracy",)), after(hours=1), Advance(to=3)),
        (at(3), FINE, after(hours=1), Advance(to=4)),
        (at(3, released_by="max"), Watched(unproven=("accuracy",)), after(hours=1), Advance(to=4)),
        (at(4), Watched(unproven=("accuracy",)), after(hours=24), Complete()),
    ],
)
def test_goes_on(position, watched, now, expected):
    """Time and units are there, and before everybody gets it every guardrail is shown unharmed or a person answers for it."""
    assert next_move(position, watched, now=now) == expected


@given(
    stage=st.integers(0, len(STAGES) - 1),
    treated=st.integers(0, 10_000),
    hours=st.floats(0, 1_000),
    is_paused=st.booleans(),
)
def test_harm_is_taken_back_from_anywhere(stage, treated, hours, is_paused):
    """A pause, a short time or little work never keeps a harmful version alive."""
    position = at(stage, treated=treated, is_paused=is_paused, released_by="max")
    move = next_move(position, Watched(harmed="accuracy is worse"), now=after(hours=hours))
    assert move == TakeBack(reason="accuracy is worse")


@given(
    stage=st.integers(0, len(STAGES) - 1), treated=st.integers(0, 1_000), hours=st.floats(0, 1_000)
)
def test_no_stage_passes_without_time_or_work(stage, treated, hours):
    """Vanished traffic holds, however long it lasts."""
    move = next_move(at(stage, treated=treated), FINE, now=after(hours=hours))
    if hours < STAGES[stage].hold.total_seconds() / 3600 or treated < FEWEST_UNITS:
        assert isinstance(move, Wait)
    if isinstance(move, Advance):
        assert move.to == stage + 1
