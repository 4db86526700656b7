"""Both versions of an agent on the same tasks with known answers: real gateway, ledger and database; the language model is scripted."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentResult, Usage
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError, PermanentError, RetryableError
from prisma_assets.domain.experiments.plan import Plan, planned_metrics
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.learning.experiment_declaration import declare, known, start
from prisma_assets.learning.experiment_evaluation import code_version
from prisma_assets.learning.known_answer import engagements, questions
from prisma_assets.learning.paired_run import run
from prisma_assets.learning.release import Proposal, propose
from prisma_assets.learning.verdict_replay import replay
from prisma_assets.store.experiment import ExperimentStore

WRITER = "audit-doc-044"
NOW = datetime.now(UTC)


class Model:
    """Knows every answer when asked to be careful, and every other one when not."""

    name = "model"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails: dict[int, Exception] = {}
        """What the call of that number ends with."""

    async def start(self, card):
        return card

    async def call(self, _instance, card, task):
        self.calls.append(task.call_id)
        if (error := self.fails.get(len(self.calls))) is not None:
            raise error
        number = task.inputs["number"]
        is_right = "careful" in (card.prompt or "") or number % 2 == 0
        cost = Decimal(20 + number % 7 + ("careful" in (card.prompt or ""))) / 10_000
        usage = Usage(provider=self.name, model="m", tokens_in=90, tokens_out=8, cost_usd=cost)
        return AgentResult(outputs={"answer": f"A{number if is_right else 'x'}"}, usage=usage)

    async def stop(self, instance):
        """Nothing to release."""


def firm(model: Model) -> Firm:
    cards = [
        card.model_copy(update={"provider": "model", "prompt": "Write notes."}) if card.id == WRITER else card
        for card in firm_cards()
    ]  # fmt: skip
    return Firm(registry=AgentRegistry(cards), providers={"model": model})


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def declared(facts, model) -> str:
    """An experiment of high risk: accuracy decides, errors are guarded."""
    plan = Plan(
        name="careful", hypothesis="Who is told to be careful is.", agent_id=WRITER, changes={"prompt": "Be careful."},
        metrics=planned_metrics(["accuracy", "cost"], guardrails={"error_rate": 0.2, "cost": 0.5}), unit="engagement", split=0.5,
        risk="high",
    )  # fmt: skip
    made = facts.do(declare, plan, registry=firm(model).registry, created_by="ana", min_samples=40)
    facts.query(
        "update ab_tests set assignment_salt = 'fixed'"
    )  # the same order of tasks every time
    return str(made.id)


@pytest.fixture
def asked(tmp_path):
    def write(numbers: range, *, right: str = "A") -> Any:
        file = tmp_path / "tasks.yaml"
        tasks = [
            f"- {{name: t{n}, task: answer, inputs: {{number: {n}}}, expected: {{answer: {right}{n}}}}}" for n in numbers
        ]  # fmt: skip
        file.write_text("tasks:\n" + "\n".join(tasks) + "\n", encoding="utf-8")
        return questions(file, WRITER)

    return write


def test_the_better_version_is_adopted_and_nothing_is_done_twice(facts, model, declared, asked):
    """Stopped after some tasks and begun again with more: what was done counts, and is not paid again."""
    first = facts.do(run, firm(model), declared, asked(range(12)))
    assert (first.new, first.judgement.word, first.judgement.units) == (12, "inconclusive", 24)

    ran = facts.do(run, firm(model), declared, asked(range(140)))

    assert (ran.new, ran.known_before, ran.judgement.word) == (128, 12, "adopt"), ran.judgement
    assert (len(model.calls), len(set(model.calls))) == (280, 280)
    assert (ran.calls, ran.cost_usd) == (280, pytest.approx(0.658))
    row = facts.do(row_of, declared)
    assert (row["status"], row["mode"], row["decision"], row["verdict"]) == ("completed", "paired", None, "adopt")  # fmt: skip
    assert facts.query("select count(*) from experiment_exposures") == [(0,)], "live work has no part in it"  # fmt: skip

    deployment = facts.do(propose, firm(model).registry, proposal(row), now=NOW)
    assert (deployment.stage, deployment.ab_test_id) == ("pending_approval", declared)
    again = facts.do(replay, code_version=code_version())
    assert [(r.was, r.would_be, r.data_changed) for r in again] == [
        ("inconclusive", "inconclusive", False), ("adopt", "adopt", False),
    ]  # fmt: skip


def test_a_version_that_breaks_off_is_no_task_less(facts, model, declared, asked):
    """Its error counts against it; a provider that is away counts against nobody and the run goes on later."""
    model.fails = {1: PermanentError("no notes"), 4: RetryableError("busy"), 5: RetryableError("busy"), 6: RetryableError("busy")}  # fmt: skip
    with pytest.raises(RetryableError, match="busy"):
        facts.do(run, firm(model), declared, asked(range(3)))
    ran = facts.do(run, firm(model), declared, asked(range(3)))

    errors = next(m for m in ran.judgement.numbers["metrics"] if m["name"] == "error_rate")
    assert errors["n"] == {"A": 3, "B": 3}
    assert errors["mean"] == {"A": pytest.approx(1 / 3), "B": 0}
    assert (ran.known_before, ran.new) == (1, 2)


def test_it_never_becomes_a_live_experiment(facts, model, declared, asked):
    approval = Approval(user="max", role="PARTNER")
    with pytest.raises(InputError, match="a change of high risk is never tried on client files"):
        facts.do(start, declared, registry=firm(model).registry, approval=approval)
    assert facts.do(row_of, declared)["status"] == "draft"


def test_what_tells_nothing_is_refused(facts, model, declared, asked, tmp_path):
    facts.do(run, firm(model), declared, asked(range(2)))
    with pytest.raises(InputError, match="task 't0' is not what it was"):
        facts.do(run, firm(model), declared, asked(range(2), right="B"))
    with pytest.raises(InputError, match="no procedure of audit-doc-044 has an outcome"):
        engagements([tmp_path], WRITER)
    with pytest.raises(InputError, match=r"no measure of its outcome: beside it lies no .*planted\.json"):  # fmt: skip
        engagements([tmp_path], "audit-analytics-017")
    unknown = facts.do(row_of, declared)
    with pytest.raises(InputError, match="says inconclusive; only what it adopts"):
        facts.do(propose, firm(model).registry, proposal(unknown), now=NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: []", "tasks"),
        ("tasks:\n- {name: a, task: x}\n", "task 'a' has no measure of its outcome"),
        ("tasks:\n- {name: a, task: x, expected: {y: 1}}\n- {name: a, task: x, expected: {y: 2}}\n", "two tasks are called 'a'"),
        ("tasks:\n- {name: a, task: x, expected: {y: 1}, engagement: nowhere}\n", "nowhere is no folder"),
        ("tasks:\n- {name: a, task: x, expect: {y: 1}}\n", "expect"),
    ],
)  # fmt: skip
def test_a_file_without_outcomes_is_one_sentence(tmp_path, text, said):
    file = tmp_path / "tasks.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        questions(file, WRITER)


def proposal(row) -> Proposal:
    return Proposal(agent_id=WRITER, version=row["treatment_version"], by="ana", risk="high", ab_test_id=row["ab_test_id"])  # fmt: skip


async def row_of(database, ab_test_id):
    return await known(ExperimentStore(source=database), ab_test_id)
