"""What the approval sensor asks for, tick by tick: edge, not level; each decision is acted on once."""

from dataclasses import replace

import dagster as dg
import pytest

from prisma_assets.engine.library import TemplateLibrary
from sensors.resume import resume_sensor

STEP = {"id": "s1", "name": "a", "title": "A", "objective": "T.", "agent": "audit-plan-012"}
ONE = {**STEP, "sign_off": {"kind": "K", "roles": ["MANAGER"]}}
TWO = {**STEP, "sign_off": {"kind": "K", "roles": ["MANAGER", "PARTNER"]}}


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own: a tick sees every execution there is."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def build(*steps, **extra):
        return replace(firm(*steps, **extra), url=database_url)

    return build


@pytest.fixture
def tick(instance):
    """Evaluates the sensor once, as the daemon does."""

    def evaluate(trial, *, templates=None, url=None):
        library = TemplateLibrary(
            templates={trial.template.name: trial.template} if templates is None else templates
        )
        job = trial.job()
        sensor = resume_sensor(library, {trial.template.name: job})
        context = dg.build_sensor_context(
            instance=instance, resources={"database_url": url or trial.url}
        )
        return sensor.evaluate_tick(context)

    return evaluate


def waiting(trial):
    """A new execution, run until it waits."""
    execution = trial.open()
    trial.run(execution.id)
    return execution.id


def keys(found):
    return [r.run_key for r in found.run_requests]


def test_nothing_waits(office, tick):
    found = tick(office(ONE))

    assert found.run_requests == []
    assert (
        found.skip_message
        == "nothing waits for a run: no decision to act on, and no process has died"
    )


def test_one_waits_and_nobody_has_signed(office, tick):
    trial = office(ONE)
    waiting(trial)

    assert tick(trial).run_requests == []


@pytest.mark.parametrize("decision", ["approve", "reject", "changes"])
def test_a_decision_asks_for_the_run_that_acts_on_it(office, tick, decision):
    trial = office(ONE)
    execution_id = waiting(trial)
    trial.sign(execution_id, "s1", "max", decision)

    (request,) = tick(trial).run_requests

    assert request.run_key == f"resume:{execution_id}:1:1"
    assert request.job_name == "trial_job"
    assert request.tags["prisma/execution_id"] == execution_id


def test_the_same_decision_has_the_same_run_key(office, tick):
    """Dagster starts one run per key, however many ticks pass before that run begins."""
    trial = office(ONE)
    trial.sign(waiting(trial), "s1", "max")

    assert keys(tick(trial)) == keys(tick(trial)) != []


def test_a_decision_acted_on_asks_for_nothing_more(office, tick):
    trial = office(ONE)
    execution_id = waiting(trial)
    trial.sign(execution_id, "s1", "max")
    trial.run(execution_id)

    assert tick(trial).run_requests == []


def test_the_next_decision_has_a_new_run_key(office, tick):
    trial = office(ONE, answers={"s1": [{"draft": 1}, {"draft": 2}]})
    execution_id = waiting(trial)
    trial.sign(execution_id, "s1", "max", "changes", "too short")
    first = keys(tick(trial))
    trial.run(execution_id)
    between = keys(tick(trial))
    trial.sign(execution_id, "s1", "max")

    assert first == [f"resume:{execution_id}:1:1"]
    assert between == []
    assert keys(tick(trial)) == [f"resume:{execution_id}:2:2"]


def test_two_executions_decided_between_two_ticks(office, tick):
    trial = office(ONE)
    first, second = waiting(trial), waiting(trial)
    trial.sign(first, "s1", "max")
    trial.sign(second, "s1", "max")

    assert set(keys(tick(trial))) == {f"resume:{first}:1:1", f"resume:{second}:1:1"}


def test_the_first_of_two_signatures_is_no_decision(office, tick):
    trial = office(TWO)
    execution_id = waiting(trial)
    trial.sign(execution_id, "s1", "max")
    half = tick(trial)
    trial.sign(execution_id, "s1", "pat")

    assert half.run_requests == []
    assert keys(tick(trial)) == [f"resume:{execution_id}:1:2"]


def test_half_signed_executions_do_not_keep_others_waiting(office, tick, monkeypatch):
    """They stay in sight until their second signature; as many as one tick looks at once hid all that came later."""
    monkeypatch.setattr("sensors.resume.MAX_PER_TICK", 2)
    trial = office(TWO)
    halves, whole = [waiting(trial) for _ in range(2)], waiting(trial)
    for execution_id in halves:
        trial.sign(execution_id, "s1", "max")
    for user in ("max", "pat"):
        trial.sign(whole, "s1", user)

    assert keys(tick(trial)) == [f"resume:{whole}:1:2"]


def test_an_execution_of_a_template_that_is_gone_is_left_alone(office, tick):
    trial = office(ONE)
    trial.sign(waiting(trial), "s1", "max")

    assert tick(trial, templates={}).run_requests == []


def test_a_database_that_does_not_answer_is_the_reason_for_skipping(office, tick):
    found = tick(office(ONE), url="postgresql://prisma@127.0.0.1:1/prisma")

    assert found.run_requests == []
    assert "127.0.0.1:1" in found.skip_message
    assert "cannot be used now" in found.skip_message


def test_a_database_of_another_version_is_the_reason_for_skipping(office, tick, empty_database_url):
    found = tick(office(ONE), url=empty_database_url)

    assert found.run_requests == []
    assert "prisma-assets migrate" in found.skip_message
