"""An execution that has ended stays ended, whoever asks for another run of it."""

import dagster as dg
import pytest


def step(step_id: str, **extra):
    """One step of a test template."""
    return {
        "id": step_id, "name": f"do_{step_id}", "title": f"Step {step_id}", "objective": "Tested.",
        "agent": "audit-plan-012", **extra,
    }  # fmt: skip


@pytest.mark.parametrize(("status", "run_status"), [("DECLINED", "FAILURE"), ("FAILED", "SUCCESS")])
def test_what_a_result_has_ended_is_not_continued_behind_it(firm, status, run_status):
    """Re-executing a declined run in the UI went on behind the step that had declined it."""
    ending = {"when": "output.bad", "status": status, "reason": "Not independent."}
    trial = firm(step("s1", ends=[ending]), step("s2", after=["s1"]), answers={"s1": {"bad": True}})
    execution = trial.open()
    trial.run(execution.id)

    again = trial.run(execution.id)

    assert again.status == dg.DagsterRunStatus[run_status]
    assert trial.execution(execution.id).status == status
    assert trial.agent.calls == ["s1"]


def test_a_run_whose_process_died_is_marked_failed_by_the_next(firm):
    """Left alone the UI would show it as running for ever."""
    trial = firm(step("s1", sign_off={"kind": "AGENT_ACTION", "roles": ["MANAGER"]}))
    execution = trial.open()
    killed = trial.run(execution.id)
    with trial.instance.run_storage.connect() as connection:
        connection.exec_driver_sql(
            f"update dagster.runs set status = 'STARTED' where run_id = '{killed.run_id}'"
        )
    trial.ask(lambda store: store.take_up(execution.id, run_id=killed.run_id))

    trial.run(execution.id)

    statuses = [
        trial.instance.get_run_by_id(run_id).status.value
        for run_id in trial.ask(lambda store: store.runs(execution.id))
    ]
    assert statuses == ["FAILURE", "SUCCESS"]
    assert trial.execution(execution.id).status == "WAITING_APPROVAL"
