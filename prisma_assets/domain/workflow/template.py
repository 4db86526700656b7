"""The model of a workflow template. How a file becomes one is `source.py`; how one becomes a Dagster job is `jobs.compiler`."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from prisma_assets.domain.workflow.condition import Condition, Expression

Role = Literal["PARTNER", "MANAGER", "EMPLOYEE", "EQR"]
EndStatus = Literal["DECLINED", "FAILED"]

_OUTPUT = frozenset({"output"})
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: object) -> float:
    """Read a duration such as `30s`, `1h` or `5d` as seconds.

    Raises:
        ValueError: Not a positive duration with a unit.
    """
    match = _DURATION.match(str(value).strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(
            f"'{value}' is not a duration; write a number and a unit: 500ms, 30s, 10m, 4h or 5d"
        )
    return float(match[1]) * _SECONDS[match[2]]


Duration = Annotated[float, BeforeValidator(seconds)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Part(BaseModel):
    """Base of the model's parts: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RequiredRole(Part):
    """One signature a sign-off asks for."""

    role: Role
    when: Condition | None = None
    """Asked only when this holds; reads `inputs`, `steps`, `status` and this step's `output`."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"role": value} if isinstance(value, str) else value


class SignOff(Part):
    """Human approval of what a step produced. An agent never satisfies it, nor does whoever prepared the file."""

    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """Approval kind, e.g. AUDIT_PLAN_FREEZE (domain facts §7.2)."""
    roles: tuple[RequiredRole, ...] = Field(min_length=1)
    """Each entry is one signature by a different person."""
    in_turn: bool = False
    """True: the roles sign in the order listed; False: in any order."""
    when: Condition | None = None
    """The sign-off is needed only when this holds."""
    on_reject: EndStatus = "FAILED"
    """Status of the execution when the decision is reject."""
    comment_required: bool = False
    rework: tuple[Identifier, ...] = ()
    """Steps that are done again when changes are requested, with everything behind them; none: this step alone."""
    rework_limit: int = Field(default=3, ge=1, le=10)
    """How often changes may be requested here before the execution fails and people decide."""


class ForEach(Part):
    """Does the step once per item of a list that is known only when it runs. One failing branch does not stop the others."""

    items: Expression
    """Gives the list; reads `inputs`, `steps` and `status`."""
    key: Expression | None = None
    """Gives a branch's name from `item`; the item itself when not given. Names are unique within the step."""
    agent: Expression | None = None
    """Gives the id of the agent for one `item`; the step's agent when not given."""
    max_concurrent: int = Field(default=6, ge=1, le=100)
    """Branches under way at once; the agents' own limits hold besides."""


class Ending(Part):
    """A result of a step that ends the whole execution."""

    when: Condition
    status: EndStatus
    reason: str


class Step(Part):
    """One step of a template: work by one agent, then perhaps a sign-off."""

    id: Identifier
    name: Identifier
    """verb_noun or noun; with the id it is the op's name in the Dagster UI."""
    title: str
    objective: str
    """What the step is for, in the words of the firm; shown in the UI and in the workpaper."""
    agent: str
    """Id of the lead agent."""
    support: tuple[str, ...] = ()
    """Ids of agents the lead may call on."""
    task: str | None = None
    """Procedure the agent performs; the step's name when not given."""
    after: tuple[Identifier, ...] = ()
    """Steps that must be done or skipped first."""
    when: Condition | None = None
    """A false condition records the step as SKIPPED and lets what follows run."""
    for_each: ForEach | None = None
    sign_off: SignOff | None = None
    ends: tuple[Ending, ...] = ()
    timeout: Duration = 300.0
    """Start-to-close time of one attempt, in seconds."""
    retries: int = Field(default=0, ge=0, le=10)
    """Further attempts after a retryable error."""
    standards: tuple[str, ...] = ()

    @property
    def procedure(self) -> str:
        """Name of the procedure the agent performs."""
        return self.task or self.name

    @property
    def key(self) -> str:
        """Name of the step in the Dagster graph, e.g. `a01_independence_check`."""
        return f"{self.id}_{self.name}"

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], Expression, frozenset[str]]]:
        """Every expression of the step: (path below the step, expression, what it may read besides what came before)."""
        if self.when is not None:
            yield ("when",), self.when, frozenset()
        if self.for_each is not None:
            yield ("for_each", "items"), self.for_each.items, frozenset()
            if self.for_each.key is not None:
                yield ("for_each", "key"), self.for_each.key, frozenset({"item"})
            if self.for_each.agent is not None:
                yield ("for_each", "agent"), self.for_each.agent, frozenset({"item"})
        for i, ending in enumerate(self.ends):
            yield ("ends", i, "when"), ending.when, _OUTPUT
        if self.sign_off is not None:
            if self.sign_off.when is not None:
                yield ("sign_off", "when"), self.sign_off.when, _OUTPUT
            for i, role in enumerate(self.sign_off.roles):
                if role.when is not None:
                    yield ("sign_off", "roles", i, "when"), role.when, _OUTPUT


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
    def sha256(self) -> str:
        """Hash of the content: two templates with equal hashes do the same."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()
