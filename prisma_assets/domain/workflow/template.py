"""The model of a workflow template. How a file becomes one is `source.py`; how one becomes a Dagster job is `jobs.compiler`."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema

from prisma_assets.domain.workflow.condition import Condition, Expression
from prisma_assets.domain.workflow.part import (
    Compensation,
    Duration,
    Ending,
    ForEach,
    Identifier,
    Items,
    Join,
    Part,
    Repeat,
    SignOff,
    SubWorkflow,
)

_OUTPUT = frozenset({"output"})
_ITEM = frozenset({"item"})
_INNER = frozenset({"item", "outer"})


class Step(Part):
    """One step of a template: work by one agent, another template, or values computed from earlier ones; then perhaps a sign-off."""

    id: Identifier
    name: Identifier
    """verb_noun or noun; with the id it is the op's name in the Dagster UI."""
    title: str
    objective: str
    """What the step is for, in the words of the firm; shown in the UI and in the workpaper."""
    agent: str | None = None
    """Id of the lead agent; not for `workflow` and `compute`."""
    workflow: SubWorkflow | None = None
    """Another template that does the step."""
    compute: dict[Identifier, Expression] = Field(default_factory=dict)
    """Outputs computed from `inputs`, `steps` and `status`; no agent is called."""
    support: tuple[str, ...] = ()
    """Ids of agents the lead may call on."""
    task: Identifier | None = None
    """Procedure the agent performs; the step's name when not given."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What the procedure is to know besides inputs and earlier outputs."""
    chapter: Identifier | None = None
    """Steps of the same chapter are drawn as one box that opens; the work is the same without it."""
    after: tuple[Identifier, ...] = ()
    """Steps that must be done or skipped first."""
    join: Join = "all"
    """What of `after` the step waits for."""
    when: Condition | None = None
    """A false condition records the step as SKIPPED and lets what follows run."""
    for_each: ForEach | None = None
    repeat: Repeat | None = None
    sign_off: SignOff | None = None
    ends: tuple[Ending, ...] = ()
    compensate: Compensation | None = None
    timeout: Duration = 300.0
    """Start-to-close time of one attempt."""
    schedule_to_close: Duration | None = None
    """Time from the first start of the work to its end, over all attempts and runs; sign-offs not counted."""
    heartbeat: Duration | None = None
    """Longest silence of an agent at work; an attempt that is silent for longer is given up and may be retried."""
    retries: int = Field(default=0, ge=0, le=10)
    """Further attempts after a retryable error."""
    cache: Duration | None = None
    """How long the result answers for equal work: same client, agent version, procedure and input."""
    standards: tuple[str, ...] = ()
    scope: SkipJsonSchema[str] = ""
    """Prefix of the ids of the sub-workflow the step came from; never written in a file."""
    given: SkipJsonSchema[dict[str, Expression]] = Field(default_factory=dict)
    """Inputs of the sub-workflow the step came from, as expressions of the whole; never written in a file."""

    @model_validator(mode="after")
    def _has_one_doer(self) -> "Step":
        doers = [n for n in ("agent", "workflow", "compute") if getattr(self, n)]
        if len(doers) != 1:
            raise ValueError(
                f"step '{self.id}' needs exactly one of agent, workflow and compute; it has {' and '.join(doers) or 'none'}"
            )
        loops = [n for n in ("for_each", "repeat") if getattr(self, n) is not None]
        if len(loops) > 1 or (loops and self.agent is None):
            raise ValueError(
                f"step '{self.id}': a step of an agent is either for_each or repeat, and no other step is"
            )
        return self

    @property
    def procedure(self) -> str:
        """Name of the procedure the agent performs."""
        return self.task or self.name

    @property
    def key(self) -> str:
        """Name of the step in the Dagster graph, e.g. `a01_independence_check`."""
        return f"{self.id}_{self.name}"

    @property
    def box(self) -> str | None:
        """The chapter in which the step is drawn. One that waits for any of several stands beside them."""
        return self.chapter if self.join != "any" else None

    @property
    def agents(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every agent the step names, with its path below the step."""
        if self.agent is not None:
            yield ("agent",), self.agent
        for i, agent in enumerate(self.support):
            yield ("support", i), agent
        if self.compensate is not None and self.compensate.agent is not None:
            yield ("compensate", "agent"), self.compensate.agent

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Expression, frozenset[str]]]:
        """Every expression of the step: (path below the step, expression, what it may read besides what came before)."""
        if self.when is not None:
            yield ("when",), self.when, frozenset()
        for name, expression in self.compute.items():
            yield ("compute", name), expression, frozenset()
        if self.workflow is not None:
            for name, expression in self.workflow.inputs.items():
                yield ("workflow", "inputs", name), expression, frozenset()
        yield from self._loop_expressions()
        for i, ending in enumerate(self.ends):
            yield ("ends", i, "when"), ending.when, _OUTPUT
        yield from self._sign_off_expressions()

    def _sign_off_expressions(
        self,
    ) -> Iterator[tuple[tuple[str | int, ...], Expression, frozenset[str]]]:
        if self.sign_off is None:
            return
        for name in ("when", "approve_when"):
            condition = getattr(self.sign_off, name)
            if condition is not None:
                yield ("sign_off", name), condition, _OUTPUT
        for i, role in enumerate(self.sign_off.roles):
            if role.when is not None:
                yield ("sign_off", "roles", i, "when"), role.when, _OUTPUT

    def _loop_expressions(
        self,
    ) -> Iterator[tuple[tuple[str | int, ...], Expression, frozenset[str]]]:
        if self.repeat is not None:
            yield ("repeat", "until"), self.repeat.until, _OUTPUT
        if self.for_each is None:
            return
        yield from _items("for_each", self.for_each, may_read=frozenset(), item=_ITEM)
        if self.for_each.for_each is not None:
            for path, expression, extra in _items(
                "for_each", self.for_each.for_each, may_read=_ITEM, item=_INNER
            ):
                yield ("for_each", *path), expression, extra


def _items(
    name: str, items: Items, *, may_read: frozenset[str], item: frozenset[str]
) -> Iterator[tuple[tuple[str | int, ...], Expression, frozenset[str]]]:
    yield (name, "items"), items.items, may_read
    if items.key is not None:
        yield (name, "key"), items.key, item
    if items.agent is not None:
        yield (name, "agent"), items.agent, item


class Input(Part):
    """One input a person gives when starting the workflow."""

    type: Literal["folder", "text", "number", "integer", "boolean"] = "text"
    required: bool = False
    default: Any = None
    description: str = ""


class Template(Part):
    """A workflow as data: what the firm does, in which order, by which agents, signed by whom.

    What must hold between its parts is checked by `validation.problems`; `source.parse_template` does both.
    """

    name: Identifier
    title: str
    version: str
    """Raised by whoever changes the template; executions are pinned to the content hash."""
    description: str
    inputs: dict[Identifier, Input] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1)

    def step(self, step: str) -> Step | None:
        """The step of that id or name, or None."""
        return next((s for s in self.steps if step in (s.id, s.name)), None)

    def in_order(self) -> tuple[Step, ...]:
        """Steps in an order that respects `after`; ties in file order.

        Raises:
            graphlib.CycleError: The steps depend on each other in a circle.
        """
        sorter = TopologicalSorter({s.id: s.after for s in self.steps})
        sorter.prepare()
        position = {s.id: i for i, s in enumerate(self.steps)}
        ordered: list[Step] = []
        while sorter.is_active():
            ready = sorted((r for r in sorter.get_ready()), key=lambda r: position[r])
            ordered += [self.steps[position[r]] for r in ready]
            sorter.done(*ready)
        return tuple(ordered)

    def upstream(self, step_id: str) -> frozenset[str]:
        """Ids of every step that comes before, directly or not."""
        by_id = {s.id: s for s in self.steps}
        seen: set[str] = set()
        todo = list(by_id[step_id].after)
        while todo:
            current = todo.pop()
            if current not in seen and current in by_id:
                seen.add(current)
                todo += by_id[current].after
        return frozenset(seen)

    def downstream(self, step_ids: Iterable[str]) -> frozenset[str]:
        """Ids of those steps and of every step behind them."""
        wanted = frozenset(step_ids)
        return frozenset(s.id for s in self.steps if s.id in wanted or self.upstream(s.id) & wanted)

    def cycle(self) -> list[str] | None:
        """The ids of a circle of dependencies, or None."""
        try:
            self.in_order()
        except CycleError as error:
            return list(error.args[1])
        return None

    @property
    def content(self) -> str:
        """All the template says, as JSON from which `model_validate_json` makes an equal one."""
        # Without what is not said: a part that templates may have from now on does not make another template of this one.
        said = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """Hash of the content: two templates with equal hashes do the same."""
        return hashlib.sha256(self.content.encode()).hexdigest()
