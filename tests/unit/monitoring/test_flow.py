"""How much work went without a person's correction, and how much of it at once."""

import pytest

from prisma_assets.domain.monitoring.flow import Flow, at_once

IDLE = {"steps": 0, "automated": 0, "corrected": 0, "reworked": 0, "escalated": 0, "waited_ms": 0.0, "waited_n": 0}  # fmt: skip


def test_shares_are_of_the_completed_steps():
    """Of 10 steps one was corrected, two were done again: 7 or more went by themselves."""
    flow = Flow(**{**IDLE, "steps": 10, "automated": 7, "corrected": 1, "reworked": 2})

    assert (flow.automation_rate, flow.correction_rate, flow.rework_rate) == (0.7, 0.1, 0.2)
    assert flow.escalation_rate == 0.0


def test_an_automation_rate_has_the_interval_of_wilson():
    """9 of 10: 0.5958 to 0.9821, as Newcombe (1998), Statistics in Medicine 17, 857-872, computes method 3."""
    flow = Flow(**{**IDLE, "steps": 10, "automated": 9})

    assert flow.automation_between == pytest.approx((0.5958, 0.9821), abs=5e-5)


def test_without_a_step_nothing_is_known():
    flow = Flow(**IDLE)

    assert (flow.automation_rate, flow.automation_between, flow.rework_rate, flow.mean_wait_ms) == (None,) * 4  # fmt: skip


def test_executions_wait_on_average():
    assert Flow(**{**IDLE, "waited_ms": 900.0, "waited_n": 3}).mean_wait_ms == 300


def test_half_a_minute_of_work_in_a_minute_is_half_a_run_at_once():
    assert at_once(30_000, seconds=60) == 0.5
    assert at_once(30_000, seconds=0) is None
