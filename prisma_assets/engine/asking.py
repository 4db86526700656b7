"""Puts a step's result before those who sign, and tells them so in the same transaction."""

from prisma_assets.domain.notification import sign_off as told
from prisma_assets.domain.notification.notification import Recipient
from prisma_assets.domain.workflow.deadline import next_due_seconds
from prisma_assets.domain.workflow.template import Step
from prisma_assets.engine.question import Question
from prisma_assets.engine.stale import stale_sign_offs
from prisma_assets.store.database import Transaction
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.sign_off import SignOffStore


async def ask(tx: Transaction, asked: Question) -> None:
    """Record what is shown, from when on reminders and expiry count, and tell those whose signature is missing.

    Asking what has been asked changes nothing; once somebody has signed, the next person's turn is news.

    Args:
        tx: Holds the execution's row.
        asked: What is asked; its request is stored unless it is.
    """
    if asked.request.asked_at is None:
        await SignOffStore(source=tx).ask(
            asked.sheet.execution.id, asked.request, due_in_seconds=_due_in_seconds(asked.step)
        )
    if not asked.missing:
        return
    subject, people = subject_of(asked), audience(asked)
    stale = await stale_sentences(tx, asked)
    news = told.gone_stale(subject, people, stale) if stale else told.asked(subject, people)
    await NotificationStore(source=tx).add(news)


async def stale_sentences(source: Transaction, asked: Question) -> tuple[str, ...]:
    """Who had signed the step before, and what changed since: a sentence each."""
    if asked.request.is_first:
        return ()
    found = await stale_sign_offs(source, asked.sheet)
    return tuple(s.sentence for s in found if s.step_id == asked.step.id)


def _due_in_seconds(step: Step) -> float | None:
    return next_due_seconds(step.sign_off) if step.sign_off is not None else None


def subject_of(asked: Question) -> told.SignOffSubject:
    """What a notification says of the sign-off it is about."""
    execution = asked.sheet.execution
    return told.SignOffSubject(
        execution_id=execution.id,
        template_title=asked.sheet.template.title,
        engagement_id=execution.engagement_id,
        client_id=execution.client_id,
        step_id=asked.step.id,
        step_title=asked.step.title,
        iteration=asked.request.iteration,
        number=asked.request.number,
        roles=asked.missing,
        signed=len(asked.rows),
    )


def audience(asked: Question) -> tuple[Recipient, ...]:
    """Those whose signature would count now."""
    team = asked.sheet.execution.context.get("team", [])
    emails = {m["user"]: m.get("email") for m in team}
    return tuple(
        Recipient(user=user, email=emails.get(user))
        for user in asked.people
        if asked.may_sign(user)
    )
