"""Savings found in a firm's facts."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from prisma_assets.domain.monitoring.saving import MONTH_DAYS, NoEvidence
from prisma_assets.learning.saving import Savings, savings
from tests.learning.conftest import AGENT, DAY, OTHER, Facts, at

DEAR = {"provider": "openai", "model": "gpt-4o", "agent_version": "1.0.0"}
CHEAP = {**DEAR, "model": "gpt-4o-mini"}
RUNS = """
insert into agent_runs (run_key, source, agent_id, agent_version, provider, model, started_at, recorded_at, outcome, cost_usd, accuracy)
select md5(random()::text || g), 'otlp', %(agent)s, %(version)s, 'openai', %(model)s, %(at)s::timestamptz + g * interval '1 second', %(at)s::timestamptz + interval '1 hour',
       'ok', %(cost)s::numeric * (0.5 + (g %% 11) / 10.0), case when g %% 20 = 0 then 0.5 else 1 end
from generate_series(1, %(n)s) g
"""


def seen(facts: Facts, since=DAY, until=DAY) -> Savings:
    return facts.do(savings, since=since, until=until)


def runs(facts: Facts, n: int, *, cost: str, model: str = "gpt-4o", version: str = "1.0.0", day=DAY) -> None:  # fmt: skip
    facts.query(RUNS, {"agent": AGENT, "version": version, "model": model, "at": at(day=day), "n": n, "cost": cost})  # fmt: skip


def step(facts: Facts, *, call: str, cost: str | None, given: str = "a" * 64, cached: str | None = None, iteration: int = 1) -> None:  # fmt: skip
    """A workflow of one step that called the agent, or took the answer of an earlier call."""
    ((execution,),) = facts.query(
        "insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, client_id, created_by) "
        "values ('close', '1', repeat('0', 64), 'close_job', 'acme', 'ana') returning workflow_execution_id"
    )
    ((done,),) = facts.query(
        "insert into workflow_step_executions (workflow_execution_id, step_id, step_name, iteration, agent_id, agent_version, status, "
        "input_hash, output, completed_at, cached_call_id) values (%s, 's1', 'do', %s, %s, '1.0.0', 'COMPLETED', %s, '{}', %s, %s) "
        "returning step_execution_id",
        (execution, iteration, AGENT, given, at(), cached),
    )
    if cached is None:
        facts.query(
            "insert into agent_cost_tracking (call_id, attempt, outcome, task, step_id, agent_id, agent_version, client_id, "
            "workflow_execution_id, step_execution_id, call_type, provider, duration_ms, cost_usd, incurred_at) "
            "values (%s, 1, 'ok', 'close', 's1', %s, '1.0.0', 'acme', %s, %s, 'llm', 'llm', 100, %s, %s)",
            (call, AGENT, execution, done, cost, at(10)),
        )


def test_of_nothing_nothing_is_said(facts):
    """No data is not a saving of 0."""
    found = seen(facts)
    assert (found.spent_usd, found.saved_usd, found.saved_share, found.found) == (None, None, None, ())  # fmt: skip


def test_hits_save_what_their_calls_had_cost_and_repeats_could_have(facts):
    """Three calls of equal work, two of them again for money, and one answered from the first."""
    step(facts, call="one", cost="0.30")
    step(facts, call="two", cost="0.20")
    step(facts, call="three", cost=None)
    step(facts, call="four", cost=None, cached="one")
    step(facts, call="five", cost="0.50", given="b" * 64)
    step(facts, call="six", cost="0.50", given="b" * 64, iteration=2)
    facts.count(DAY)
    found = seen(facts)

    (hit,) = found.realised
    assert (hit.kind, hit.agent_id, hit.n, hit.amount.usd) == ("cache hits", AGENT, 1, 0.30)
    assert hit.usd_month.usd == pytest.approx(0.30 * MONTH_DAYS)
    (repeat,) = found.possible
    assert (repeat.kind, repeat.n, repeat.amount.usd) == ("repeated work", 1, 0.20)
    assert "1 more have no price" in repeat.evidence
    # 0.30 saved of the 1.50 that was paid and the 0.30 that was not.
    assert found.saved_share == pytest.approx(0.30 / 1.80)
    assert found.unpriced == 1


def test_paid_failures_are_counted_with_those_nobody_can_price(facts):
    """A failed run without a price may have cost something; it is no saving of 0."""
    facts.run(outcome="error", cost_usd="0.40")
    facts.run(outcome="timeout")
    facts.run(cost_usd="1")
    facts.count(DAY)
    (failed,) = seen(facts).possible

    assert (failed.kind, failed.n, failed.amount.usd) == ("failed work", 1, 0.40)
    assert "1 more have no price" in failed.evidence


def test_a_cheaper_model_is_told_where_it_is_shown_to_be_as_good(facts):
    """The same agent on two models; with too few judged runs there is no evidence."""
    runs(facts, 400, cost="0.10")
    runs(facts, 90, cost="0.01", model="gpt-4o-mini")
    facts.count(DAY)
    (unshown,) = seen(facts).no_evidence
    assert isinstance(unshown, NoEvidence)
    assert "90 priced runs" in unshown.reason

    runs(facts, 600, cost="0.01", model="gpt-4o-mini", day=DAY + timedelta(days=1))
    facts.count(DAY + timedelta(days=1))
    runs(facts, 900, cost="0.10", day=DAY + timedelta(days=1))
    facts.count(DAY + timedelta(days=1))
    (cheaper,) = seen(facts, until=DAY + timedelta(days=1)).possible
    assert cheaper.kind == "cheaper model"
    # 1,300 runs, each nine tenths cheaper than 0.10 on average.
    assert cheaper.amount.usd == pytest.approx(1300 * 0.09, rel=0.05)


@pytest.mark.parametrize(("beside", "told"), [(True, "on the same days"), (False, "from ")])
def test_a_changed_version_saves_against_the_one_before_it(facts, beside, told):
    """Measured on the days both ran where they did, otherwise against the four weeks before."""
    began = DAY + timedelta(days=10)
    for day in (DAY, DAY + timedelta(days=1)):
        runs(facts, 200, cost="0.10", day=day)
    if beside:
        runs(facts, 200, cost="0.10", day=began)
    runs(facts, 200, cost="0.04", version="1.0.1", day=began)
    facts.count(*(DAY + timedelta(days=n) for n in (0, 1, 10)))
    facts.query(
        "insert into improvement_deployments (agent_id, from_version, to_version, change_set, change_hash, risk_level, strategy, stage, "
        "auto_deployed, created_by, started_at, completed_at) values (%s, '1.0.0', '1.0.1', '{}', repeat('0', 64), 'low', 'canary', "
        "'completed', true, 'ana', %s, %s)",
        (AGENT, at(day=began), at(12, day=began)),
    )
    found = seen(facts, since=began, until=began + timedelta(days=1))

    (saved,) = found.realised
    assert saved.kind == "changed version"
    assert saved.amount.usd == pytest.approx(200 * 0.06, rel=0.05)
    assert saved.amount.low > 0
    assert told in saved.evidence


def test_tells_how_much_came_from_the_providers_cache(facts):
    """By model; a model that reported no tokens is not in it."""
    facts.run(tokens_in=1000, tokens_cached=250, tokens_out=10, cost_usd="0.1", **DEAR)
    facts.run(OTHER, tokens_in=3000, tokens_out=10, cost_usd="0.1", **DEAR)
    facts.run(OTHER, cost_usd="0.1", **CHEAP)
    facts.count(DAY)
    (cache,) = seen(facts).prompt_caches
    assert (cache.model, cache.n, cache.share) == ("gpt-4o", 2, 0.0625)
    assert seen(facts).spent_usd == float(Decimal("0.3"))


def test_ids_of_other_executions_are_no_workflow(facts):
    """An execution of the reporter's own has no template here; its runs count all the same."""
    facts.run(workflow_execution_id=str(uuid.uuid4()), cost_usd="0.5")
    facts.count(DAY)
    assert seen(facts).spent_usd == 0.5
