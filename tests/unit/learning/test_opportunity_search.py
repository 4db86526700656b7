"""From days to opportunities: each trouble once, with its evidence, followed until it is over."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from prisma_assets.domain.learning.opportunity import (
    change_for,
    priority_of,
    read_comparison,
    risk_of,
)
from prisma_assets.domain.learning.opportunity_search import AgentRecord, WorseTrend, search
from prisma_assets.domain.learning.sketch import Sketch
from prisma_assets.domain.learning.stream import (
    DayFeedback,
    DayRuns,
    Known,
    Limits,
    Metric,
    mean_ms,
)

FIRST = date(2026, 1, 1)
CHANGE, LAST = 84, 98
RUNS = 60


def a_day(rng, number, *, errors=0.02, new_errors=0.0, right=0.97, ms=1_000, usd=0.05):
    failed = int(rng.binomial(RUNS, errors))
    new = int(rng.binomial(RUNS - failed, new_errors))
    judged = RUNS - failed - new
    return DayRuns(
        day=FIRST + timedelta(days=number),
        executions=RUNS,
        errors=failed + new,
        error_types=Counter({"parse_error": failed, "ledger_timeout": new}),
        accuracy_sum=float(rng.binomial(judged, right)),
        accuracy_n=judged,
        cost_usd=float(rng.lognormal(0, 0.5, RUNS).sum() * usd),
        priced=RUNS,
        latency=Sketch.of(rng.lognormal(0, 0.5, RUNS) * ms),
    )


def a_saying(rng, number, *, stars=4.5, format_issues=0.02, theme=0.0):
    rated = np.clip(np.round(rng.normal(stars, 0.7, 10)), 1, 5)
    return DayFeedback(
        day=FIRST + timedelta(days=number),
        feedback=20,
        rating_sum=int(rated.sum()),
        rating_n=10,
        issues={"format": int(rng.binomial(20, format_issues))},
        themes={"0123456789ab": int(rng.binomial(20, theme))},
    )


def a_record(*, days=LAST, change=CHANGE, risk="high", trends=(), until=10**6, **worse):
    """An agent that is fine until the day of the change, and again from the day `until`."""
    rng = np.random.default_rng(11)
    of_feedback = {k: v for k, v in worse.items() if k in ("stars", "format_issues", "theme")}
    of_runs = {k: v for k, v in worse.items() if k not in of_feedback}
    is_bad = [change <= i < until for i in range(days)]
    return AgentRecord(
        agent_id="audit-plan-012",
        agent_version="1.0.0",
        risk=risk,
        through=FIRST + timedelta(days=days - 1),
        runs=tuple(a_day(rng, i, **(of_runs if bad else {})) for i, bad in enumerate(is_bad)),
        feedback=tuple(
            a_saying(rng, i, **(of_feedback if bad else {})) for i, bad in enumerate(is_bad)
        ),
        trends=tuple(trends),
        theme_names={"0123456789ab": "totals, add up, wrong"},
    )


def known(opportunity):
    row = opportunity.evidence[0]
    return Known(
        metric=opportunity.metric,
        subject=opportunity.subject,
        shift=read_comparison(row) if row["kind"] == "comparison" else None,
        last_seen_on=opportunity.last_seen_on,
        slow_ms=row.get("slow_ms"),
    )


def test_a_good_agent_has_no_opportunity():
    assert search(a_record()).opportunities == ()


@pytest.mark.parametrize(
    ("worse", "detector", "change", "says"),
    [
        ({"errors": 0.15}, "high_error", "tool", "of the runs failed"),
        ({"new_errors": 0.10}, "new_error_type", "workflow", "failed this way"),
        ({"right": 0.80}, "drift", "prompt", "was wrong"),
        ({"ms": 1_700}, "slow_p95", "workflow", "take longer than"),
        ({"usd": 0.08}, "cost_spike", "model", "a run costs"),
        ({"stars": 3.8}, "low_rating", "prompt", "the mean rating is 3."),
        ({"format_issues": 0.25}, "repeated_correction", "prompt", "points it out"),
        ({"theme": 0.15}, "complaint_theme", "knowledge", "complains of it"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_trouble_is_found_by_its_detector_with_evidence(worse, detector, change, says):
    found = {o.detector: o for o in search(a_record(**worse)).opportunities}

    o = found[detector]
    assert o.improvement_type == change
    assert says in o.description
    assert abs((o.began_on - FIRST).days - CHANGE) <= 4
    assert o.size > 0
    assert 0 < o.impact <= 1
    assert o.confidence > 0.8
    assert o.sample_size >= 20
    comparison, days = o.evidence
    assert comparison["before_n"] > 0
    assert days["values"][-1][0] == "2026-04-08"


def test_a_new_error_type_is_told_once_not_twice():
    """The share of all errors rises too; it is the same trouble."""
    metrics = [o.metric for o in search(a_record(new_errors=0.10)).opportunities]

    assert Metric.ERROR_TYPE in metrics
    assert Metric.ERRORS not in metrics


def test_money_and_time_are_told_where_they_are_known():
    dear = search(a_record(usd=0.08)).opportunities[0]
    slow = next(o for o in search(a_record(ms=1_700)).opportunities if o.metric is Metric.LATENCY)
    wrong = search(a_record(right=0.8)).opportunities[0]

    # 0.03 USD of median more, times e^(0.125) for the mean of lognormal runs, 60 runs a day for 30 days.
    assert dear.usd_per_month == pytest.approx(0.03 * 1.13 * 60 * 30, rel=0.3)
    # 0.7 s of median more, times e^(0.125).
    assert slow.hours_per_month == pytest.approx(0.7 * 1.13 * 60 * 30 / 3600, rel=0.3)
    assert (wrong.usd_per_month, wrong.hours_per_month) == (None, None)


def test_unpriced_runs_cost_an_unknown_amount():
    record = a_record(errors=0.15)
    unpriced = tuple(replace(d, cost_usd=0.0, priced=0) for d in record.runs)

    found = search(replace(record, runs=unpriced)).opportunities

    assert [o.usd_per_month for o in found] == [None]


def test_more_errors_than_the_firm_accepts_are_an_opportunity_from_the_start():
    young = a_record(days=20, change=0, errors=0.3)

    (found,) = search(young, limits=Limits(wrong=None)).opportunities

    assert (found.basis, found.metric) == ("limit", Metric.ERRORS)
    assert "the firm accepts 5.0%" in found.description


def test_known_trouble_is_followed_with_the_past_it_was_found_against():
    """After months the past is bad too; the trouble is still what it was."""
    (first,) = search(a_record(errors=0.15)).opportunities
    later = a_record(errors=0.15, days=CHANGE + 120)

    searched = search(later, known=[known(first)], limits=Limits(error_rate=None))

    (again,) = searched.opportunities
    assert again.fingerprint == first.fingerprint
    assert again.evidence[0]["before"] == first.evidence[0]["before"]
    assert again.size == pytest.approx(first.size, abs=0.04)
    assert searched.resolved == ()


@pytest.mark.parametrize("worse", [{"errors": 0.15}, {"ms": 2_000}, {"usd": 0.10}], ids=str)
def test_trouble_that_has_gone_is_resolved(worse):
    trouble = [known(o) for o in search(a_record(**worse)).opportunities]

    searched = search(a_record(days=LAST + 20, until=LAST, **worse), known=trouble)

    assert {k.metric for k in searched.resolved} == {k.metric for k in trouble}
    assert searched.opportunities == ()


def test_a_trend_tells_of_what_creeps_and_goes_when_nobody_sees_it_any_more():
    trend = WorseTrend(metric=Metric.ACCURACY, days=56, level=0.9, change=0.05, q=0.02)
    (found,) = search(a_record(trends=[trend])).opportunities
    seen = known(found)

    assert (found.basis, found.detector, found.confidence) == ("trend", "drift", 0.98)
    assert "drifted by 0.05" in found.description
    assert search(a_record(days=LAST + 14), known=[seen]).resolved == ()
    assert search(a_record(days=LAST + 16), known=[seen]).resolved == (seen,)


def test_a_change_seen_needs_no_trend_to_tell_it_again():
    trend = WorseTrend(metric=Metric.ERRORS, days=56, level=0.05, change=0.05, q=0.02)
    (found,) = search(a_record(errors=0.15, trends=[trend])).opportunities
    assert found.basis == "shift"


def test_the_most_pressing_comes_first():
    found = search(a_record(errors=0.30, theme=0.08)).opportunities
    assert [o.priority for o in found] == ["critical", "medium"]


@pytest.mark.parametrize(
    ("change", "agent_risk", "risk"),
    [
        ("workflow", "medium", "low"),
        ("workflow", "high", "medium"),
        ("prompt", "low", "medium"),
        ("prompt", "critical", "high"),
        ("guardrail", "low", "high"),
    ],
)
def test_the_risk_of_a_change_follows_the_release_rules(change, agent_risk, risk):
    assert risk_of(change, agent_risk=agent_risk) == risk


def test_priority_follows_the_share_of_work_and_what_the_agent_may_break():
    assert priority_of(0.25, agent_risk="high") == "critical"
    assert priority_of(0.25, agent_risk="low") == "high"
    assert priority_of(0.05, agent_risk="high") == "medium"
    assert priority_of(0.01, agent_risk="high") == "low"


def test_a_mistake_against_a_rule_asks_for_a_guardrail():
    assert change_for(Metric.ISSUE, "policy") == "guardrail"
    assert change_for(Metric.ISSUE, "factual_error") == "knowledge"


def test_the_mean_of_a_sketch_is_within_its_error():
    values = np.random.default_rng(3).lognormal(7, 1, 5_000)
    assert mean_ms(Sketch.of(values)) == pytest.approx(values.mean(), rel=0.01)
    assert mean_ms(Sketch.of(())) is None
