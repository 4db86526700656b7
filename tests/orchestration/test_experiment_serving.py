"""Agents under experiment: who gets which version, in real runs of a real job."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.agents.version import with_changes
from prisma_assets.domain.experiments.assignment import is_treated
from prisma_assets.domain.learning.feedback import read_feedback
from prisma_assets.engine.opening import Opening, checked, store_opening
from prisma_assets.store.feedback import FeedbackStore

AGENT = "audit-risk-013"
TEST = "00000000-0000-4000-8000-0000000000a1"
FIRST = {"id": "first", "name": "first", "title": "First", "objective": "Done.", "agent": AGENT}
SECOND = {
    "id": "second",
    "name": "second",
    "title": "Second",
    "objective": "Done.",
    "agent": AGENT,
    "after": ["first"],
}


@pytest.fixture
def database(firm_url):
    """A connection; experiments of earlier tests are over."""
    with psycopg.connect(firm_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("update ab_tests set status = 'cancelled'")
        yield connection


def start(database, *, unit: str = "engagement", test: str = TEST, split: float = 0.5) -> str:
    """An experiment on the agent that runs; gives the salt."""
    control = AgentRegistry(firm_cards()).get(AGENT)
    changed = with_changes(control, {"prompt": "Be brief."}, version="1.0.0-b.1")
    database.execute(
        "insert into agent_cards (sha256, agent_id, version, card) values (%s, %s, %s, %s) on conflict do nothing",
        (changed.sha256, AGENT, changed.version, changed.content),
    )
    database.execute(
        """insert into agent_versions (agent_id, version, parent_version, changes, changes_sha256, card_sha256, reason, created_by)
        values (%s, %s, '1.0.0', '{"prompt": "Be brief."}', repeat('a', 64), %s, 'shorter', 'ana') on conflict do nothing""",
        (AGENT, changed.version, changed.sha256),
    )
    database.execute(
        """insert into ab_tests (ab_test_id, agent_id, name, control_version, treatment_version, variant_b_changes, traffic_split_b,
            assignment_unit, assignment_salt, metrics, primary_metric, risk_level, status, started_at, created_by)
        values (%s, %s, 'brief', '1.0.0', %s, '{"prompt": "Be brief."}', %s, %s, %s, '{error_rate}', 'error_rate', 'low', 'running',
            clock_timestamp(), 'ana')""",
        (test, AGENT, changed.version, split, unit, test),
    )
    return test


def open_for(trial, engagement: str | None) -> str:
    """A new execution for a client's file."""
    ready = checked(
        Opening(
            template=trial.template,
            agents=AgentRegistry(firm_cards()),
            inputs={},
            created_by="tester",
        )
    )
    ready = replace(ready, execution=replace(ready.execution, engagement_id=engagement))
    execution, _ = trial.ask(lambda store: store_opening(store, ready))
    return str(execution.id)


def rows(database, query: str, *params: Any) -> list[dict[str, Any]]:
    return database.execute(query, params).fetchall()


def test_one_client_file_meets_one_version_in_all_its_steps_and_executions(firm, database):
    trial = firm(FIRST, SECOND)
    salt = start(database)
    files = [f"file-{n}" for n in range(6)]
    for file in [*files, *files]:
        trial.run(open_for(trial, file))

    calls = rows(
        database,
        "select experiment_unit as unit, variant, agent_version from agent_cost_tracking where ab_test_id = %s",
        salt,
    )
    expected = {f: "B" if is_treated(f, salt=salt, split=0.5) else "A" for f in files}
    assert {(c["unit"], c["variant"]) for c in calls} == set(expected.items())
    assert {(c["variant"], c["agent_version"]) for c in calls} == {
        ("A", "1.0.0"),
        ("B", "1.0.0-b.1"),
    }
    assert len(calls) == 24


def test_exposure_is_recorded_once_per_unit_and_steps_say_their_arm(firm, database):
    trial = firm(FIRST, SECOND)
    test = start(database, test="00000000-0000-4000-8000-0000000000a2")
    ids = [open_for(trial, "file-once") for _ in range(2)]
    for one in ids:
        trial.run(one)

    [exposure] = rows(database, "select * from experiment_exposures where ab_test_id = %s", test)
    steps = rows(
        database,
        "select ab_test_id::text, variant from workflow_step_executions where workflow_execution_id = any(%s::uuid[])",
        ids,
    )
    assert exposure["unit"] == "file-once"
    assert {(s["ab_test_id"], s["variant"]) for s in steps} == {(test, exposure["variant"])}
    assert len(steps) == 4


def test_feedback_on_a_step_counts_for_the_arm_the_step_had(firm, database):
    """People rate a step and know of no experiment."""
    trial = firm(FIRST)
    test = start(database, test="00000000-0000-4000-8000-0000000000a8")
    opened = open_for(trial, "file-rated")
    trial.run(opened)
    step = trial.steps(opened)["first"].step_execution_id
    said = {
        "agent_id": AGENT, "source": "user", "feedback_type": "rating", "rating": 4, "submitted_by": "ana", "step_execution_id": step,
    }  # fmt: skip
    given = read_feedback(said, agents=frozenset({AGENT}), now=datetime.now(UTC))
    trial.ask(lambda s: FeedbackStore(source=s.database).add([given], live_versions={AGENT: "1.0.0"}))  # fmt: skip

    [stored] = rows(database, "select ab_test_id::text, variant, agent_version from agent_feedback where step_execution_id = %s", step)  # fmt: skip
    [exposure] = rows(database, "select variant, agent_version from experiment_exposures where ab_test_id = %s", test)  # fmt: skip
    assert stored == {"ab_test_id": test, **exposure}


def test_file_begun_before_the_experiment_goes_on_as_it_was_begun(firm, database):
    trial = firm(FIRST)
    open_for(trial, "file-early")  # left open
    test = start(database, test="00000000-0000-4000-8000-0000000000a3", split=0.99)
    later = open_for(trial, "file-early")
    trial.run(later)

    assert rows(database, "select 1 from experiment_exposures where ab_test_id = %s", test) == []
    assert trial.steps(later)["first"].agent_version == "1.0.0"


def test_pinned_version_stays_when_the_experiment_ends_meanwhile(firm, database):
    trial = firm(FIRST)
    start(database, test="00000000-0000-4000-8000-0000000000a4", split=0.99)
    treated = open_for(trial, "file-pinned")
    database.execute("update ab_tests set status = 'completed' where status = 'running'")
    trial.run(treated)

    assert trial.steps(treated)["first"].agent_version == "1.0.0-b.1"


def test_single_calls_are_assigned_one_by_one_until_the_experiment_ends(firm, database):
    trial = firm(
        *[
            {"id": f"s{n}", "name": f"s{n}", "title": "S", "objective": "Done.", "agent": AGENT}
            for n in range(8)
        ]
    )
    test = start(database, unit="task", test="00000000-0000-4000-8000-0000000000a5")
    opened = open_for(trial, None)
    trial.run(opened)

    versions = {i: s.agent_version for i, s in trial.steps(opened).items()}
    units = {i: f"{opened}:{i}:1" for i in versions}
    assert versions == {
        i: "1.0.0-b.1" if is_treated(u, salt=test, split=0.5) else "1.0.0" for i, u in units.items()
    }


def test_single_calls_of_a_client_file_are_never_mixed(firm, database):
    trial = firm(FIRST)
    test = start(database, unit="task", test="00000000-0000-4000-8000-0000000000a6", split=0.99)
    opened = open_for(trial, "file-7")
    trial.run(opened)

    assert rows(database, "select 1 from experiment_exposures where ab_test_id = %s", test) == []
    assert trial.steps(opened)["first"].agent_version == "1.0.0"


def test_live_version_of_its_own_is_served_without_an_experiment(firm, database):
    trial = firm(FIRST)
    start(database, test="00000000-0000-4000-8000-0000000000a7")
    database.execute("update ab_tests set status = 'completed' where status = 'running'")
    database.execute(
        """insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason)
        select agent_id, version, card_sha256, 'max', 'adopted' from agent_versions where agent_id = %s""",
        (AGENT,),
    )
    opened = open_for(trial, "file-8")
    trial.run(opened)

    assert trial.steps(opened)["first"].agent_version == "1.0.0-b.1"
    database.execute("delete from live_agent_versions")
