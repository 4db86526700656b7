"""Finds the sign-offs of an execution that count no more, with what changed since they were given."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from prisma_assets.domain.workflow.execution import DONE, StepRecord
from prisma_assets.domain.workflow.shown import (
    Result,
    Shown,
    StepChange,
    changed_steps,
    step_change,
)
from prisma_assets.domain.workflow.stale import StaleSignOff
from prisma_assets.engine.question import Sheet
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.sign_off import SignOffStore
from prisma_assets.store.workflow_record import SignOffRequest, SignOffRow

Outputs = Mapping[tuple[str, int], Mapping[str, Any]]


def is_stale(
    request: SignOffRequest | None, step_id: str, records: Mapping[str, StepRecord]
) -> bool:
    """Whether a step is signed, but on results that are not there any more.

    Args:
        request: The latest time it was put before those who sign; None when it never was.
        step_id: The step.
        records: Latest iteration of every step begun.
    """
    record = records.get(step_id)
    return (
        request is not None
        and record is not None
        and record.status == "COMPLETED"
        and record.iteration == request.iteration
        and bool(changed_steps(request.shown, records))
    )


async def stale_sign_offs(source: Database | Transaction, sheet: Sheet) -> list[StaleSignOff]:
    """Approvals that count no more and have not been given again, in the order they were given."""
    store = SignOffStore(source=source)
    execution_id = sheet.execution.id
    rows = [r for r in await store.all(execution_id) if r.decision == "approve"]
    if not rows:
        return []
    first = await store.first_shown(execution_id)
    open_steps = _open_steps(await store.requests(execution_id), sheet)
    stale: dict[tuple[str, str], tuple[SignOffRow, Shown]] = {}
    for row in rows:
        shown = row.shown if row.shown is not None else first.get(row.step_id)
        if row.step_id not in open_steps or shown is None:
            continue
        stale.pop((row.step_id, row.user), None)  # signed again since
        if changed_steps(shown, sheet.records):
            stale[row.step_id, row.user] = (row, shown)
    changed = {i for _, shown in stale.values() for i in changed_steps(shown, sheet.records)}
    outputs = await store.outputs(execution_id, changed) if changed else {}
    return [_told(row, shown, sheet, outputs) for row, shown in stale.values()]


def _open_steps(requests: Mapping[str, SignOffRequest], sheet: Sheet) -> frozenset[str]:
    """Steps whose result is not validly signed: an earlier signature on them matters to whoever signs now."""
    return frozenset(
        step_id
        for step_id, record in sheet.records.items()
        if record.status not in DONE or is_stale(requests.get(step_id), step_id, sheet.records)
    )


def _told(row: SignOffRow, shown: Shown, sheet: Sheet, outputs: Outputs) -> StaleSignOff:
    changed = changed_steps(shown, sheet.records)
    return StaleSignOff(
        step_id=row.step_id,
        user=row.user,
        role=row.role,
        signed_at=row.decided_at.astimezone(UTC),
        changes=[
            _change(s.id, shown[s.id], sheet.records.get(s.id), outputs)
            for s in sheet.template.steps
            if s.id in changed
        ],
    )


def _change(step_id: str, was: Result, record: StepRecord | None, outputs: Outputs) -> StepChange:
    if record is None or record.iteration == was.iteration:
        return step_change(step_id, was, record, None)
    # Both from the store: what a step has just produced need not yet be what JSON makes of it.
    now = replace(record, outputs=outputs.get((step_id, record.iteration), {}))
    return step_change(step_id, was, now, outputs.get((step_id, was.iteration)))
