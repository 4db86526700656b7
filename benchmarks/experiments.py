"""A tick over 1,000 running experiments: seconds for a look, by how many units are new, and whether the cost is linear in them.

    python -P benchmarks/experiments.py [--experiments 1000]

Experiments on single calls, five metrics each; the units' outcomes lie in the ledger of calls. Declared maxima differ, as those of real declarations do. Each look reads what came since the one before.
"""

import argparse
import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.plan import planned_metrics
from prisma_assets.domain.experiments.running import metric_json
from prisma_assets.domain.experiments.spending import power_boundaries
from prisma_assets.learning.experiment_evaluation import evaluate
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.store.migrate import migrate
from prisma_assets.store.server import running_server

START = datetime(2026, 3, 1, tzinfo=UTC)
LOOKS = (100, 20, 20, 0, 40, 80)
"""New units of each experiment before each look; the first one ends the warm-up and is not reported as a tick."""

TESTS = """
insert into ab_tests (agent_id, name, control_version, treatment_version, variant_b_changes, assignment_unit, assignment_salt, metrics,
    primary_metric, metric_plan, risk_level, status, started_at, created_by, max_blocks, max_duration_days)
select 'ops-' || chr(97 + n / 1000) || '-' || lpad((n %% 1000)::text, 3, '0'), 'bench', '1.0.0', '1.0.0-b.1', '{"prompt": "x"}', 'task', n::text, %s, 'error_rate', %s,
    'low', 'running', %s, 'bench', 1500 + 50 * (n %% 20), 300
from generate_series(1, %s) n"""
UNITS = """
with fresh as (
    insert into experiment_exposures (ab_test_id, unit, variant, split, agent_version, first_exposed_at, recorded_at)
    select t.ab_test_id, 'u' || n, case when hashint4extended(n, 1) %% 2 = 0 then 'A' else 'B' end, 0.5, null,
        %(at)s::timestamptz + n * interval '1 minute', %(at)s::timestamptz + n * interval '1 minute'
    from generate_series(%(first)s::int, %(last)s::int) n cross join ab_tests t
    returning *
)
insert into agent_cost_tracking (call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, call_type, provider, duration_ms,
    tokens_in, tokens_out, cost_usd, price_version, ab_test_id, variant, experiment_unit, incurred_at)
select f.ab_test_id || f.unit, 1, case when random() < 0.1 then 'error' else 'ok' end, '', 'task', 'step', t.agent_id,
    case f.variant when 'A' then '1.0.0' else '1.0.0-b.1' end, 'llm', 'bench', 200 + random() * 2000, 100, 100, 0.001 + random() * 0.01, 'p1',
    f.ab_test_id, f.variant, f.unit, f.first_exposed_at + interval '1 second'
from fresh f join ab_tests t using (ab_test_id)"""


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1_000)
    count = parser.parse_args().experiments
    with tempfile.TemporaryDirectory(prefix="prisma-bench-") as home, running_server(Settings(home=Path(home))) as urls:  # fmt: skip
        migrate(urls.prisma)
        print(json.dumps({"experiments": count, "looks": looks(urls.prisma, count)}, indent=1))


def looks(url: str, count: int) -> list[dict[str, float]]:
    """Seconds of each look."""
    metrics = planned_metrics(["error_rate", "cost", "response_time", "satisfaction", "accuracy"])
    plan = json.dumps([metric_json(m) for m in metrics])
    firm = AgentRegistry(_card(number) for number in range(1, count + 1))
    found, sent = [], 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TESTS, ([m.name for m in metrics], plan, START, count))
        for new in LOOKS:
            connection.execute(UNITS, {"first": sent + 1, "last": sent + new, "at": START})
            connection.execute("analyze")
            sent += new
            power_boundaries.cache_clear()  # a look of the schedule begins in a process that knows nothing
            began, busy = time.perf_counter(), time.process_time()
            judged = asyncio.run(_look(url, firm, START + timedelta(minutes=sent, hours=2)))
            found.append({
                "new_units": sum(j.new_units for j in judged), "seconds": round(time.perf_counter() - began, 2),
                "processor_seconds": round(time.process_time() - busy, 2), "judged": len(judged),
            })  # fmt: skip
    return found


async def _look(url: str, firm: AgentRegistry, at: datetime) -> list:  # type: ignore[type-arg]
    async with Database(url, max_size=2) as database:
        return await evaluate(database, registry=firm, as_of=at)


def _card(number: int) -> AgentCard:
    return AgentCard.model_construct(
        id=f"ops-{chr(97 + number // 1000)}-{number % 1000:03d}", version="1.0.0"
    )


if __name__ == "__main__":
    main()
