"""A template dropped into the folder or changed there, while the product runs: the job appears, and what has begun goes on."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.engagement.sample.write import write_sample
from tests.web.conftest import StackUnderTest

EXAMPLE = Path(__file__).parents[2] / "docs/examples/templates/month_end_close.yaml"
LOCATION = {"repositoryLocationName": "prisma_assets", "repositoryName": "__repository__"}
WAIT_SECONDS = 90

JOBS = """query($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) { ... on Repository { jobs { name } } } }"""
RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "prisma_assets") {
  __typename ... on WorkspaceLocationEntry { loadStatus locationOrLoadError { __typename } } } }"""
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }"""


class Ui:
    """What a person does in the Dagster UI."""

    def __init__(self, stack: StackUnderTest) -> None:
        self._stack = stack

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self._stack.address}/graphql",
            body,
            {"Content-Type": "application/json", **self._stack.headers},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            said = json.load(answer)
        assert "errors" not in said, said
        return said["data"]

    def jobs(self) -> set[str]:
        found = self.ask(JOBS, selector=LOCATION)["repositoryOrError"]
        return {job["name"] for job in found["jobs"]}

    def reload(self) -> None:
        entry = self.ask(RELOAD)["reloadRepositoryLocation"]
        assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry

    def launch(self, job: str, config: dict[str, Any]) -> str:
        """Launch the job and wait until its run has ended well; gives the execution's id."""
        params = {
            "selector": {**LOCATION, "jobName": job},
            "runConfigData": {"ops": {"open_execution": {"config": config}}},
        }
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        run = until(lambda: self._ended(run_id))
        assert run["status"] == "SUCCESS"
        return next(t["value"] for t in run["tags"] if t["key"] == "prisma/execution_id")

    def _ended(self, run_id: str) -> Any:
        run = self.ask(RUN, id=run_id)["runOrError"]
        return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None


def until(look: Callable[[], Any]) -> Any:
    """Wait until there is something to see."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return seen


@pytest.fixture
def office(stacks, home) -> Iterator[tuple[Ui, Path, Callable[..., Any]]]:
    """A product of its own: its UI, its folder for templates, and the command on it."""
    started = stacks.start(home)

    def command(*arguments: str) -> Any:
        said = stacks.command(home, *arguments, "--json")
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    try:
        started.wait_until_ready()
        yield Ui(started), started.templates, command
    finally:
        started.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_template_dropped_in_and_changed_while_the_product_runs(office, tmp_path):
    """The example becomes a job on reload and completes; changed, both contents run side by side, each its own."""
    ui, folder, command = office
    books = write_sample(tmp_path / "books", lines=8_000).folder
    signed = tmp_path / "sign_offs.yaml"
    signed.write_text("sign_offs:\n  - {step: c05, user: m.tindlewick, comment: cleared}\n")
    inputs = {"inputs": {"engagement": str(books)}}
    assert "month_end_close_job" not in ui.jobs()

    file = folder / EXAMPLE.name
    file.write_text(EXAMPLE.read_text())
    ui.reload()
    first = ui.launch("month_end_close_job", {**inputs, "sign_offs": str(signed)})
    waiting = ui.launch("month_end_close_job", inputs)
    file.write_text(EXAMPLE.read_text().replace('version: "1.0"', 'version: "1.1"'))
    until(lambda: len([j for j in ui.jobs() if j.startswith("month_end_close_")]) == 2)
    second = ui.launch("month_end_close_job", {**inputs, "sign_offs": str(signed)})
    command("approve", waiting, "c05", "--as", "m.tindlewick", "--comment", "cleared")
    until(lambda: command("status", waiting)["status"] == "COMPLETED")

    versions = {i: command("status", i)["template_version"] for i in (first, waiting, second)}
    assert {i: command("status", i)["status"] for i in versions} == dict.fromkeys(
        versions, "COMPLETED"
    )
    assert versions == {first: "1.0", waiting: "1.0", second: "1.1"}
