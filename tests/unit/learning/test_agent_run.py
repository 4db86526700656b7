"""Reading one reported run: every value checked, nothing unknown made 0, no personal data kept."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.agent_run import AgentRun, read_run

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENTS = frozenset({"audit-plan-012", "tax-provision-031"})
STEP = "0b8f9c1e-4b5d-4f3c-9a67-3a2f1e0d9c8b"


def read(**values: object) -> AgentRun:
    known = {
        "run_key": "r1",
        "agent_id": "audit-plan-012",
        "started_at": "2026-03-02T11:00:00Z",
        "outcome": "ok",
    }
    return read_run({**known, **values}, agents=AGENTS, now=NOW)


def test_run_needs_no_more_than_who_when_and_how_it_ended():
    run = read()

    assert (run.agent_id, run.outcome) == ("audit-plan-012", "ok")
    assert run.started_at == NOW - timedelta(hours=1)
    assert (run.tokens_in, run.cost_usd, run.accuracy, run.duration_ms) == (None,) * 4


def test_run_reads_numbers_from_text_and_from_what_they_are():
    run = read(
        tokens_in="32354",
        tokens_out=450.0,
        tokens_cached="100",
        cost_usd="0.0274601234",
        duration_ms=Decimal("19226.5"),
        accuracy="1.0",
        cache_hit="TRUE",
        step_execution_id=STEP.upper(),
    )

    assert (run.tokens_in, run.tokens_out, run.tokens_cached) == (32354, 450, 100)
    assert (run.cost_usd, run.duration_ms, run.accuracy) == (Decimal("0.027460"), 19226.5, 1.0)
    assert (run.cache_hit, run.step_execution_id) == (True, STEP)


@pytest.mark.parametrize("nothing", [None, "", float("nan"), Decimal("nan")])
def test_no_value_is_unknown_and_not_0(nothing):
    run = read(tokens_in=nothing, cost_usd=nothing, duration_ms=nothing, accuracy=nothing)

    assert run == read()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"agent_id": "audit-plan-021"}, "no agent is called .*; did you mean 'audit-plan-012'"),
        ({"agent_id": None}, "no `agent_id`"),
        ({"run_key": None}, "no `run_key`"),
        ({"started_at": None}, "no `started_at`"),
        ({"started_at": "yesterday"}, "is no time; write it as"),
        ({"started_at": "2026-03-02T12:05:01Z"}, "in the future; correct it or the clock"),
        ({"outcome": "fine"}, "`outcome` is 'fine'; it is one of ok, error, timeout"),
        ({"outcome": None}, "no `outcome`; it is one of"),
        ({"tokens_in": -1}, "`tokens_in` is -1; it cannot be negative"),
        ({"tokens_in": "1.5"}, "whole numbers"),
        ({"tokens_in": "many"}, "`tokens_in` is 'many', which is no number"),
        ({"tokens_out": 10**13}, "up to a trillion"),
        ({"tokens_in": 10, "tokens_cached": 11}, "`tokens_cached` is 11, more than the 10"),
        ({"tokens_out": 10, "tokens_reasoning": 11}, "`tokens_reasoning` is 11, more than the 10"),
        ({"duration_ms": "-3"}, "`duration_ms` is -3; it cannot be negative"),
        ({"duration_ms": "inf"}, "not finite"),
        ({"cost_usd": 10**8}, "at most ten million"),
        ({"accuracy": 1.2}, "lies between 0 and 1"),
        ({"variant": "C"}, "`variant` is 'C'; it is one of A, B"),
        ({"cache_hit": "maybe"}, "is true or false"),
        ({"step_execution_id": "17"}, "is no id; copy it whole"),
        ({"task_id": "x" * 201}, "`task_id` is no text of 1 to 200"),
        ({"model": "a\x00b"}, "NUL"),
        ({"token_in": 5}, "a run has no 'token_in'; did you mean 'tokens_in'"),
    ],
)
def test_mistake_is_told_in_one_sentence(values, said):
    with pytest.raises(InputError, match=said):
        read(**values)


def test_sender_whose_clock_is_a_few_minutes_ahead_is_believed():
    assert read(started_at="2026-03-02T12:04:59Z").started_at > NOW


def test_time_without_a_zone_is_utc():
    assert read(started_at="2026-03-02T11:00:00") == read()


def test_message_in_place_of_an_error_type_is_cut_and_masked():
    """Frameworks put whole messages there, and with them whatever a client wrote."""
    run = read(error_type="Refused for\n jane.doe@example.com: " + "no " * 100, outcome="error")

    assert run.error_type is not None
    assert "jane.doe" not in run.error_type
    assert len(run.error_type) <= 120
    assert "\n" not in run.error_type


def test_personal_data_in_a_task_is_masked():
    assert "jane.doe" not in (read(task_id="mail to jane.doe@example.com").task_id or "")


@given(st.dictionaries(st.sampled_from(sorted(AgentRun.__slots__)), st.text() | st.floats()))
def test_whatever_is_given_is_a_run_or_a_refusal(values):
    with suppress(InputError):
        assert isinstance(read(**values), AgentRun)
