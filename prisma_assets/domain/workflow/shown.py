"""What a person has in front of them when signing a step, and whether that is still what is there.

A signature rests on the step's own result and on every result upstream. Pure: records in, differences out.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prisma_assets.domain.workflow.execution import RESTED, StepRecord
from prisma_assets.domain.workflow.template import Template

_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one step, as it was shown."""

    iteration: int
    sha256: str | None
    """None: the step had ended without a result (skipped, failed)."""


Shown = Mapping[str, Result]
"""By step id: the step that is signed and everything upstream that had ended by then."""


@dataclass(frozen=True, kw_only=True)
class KeyChange:
    """One output that is not what it was."""

    key: str
    """Path of the output, e.g. `materiality.overall`."""
    before: Any
    """None also when there was no such output."""
    after: Any


@dataclass(frozen=True, kw_only=True)
class StepChange:
    """One step whose result is not the one that was shown."""

    step_id: str
    iteration_before: int
    iteration_after: int | None
    """None: the step has no record any more."""
    is_under_way: bool
    """The new result is not there yet."""
    keys: tuple[KeyChange, ...] | None
    """Outputs that differ; None: not known, because the result is under way or the earlier one is not kept."""

    @property
    def news(self) -> str:
        """What became of the step, without its name; long values are cut."""
        if self.iteration_after is None:
            return "gone"
        if self.is_under_way:
            return "being done again"
        if self.keys is None:
            return "changed in place, the earlier outputs not kept"
        if not self.keys:
            return "done again with the same outputs"
        told = ", ".join(f"{c.key} from {_short(c.before)} to {_short(c.after)}" for c in self.keys)
        return f"done again, {told}"


def shown_of(template: Template, step_id: str, records: Mapping[str, StepRecord]) -> Shown:
    """What somebody who signs the step now has in front of them.

    Args:
        template: The execution's.
        step_id: A step whose work is done.
        records: Latest iteration of every step begun.
    """
    upstream = template.upstream(step_id)
    return {
        s.id: Result(iteration=records[s.id].iteration, sha256=records[s.id].output_sha256)
        for s in template.steps
        if s.id == step_id
        or (s.id in upstream and s.id in records and records[s.id].status in RESTED)
    }


def shown_sha256(shown: Shown) -> str:
    """Hash of what was shown: equal hashes are equal results of the same steps and iterations."""
    content = json.dumps(as_json(shown), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def as_json(shown: Shown) -> dict[str, Any]:
    """The form in which it is stored."""
    # Spelt out: `asdict` copies deeply, and a late sign-off of a large template shows hundreds of results.
    return {i: {"iteration": r.iteration, "sha256": r.sha256} for i, r in shown.items()}


def from_json(stored: Mapping[str, Any]) -> Shown:
    """What was stored."""
    return {step_id: Result(**result) for step_id, result in stored.items()}


def changed_steps(shown: Shown, records: Mapping[str, StepRecord]) -> tuple[str, ...]:
    """Steps whose result is not the one that was shown; none: a signature on it still counts.

    A step that is tried again in the same iteration has not changed until it ends otherwise. What had not ended when
    the result was shown (a step joins `any` of several) is no part of it.
    """
    return tuple(i for i, was in shown.items() if not _is_there(was, records.get(i)))


def _is_there(was: Result, record: StepRecord | None) -> bool:
    if record is None or record.iteration != was.iteration:
        return False
    return _is_under_way(record) or record.output_sha256 == was.sha256


def _is_under_way(record: StepRecord) -> bool:
    return record.status not in RESTED and record.status != "WAITING_APPROVAL"


def step_change(
    step_id: str, was: Result, record: StepRecord | None, earlier: Mapping[str, Any] | None
) -> StepChange:
    """How a step's result differs from what was shown.

    Args:
        step_id: One of `changed_steps`.
        was: Its result as it was shown.
        record: Its latest iteration.
        earlier: Its outputs in the iteration that was shown; None when that iteration is the latest one.
    """
    is_under_way = record is not None and _is_under_way(record)
    is_known = record is not None and not is_under_way and earlier is not None
    return StepChange(
        step_id=step_id,
        iteration_before=was.iteration,
        iteration_after=record.iteration if record is not None else None,
        is_under_way=is_under_way,
        keys=tuple(_differences(earlier, record.outputs))
        if is_known and record is not None and earlier is not None
        else None,
    )


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> Iterator[KeyChange]:
    for key in sorted({*before, *after}):
        was, now = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if was == now and isinstance(was, bool) == isinstance(now, bool):
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differences(was, now, f"{path}{key}.")
        else:
            yield KeyChange(key=f"{path}{key}", before=_value(was), after=_value(now))


def _value(value: object) -> Any:
    return None if value is _ABSENT else value


_LONGEST = 60
"""Characters of a value in a sentence: figures and names fit, registers do not."""


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
