"""Looking at all rules: real facts in, alerts and words out, each once."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.monitoring.alert_figure import Part
from prisma_assets.domain.monitoring.alert_rule import Condition, Kind, Metric, Rule
from prisma_assets.learning import alert, alert_act
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.alert_rule import AlertRuleStore
from prisma_assets.store.database import Database

AGENTS = frozenset(card.id for card in firm_cards())
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
RUN = """
insert into agent_runs (run_key, source, agent_id, started_at, duration_ms, outcome, error_type, cost_usd, accuracy, recorded_at)
select %(agent)s || %(at)s::timestamptz || g, 'otlp', %(agent)s, %(at)s::timestamptz - g * interval '1 second', %(ms)s,
       case when g <= %(failed)s then 'error' else 'ok' end, case when g <= %(failed)s then 'Refused' end,
       %(cost)s, %(accuracy)s, %(at)s
from generate_series(1, %(n)s) g
"""
DAY = """
insert into agent_performance_metrics (
    agent_id, agent_version, domain, granularity, window_start, window_end, executions, successes, errors, timeouts, cost_usd)
select %(agent)s, '1.0.0', 'audit', '1d', d, d + interval '1 day', %(n)s, %(n)s, 0, 0, %(cost)s
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 day') d
"""
HOURS = """
insert into agent_performance_metrics (
    agent_id, agent_version, domain, granularity, window_start, window_end, executions, successes, errors, timeouts, cost_usd)
select 'audit-plan-012', '1.0.0', 'audit', '1h', h, h + interval '1 hour', %(n)s, %(n)s, 0, 0, %(cost)s + random() * 0.2
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') h
"""


class Watched:
    """A firm's facts, and looks at them."""

    def __init__(self, url):
        self.url = url

    def runs(
        self, agent="audit-plan-012", *, at=NOW, n=40, failed=0, ms=100, cost=None, accuracy=None
    ):
        params = {"agent": agent, "at": at, "n": n, "failed": failed, "ms": ms, "cost": cost, "accuracy": accuracy}  # fmt: skip
        self.sql(RUN, params)

    def days(self, agent="audit-plan-012", *, days=10, until=1, n=100, cost=1):
        """Rolled-up days up to so many days ago."""
        last = NOW.replace(hour=0, minute=0) - timedelta(days=until)
        params = {"agent": agent, "n": n, "cost": cost, "first": last - timedelta(days=days - 1), "last": last}  # fmt: skip
        self.sql(DAY, params)

    def hours(self, *, first, last, cost=1.0, n=40):
        """Rolled-up hours, so many hours ago."""
        begin = NOW.replace(minute=0)
        bounds = {"first": begin - timedelta(hours=first), "last": begin - timedelta(hours=last)}
        self.sql("select setseed(0.5);" + HOURS % {"n": n, "cost": cost, **{k: f"'{v}'" for k, v in bounds.items()}})  # fmt: skip

    def sql(self, text, params=None):
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(text, params)
            return cursor.fetchall() if cursor.description else []

    def ask(self, question):
        async def opened():
            async with Database(self.url, max_size=4) as database:
                return await question(database)

        return asyncio.run(opened())

    def look(self, at=NOW, parts=None):
        return self.ask(lambda d: alert.look(d, agents=AGENTS, at=at, parts=parts))

    def due(self, at=NOW, parts=None):
        return self.ask(lambda d: alert.due(d, agents=AGENTS, at=at, parts=parts))

    def alerts(self):
        """(rule, subject) of what is not over."""
        rows = self.ask(lambda d: AlertStore(source=d).active())
        return sorted((row["rule_id"], row["subject_id"]) for row in rows)

    def messages(self):
        return [
            row[0] for row in self.sql("select message from agent_monitoring_alerts order by 1")
        ]

    def told(self):
        return [row[0] for row in self.sql("select subject from notifications order by created_at")]

    def status(self, rule, subject="audit-plan-012"):
        rows = self.sql("select status from alert_rule_states where rule_id = %s and subject_id = %s", (rule, subject))  # fmt: skip
        return rows[0][0] if rows else None

    def set_rule(self, **said):
        rule = Rule.model_validate(
            {
                "id": "tested", "kind": Kind.THRESHOLD, "metric": Metric.ERROR_RATE, "reason": "Tested.",
                "condition": Condition.GREATER_THAN, "threshold": 0.3, "since": date(2026, 11, 1), **said,
            }
        )  # fmt: skip
        assert self.ask(lambda d: AlertRuleStore(source=d).add(rule, by="max"))


@pytest.fixture
def watched(database_url):
    return Watched(database_url)


def minutes(count):
    return NOW + timedelta(minutes=count)


def test_a_quiet_firm_has_nothing_due_and_no_alert(watched):
    watched.runs()

    assert watched.due() == []
    assert watched.look().opened == 0
    assert watched.due(minutes(1)) == []


def test_an_agent_without_runs_or_with_fewer_than_twenty_is_no_data_not_zero(watched):
    watched.runs()
    watched.runs("audit-subst-014", n=19, failed=19)
    assert watched.look().opened == 0

    assert watched.status("error_rate_high") == "OK"
    assert watched.status("error_rate_high", "audit-risk-013") == "NO_DATA"
    assert watched.status("error_rate_critical", "audit-subst-014") == "NO_DATA"
    assert watched.sql("select count(*) from alert_rule_states where rule_id = 'slow_p95'") == [
        (len(AGENTS),)
    ]


def test_an_error_rate_above_ten_per_cent_is_told_once(watched):
    watched.runs(n=40, failed=6)

    assert len(watched.due()) > 0
    first, second = watched.look(), watched.look()

    assert (first.opened, second.opened) == (1, 0)
    assert watched.alerts() == [("error_rate_critical", "audit-plan-012")]
    assert watched.messages() == ["error rate 15 % in 1 h (n = 40), limit 10 %"]
    assert watched.told() == [
        "critical: audit-plan-012: error rate 15 % in 1 h (n = 40), limit 10 %"
    ]
    assert watched.due() == []


def test_trouble_must_last_where_the_rule_says_so(watched):
    watched.runs(n=40, failed=3)  # 7.5 %: above 5, for five minutes

    assert [watched.look(minutes(m)).opened for m in (0, 4, 5, 6)] == [0, 0, 1, 0]


def test_it_is_over_after_two_windows_without_overlap(watched):
    """Fresh runs every half hour; the failures leave the window after one."""
    watched.runs(failed=6)
    watched.look()
    for half_hour in range(1, 6):
        watched.runs(at=minutes(30 * half_hour))
    # failures gone at 61 min; an hour of clean windows later it is over
    events = [(m, watched.look(minutes(m)).resolved) for m in (61, 90, 120, 121)]

    assert events == [(61, 0), (90, 0), (120, 0), (121, 1)]
    assert watched.alerts() == []
    assert watched.status("error_rate_critical") == "RESOLVED"


def test_no_more_runs_is_no_recovery(watched):
    watched.runs(failed=6)
    watched.look()

    later = [watched.look(minutes(m)) for m in (90, 200, 400)]

    assert [each.resolved for each in later] == [0, 0, 0]
    assert watched.status("error_rate_critical") == "NO_DATA"
    assert len(watched.alerts()) == 1


def test_many_agents_with_the_same_trouble_are_one_message(watched):
    for agent in ("audit-plan-012", "audit-risk-013", "audit-subst-014"):
        watched.runs(agent, failed=20)

    assert watched.look().opened == 3
    assert watched.told() == ["critical: error rate of 3 at once"]


def test_looks_at_once_do_it_once(watched):
    watched.runs(failed=20)

    async def together(database):
        looks = (alert.look(database, agents=AGENTS, at=NOW) for _ in range(4))
        return [looked.opened for looked in await asyncio.gather(*looks)]

    assert sorted(watched.ask(together)) == [0, 0, 0, 1]
    assert len(watched.told()) == 1


def test_a_crash_in_the_middle_leaves_nothing_half_written(watched):
    """The word of an alert must not be lost: when the last statement fails, the alert is not open either."""
    watched.runs(failed=20)
    watched.sql("alter table alert_rule_states add constraint broken check (status <> 'FIRING')")

    with pytest.raises(psycopg.errors.CheckViolation):
        watched.look()

    assert (watched.alerts(), watched.told()) == ([], [])
    watched.sql("alter table alert_rule_states drop constraint broken")
    assert watched.look().opened == 1


def test_a_change_is_measured_against_the_median_day(watched):
    watched.days(days=9, cost=2)
    watched.days(days=1, until=10, cost=500)  # one wild day moves no median
    watched.runs(n=40, cost=0.1)  # 4 USD: twice as much as usual

    watched.look()

    assert watched.messages() == ["cost 4 USD in 24 h (n = 40), usual 2 USD, limit +50 % of it"]


def test_without_a_week_of_days_nothing_is_usual(watched):
    watched.days(days=6, cost=2)
    watched.runs(n=40, cost=1)

    assert watched.look().opened == 0
    assert watched.status("cost_rise") == "NO_DATA"


def test_runs_without_a_price_are_not_free(watched):
    """Costs of half the runs are no cost of the day: below twenty priced runs there is no figure."""
    watched.days(days=9, cost=2)
    watched.runs(n=10, cost=1)
    watched.runs(n=30, at=NOW - timedelta(minutes=5))

    watched.look()

    assert watched.status("cost_rise") == "NO_DATA"
    watched.runs(n=15, at=NOW - timedelta(minutes=9), cost=1)
    watched.look(minutes(1))
    assert watched.messages() == [
        "cost 25 USD in 24 h (n = 25), usual 2 USD, limit +50 % of it; 30 runs have no price and are not in it"
    ]


def test_an_agent_that_worked_daily_and_stopped_is_told(watched):
    watched.days(days=20, until=6)
    watched.days("audit-risk-013", days=3, until=10, n=30)  # works too seldom to be missed

    assert watched.look().opened == 1
    (message,) = watched.messages()
    assert message == "silent for 130 h, limit 96 h"  # since the end of 12 November


def test_a_part_that_falls_silent_is_told_and_is_over_when_it_lives_again(watched):
    dead = Part(name="notification_sensor", silent_hours=0.5, note="last sign of life at nine")

    assert watched.look(parts=[dead]).opened == 1
    assert watched.messages() == ["silent for 0.5 h, limit 0.25 h; last sign of life at nine"]

    assert watched.look(minutes(1)).resolved == 0  # by hand: nobody looked at the sensors
    alive = Part(name="notification_sensor", silent_hours=0.0)
    assert [watched.look(minutes(m), parts=[alive]).resolved for m in (1, 2)] == [0, 1]


def test_notifications_that_stay_are_told(watched):
    watched.sql(
        "insert into notifications (kind, dedupe_key, subject, body, audience, facts, created_at)"
        " values ('k', 'd', 's', 'b', '[]', '{}', %s)",
        (NOW - timedelta(hours=2),),
    )

    watched.look()

    assert watched.alerts() == [("notifier_stuck", "notifier")]


def test_a_budget_at_eighty_per_cent_is_told(watched):
    budget = watched.sql("insert into budgets (level, scope, period, limit_usd) values ('client', 'acme', 'month', 100) returning budget_id")[0][0]  # fmt: skip
    watched.sql("insert into budget_periods (budget_id, starts_on, spent_usd) values (%s, '2026-11-01', 85)", (budget,))  # fmt: skip

    watched.look()

    assert watched.messages() == ["budget used 85 %, limit 80 %; 85.00 of 100.00 USD"]

    watched.sql("update budgets set ended_at = now()")
    assert watched.look(minutes(1)).resolved == 1


def test_a_rule_of_ones_own_opens_and_ends_with_it(watched):
    watched.set_rule(agent_id="audit-plan-012", metric=Metric.ACCURACY, condition="less_than", threshold=0.5)  # fmt: skip
    watched.runs(accuracy=0.4, failed=0)

    watched.look()
    assert ("tested", "audit-plan-012") in watched.alerts()

    assert watched.ask(lambda d: AlertRuleStore(source=d).end("tested", by="max"))
    watched.look(minutes(1))
    assert ("tested", "audit-plan-012") not in watched.alerts()


def test_nobody_acknowledges_so_it_is_told_again_once(watched):
    watched.runs(failed=20)
    watched.look()

    escalated = [watched.look(minutes(m)).escalated for m in (59, 60, 61)]

    assert escalated == [0, 1, 0]
    assert watched.told()[-1].startswith("Escalated, critical: audit-plan-012")


def test_resolved_by_hand_it_is_told_again_when_it_goes_on(watched):
    watched.runs(failed=20)
    watched.look()
    (alert_id,) = watched.sql("select alert_id::text from agent_monitoring_alerts")[0]

    watched.ask(lambda d: alert_act.resolve_by_hand(d, alert_id, by="max", reason="restarted"))
    assert watched.alerts() == []
    with pytest.raises(InputError, match="is over already"):
        watched.ask(lambda d: alert_act.resolve_by_hand(d, alert_id, by="max", reason="again"))
    with pytest.raises(InputError, match="is over; "):
        watched.ask(lambda d: alert_act.acknowledge(d, alert_id, by="max"))

    assert watched.look(minutes(1)).opened == 1


def test_a_sign_off_that_waits_is_told_and_over_once_given(watched):
    execution = watched.sql(
        "insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, status, created_by, engagement_id)"
        " values ('t', '1', repeat('a', 64), 'j', 'WAITING_APPROVAL', 'max', 'acme-2025') returning workflow_execution_id::text"
    )[0][0]
    watched.sql(
        "insert into workflow_step_executions (workflow_execution_id, step_id, step_name, status) values (%s, 'a02', 'accept', 'WAITING_APPROVAL')",
        (execution,),
    )
    watched.sql(
        "insert into sign_off_requests (workflow_execution_id, step_id, iteration, number, shown, shown_sha256, asked_at)"
        " values (%s, 'a02', 1, 1, %s, repeat('a', 64), %s)",
        (execution, json.dumps({}), NOW - timedelta(hours=30)),
    )  # fmt: skip

    watched.look()

    assert watched.alerts() == [("approval_waits", f"{execution}:a02")]
    assert watched.told() == [
        f"warning: acme-2025, step a02: waits for a sign-off since 30 h, limit 24 h; prisma-assets status {execution}"
    ]
    watched.sql("update workflow_executions set status = 'RUNNING'")
    assert watched.look(minutes(1)).resolved == 1


def test_an_unusual_hour_is_told_in_words_and_heard_once(watched):
    watched.hours(first=600, last=4)
    assert watched.look().hours == 597
    watched.hours(first=3, last=2, cost=1.0)
    watched.hours(first=1, last=1, cost=9.0)  # ten o'clock is not over, nine has settled at 10:15

    assert any(text.startswith("hours:") for text in watched.due())
    first, second = watched.look(minutes(1)), watched.look(minutes(2))

    assert (first.opened, first.hours) == (1, 3)
    assert (second.opened, second.hours) == (0, 0)
    (message,) = watched.messages()
    assert message.startswith("cost 9.")
    assert "usual 1.01-1.19 USD" in message
    assert message.endswith("(hour from 2026-11-18 09:00 UTC)")


def test_an_anomaly_is_over_after_two_usual_hours(watched):
    watched.hours(first=300, last=2)
    watched.hours(first=1, last=1, cost=9.0)
    watched.look()
    watched.hours(first=0, last=-1)

    assert [watched.look(minutes(60 * hour)).resolved for hour in (1, 2)] == [0, 1]


def test_strange_hours_of_long_ago_are_history(watched):
    """The detectors begin with a month that is past: nobody wants to be told of it."""
    watched.hours(first=600, last=101)
    watched.hours(first=100, last=100, cost=9.0)
    watched.hours(first=99, last=1)

    assert watched.look().opened == 0


def test_an_hour_of_few_runs_teaches_the_detectors_nothing(watched):
    watched.hours(first=300, last=2)
    watched.hours(first=1, last=1, cost=9.0, n=19)

    assert watched.look().opened == 0
    assert watched.status("unusual_cost") == "NO_DATA"
