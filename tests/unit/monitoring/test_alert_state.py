"""When trouble is told, when it is over, and what silence means."""

from datetime import UTC, date, datetime, timedelta
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.alert_rule import Condition, Kind, Metric, Rule
from prisma_assets.domain.monitoring.alert_state import Event, Level, State, Status, step

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
LETTERS = {"b": Level.BAD, "m": Level.BETWEEN, "c": Level.CLEAN, "u": Level.UNKNOWN}


def a_rule(*, for_seconds: int = 0, window_seconds: int = 120) -> Rule:
    return Rule(
        id="tested", kind=Kind.THRESHOLD, metric=Metric.ERROR_RATE, condition=Condition.GREATER_THAN, threshold=0.05,
        for_seconds=for_seconds, window_seconds=window_seconds, reason="Tested.", since=date(2026, 11, 1),
    )  # fmt: skip


def walk(levels: str, rule: Rule) -> tuple[list[str], list[Event | None]]:
    """Statuses and news of looks a minute apart."""
    state, statuses, events = None, [], []
    for minute, letter in enumerate(levels):
        state, event = step(state, LETTERS[letter], rule=rule, at=START + timedelta(minutes=minute))
        statuses.append(state.status.value)
        events.append(event)
    return statuses, events


@pytest.mark.parametrize(
    ("levels", "for_seconds", "statuses"),
    [
        ("c", 0, "OK"),
        ("u", 0, "NO_DATA"),
        ("b", 0, "FIRING"),
        ("bbb", 120, "PENDING PENDING FIRING"),
        ("bbcbb", 120, "PENDING PENDING OK PENDING PENDING"),
        ("bubb", 120, "PENDING NO_DATA PENDING PENDING"),
        ("mc", 0, "OK OK"),
        # 2 min windows: clean at minute 1, over at minute 3
        ("bcccc", 0, "FIRING FIRING FIRING RESOLVED RESOLVED"),
        ("bccbccc", 0, "FIRING FIRING FIRING FIRING FIRING FIRING RESOLVED"),
        ("bccmccc", 0, "FIRING FIRING FIRING FIRING FIRING FIRING RESOLVED"),
        ("bcucc", 0, "FIRING FIRING NO_DATA FIRING FIRING"),
        ("buuuuuu", 0, "FIRING " + "NO_DATA " * 6),
        ("bcccb", 0, "FIRING FIRING FIRING RESOLVED FIRING"),
        ("bcccu", 0, "FIRING FIRING FIRING RESOLVED NO_DATA"),
    ],
)
def test_statuses_look_by_look(levels, for_seconds, statuses):
    assert walk(levels, a_rule(for_seconds=for_seconds))[0] == statuses.split()


def test_no_data_neither_resolves_an_alert_nor_opens_it_again():
    """A dead pipe must not look like a recovery, nor be told each time it stutters."""
    _, events = walk("bubuub", a_rule())

    assert events == [Event.OPENED, None, None, None, None, None]


@given(
    st.text("bmcu", max_size=40),
    st.sampled_from("bmcu"),
    st.integers(0, 5),
    st.integers(1, 5),
)
def test_looking_again_changes_nothing(levels, last, for_minutes, window_minutes):
    rule = a_rule(for_seconds=60 * for_minutes, window_seconds=60 * window_minutes)
    state: State | None = None
    for minute, letter in enumerate(levels + last):
        at = START + timedelta(minutes=minute)
        state, _ = step(state, LETTERS[letter], rule=rule, at=at)

    again, event = step(state, LETTERS[last], rule=rule, at=at)

    assert (again, event) == (state, None)


@given(st.text("bmcu", max_size=60), st.integers(0, 5), st.integers(1, 5))
def test_opened_and_resolved_alternate(levels, for_minutes, window_minutes):
    rule = a_rule(for_seconds=60 * for_minutes, window_seconds=60 * window_minutes)
    _, events = walk(levels, rule)
    told = [event for event in events if event is not None]

    turns = cycle([Event.OPENED, Event.RESOLVED])

    assert all(event is turn for event, turn in zip(told, turns, strict=False))


@given(st.text("mcu", max_size=60))
def test_nothing_is_told_where_nothing_is_bad(levels):
    statuses, events = walk(levels, a_rule())

    assert set(events) <= {None}
    assert set(statuses) <= {Status.OK, Status.NO_DATA}


@given(st.text("bmcu", max_size=60), st.integers(2, 5))
def test_trouble_shorter_than_its_time_is_not_told(levels, for_minutes):
    rule = a_rule(for_seconds=60 * for_minutes)
    longest = max((len(part) for part in levels.translate(str.maketrans("mcu", "   ")).split()), default=0)  # fmt: skip

    is_told = Event.OPENED in walk(levels, rule)[1]

    assert is_told == (longest - 1 >= for_minutes)


@given(st.text("bmcu", min_size=1, max_size=60))
def test_a_state_at_rest_has_nothing_under_way(levels):
    state = None
    for minute, letter in enumerate(levels):
        state, _ = step(state, LETTERS[letter], rule=a_rule(), at=START + timedelta(minutes=minute))
    assert state is not None
    assert state.is_at_rest == (state.status not in (Status.PENDING, Status.FIRING) and not state.is_open)  # fmt: skip
