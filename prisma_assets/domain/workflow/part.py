"""The parts a template's step is made of: sign-offs, loops, sub-workflows, endings, compensation. The template itself is `template`."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from prisma_assets.domain.workflow.condition import Condition, Expression

Role = Literal["PARTNER", "MANAGER", "EMPLOYEE", "EQR", "TECHNICAL_REVIEWER"]
EndStatus = Literal["DECLINED", "FAILED"]
Join = Literal["all", "any", "done"]
"""all: every earlier step is done. any: one of them is. done: all have ended, however they ended."""

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


def _duration(value: float) -> str:
    if value == int(value):
        return f"{int(value)}s"
    # As many digits as it takes: what is read back is the same duration, and `seconds` knows no exponents.
    return f"{Decimal(repr(value)):f}s"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(_duration, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["30s", "4h"]}),
]
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
    approve_when: Condition | None = None
    """Approval counts only while this holds; until then the work is sent back or rejected. Reads what `when` reads."""
    on_reject: EndStatus = "FAILED"
    """Status of the execution when the decision is reject."""
    comment_required: bool = False
    rework: tuple[Identifier, ...] = ()
    """Steps that are done again when changes are requested, with everything behind them; none: this step alone."""
    rework_limit: int = Field(default=3, ge=1, le=10)
    """How often changes may be requested here before the execution fails and people decide."""
    remind: Duration | None = None
    """How often those whose signature is missing are reminded."""
    expires: "Expiry | None" = None
    """What happens when nobody decides in time; without it the sign-off waits for ever."""


class Expiry(Part):
    """What becomes of a sign-off on which nobody has decided in time. Silence never approves."""

    after: Duration
    """Time from the moment the result is shown."""
    then: Literal["escalate", "reject"]
    """escalate: the role `to` may sign in place of those missing; reject: as if it had been rejected."""
    to: Role | None = None
    """Role an escalation goes to; only with `escalate`."""

    @model_validator(mode="after")
    def _names_whom(self) -> "Expiry":
        if (self.then == "escalate") != (self.to is not None):
            raise ValueError(
                "`to` names the role an escalation goes to; give it with `then: escalate` and only there"
            )
        return self


class Items(Part):
    """A list that is known only when the step runs, and what names its items."""

    items: Expression
    """Gives the list; reads `inputs`, `steps` and `status`, inside another for-each also `item`."""
    key: Expression | None = None
    """Gives a branch's name from `item`; the item itself when not given. Names are unique within the list."""
    agent: Expression | None = None
    """Gives the id of the agent for one `item`; the step's agent when not given."""


class InnerForEach(Items):
    """A list within each item of a for-each. `item` is the inner item, `outer` the one it belongs to."""


class ForEach(Items):
    """Does the step once per item of a list that is known only when it runs. One failing branch does not stop the others."""

    max_concurrent: int = Field(default=6, ge=1, le=1000)
    """Branches under way at once; the agents' own limits hold besides. 1,000 waits of 0.2 s take 3 s on two cores (limit 6 s)."""
    for_each: InnerForEach | None = None
    """A list within each item: a branch per inner item."""


class Repeat(Part):
    """Does the step again, each time on what the time before gave, until a condition holds. Every turn is durable."""

    until: Condition
    """Reads this turn's `output` besides `inputs`, `steps` and `status`."""
    max: int = Field(ge=1, le=100)
    """Turns at most."""
    delay: Duration | None = None
    """Pause between turns."""
    otherwise: Literal["fail", "go_on"] = "fail"
    """When the last turn has not met the condition: fail, or go on with `output.repeat.met` false for a sign-off to read."""


class SubWorkflow(Part):
    """Another template as one step of this one. Its steps become steps of this template, named `<step>__<its step>`."""

    template: Identifier
    inputs: dict[Identifier, Expression] = Field(default_factory=dict)
    """Its inputs, from this template's `inputs`, `steps` and `status`. The engagement is the same."""
    outputs: dict[Identifier, Expression] = Field(default_factory=dict)
    """What this step gives to those behind it; reads `steps.<its step>`."""


class Compensation(Part):
    """How a step's work is undone when the execution fails or is cancelled; compensations run in reverse order."""

    task: Identifier
    agent: str | None = None
    """Id of the agent that does it; the step's own when not given."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    timeout: Duration = 300.0
    retries: int = Field(default=3, ge=0, le=10)


class Ending(Part):
    """A result of a step that ends the whole execution."""

    when: Condition
    status: EndStatus
    reason: str
