"""Verdicts: what ends an experiment first."""

import pytest

from prisma_assets.domain.experiments.verdict import Alarm, Finding, decide

SAFE = Finding(name="latency", safe_at=40)
OPEN = Finding(name="latency")


def word(primary, *guardrails, alarms=(), arrived=1000, earliest=0):
    decision = decide(Finding(name="accuracy", **primary), guardrails, alarms, arrived=arrived, earliest=earliest)  # fmt: skip
    return decision.verdict.word, decision.at


@pytest.mark.parametrize(
    ("primary", "guardrails", "expected"),
    [
        ({"better_at": 100}, (), ("adopt", 100)),
        ({"better_at": 100}, (SAFE,), ("adopt", 100)),
        ({"better_at": 30}, (SAFE,), ("adopt", 40)),
        ({"better_at": 100}, (OPEN,), ("inconclusive", None)),
        ({"better_at": 100, "ended_at": 500}, (OPEN,), ("keep control", 500)),
        ({"better_at": 100, "ended_at": 100}, (), ("adopt", 100)),
        ({"worse_at": 90}, (SAFE,), ("keep control", 90)),
        ({"futile_at": 80, "better_at": 90}, (), ("keep control", 80)),
        ({"ended_at": 500}, (), ("keep control", 500)),
        ({}, (), ("inconclusive", None)),
        ({"better_at": 100}, (Finding(name="errors", harmed_at=99),), ("roll back", 99)),
        ({"better_at": 50}, (Finding(name="errors", harmed_at=99), SAFE), ("roll back", 99)),
        ({}, (Finding(name="errors", safe_at=50, harmed_at=99),), ("inconclusive", None)),
        ({"better_at": 100}, (Finding(name="errors", harmed_at=60, safe_at=90),), ("roll back", 60)),
    ],
)  # fmt: skip
def test_the_first_end_counts(primary, guardrails, expected):
    assert word(primary, *guardrails) == expected


def test_harm_shown_to_be_within_its_margin_rolls_nothing_back():
    assert word({"better_at": 100}, Finding(name="errors", safe_at=50, harmed_at=99)) == ("adopt", 100)  # fmt: skip


def test_an_alarm_holds_whatever_comes_later_and_nothing_before():
    alarm = Alarm(at=99, reason="the judge changed")

    assert word({"better_at": 100}, alarms=(alarm,)) == ("hold (the judge changed)", 99)
    assert word({"better_at": 99}, alarms=(alarm,)) == ("hold (the judge changed)", 99)
    assert word({"better_at": 98}, alarms=(alarm,)) == ("adopt", 98)
    assert word({}, Finding(name="errors", harmed_at=120), alarms=(alarm,))[0].startswith("hold")


def test_the_minimum_duration_delays_a_choice_but_not_a_roll_back():
    assert word({"better_at": 100}, earliest=300) == ("adopt", 300)
    assert word({"better_at": 100}, earliest=1001) == ("inconclusive", None)
    assert word({}, Finding(name="errors", harmed_at=20), earliest=300) == ("roll back", 20)


def test_a_verdict_says_why():
    decision = decide(Finding(name="accuracy", better_at=5, ended_at=9), (OPEN,), (), arrived=10)

    assert decision.verdict.reason == "the declared maximum is reached, and latency not shown to be unharmed"  # fmt: skip
