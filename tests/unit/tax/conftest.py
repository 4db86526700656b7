"""Entities of a group, the year 2025, and a way to run the tax steps on the sample."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.embedded.assignment import TAX_ASSIGNMENTS
from prisma_assets.agents.embedded.provider import _step_function
from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.workpaper import StepResult
from prisma_assets.domain.tax.corporate import Computation, NotComputed, compute
from prisma_assets.domain.tax.facts import TaxEntity
from prisma_assets.engagement.folder import EngagementFolder, read_engagement
from prisma_assets.engagement.sample.tax import TaxSample, write_tax_sample

AS_OF = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def entity() -> Callable[..., TaxEntity]:
    """A Maltese company that earned 1,000,000; override by keyword."""

    def make(**facts: Any) -> TaxEntity:
        return TaxEntity(
            **{"name": "Acme", "jurisdiction": "MT", "profit_before_tax": 1_000_000, **facts}
        )

    return make


@pytest.fixture
def computed(entity: Callable[..., TaxEntity]) -> Callable[..., Computation | NotComputed]:
    """The tax of such a company for 2025, or for other days."""

    def make(
        start: date = date(2025, 1, 1), end: date = date(2025, 12, 31), **facts: Any
    ) -> Computation | NotComputed:
        return compute(entity(**facts), start=start, end=end)

    return make


@pytest.fixture(scope="session")
def tax_sample(tmp_path_factory: pytest.TempPathFactory) -> TaxSample:
    """The sample group, written once; read it, do not change it."""
    return write_tax_sample(tmp_path_factory.mktemp("tax") / "group")


@pytest.fixture(scope="session")
def sample_folder(tax_sample: TaxSample) -> EngagementFolder:
    return read_engagement(Path(tax_sample.folder))


def run_tax_step(
    name: str,
    engagement: Engagement,
    *,
    books: Books | None = None,
    steps: dict[str, Any] | None = None,
    **asked: Any,
) -> StepResult:
    step_id = f"t{list(TAX_ASSIGNMENTS).index(name) + 1:02d}"
    task = AgentTask(
        call_id=step_id,
        agent_id="tax-test-001",
        task=name,
        step_id=step_id,
        steps=steps or {},
        as_of=AS_OF,
        **asked,
    )
    return _step_function(name)(StepWork(engagement=engagement, books=books or Books(), task=task))


@pytest.fixture
def run_step() -> Callable[..., StepResult]:
    """Runs one step as the provider does."""
    return run_tax_step


@pytest.fixture(scope="session")
def sample_results(sample_folder: EngagementFolder) -> dict[str, StepResult]:
    """All seven steps on the sample, outputs handed on as JSON."""
    results: dict[str, StepResult] = {}
    outputs: dict[str, Any] = {}
    for number, name in enumerate(TAX_ASSIGNMENTS, start=1):
        result = run_tax_step(
            name, sample_folder.engagement, books=sample_folder.books, steps=outputs
        )
        results[f"t{number:02d}"] = result
        outputs[f"t{number:02d}"] = json.loads(json.dumps(result.outputs, allow_nan=False))
    return results
