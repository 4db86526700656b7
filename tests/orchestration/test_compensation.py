"""Work is undone when its execution fails, is cancelled or declined: the latest first, each once, and again after a crash."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import dagster as dg
import psycopg
import pytest

from jobs.compensation import compensation_job
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentResult, Usage
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.errors import InputError, PermanentError, RetryableError
from prisma_assets.engine.compensation import ByHand, settle_by_hand
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.report import report
from prisma_assets.store.compensation import CompensationStore
from sensors.compensation import compensation_sensor
from tests.orchestration.conftest import run_on

UNDO = {"task": "undo_it", "parameters": {"how": "gently"}, "retries": 0}


def step(step_id, *after, **extra):
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Tested.",
        "agent": "audit-plan-012", "after": list(after), **extra,
    }  # fmt: skip


CHAIN = (
    step("s1", compensate=UNDO),
    step("s2", "s1"),
    step("s3", "s2", compensate={**UNDO, "agent": "audit-risk-013"}),
    step("s4", "s3", compensate=UNDO),
)


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own and an agent that says what it did and what it undid."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def build(*steps, answers=None, undo=None):
        trial = replace(firm(*steps, answers=answers), url=database_url)
        done, undone = trial.agent.call, dict(undo or {})
        trial.undone = []

        async def call(instance, card, task):
            if task.task != "undo_it":
                return await done(instance, card, task)
            trial.undone.append(task)
            said = undone.get(task.step_id)
            if isinstance(said, list):
                said = said.pop(0) if said else None
            if isinstance(said, BaseException):
                raise said
            if callable(said):
                await said(task)
            usage = Usage(provider="embedded", cost_usd=Decimal("0.02"))
            return AgentResult(outputs={"undone": True}, usage=usage, agent_version=card.version)

        trial.agent.call = call
        library = TemplateLibrary(templates={trial.template.name: trial.template})
        defs = build_defs(library, AgentRegistry(firm_cards()), {"embedded": trial.agent})
        undoing = defs.get_job_def("compensation_job")

        def undo_all(execution_id, **tags):
            tags = {
                "prisma/execution_id": execution_id,
                **{k.replace("_", "/", 1): v for k, v in tags.items()},
            }
            return run_on(trial.instance, undoing, tags=tags)

        def tick():
            context = dg.build_sensor_context(
                instance=trial.instance, resources={"database_url": database_url}
            )
            return compensation_sensor(compensation_job(library)).evaluate_tick(context)

        trial.undo, trial.tick = undo_all, tick
        return trial

    return build


def failed(trial):
    execution_id = trial.open().id
    trial.run(execution_id)
    assert trial.execution(execution_id).status == "FAILED"
    return execution_id


def rows(trial, execution_id):
    found = trial.ask(lambda store: CompensationStore(database=store.database).all(execution_id))
    return {(r.step_id, r.iteration): r for r in found}


def statuses(trial, execution_id):
    return {step_id: r.status for (step_id, _), r in rows(trial, execution_id).items()}


def order(trial):
    return [t.step_id for t in trial.undone]


def test_what_was_done_last_is_undone_first(office):
    """s4 failed and did nothing; s2 says nothing of how it is undone."""
    trial = office(*CHAIN, answers={"s1": {"posted": 7}, "s4": PermanentError("refused")})
    execution_id = failed(trial)

    run = trial.undo(execution_id)

    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert order(trial) == ["s3", "s1"]
    assert statuses(trial, execution_id) == {"s3": "COMPLETED", "s1": "COMPLETED"}
    assert trial.execution(execution_id).status == "FAILED"
    assert trial.execution(execution_id).error["message"] == "refused"


def test_the_agent_is_given_what_the_step_had_done(office):
    trial = office(*CHAIN, answers={"s1": {"posted": 7}, "s4": PermanentError("refused")})
    execution_id = failed(trial)

    trial.undo(execution_id)

    third, first = trial.undone
    assert first.steps["s1"] == {"posted": 7}
    assert first.parameters == {"how": "gently"}
    assert (third.agent_id, first.agent_id) == ("audit-risk-013", "audit-plan-012")
    assert first.call_id == f"{execution_id}:s1:1:compensation"


def test_steps_side_by_side_are_undone_in_the_reverse_order_of_their_ends(office):
    async def slow(_task):
        await asyncio.sleep(0.2)
        return {}

    trial = office(
        step("a", compensate=UNDO), step("b", compensate=UNDO), step("c", "a", "b"),
        answers={"a": slow, "c": PermanentError("refused")},
    )  # fmt: skip
    execution_id = failed(trial)

    trial.undo(execution_id)

    assert order(trial) == ["a", "b"]


def test_undoing_again_does_nothing_and_is_paid_once(office):
    trial = office(*CHAIN, answers={"s4": PermanentError("refused")})
    execution_id = failed(trial)
    cost = trial.execution(execution_id).cost_usd

    trial.undo(execution_id)
    ended = trial.execution(execution_id)
    trial.undo(execution_id)

    assert order(trial) == ["s3", "s1"]
    assert trial.tick().run_requests == []
    with psycopg.connect(trial.url) as connection:
        [(paid,)] = connection.execute(
            "select count(*) from agent_cost_tracking where call_id like '%:compensation'"
        ).fetchall()
    assert paid == 2
    assert cost is None  # s4 has no price: what it cost nobody knows, and so of the whole
    assert trial.execution(execution_id).completed_at == ended.completed_at


@pytest.mark.parametrize("status", ["FAILED", "DECLINED"])
def test_a_result_that_ends_the_execution_has_its_work_undone(office, status):
    ends = [{"when": "output.bad", "status": status, "reason": "Bad."}]
    trial = office(
        step("s1", compensate=UNDO), step("s2", "s1", ends=ends), answers={"s2": {"bad": True}}
    )
    execution_id = trial.open().id
    trial.run(execution_id)
    assert trial.execution(execution_id).status == status

    (request,) = trial.tick().run_requests
    trial.undo(execution_id)

    assert request.tags["prisma/execution_id"] == execution_id
    assert order(trial) == ["s1"]


def test_work_that_is_refused_at_its_sign_off_is_undone_too(office):
    """Done, though not signed: its effect is there."""
    signed = {"kind": "K", "roles": ["MANAGER"]}
    trial = office(step("s1", compensate=UNDO), step("s2", "s1", sign_off=signed, compensate=UNDO))
    execution_id = trial.open().id
    trial.run(execution_id)
    trial.sign(execution_id, "s2", "max", "reject", "no")
    trial.run(execution_id)

    trial.undo(execution_id)

    assert order(trial) == ["s2", "s1"]


@pytest.mark.parametrize("answers", [{}, {"s1": {}}], ids=["completed", "also"])
def test_what_completes_is_left_as_it_is(office, answers):
    trial = office(*CHAIN, answers=answers)
    execution_id = trial.open().id
    trial.run(execution_id)

    trial.undo(execution_id)

    assert trial.execution(execution_id).status == "COMPLETED"
    assert trial.tick().run_requests == []
    assert trial.undone == []


def test_the_sensor_asks_once_per_run_that_took_it_up(office):
    trial = office(*CHAIN, answers={"s4": PermanentError("refused")})
    execution_id = failed(trial)

    first, again = trial.tick().run_requests, trial.tick().run_requests

    assert [r.run_key for r in first] == [r.run_key for r in again]
    assert first[0].run_key == f"compensate:{execution_id}:1"


def test_a_retryable_error_is_tried_again(office):
    trial = office(
        step("s1", compensate={**UNDO, "retries": 1}), step("s2", "s1"),
        answers={"s2": PermanentError("refused")}, undo={"s1": [RetryableError("busy")]},
    )  # fmt: skip
    execution_id = failed(trial)

    trial.undo(execution_id)

    assert order(trial) == ["s1", "s1"]
    assert statuses(trial, execution_id) == {"s1": "COMPLETED"}


def test_what_cannot_be_undone_stops_it_and_is_left_to_people(office):
    """s1 stays: undoing it below what still stands would leave neither one state nor the other."""
    trial = office(
        *CHAIN, answers={"s4": PermanentError("refused")}, undo={"s3": PermanentError("too late")}
    )
    execution_id = failed(trial)

    run = trial.undo(execution_id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert statuses(trial, execution_id) == {"s3": "FAILED"}
    assert rows(trial, execution_id)["s3", 1].error["message"] == "too late"
    assert trial.tick().run_requests == []


def test_nothing_is_resumed_while_nobody_knows_what_stands(office):
    trial = office(
        *CHAIN,
        answers={"s4": [PermanentError("refused"), {}]},
        undo={"s3": [PermanentError("late")]},
    )
    execution_id = failed(trial)
    trial.undo(execution_id)
    calls = list(trial.agent.calls)

    run = trial.run(execution_id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert trial.agent.calls == calls
    trial.undo(execution_id)  # what `resume` does first
    trial.run(execution_id)
    assert order(trial) == ["s3", "s3", "s1"]
    assert trial.execution(execution_id).status == "COMPLETED"


def test_a_person_who_undid_it_by_hand_says_so(office):
    trial = office(
        *CHAIN, answers={"s4": PermanentError("refused")}, undo={"s3": PermanentError("too late")}
    )
    execution_id = failed(trial)
    execution = trial.execution(execution_id)

    def settle(**said):
        by_hand = ByHand(**{"step": "s3", "user": "max", "reason": "reversed at the bank", **said})
        return trial.ask(lambda store: settle_by_hand(store, execution, trial.template, by_hand))

    with pytest.raises(InputError, match="no compensation that failed"):
        settle()
    trial.undo(execution_id)
    for wrong, sentence in (
        ({"user": "eve"}, "team"),
        ({"reason": " "}, "--reason"),
        ({"step": "s9"}, "no step"),
    ):
        with pytest.raises(InputError, match=sentence):
            settle(**wrong)
    settle()
    trial.undo(execution_id)

    row = rows(trial, execution_id)["s3", 1]
    assert (row.settled_by, row.reason) == ("max", "reversed at the bank")
    assert order(trial) == ["s3", "s1"]
    assert statuses(trial, execution_id) == {"s3": "COMPLETED", "s1": "COMPLETED"}


def test_steps_that_were_undone_are_done_again_with_all_behind_them(office):
    trial = office(
        step("s0"), *CHAIN[:3], step("s4", "s3"), answers={"s4": [PermanentError("refused"), {}]}
    )
    execution_id = failed(trial)
    trial.undo(execution_id)
    trial.agent.calls.clear()

    trial.run(execution_id)

    assert trial.execution(execution_id).status == "COMPLETED"
    assert trial.agent.calls == ["s1", "s2", "s3", "s4"]
    iterations = {i: r.iteration for i, r in trial.steps(execution_id).items()}
    assert iterations == {"s0": 1, "s1": 2, "s2": 2, "s3": 2, "s4": 2}


def test_each_pass_is_undone_for_itself(office):
    trial = office(*CHAIN[:3], step("s4", "s3"), answers={"s4": PermanentError("refused")})
    execution_id = failed(trial)
    trial.undo(execution_id)
    trial.run(execution_id)

    trial.undo(execution_id)

    assert [(t.step_id, t.call_id.split(":")[2]) for t in trial.undone] == [
        ("s3", "1"), ("s1", "1"), ("s3", "2"), ("s1", "2"),
    ]  # fmt: skip


def test_an_execution_resumed_before_it_was_undone_goes_on(office):
    trial = office(*CHAIN, answers={"s4": [PermanentError("refused"), {}]})
    execution_id = failed(trial)
    trial.run(execution_id)

    trial.undo(execution_id)

    assert trial.execution(execution_id).status == "COMPLETED"
    assert trial.undone == []


def test_undoing_that_is_cancelled_is_left_to_people(office):
    async def cancelled(_task):
        raise asyncio.CancelledError

    trial = office(*CHAIN, answers={"s4": PermanentError("refused")}, undo={"s3": cancelled})
    execution_id = failed(trial)

    trial.undo(execution_id)

    assert statuses(trial, execution_id) == {"s3": "FAILED"}
    assert trial.tick().run_requests == []


def test_the_report_shows_what_was_undone(office):
    trial = office(*CHAIN, answers={"s4": PermanentError("refused")})
    execution_id = failed(trial)
    trial.undo(execution_id)
    execution = trial.execution(execution_id)

    found = trial.ask(lambda store: report(store, execution, trial.template))

    assert [(c["step_id"], c["status"]) for c in found["compensations"]] == [
        ("s3", "COMPLETED"), ("s1", "COMPLETED"),
    ]  # fmt: skip


def test_the_ui_shows_what_was_undone(office):
    trial = office(*CHAIN, answers={"s4": PermanentError("refused")})
    execution_id = failed(trial)
    run = trial.undo(execution_id)

    (output,) = trial.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    shown = output.dagster_event.event_specific_data.metadata["undone"].value

    assert "| s3 | 1 | audit-risk-013 | undone |" in shown


def test_a_run_without_an_execution_is_one_sentence(office):
    trial = office(*CHAIN)

    run = run_on(trial.instance, build_defs(
        TemplateLibrary(templates={}), AgentRegistry(firm_cards()), {}
    ).get_job_def("compensation_job"))  # fmt: skip

    assert run.status == dg.DagsterRunStatus.FAILURE
