"""A step done once per item of a list: branches run side by side, each durable by itself, and add up to one result."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from prisma_assets.agents.contract import AgentResult, AgentTask, Usage
from prisma_assets.domain.audit.workpaper import Workpaper
from prisma_assets.domain.errors import InputError, PermanentError
from prisma_assets.domain.workflow.part import Items
from prisma_assets.domain.workflow.template import Step

MAX_BRANCHES = 10_000
"""A list longer than this is a mistake in an expression rather than work for a firm."""


class BranchesFailedError(PermanentError):
    """Some branches of a for-each failed; the others are done and stay done."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One item of a for-each, or one turn of a repeat, ready to be done."""

    path: tuple[str, ...]
    """Its name; of a for-each inside another, the outer name and its own."""
    task: AgentTask

    @property
    def key(self) -> str:
        """The name under which it is stored."""
        return "/".join(self.path)


def plan(step: Step, task: AgentTask, context: Mapping[str, Any]) -> list[Branch]:
    """The branches of a for-each step.

    Args:
        step: A step with `for_each`.
        task: The step's own task; branches differ in `item`, `call_id` and perhaps the agent.
        context: As from `condition_context`.

    Raises:
        InputError: The expression gives no list, or two items share a name.
        ConditionError: An expression cannot be evaluated.
    """
    loop = step.for_each
    if loop is None:
        return []
    branches = [
        inner
        for outer in _branches_of(step, loop, Branch(path=(), task=task), context)
        for inner in (
            [outer]
            if loop.for_each is None
            else _branches_of(step, loop.for_each, outer, {**context, "item": outer.task.item})
        )
    ]
    if len(branches) > MAX_BRANCHES:
        raise InputError(
            f"step '{step.id}': {len(branches):,} branches are more than {MAX_BRANCHES:,}; split the work"
        )
    _refuse_doubles(step, branches)
    return branches


def _refuse_doubles(step: Step, branches: Sequence[Branch]) -> None:
    seen: set[str] = set()
    for branch in branches:
        if branch.key in seen:
            raise InputError(
                f"step '{step.id}': two items are named '{branch.key}'; give for_each.key something unique"
            )
        seen.add(branch.key)


def _branches_of(
    step: Step, loop: Items, around: Branch, context: Mapping[str, Any]
) -> list[Branch]:
    items = loop.items.value(context)
    if not isinstance(items, list) or len(items) > MAX_BRANCHES:
        found = f"{len(items)} items" if isinstance(items, list) else type(items).__name__
        raise InputError(
            f"step '{step.id}': `{loop.items}` must give a list of at most {MAX_BRANCHES:,} items, not {found}"
        )
    if around.path:
        context = {**context, "outer": around.task.item}
    return [_branch(step, loop, around, item, context) for item in items]


async def run_all(
    branches: Sequence[Branch],
    do: Callable[[Branch], Awaitable[AgentResult]],
    *,
    max_concurrent: int,
) -> tuple[dict[str, AgentResult], dict[str, BaseException]]:
    """Do the branches, so many at a time; a failing one leaves the others going. Results and errors by name."""
    gate = asyncio.Semaphore(max_concurrent)

    async def one(branch: Branch) -> AgentResult:
        async with gate:
            return await do(branch)

    answers = await asyncio.gather(*(one(b) for b in branches), return_exceptions=True)
    results: dict[str, AgentResult] = {}
    errors: dict[str, BaseException] = {}
    for branch, answer in zip(branches, answers, strict=True):
        if isinstance(answer, BaseException):
            errors[branch.key] = answer
        else:
            results[branch.key] = answer
    return results, errors


def failure(
    step: Step, branches: Sequence[Branch], errors: Mapping[str, BaseException]
) -> BranchesFailedError:
    """One sentence about the branches that failed."""
    named = "; ".join(f"{key}: {error}" for key, error in list(errors.items())[:5])
    more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
    return BranchesFailedError(
        f"step '{step.id}': {len(errors)} of {len(branches)} branches failed ({named}{more})"
    )


def add_up(
    step: Step, branches: Sequence[Branch], results: Mapping[str, AgentResult]
) -> AgentResult:
    """One result of all branches: `branches` by name in the outputs, and a workpaper that holds theirs."""
    papers = {key: r.workpaper for key, r in results.items() if r.workpaper is not None}
    return replace(
        total(list(results.values())),
        outputs={"branches": _outputs(branches, results), "count": len(results)},
        workpaper=_paper(step, papers, len(results)),
    )


def total(results: Sequence[AgentResult]) -> AgentResult:
    """What several calls took and cost together; without outputs and workpaper."""
    usages = [r.usage for r in results]
    versions = sorted({r.agent_version for r in results if r.agent_version})
    return AgentResult(
        outputs={},
        usage=Usage(
            provider=", ".join(sorted({u.provider for u in usages})) or "none",
            tokens_in=sum(u.tokens_in for u in usages),
            tokens_out=sum(u.tokens_out for u in usages),
            tokens_cached=sum(u.tokens_cached for u in usages),
            cost_usd=_cost([u.cost_usd for u in usages]),
        ),
        duration_ms=sum(r.duration_ms for r in results),
        attempts=max((r.attempts for r in results), default=1),
        agent_version=", ".join(versions),
    )


def _outputs(branches: Sequence[Branch], results: Mapping[str, AgentResult]) -> dict[str, Any]:
    """Outputs by name; of a for-each inside another, by outer name and then by inner."""
    found: dict[str, Any] = {}
    for branch in branches:
        into = found
        for outer in branch.path[:-1]:
            into = into.setdefault(outer, {})
        into[branch.path[-1]] = dict(results[branch.key].outputs)
    return found


def _branch(
    step: Step, loop: Items, around: Branch, item: Any, context: Mapping[str, Any]
) -> Branch:
    with_item = {**context, "item": item}
    name = loop.key.value(with_item) if loop.key is not None else item
    key = name if isinstance(name, str) else json.dumps(name, sort_keys=True)
    if not key:
        raise InputError(
            f"step '{step.id}': an item has an empty name; give for_each.key something that names it"
        )
    agent = loop.agent.value(with_item) if loop.agent is not None else around.task.agent_id
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    before = around.task.previous or {}
    return Branch(
        path=(*around.path, key),
        task=replace(
            around.task,
            call_id=f"{around.task.call_id}:{digest}",
            agent_id=str(agent),
            item=item,
            outer=around.task.item,
            previous=before.get("branches", before).get(key),
        ),
    )


def _cost(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [c for c in costs if c is not None]
    # One unpriced branch leaves the total unknown, which is not the same as free.
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _paper(step: Step, papers: Mapping[str, Workpaper], count: int) -> Workpaper | None:
    if not papers:
        return None
    return Workpaper(
        step_id=step.id,
        title=step.title,
        objective=step.objective,
        procedures=tuple(
            p.model_copy(update={"name": f"{key}: {p.name}"})
            for key, paper in papers.items()
            for p in paper.procedures
        ),
        evidence=tuple(
            e.model_copy(update={"title": f"{key}: {e.title}"})
            for key, paper in papers.items()
            for e in paper.evidence
        ),
        findings=tuple(f for paper in papers.values() for f in paper.findings),
        conclusion=f"{count} branches. "
        + " ".join(_named(key, paper.conclusion) for key, paper in papers.items()),
        references=tuple(dict.fromkeys(r for paper in papers.values() for r in paper.references)),
        sources=tuple(dict.fromkeys(s for paper in papers.values() for s in paper.sources)),
        currency=next((p.currency for p in papers.values() if p.currency), ""),
    )


def _named(key: str, conclusion: str) -> str:
    return conclusion if conclusion.startswith(key) else f"{key}: {conclusion}"
