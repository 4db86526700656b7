"""Proposed changes as an asset: what was found, what could not be proposed and why, and the checks."""

import dagster as dg
import psycopg

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.assets.candidate import candidate_assets
from resources.learning import FIRM, LEARNING_DATABASE, LearningDatabase

OPPORTUNITY = """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
    sample_size, priority, risk_level, fingerprint, metric)
values ('tax-tp-029', '1.0.0', 'prompt', 'manual', 'Long notes', 'x', '[]', 3, 'high', 'medium', %s, 'satisfaction')
returning opportunity_id::text"""
CANDIDATE = """insert into improvement_candidates (opportunity_id, agent_id, control_version, way, is_proposed, reason, changes, measure,
    train_tasks, train_score, holdout_tasks, present_score, holdout_score, effect, ci_low, ci_high, missed_more, cost_usd)
values (%s, 'tax-tp-029', '0.9.0', 'search', true, 'better', '{"parameters": {"n": 3}}', 'F1', 3, 0.9, 24, 0.2, 0.8, 0.6, %s, 0.8, 0, 0)"""


def materialised(instance, url):
    firm = Firm(registry=AgentRegistry(firm_cards()), providers={})
    resources = {LEARNING_DATABASE: LearningDatabase(url=url), FIRM: firm}
    return dg.materialize(candidate_assets(), instance=instance, resources=resources, raise_on_error=False)  # fmt: skip


def test_candidates_are_shown_with_what_could_not_be_proposed(database_url):
    """A proposal whose hold-out does not bear it out stops what follows."""
    # Closed here: its temporary folder would otherwise be found by the collector, in the middle of another test.
    with dg.DagsterInstance.ephemeral() as instance:
        with psycopg.connect(database_url, autocommit=True) as connection:
            [(sound,)] = connection.execute(OPPORTUNITY, ("f1",))
            connection.execute(CANDIDATE, (sound, 0.3))
        first = materialised(instance, database_url)
        [shown] = first.asset_materializations_for_node("improvement_candidates")
        assert first.success
        assert "0.20 to 0.80, +0.60 [+0.30, +0.80]" in shown.metadata["overview"].value
        assert "no procedure of tax-tp-029" in shown.metadata["nothing_to_propose"].value[sound]

        with psycopg.connect(database_url, autocommit=True) as connection:
            [(odd,)] = connection.execute(OPPORTUNITY, ("f2",))
            connection.execute(CANDIDATE, (odd, -0.1))
        second = materialised(instance, database_url)
        assert not second.success
        failed = {e.check_name for e in second.get_asset_check_evaluations() if not e.passed}
        assert failed == {"proposed_is_better_on_the_holdout"}
