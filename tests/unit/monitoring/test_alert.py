"""What an alert says, and to whom."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.alert import (
    Subject,
    escalation,
    found,
    news,
    shown,
    span,
)
from prisma_assets.domain.monitoring.alert_rule import (
    AGENT_METRICS,
    Condition,
    Metric,
    Rule,
    agent_condition,
    agent_metric,
    shipped_rules,
)  # fmt: skip

RULE = next(rule for rule in shipped_rules() if rule.id == "error_rate_critical")


def an_alert(agent_id: str = "audit-plan-012", rule: Rule = RULE):
    subject = Subject.agent(agent_id)
    return found(rule, subject, value=0.12, n=200, words="error rate 12 %, limit 10 %")


def test_shipped_rules_are_dated_reasoned_and_told_apart():
    rules = shipped_rules()

    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.reason.endswith(".") for rule in rules)
    assert {rule.kind.value for rule in rules} >= {
        "threshold", "change", "anomaly", "budget", "sla", "drift", "absence",
    }  # fmt: skip


def test_a_rate_needs_twenty_runs_and_only_listed_things_need_none():
    for rule in shipped_rules():
        if rule.about == "agent" and rule.metric is not Metric.SATISFACTION:
            assert rule.min_n >= 20, rule.id


def test_one_message_for_many_agents_with_the_same_trouble():
    pairs = [(f"id-{i}", an_alert(f"audit-plan-{i:03}")) for i in range(30)]

    (message,) = news(pairs)

    assert message.subject == "critical: error rate of 30 at once"
    assert "audit-plan-000: error rate 12 %, limit 10 %" in message.text
    assert "and 10 more" in message.text
    assert len(message.facts["alert_ids"]) == 30


def test_two_rules_are_two_messages_whatever_the_order():
    other = replace(an_alert(), rule_id="slow_p95")
    pairs = [("1", an_alert()), ("2", other), ("3", an_alert("audit-risk-013"))]

    messages = news(pairs)

    assert [m.facts["rule_id"] for m in messages] == ["error_rate_critical", "slow_p95"]
    assert news(pairs[::-1]) == messages


def test_one_alert_is_named_in_the_subject_and_says_what_to_do():
    (message,) = news([("id-1", an_alert())])

    assert message.subject == "critical: audit-plan-012: error rate 12 %, limit 10 %"
    assert RULE.action in message.text
    assert "prisma-assets alerts ack id-1" in message.text


def test_an_escalation_goes_to_others_and_is_other_news():
    alert = replace(an_alert(), tell=("pat",))

    told = escalation([("id-1", alert)], after_seconds=3600)

    assert told.subject.startswith("Escalated, critical: audit-plan-012")
    assert "within 1 h" in told.text
    assert [person.user for person in told.audience] == ["pat"]
    assert told.dedupe_key != news([("id-1", alert)])[0].dedupe_key


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (Metric.ERROR_RATE, 0.123, "12.3 %"),
        (Metric.P95_MS, 4100, "4.1 s"),
        (Metric.APPROVAL_AGE, 30, "30 h"),
        (Metric.COST_USD, 12.5, "12.5 USD"),
        (Metric.SATISFACTION, 3.9, "3.9"),
    ],
)
def test_figures_have_their_unit(metric, value, text):
    assert shown(metric, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1 min"), (3600, "1 h"), (86_400, "24 h"), (604_800, "7 d")]
)
def test_windows_read_as_people_say_them(seconds, text):
    assert span(seconds) == text


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"'eror_rate'; there are .* did you mean error_rate\?"):
        agent_metric("eror_rate")
    with pytest.raises(InputError, match="there are greater_than, less_than, pct_change, zscore"):
        agent_condition("unusual")


def test_every_metric_of_agents_is_known_by_name():
    assert [agent_metric(str(metric)) for metric in AGENT_METRICS] == list(AGENT_METRICS)


@pytest.mark.parametrize(
    "change",
    [
        {"clear": 0.2},
        {"threshold": None},
        {"condition": Condition.UNUSUAL},
        {"condition": Condition.LESS_THAN, "clear": 0.01},
        {"min_n": -1},
        {"window_seconds": 0},
    ],
    ids=str,
)
def test_a_rule_that_contradicts_itself_is_refused(change):
    with pytest.raises(ValidationError):
        Rule.model_validate({**RULE.model_dump(), **change})
