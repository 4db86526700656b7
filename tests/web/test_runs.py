"""Runs as the product starts them: by processes that are ready, visible and stoppable like any other."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prisma_assets.domain.errors import PrismaError
from prisma_assets.engagement.sample.write import write_sample
from resources.run_socket import RunOrder, RunsUnavailableError, order_run, runs_socket
from tests.web.conftest import StackUnderTest

LAUNCH = """
mutation($job: String!, $config: RunConfigData) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "prisma_assets", repositoryName: "__repository__", jobName: $job},
    runConfigData: $config}) {
    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message} ... on RunConfigValidationInvalid {errors {message}}
  }
}"""
RUN = "query($id: ID!) {runOrError(runId: $id) {... on Run {status tags {key value} repositoryOrigin {id}}}}"
TERMINATE = "mutation($id: String!) {terminateRun(runId: $id) {__typename}}"


def graphql(stack: StackUnderTest, query: str, **variables: Any) -> dict[str, Any]:
    answer = httpx2.post(
        f"{stack.address}/graphql",
        json={"query": query, "variables": variables},
        headers=stack.headers,
        timeout=30,
    )
    return answer.json()["data"]


def until(met: Callable[[], bool], *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(stack: StackUnderTest, run_id: str) -> str:
    return graphql(stack, RUN, id=run_id)["runOrError"]["status"]


def tags(stack: StackUnderTest, run_id: str) -> dict[str, str]:
    found = graphql(stack, RUN, id=run_id)["runOrError"]["tags"]
    return {t["key"]: t["value"] for t in found}


def ordered_to_end(path: Path, line: bytes) -> list[dict[str, Any]]:
    """Everything the process says that takes the run."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(line)
        return [json.loads(said) for said in connection.makefile("rb")]


def test_a_run_launched_in_the_ui_is_done(stack):
    launched = graphql(stack, LAUNCH, job="numbers_job", config={})
    run_id = launched["launchRun"]["run"]["runId"]

    until(lambda: status(stack, run_id) == "SUCCESS")

    assert "prisma/execution_id" in tags(stack, run_id)


def test_an_ordered_run_says_which_it_is_and_how_it_ended(stack):
    order = RunOrder(job="numbers_job", tags={"why": "tested"})

    taken, ended = ordered_to_end(runs_socket(stack.home), order.line())

    assert ended == {"failure": None}
    run = graphql(stack, RUN, id=taken["run_id"])["runOrError"]
    assert run["status"] == "SUCCESS"
    assert run["repositoryOrigin"], "the UI can show its job and run it once more"
    assert tags(stack, taken["run_id"])["why"] == "tested"


def test_runs_ordered_at_once_are_all_done(stack):
    """More than there are processes ready: the others are started for them."""
    path = str(runs_socket(stack.home))

    run_ids = [order_run(path, RunOrder(job="numbers_job"), seconds=60) for _ in range(6)]

    assert len(set(run_ids)) == 6
    for run_id in run_ids:
        until(lambda run_id=run_id: status(stack, run_id) == "SUCCESS")


def test_a_template_that_changed_is_run_as_it_is_now(stack, numbers):
    """A process that was ready before the change must not do the old work."""
    path = stack.templates / "shifting.yaml"
    versions = []
    for value in (1, 2):
        path.write_text(numbers("shifting", value=value), encoding="utf-8")
        taken, _ = ordered_to_end(runs_socket(stack.home), RunOrder(job="shifting_job").line())
        versions.append(tags(stack, taken["run_id"])["prisma/version"])

    assert versions == ["1", "2"]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (RunOrder(job="nonsense_job"), "nonsense_job"),
        (RunOrder(run_id="00000000-0000-0000-0000-000000000000"), "there is no run"),
    ],
    ids=["job", "run"],
)
def test_an_order_that_cannot_be_done_is_refused_with_a_sentence(stack, order, sentence):
    with pytest.raises(PrismaError, match=sentence):
        order_run(str(runs_socket(stack.home)), order, seconds=30)


def test_nonsense_and_silence_end_nothing(stack):
    """Whoever breaks off costs one process; the next client is served."""
    path = runs_socket(stack.home)
    ordered_to_end(path, b"{not json}\n")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))

    _, ended = ordered_to_end(path, RunOrder(job="numbers_job").line())

    assert ended == {"failure": None}


def test_without_a_run_server_the_sentence_says_what_to_do(tmp_path):
    with pytest.raises(RunsUnavailableError, match="prisma-assets up"):
        order_run(str(tmp_path / "runs.sock"), RunOrder(job="numbers_job"), seconds=1)


def test_a_killed_run_server_is_started_again_and_its_runs_end_with_it(stack):
    [server] = [p for p, name in stack.processes().items() if name == "prisma runs"]
    ready = {p for p, name in stack.processes().items() if name == "prisma standby"}

    os.kill(server, signal.SIGKILL)
    until(lambda: not ready & set(stack.processes()))
    until(lambda: serves(stack))

    taken, ended = ordered_to_end(runs_socket(stack.home), RunOrder(job="numbers_job").line())
    assert ended == {"failure": None}
    assert status(stack, taken["run_id"]) == "SUCCESS"


def serves(stack: Any) -> bool:
    try:
        order_run(str(runs_socket(stack.home)), RunOrder(job="numbers_job"), seconds=30)
    except RunsUnavailableError:
        return False
    return True


@pytest.fixture(scope="module")
def books(stack: Any) -> Path:
    """A sample engagement, big enough that a command can start and cancel its audit under way."""
    return Path(write_sample(stack.home.with_name("books"), lines=300_000).folder)


def audit_under_way(stack: Any, books: Path) -> tuple[str, str]:
    """Execution and Dagster run of an audit in which a step is being worked on."""
    config = {
        "ops": {
            "open_execution": {
                "config": {
                    "inputs": {"engagement": str(books)},
                    "sign_offs": str(books / "sign_offs.yaml"),
                }
            }
        }
    }
    launched = graphql(stack, LAUNCH, job="annual_audit_job", config=config)
    run_id = launched["launchRun"]["run"]["runId"]
    until(lambda: "prisma/execution_id" in tags(stack, run_id))
    execution_id = tags(stack, run_id)["prisma/execution_id"]
    until(lambda: "RUNNING" in step_statuses(stack, execution_id))
    return execution_id, run_id


def report(stack: Any, execution_id: str) -> dict[str, Any]:
    return httpx2.get(
        f"{stack.address}/api/v1/executions/{execution_id}", headers=stack.headers, timeout=30
    ).json()


def step_statuses(stack: Any, execution_id: str) -> set[str]:
    return {s["status"] for s in report(stack, execution_id)["steps"]}


def by_the_ui(stacks: Any, stack: Any, execution_id: str, run_id: str) -> None:
    answer = graphql(stack, TERMINATE, id=run_id)
    assert answer["terminateRun"]["__typename"] == "TerminateRunSuccess"


def by_the_command(stacks: Any, stack: Any, execution_id: str, run_id: str) -> None:
    said = stacks.command(
        stack.home, "cancel", execution_id, "--as", "m.tindlewick", "--reason", "client withdrew"
    )
    assert said.returncode == 0, said.stderr


def by_the_api(stacks: Any, stack: Any, execution_id: str, run_id: str) -> None:
    answer = httpx2.post(
        f"{stack.address}/api/v1/executions/{execution_id}/cancel",
        headers=stack.headers,
        json={"by": "m.tindlewick", "reason": "client withdrew"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.slow
@pytest.mark.parametrize("ask", [by_the_ui, by_the_command, by_the_api])
def test_an_audit_under_way_is_stopped_and_leaves_a_true_state(stacks, stack, books, ask):
    """From outside the process that works on it, while a step computes in a thread."""
    execution_id, run_id = audit_under_way(stack, books)

    ask(stacks, stack, execution_id, run_id)

    until(lambda: status(stack, run_id) == "CANCELED", seconds=10)
    stopped = report(stack, execution_id)
    assert stopped["status"] == "CANCELLED"
    statuses = [s["status"] for s in stopped["steps"]]
    assert "CANCELLED" in statuses
    assert "RUNNING" not in statuses
    assert (stopped["cancel"] is None) == (ask is by_the_ui)
