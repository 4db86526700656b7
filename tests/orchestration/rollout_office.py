"""What people and jobs do with rollouts in a migrated database, for the tests of rollouts and rollbacks."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.rows import dict_row

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.firm import Firm, product_providers
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.shadow_verdict import Margins, least_calls
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.release import Proposal, known_deployment, propose
from prisma_assets.learning.rollout import look
from prisma_assets.learning.shadow import Asked, begin
from prisma_assets.learning.shadow import look as judge_shadows
from prisma_assets.store.database import Database

AGENT = "audit-control-015"
REGISTRY = AgentRegistry(firm_cards())
START = datetime.now(UTC) - timedelta(days=30)


class Office:
    """A migrated database, and what people and jobs do in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, work):
        async def go():
            async with Database(self.url, max_size=3) as database:
                return await work(database)

        return asyncio.run(go())

    def rows(self, query: str, *params):
        named = params[0] if params and isinstance(params[0], dict) else params
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("select setseed(0.3)")  # the same work each time
            cursor = connection.execute(query, named)
            return cursor.fetchall() if cursor.description else []

    def version(self, agent: str = AGENT, prompt: str = "Be brief.") -> str:
        change = Change(agent_id=agent, changes={"prompt": prompt}, reason="shorter", by="ana")
        return self.ask(lambda d: propose_version(d, REGISTRY, change))

    def begun(self, *, at: datetime = START):
        """A rollout of low risk, which begins by itself."""
        version = self.version()
        proposal = Proposal(agent_id=AGENT, version=version, by="ana")
        return self.ask(lambda d: propose(d, REGISTRY, proposal, now=at))

    def work(self, deployment, n: int, *, control: float = 0.02, treated: float = 0.02, at: datetime = START) -> None:  # fmt: skip
        """Files that met a version, an hour of work each, with these shares of failures."""
        [test] = self.rows(
            "select traffic_split_b::float8 as split from ab_tests where ab_test_id = %s", deployment.rollout_test_id
        )  # fmt: skip
        self.rows(
            """with units as (
                select n, md5(%(seed)s || n) as unit, random() < %(split)s as b,
                       %(at)s::timestamptz + n * interval '1 minute' as at
                from generate_series(1, %(n)s) n
            ), met as (
                insert into experiment_exposures (ab_test_id, unit, variant, split, first_exposed_at, recorded_at)
                select %(test)s, unit, case when b then 'B' else 'A' end, %(split)s, at, at from units
            )
            insert into agent_cost_tracking (call_id, attempt, outcome, error, task, step_id, agent_id, agent_version, ab_test_id,
                variant, experiment_unit, call_type, provider, duration_ms, tokens_in, tokens_out, cost_usd, incurred_at)
            select unit, 1, case when random() < case when b then %(treated)s else %(control)s end then 'error' else 'ok' end, '',
                'task', 's1', %(agent)s, case when b then %(to)s else %(was)s end, %(test)s, case when b then 'B' else 'A' end, unit,
                'llm', 'embedded', 100, 1, 1, 0, at + interval '1 second'
            from units""",
            {
                "seed": str(uuid.uuid4()),
                "n": n, "split": test["split"], "at": at, "test": deployment.rollout_test_id, "treated": treated,
                "control": control, "agent": deployment.agent_id, "to": deployment.to_version, "was": deployment.from_version,
            },
        )  # fmt: skip

    def pass_in_the_shadow(self, deployment) -> None:
        """A shadow run of free work that agreed in everything, call by call."""
        margins = Margins()
        calls = least_calls(margins)
        asked = Asked(by="ana", calls=calls, margins=margins)
        self.ask(lambda d: begin(d, deployment, asked, now=datetime.now(UTC)))
        self.rows(
            """insert into shadow_calls (deployment_id, call_id, compared_at, agreement, live_ms, shadow_ms, live_usd, shadow_usd)
            select %s, 'call' || n, clock_timestamp(), 1, 100, 100, 0, 0 from generate_series(1, %s) n""",
            deployment.deployment_id, calls,
        )  # fmt: skip
        firm = Firm(registry=REGISTRY, providers=product_providers())
        [run] = self.ask(lambda d: judge_shadows(d, firm))
        assert run["verdict"] == "pass", run["reason"]

    def look(self, now: datetime):
        [one] = self.ask(lambda d: look(d, now=now))
        return one

    def now(self, deployment):
        return self.ask(lambda d: known_deployment(d, deployment.deployment_id))
