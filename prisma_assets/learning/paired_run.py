"""Runs both versions of an experiment on the same tasks with known answers, through the gateway, and judges the pairs.

Live work has no part in it. Which tasks there are belongs to `known_answer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask, Arm
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.agents.retry import is_retryable
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.assignment import place
from prisma_assets.domain.experiments.metric import Role
from prisma_assets.domain.experiments.plan import LONGEST_DAYS
from prisma_assets.domain.experiments.running import (
    Judgement,
    RunningExperiment,
    Started,
    UnitOutcome,
)
from prisma_assets.domain.experiments.verdict import Adopt
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.learning.experiment_declaration import known, work_versions
from prisma_assets.learning.experiment_evaluation import code_version, plan_sha256, started_of
from prisma_assets.learning.known_answer import KnownAnswer
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.deployment import DeploymentStore
from prisma_assets.store.experiment import Ending, ExperimentStore, Row
from prisma_assets.store.paired import PAIRED, Pair, PairedStore

WORKFLOW = "paired_run"
"""What budgets of a workflow call it."""
MEASURED = frozenset({"accuracy", "error_rate", "response_time", "cost"})
"""What a task with a known answer tells of a version; nobody rates it."""
RETRIES = 2
"""A provider that is busy for a moment says nothing of a version."""
Variant = Literal["A", "B"]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """An experiment after a run."""

    ab_test_id: str
    judgement: Judgement
    new: int
    """Tasks both versions did now."""
    known_before: int
    """Tasks that were done before and are not done again."""
    calls: int
    """Attempts of calls of all its runs."""
    cost_usd: float | None
    """Of those; None: one has no price."""


async def run(database: Database, firm: Firm, ab_test_id: str, tasks: Sequence[KnownAnswer]) -> Ran:
    """Have both versions do the tasks that they have not done, judge all pairs, and keep the verdict.

    A run that was interrupted is begun again: what is in the ledger of calls is not paid twice.

    Raises:
        InputError: There is no such experiment, it is live or over, or no task tells what it measures.
        PrismaError: A call could not be made; what was done stands, and the next run goes on there.
    """
    async with database.transaction() as turn:
        if not await PairedStore(source=turn).take_turn(ab_test_id):
            raise InputError(
                f"experiment {ab_test_id} is being run by somebody else; wait for them"
            )
        row = await _begun(database, ab_test_id)
        done = {pair["task"]: pair for pair in await PairedStore(source=database).pairs(ab_test_id)}
        fresh = [task for task in tasks if not _is_done(task, done)]
        await _work(database, firm, row, _shuffled(fresh, row))
        judged = await judge(database, firm, row)
    calls, cost = await PairedStore(source=database).cost(ab_test_id)
    return Ran(
        ab_test_id=ab_test_id, judgement=judged, new=len(fresh), known_before=len(done), calls=calls, cost_usd=cost,
    )  # fmt: skip


def _shuffled(tasks: Sequence[KnownAnswer], row: Row) -> list[KnownAnswer]:
    """In an order that their names fix: lists of tasks are sorted by subject, and whoever stops early has seen one subject."""
    return sorted(tasks, key=lambda task: place(task.name, salt=row["assignment_salt"]))


def _is_done(task: KnownAnswer, done: Mapping[str, Row]) -> bool:
    before = done.get(task.name)
    if before is not None and before["task_sha256"] != task.sha256:
        raise InputError(
            f"task '{task.name}' is not what it was when both versions did it; give the changed one another name"
        )
    return before is not None


async def _begun(database: Database, ab_test_id: str) -> Row:
    """The experiment, kept off live work from now on."""
    store = ExperimentStore(source=database)
    row = await known(store, ab_test_id)
    unmeasured = set(row["metrics"]) - MEASURED
    if unmeasured:
        raise InputError(
            f"experiment '{row['name']}' measures {', '.join(sorted(unmeasured))}, which tasks with known answers do not tell; "
            f"they tell {', '.join(sorted(MEASURED))}"
        )
    if not await PairedStore(source=database).begin(ab_test_id):
        raise InputError(
            f"experiment '{row['name']}' is {row['status']}; only one that has not begun is run on tasks with known answers"
        )
    return await known(store, ab_test_id)


# ---- the work


@dataclass(frozen=True, kw_only=True)
class _Served:
    """Serves one experiment's versions; implements `Arms`. The arm stands in the call's id, since each task meets both."""

    arms: Mapping[str, Arm]
    """By variant."""

    def arm_of(self, task: AgentTask) -> Arm | None:
        """The arm of a call of the agent that is compared."""
        arm = self.arms.get(task.call_id.split(":")[2])
        return arm if arm is not None and arm.card.id == task.agent_id else None

    async def expose(self, arm: Arm, task: AgentTask) -> None:
        """Nothing to record: no unit of live work meets a version."""

    def beside(self, task: AgentTask, version: str) -> None:
        """Nothing is compared beside."""


async def _work(database: Database, firm: Firm, row: Row, tasks: Sequence[KnownAnswer]) -> None:
    """Every task by both versions; a pair is stored when both are through."""
    if not tasks:
        return
    arms = {variant: await _arm(database, firm, row, variant) for variant in ("A", "B")}
    others = [await _card_at_work(database, firm, call.agent_id) for call in tasks[0].calls]
    gateway = AgentGateway(
        firm.registry.with_cards(others), firm.providers, PostgresCallLedger(database),
        purse=PostgresPurse(database, workflow=WORKFLOW), arms=_Served(arms=arms),
    )  # fmt: skip
    try:
        for task in tasks:
            await PairedStore(source=database).add(await _pair(gateway, row, task))
    finally:
        await gateway.aclose()


async def _arm(database: Database, firm: Firm, row: Row, variant: Variant) -> Arm:
    version = row["treatment_version"] if variant == "B" else row["control_version"]
    stored = await DeploymentStore(source=database).version(row["agent_id"], version)
    code = firm.registry.get(row["agent_id"])
    if stored is None and code.version != version:
        raise InputError(
            f"version {version} of {row['agent_id']} is gone; declare the experiment anew"
        )
    card = code if stored is None else AgentCard.model_validate_json(stored["card"])
    return Arm(
        ab_test_id=row["ab_test_id"], variant=variant, unit=PAIRED, split=float(row["traffic_split_b"]), card=card,
    )  # fmt: skip


async def _card_at_work(database: Database, firm: Firm, agent_id: str) -> AgentCard:
    _, live = await ExperimentStore(source=database).versions_of(agent_id)
    return AgentCard.model_validate_json(live) if live else firm.registry.get(agent_id)


async def _pair(gateway: AgentGateway, row: Row, task: KnownAnswer) -> Pair:
    control, prices = await _values(gateway, row, task, "A")
    treatment, more = await _values(gateway, row, task, "B")
    return Pair(
        ab_test_id=row["ab_test_id"], task=task.name, task_sha256=task.sha256, control=control, treatment=treatment,
        price_version=max(prices | more, default=None),
    )  # fmt: skip


@dataclass
class _Doing:
    """One version at one task."""

    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    own: list[AgentResult] = field(default_factory=list)
    """What the agent itself gave."""
    error: str | None = None


async def _values(
    gateway: AgentGateway, row: Row, task: KnownAnswer, variant: Variant
) -> tuple[dict[str, float | None], set[str]]:
    """What a task tells of a version, by metric, and the price lists it rests on."""
    doing = await _done(gateway, row, task, variant)
    costs = [result.usage.cost_usd for result in doing.own]
    seconds = sum(result.duration_ms for result in doing.own)
    failed = doing.error is not None
    values = {
        # Work that broke off answers nothing right.
        "accuracy": 0.0 if failed else task.score(doing.steps),
        "error_rate": float(failed),
        "response_time": None if failed else float(seconds),
        "cost": None if failed or None in costs else float(sum(c for c in costs if c is not None)) or None,
    }  # fmt: skip
    prices = {result.usage.price_version for result in doing.own} - {None}
    return {name: values[name] for name in row["metrics"]}, {str(p) for p in prices}


async def _done(gateway: AgentGateway, row: Row, task: KnownAnswer, variant: Variant) -> _Doing:
    """One version at one task. What comes before the agent's own step is the same for both and done once."""
    doing, whose = _Doing(), "both"
    for call in task.calls:
        whose = variant if call.agent_id == row["agent_id"] else whose
        asked = replace(
            call, call_id=f"paired:{row['ab_test_id']}:{whose}:{task.sha256[:24]}:{call.step_id}",
            steps={**call.steps, **doing.steps}, max_retries=RETRIES,
        )  # fmt: skip
        try:
            result = await gateway.call(asked)
        except Exception as error:
            if call.agent_id != row["agent_id"] or not is_own_failure(error):
                raise
            doing.error = str(error)
            return doing
        doing.steps[call.step_id] = result.outputs
        if call.agent_id == row["agent_id"]:
            doing.own.append(result)
    return doing


def is_own_failure(error: Exception) -> bool:
    """Whether a version failed: no money, no connection and no provider are nobody's work, and the call is made again later."""
    return not (isinstance(error, InputError | BudgetRefusedError) or is_retryable(error))


# ---- the judgement


async def judge(database: Database, firm: Firm, row: Row) -> Judgement:
    """Judge all pairs, keep the verdict, and end the experiment where it is decided."""
    running, judged = RunningExperiment(paired_start(row)), datetime.now(UTC)
    running.take(
        outcomes(await PairedStore(source=database).pairs(row["ab_test_id"], as_of=judged))
    )
    async with database.transaction() as tx:
        store = ExperimentStore(source=tx)
        at_work = await work_versions(store, firm.registry)
        found = running.judge(
            now=running.started.started_at, version_at_work=at_work[row["agent_id"]]
        )
        await store.add_verdicts([_verdict(row, running, found)], as_of=judged)
        if found.is_over:
            await _end(tx, row, found)
    return found


def paired_start(row: Row) -> Started:
    """The declaration as it counts for pairs: there are no days to wait for, and no last one."""
    started = started_of(row)
    return replace(
        started, plan=replace(started.plan, split=0.5, min_hours=0, max_days=LONGEST_DAYS)
    )


def outcomes(pairs: Sequence[Row]) -> list[UnitOutcome]:
    """Pairs as units that arrive partner beside partner, so that partners are compared."""
    return [
        UnitOutcome(
            unit=pair["task"], variant=variant, split=0.5, exposed_at=pair["done_at"], values=values,
            price_version=pair["price_version"],
        )
        for pair in pairs
        for variant, values in (("A", pair["control"]), ("B", pair["treatment"]))
    ]  # fmt: skip


async def pairs_behind(source: Database | Transaction, row: Row, *, as_of: datetime) -> str:
    """Hash of the pairs that a look at that moment had read, counted anew."""
    running = RunningExperiment(paired_start(row))
    running.take(outcomes(await PairedStore(source=source).pairs(row["ab_test_id"], as_of=as_of)))
    return running.data_sha256


def _verdict(row: Row, running: RunningExperiment, found: Judgement) -> Row:
    return {
        "ab_test_id": row["ab_test_id"], "verdict": found.word, "reason": found.verdict.reason,
        "decided_at_units": found.decided_at, "units": found.units, "data_sha256": running.data_sha256,
        "plan_sha256": plan_sha256(row), "price_version": running.price_version, "code_version": code_version(),
        "control_version": row["control_version"], "treatment_version": row["treatment_version"],
        "numbers": {**found.numbers, "mode": PAIRED},
    }  # fmt: skip


async def _end(tx: Transaction, row: Row, found: Judgement) -> None:
    """What is decided is over; above low risk, people decide what follows from an adoption."""
    primary = next(m for m in found.numbers["metrics"] if m["role"] == Role.PRIMARY.value)
    is_open = isinstance(found.verdict, Adopt) and row["risk_level"] != "low"
    says = {"adopt": "adopt_treatment", "keep control": "keep_control", "roll back": "rollback"}
    ending = Ending(
        status="completed", ended_at=datetime.now(UTC), decision=None if is_open else says[found.word],
        decided_by=None if is_open else "experiment_verdict", effect=primary["effect"], low=primary["low"], high=primary["high"],
        notes=found.verdict.reason,
    )  # fmt: skip
    await ExperimentStore(source=tx).end({row["ab_test_id"]: ending})
