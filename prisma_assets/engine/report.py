"""What there is to say about an execution: its steps, what it waits for, what it took and cost. Printing it belongs to the command line."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from prisma_assets.domain.workflow.shown import shown_sha256
from prisma_assets.domain.workflow.stale import StaleSignOff
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.question import Question, Sheet
from prisma_assets.engine.sign_off import open_questions
from prisma_assets.engine.stale import stale_sign_offs
from prisma_assets.store.cancel import cancel_request
from prisma_assets.store.compensation import CompensationRow, CompensationStore
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow import WorkflowStore
from prisma_assets.store.workflow_record import Execution, SignOffRow, StepRow


async def report(store: WorkflowStore, execution: Execution, template: Template) -> dict[str, Any]:
    """The execution and its steps as one JSON object; times in milliseconds, cost in US dollars, null when not known."""
    rows = await store.steps(execution.id)
    sheet = Sheet(template=template, execution=execution, records=rows)
    questions = await open_questions(store, execution, template)
    compensations = CompensationStore(database=store.database)
    cancelled = await cancel_request(store.database, execution.id)
    return {
        "execution_id": execution.id,
        "template": execution.template_name,
        "template_version": execution.template_version,
        "template_sha256": execution.template_sha256,
        "status": execution.status,
        "steps": [_step(s.id, s.name, s.agent, rows.get(s.id)) for s in template.in_order()],
        "waiting_for": {step: list(asked.missing) for step, asked in questions.items()},
        "not_to_be_approved": {
            step: asked.unmet for step, asked in questions.items() if asked.unmet
        },
        "open_sign_offs": {step: _open(asked) for step, asked in questions.items()},
        "sign_offs": [
            _given(r) for r in await SignOffStore(source=store.database).all(execution.id)
        ],
        "stale_sign_offs": [_stale(s) for s in await stale_sign_offs(store.database, sheet)],
        "compensations": [_compensation(r) for r in await compensations.all(execution.id)],
        "redos": [asdict(r) for r in await store.redos(execution.id)],
        "duration_ms": worked_ms(rows.values()),
        "cost_usd": float(execution.cost_usd) if execution.cost_usd is not None else None,
        "error": execution.error,
        "cancel": asdict(cancelled) if cancelled is not None else None,
        "engagement_id": execution.engagement_id,
        "client_id": execution.client_id,
        "created_by": execution.created_by,
        "created_at": execution.created_at,
        "dagster_run_ids": await store.runs(execution.id),
    }


def _open(asked: Question) -> dict[str, Any]:
    """What somebody needs to know who is to sign."""
    request, gate = asked.request, asked.step.sign_off
    expires = gate.expires if gate is not None else None
    until = (
        request.asked_at + timedelta(seconds=expires.after)
        if expires and request.asked_at
        else None
    )
    return {
        "shown_sha256": shown_sha256(request.shown),
        "shown_steps": sorted(request.shown),
        "iteration": request.iteration,
        "asked_times": request.number,
        "asked_at": request.asked_at,
        "roles": list(asked.roles),
        "missing": list(asked.missing),
        "in_turn": gate is not None and gate.in_turn,
        "signed": [_given(r) for r in asked.rows],
        "may_sign": sorted(u for u in asked.people if asked.missing and asked.may_sign(u)),
        "expires_at": until,
        "then": expires.then if expires else None,
        "escalated_to": asked.escalated_to,
        "sent_back_to": list(gate.rework or (asked.step.id,)) if gate is not None else [],
    }


def _given(row: SignOffRow) -> dict[str, Any]:
    return {
        "step_id": row.step_id,
        "iteration": row.iteration,
        "user": row.user,
        "role": row.role,
        "decision": row.decision,
        "comment": row.comment,
        "given_in_advance": row.given_in_advance,
        "decided_at": row.decided_at,
        "shown_sha256": shown_sha256(row.shown) if row.shown is not None else None,
    }


def _compensation(row: CompensationRow) -> dict[str, Any]:
    return {**asdict(row), "cost_usd": float(row.cost_usd) if row.cost_usd is not None else None}


def _stale(sign_off: StaleSignOff) -> dict[str, Any]:
    return {**asdict(sign_off), "sentence": sign_off.sentence}


def _step(step_id: str, name: str, agent: str | None, row: StepRow | None) -> dict[str, Any]:
    if row is None:
        return {
            "step_id": step_id, "name": name, "status": "PENDING", "agent_id": agent, "duration_ms": None,
            "cost_usd": None, "iteration": 1, "outputs": {}, "error": None, "workpaper": None,
            "agent_version": None, "attempts": 0, "is_cached": False,
        }  # fmt: skip
    return {
        "step_id": step_id,
        "name": name,
        "status": row.status,
        "agent_id": agent,
        "duration_ms": row.duration_ms,
        "cost_usd": float(row.cost_usd) if row.cost_usd is not None else None,
        "iteration": row.iteration,
        "outputs": row.outputs,
        "error": row.error,
        "workpaper": row.workpaper,
        "agent_version": row.agent_version,
        "attempts": row.attempt,
        "is_cached": row.cached_call_id is not None,
    }


def worked_ms(rows: Iterable[StepRow]) -> int | None:
    """Time in which at least one of the steps was being worked on, in milliseconds; None before the first result.

    Start to end would grow with every day a sign-off waits; a sum over steps would count what ran side by side twice.
    """
    spans = sorted(
        (r.started_at, r.started_at + timedelta(milliseconds=r.duration_ms))
        for r in rows
        if r.started_at is not None and r.duration_ms is not None
    )
    if not spans:
        return None
    worked = timedelta()
    until = spans[0][0]
    for start, end in spans:
        worked += max(end - max(start, until), timedelta())
        until = max(until, end)
    return round(worked.total_seconds() * 1000)
