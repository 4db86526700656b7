"""Executions work by the template and the agents they were opened with, whatever those are today."""

from dataclasses import replace

import dagster as dg
import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.pinning import (
    pinned_registry,
    pinned_template,
    with_former,
    with_needed,
)
from prisma_assets.store.pinning import needed_contents, running_versions, touch
from tests.orchestration.conftest import run_on, trial_template

AGENT = "audit-plan-012"
SIGNED = {"kind": "K", "roles": ["MANAGER"]}


def step(step_id, **extra):
    return {
        "id": step_id, "name": f"do_{step_id}", "title": step_id, "objective": "Tested.", "agent": AGENT, **extra,
    }  # fmt: skip


OLD = trial_template(step("s1", sign_off=SIGNED), step("s2", after=["s1"]))
NEW = trial_template(
    step("s1", sign_off=SIGNED), step("n2", after=["s1"]), step("n3", after=["n2"]), version="2"
)
OLD_JOB = f"trial_{OLD.sha256[:8]}_job"


def library(*current: Template) -> TemplateLibrary:
    return TemplateLibrary(templates={t.name: t for t in current})


@pytest.fixture
def office(firm, database_url, monkeypatch):
    """A firm with a database of its own, whose definitions are loaded as the code location loads them."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    trial = replace(firm(step("s1")), url=database_url)

    def opened(template):
        trial.template = template
        return trial.open().id

    def load(*current, registry=None):
        found = with_needed(library(*current), database_url)
        known = with_former(registry or AgentRegistry(firm_cards()), found.earlier, database_url)
        defs = build_defs(found, known, {"embedded": trial.agent})
        return defs.get_repository_def()

    def run(repository, job, execution_id):
        tags = {"prisma/execution_id": execution_id}
        return run_on(trial.instance, repository.get_job(job), tags=tags)

    trial.opened, trial.load, trial.run_job = opened, load, run
    return trial


def jobs(repository):
    return {name for name in repository.job_names if name.startswith("trial")}


def test_two_contents_run_side_by_side(office):
    """One began before the change and one after: each does its own steps, in definitions that hold both."""
    before = office.opened(OLD)
    office.run_job(office.load(OLD), "trial_job", before)
    after = office.opened(NEW)
    both = office.load(NEW)
    for execution_id, template in ((before, OLD), (after, NEW)):
        office.template = template
        office.run_job(both, "trial_job" if template is NEW else OLD_JOB, execution_id)
        office.sign(execution_id, "s1", "max")

    runs = [office.run_job(both, OLD_JOB, before), office.run_job(both, "trial_job", after)]

    assert jobs(both) == {"trial_job", OLD_JOB}
    assert {r.status for r in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert office.statuses(before) == dict.fromkeys(("s1", "s2"), "COMPLETED")
    assert office.statuses(after) == dict.fromkeys(("s1", "n2", "n3"), "COMPLETED")


def test_definitions_let_go_of_a_content_when_its_executions_are_over(office):
    execution_id = office.opened(OLD)
    held = jobs(office.load(NEW))
    office.template = OLD
    office.run_job(office.load(OLD), "trial_job", execution_id)
    office.sign(execution_id, "s1", "max")
    office.run_job(office.load(OLD), "trial_job", execution_id)

    assert office.execution(execution_id).status == "COMPLETED"
    assert held == {"trial_job", OLD_JOB}
    assert jobs(office.load(NEW)) == {"trial_job"}


def test_an_execution_goes_on_when_its_file_is_gone(office):
    execution_id = office.opened(OLD)
    repository = office.load()

    office.run_job(repository, OLD_JOB, execution_id)

    assert jobs(repository) == {OLD_JOB}
    assert office.execution(execution_id).status == "WAITING_APPROVAL"


def test_a_job_of_another_content_is_refused_and_changes_nothing(office):
    """A run asked for by its old name in the moment the file changed."""
    execution_id = office.opened(OLD)

    run = office.run_job(office.load(NEW), "trial_job", execution_id)

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert office.execution(execution_id).status == "PENDING"
    assert office.agent.calls == []


def test_a_failed_execution_holds_its_content_for_a_month_and_when_it_is_resumed(office):
    execution_id = office.opened(OLD)
    with psycopg.connect(office.url, autocommit=True) as connection:
        connection.execute("update workflow_executions set status = 'FAILED'")
        fresh = jobs(office.load(NEW))
        connection.execute("update template_versions set last_used_at = now() - interval '31 days'")
    old = jobs(office.load(NEW))
    sha256 = office.execution(execution_id).template_sha256
    office.ask(lambda store: touch(store.database, sha256))

    assert OLD_JOB in fresh
    assert OLD_JOB not in old
    assert OLD_JOB in jobs(office.load(NEW))


def test_no_more_than_so_many_contents_are_held(office):
    for number in range(3):
        office.opened(trial_template(step("s1"), version=f"old {number}"))

    found = needed_contents(office.url, other_than=[], days=30, limit=2)

    assert len(found) == 2


@pytest.mark.parametrize(
    "url", ["postgresql://prisma@127.0.0.1:1/prisma", "postgresql://a:b@c@d/e"]
)
def test_definitions_load_without_the_database(url):
    assert with_needed(library(NEW), url) == library(NEW)


def test_definitions_load_on_a_database_without_our_tables(empty_database_url):
    assert with_needed(library(NEW), empty_database_url).earlier == ()


def test_a_content_nobody_can_read_any_more_takes_nothing_down(office):
    office.opened(OLD)
    with psycopg.connect(office.url, autocommit=True) as connection:
        connection.execute(
            """update template_versions set content = '{"name": "trial", "magic": 1}'"""
        )

    found = with_needed(library(NEW), office.url)

    assert found.earlier == ()
    assert "cannot read" in found.problems[0]
    assert "magic" in found.problems[0] or "title" in found.problems[0]


def test_the_template_of_an_execution_is_found_wherever_it_is(office):
    """At hand, kept, or, for executions older than the table, nowhere; then one sentence says what to do."""
    execution_id = office.opened(OLD)
    execution = office.execution(execution_id)

    def found(at_hand):
        return office.ask(lambda store: pinned_template(store.database, execution, at_hand))

    assert found(library(OLD)) is OLD
    assert found(library(NEW)).sha256 == OLD.sha256
    with psycopg.connect(office.url, autocommit=True) as connection:
        connection.execute("delete from template_versions")
    with pytest.raises(InputError, match="put that file back"):
        found(library(NEW))


def changed_card(**change):
    card = AgentRegistry(firm_cards()).get(AGENT).model_copy(update=change)
    return AgentRegistry(firm_cards()).with_cards([card])


def test_a_card_that_changes_changes_nothing_that_has_begun(office):
    """The call, its price and its workpaper are the kept card's; an execution opened afterwards has the new one."""
    template = trial_template(step("s1"), step("s2", after=["s1"]))
    old = office.opened(template)
    today = changed_card(version="9.9.9", max_concurrency=1)
    office.run_job(office.load(template, registry=today), "trial_job", old)

    kept = AgentRegistry(firm_cards()).get(AGENT).version
    assert {r.agent_version for r in office.steps(old).values()} == {kept}
    with psycopg.connect(office.url) as connection:
        [(priced,)] = connection.execute(
            "select distinct agent_version from agent_cost_tracking"
        ).fetchall()
    assert priced == kept


def test_the_ui_names_the_agents_that_have_changed_since(office):
    template = trial_template(step("s1"))
    execution_id = office.opened(template)
    repository = office.load(template, registry=changed_card(version="9.9.9"))

    run = office.run_job(repository, "trial_job", execution_id)

    [opened] = [
        e.dagster_event.event_specific_data.metadata
        for e in office.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
        if e.step_key == "open_execution"
    ]
    assert opened["agents kept as they were"].value == AGENT


def test_an_agent_that_has_left_the_firm_finishes_what_it_began(office):
    execution_id = office.opened(OLD)
    others = AgentRegistry(c for c in firm_cards() if c.id != AGENT)

    office.run_job(office.load(NEW, registry=changed_card(version="9.9.9")), OLD_JOB, execution_id)
    gone = office.load(registry=others)
    execution = office.execution(execution_id)
    found = office.ask(lambda store: pinned_registry(store.database, execution, others))

    assert OLD_JOB in jobs(gone)
    assert found.get(AGENT) == AgentRegistry(firm_cards()).get(AGENT)


def test_versions_in_use_are_counted(office):
    for template in (OLD, OLD, NEW):
        office.opened(template)

    found = office.ask(lambda store: running_versions(store.database))

    assert {v.version: v.executions for v in found} == {"1": 2, "2": 1}
