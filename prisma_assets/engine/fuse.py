"""Stops an execution whose paid calls go round in circles, before the next one is made. Budgets are the purse's."""

from collections import Counter
from dataclasses import dataclass, field

from prisma_assets.agents.contract import AgentTask
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.monitoring.alert import Alert, Subject
from prisma_assets.domain.monitoring.alert_rule import DAY, Condition, Kind, Metric
from prisma_assets.domain.monitoring.runaway import MOST_EQUAL, most_attempts, runaway
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.branches import MAX_BRANCHES
from prisma_assets.engine.record import input_sha256
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database

RULE = "runaway_calls"
"""What the alerts have in common; the subject tells them apart."""
_ACTION = (
    "read why its step asks again, mend that, then resume the execution tomorrow or start another"
)


class RunawayError(PermanentError):
    """An execution calls an agent over and over; mend what asks again before it is resumed."""


@dataclass
class Fuse:
    """Counts the paid attempts of one run of one execution."""

    database: Database
    execution_id: str
    template: Template
    _calls: Counter[str] | None = None
    """Attempts of each call within a day, by earlier runs and this one; None: nobody has asked yet."""
    _work: Counter[str] = field(default_factory=Counter)
    """Attempts of this run at equal work."""

    async def check(self, task: AgentTask) -> None:
        """Count one more attempt.

        Raises:
            RunawayError: It would be one of a loop; an alert says so.
        """
        if self._calls is None:
            earlier = await self._earlier()
            # Another call may have come first.
            self._calls = earlier if self._calls is None else self._calls
        work = f"{task.agent_id}:{task.task}:{input_sha256(task)}:{len(task.review_notes)}"
        equal = max(self._calls[task.call_id], self._work[work])
        most = most_attempts(self.template, branches=MAX_BRANCHES)
        reason = runaway(equal=equal, attempts=self._work.total(), most=most)
        if reason is not None:
            await self._stop(task, reason, equal)
        self._calls[task.call_id] += 1
        self._work[work] += 1

    async def _earlier(self) -> Counter[str]:
        rows = await self.database.fetch(
            "attempts_of_late", {"execution_id": self.execution_id, "seconds": DAY}
        )
        return Counter({row["call_id"]: row["attempts"] for row in rows})

    async def _stop(self, task: AgentTask, reason: str, equal: int) -> None:
        message = f"stopped before another call of {task.agent_id}: {reason}"
        alert = Alert(
            rule_id=RULE, kind=Kind.THRESHOLD, metric=Metric.REPEATED_CALLS, condition=Condition.GREATER_THAN,
            subject=Subject(
                scope="workflow", id=f"{self.execution_id}:{task.step_id}", execution_id=self.execution_id,
                title=f"{self.template.name}, step {task.step_id}",
            ),
            value=equal, threshold=MOST_EQUAL, n=equal, window_seconds=DAY, severity="critical", message=message, action=_ACTION,
        )  # fmt: skip
        await AlertStore(source=self.database).raise_all([alert])
        raise RunawayError(f"step {task.step_id} {message}; {_ACTION}")
