"""What time does to sign-offs: reminders, escalation, rejection. Each happens once, in one transaction with the word of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.notification import sign_off as told
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.domain.workflow.deadline import Remind, due_now, next_due_seconds, span
from prisma_assets.domain.workflow.sign_off import CLOCK
from prisma_assets.domain.workflow.template import Step
from prisma_assets.engine.asking import ask, audience, subject_of
from prisma_assets.engine.library import TemplateLibrary
from prisma_assets.engine.pinning import pinned_template
from prisma_assets.engine.question import Question, Sheet, question
from prisma_assets.store.database import Transaction
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.sign_off import DueSignOff, SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import NewSignOff

BATCH = 200
"""Sign-offs of one look at the clock; those left are due still."""

Done = Literal["reminded", "escalated", "rejected", "asked again", "nothing"]


@dataclass(frozen=True, kw_only=True)
class SignOffClock:
    """Looks at the time for sign-offs that wait."""

    store: WorkflowStore
    library: TemplateLibrary
    now: datetime

    async def look(self) -> list[tuple[DueSignOff, Done]]:
        """Do what is due, longest overdue first."""
        due = await SignOffStore(source=self.store.database).due(self.now, BATCH)
        return [(each, await self._look_at(each)) for each in due]

    async def _look_at(self, due: DueSignOff) -> Done:
        execution = await self.store.execution(due.execution_id)
        if execution is None:
            return "nothing"
        try:
            template = await pinned_template(self.store.database, execution, self.library)
        except InputError:
            # Nothing continues it, and whoever tries is told why; others must not wait for that.
            await SignOffStore(source=self.store.database).rest(due)
            return "nothing"
        step = template.step(due.step_id)
        async with self.store.database.transaction() as tx:
            # What others have done meanwhile is seen from here on, and not done again.
            await self.store.lock(tx, due.execution_id)
            records = await self.store.steps(due.execution_id, tx)
            sheet = Sheet(template=template, execution=execution, records=records)
            asked = await _asked(tx, sheet, step, due)
            if asked is None:
                await SignOffStore(source=tx).rest(due)
                return "nothing"
            if asked.request.asked_at is None:
                await SignOffStore(source=tx).rest(due)
                await ask(tx, asked)
                return "asked again"
            return await self._act(tx, due, asked, since=asked.request.asked_at)

    async def _act(
        self, tx: Transaction, due: DueSignOff, asked: Question, *, since: datetime
    ) -> Done:
        gate = asked.step.sign_off
        if gate is None:
            return "nothing"
        request = asked.request
        event = due_now(
            gate,
            waited_seconds=(self.now - since).total_seconds(),
            reminders=request.reminders,
            is_expired=request.expired_at is not None,
        )
        done: Done = "nothing"
        if isinstance(event, Remind):
            done, request = "reminded", replace(request, reminders=event.number)
            await _tell(
                tx,
                told.reminder(subject_of(asked), audience(asked), count=event.number, since=since),
            )
        elif event is not None and gate.expires is not None:
            request = replace(request, expired_at=self.now)
            done = await _expire(tx, asked, replace(asked, request=request), since)
        next_due = (
            None
            if done == "rejected"
            else next_due_seconds(
                gate, reminders=request.reminders, is_expired=request.expired_at is not None
            )
        )
        await SignOffStore(source=tx).wind(due.execution_id, request, next_due_seconds=next_due)
        return done


async def _asked(
    tx: Transaction, sheet: Sheet, step: Step | None, due: DueSignOff
) -> Question | None:
    """What is asked now; None when that request is over: decided, taken over by a later one, or its step is done again."""
    latest = await SignOffStore(source=tx).request(due.execution_id, due.step_id)
    record = sheet.records.get(due.step_id)
    is_latest = latest is not None and (latest.iteration, latest.number) == (
        due.iteration,
        due.number,
    )
    if step is None or not is_latest or record is None or record.status != "WAITING_APPROVAL":
        return None
    asked = await question(tx, sheet, step)
    return asked if asked.missing else None


async def _expire(tx: Transaction, asked: Question, after: Question, since: datetime) -> Done:
    """Escalate or reject.

    Args:
        tx: Holds the execution's row.
        asked: As it was asked until now.
        after: As it is asked once its time is over.
        since: When it was asked.
    """
    if after.escalated_to is not None:
        news = told.escalated(
            subject_of(asked), audience(after), to=after.escalated_to, since=since
        )
        await _tell(tx, news)
        return "escalated"
    expiry = asked.step.sign_off.expires if asked.step.sign_off is not None else None
    if expiry is None:
        return "nothing"
    reason = f"nobody decided within {span(expiry.after)}"
    await _tell(tx, told.expired(subject_of(asked), audience(asked), reason=reason, since=since))
    rejection = NewSignOff(
        execution_id=asked.sheet.execution.id,
        step_id=asked.step.id,
        user=CLOCK,
        decision="reject",
        comment=reason,
        iteration=asked.request.iteration,
        shown=asked.request.shown,
    )
    await SignOffStore(source=tx).add(rejection)
    return "rejected"


async def _tell(tx: Transaction, news: Notification) -> None:
    await NotificationStore(source=tx).add(news)
