"""`ABTestManager` as the specification calls it."""

import asyncio

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.sample.write import write_sample
from prisma_assets.platform import ABTestManager
from prisma_assets.platform.experiment import ABTest, ABTestEvaluation
from prisma_assets.settings import Settings

AGENT = "audit-doc-044"


def test_experiment_is_created_started_and_evaluated(database_url, tmp_path):
    settings = Settings(home=tmp_path, database_url=database_url)

    async def trial() -> tuple[ABTest, ABTestEvaluation, ABTestEvaluation]:
        async with ABTestManager(settings=settings) as manager:
            test = await manager.create_test(
                agent_id=AGENT,
                name="brief",
                hypothesis="Shorter notes are read.",
                variant_b_changes={"prompt": "Be brief."},
                metrics=["error_rate", "response_time"],
                traffic_split=0.5,
                risk_level="medium",
            )
            before = await manager.evaluate_test(test.id)
            await manager.start_test(test.id, by="max")
            return test, before, await manager.evaluate_test(test.id)

    test, before, after = asyncio.run(trial())

    assert (test.status, test.treatment_version, test.primary_metric) == ("draft", "1.0.0-b.1", "error_rate")  # fmt: skip
    assert (before.verdict, before.reason) == ("inconclusive", "it is draft: nothing was served")
    assert (after.verdict, after.is_decided, after.units) == ("inconclusive", False, 0)
    assert after.test.status == "running"


def test_experiment_may_come_from_an_opportunity(database_url, tmp_path):
    with psycopg.connect(database_url, autocommit=True) as connection:
        [(opportunity,)] = connection.execute(
            """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description,
                evidence, sample_size, priority, risk_level, fingerprint)
            values (%s, '1.0.0', 'prompt', 'manual', 'Notes are long', 'Shorter notes are read.', '{}', 1, 'low', 'medium', 'f')
            returning opportunity_id::text""",
            (AGENT,),
        )

    async def trial() -> ABTest:
        async with ABTestManager(settings=Settings(home=tmp_path, database_url=database_url)) as manager:  # fmt: skip
            with pytest.raises(InputError, match="the opportunity is about audit-doc-044"):
                await manager.create_test(
                    agent_id="audit-risk-013", name="", hypothesis="", variant_b_changes={"prompt": "x"}, metrics=["error_rate"],
                    opportunity=opportunity,
                )  # fmt: skip
            return await manager.create_test(
                agent_id="", name="", hypothesis="", variant_b_changes={"prompt": "x"}, metrics=["error_rate"],
                opportunity=opportunity,
            )  # fmt: skip

    test = asyncio.run(trial())

    assert (test.agent_id, test.name, test.hypothesis) == (AGENT, "Notes are long", "Shorter notes are read.")  # fmt: skip
    assert test.risk_level == "medium"


def test_unknown_key_is_an_input_error(database_url, tmp_path):
    async def trial() -> None:
        async with ABTestManager(settings=Settings(home=tmp_path, database_url=database_url)) as manager:  # fmt: skip
            await manager.create_test(
                agent_id=AGENT, name="n", hypothesis="h", variant_b_changes={}, metrics=["cost"], guardrail={}
            )  # fmt: skip

    with pytest.raises(InputError, match="guardrails"):
        asyncio.run(trial())


def test_both_versions_do_known_books(database_url, tmp_path):
    """High risk: never served, run on books of which the errors are known."""
    books = write_sample(tmp_path / "books", seed=43, lines=5_000).folder

    async def trial() -> ABTestEvaluation:
        async with ABTestManager(settings=Settings(home=tmp_path, database_url=database_url)) as manager:  # fmt: skip
            test = await manager.create_test(
                agent_id="audit-analytics-017", name="shorter", hypothesis="Fewer sound entries are read.",
                variant_b_changes={"parameters": {"selection_handed_on": 30}}, metrics=["accuracy"], risk_level="high",
            )  # fmt: skip
            with pytest.raises(InputError, match="give either engagements or a file"):
                await manager.run_test(test.id)
            return await manager.run_test(test.id, engagements=[books])

    found = asyncio.run(trial())

    assert (found.verdict, found.units, found.test.status) == ("inconclusive", 2, "draft")
    means = found.numbers["metrics"][0]["mean"]
    assert 0 < means["A"] < means["B"] <= 1
