"""What a file says that describes a dashboard: which agents, which figures, drawn how. Filling it does not belong here."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prisma_assets.domain.monitoring.measure import Measured

MOST_WIDGETS = 24
"""More do not fit what a person takes in, and each is read when the page is opened."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Widget(_Part):
    """One piece of a dashboard."""

    kind: Literal["figure", "line", "bar", "table"]
    """figure: one value with n, interval and target. line: over time. bar: over time or by agent. table: a row for each agent."""
    title: str = Field(min_length=1)
    metric: Measured | None = None
    """What a figure, a line or bars show."""
    metrics: tuple[Measured, ...] = ()
    """The columns of a table."""
    window: Literal["24h", "7d", "30d", "90d"] = "30d"
    by: Literal["time", "agent"] = "time"
    """Of bars."""

    @property
    def measured(self) -> tuple[Measured, ...]:
        """All it shows; one figure unless it is a table."""
        return self.metrics if self.metric is None else (self.metric,)

    @model_validator(mode="after")
    def _says_what_it_shows(self) -> Self:
        if self.kind == "table":
            if self.metric is not None or not self.metrics:
                raise ValueError("a table names its columns: write `metrics:` with a list")
        elif self.metric is None or self.metrics:
            raise ValueError(f"a {self.kind} shows one figure: write `metric:` with its name")
        if self.by == "agent" and self.kind != "bar":
            raise ValueError(f"`by: agent` is for bars, not for a {self.kind}; leave it out")
        return self


class Dashboard(_Part):
    """A page of figures about some agents."""

    title: str = Field(min_length=1)
    description: str = ""
    domain: str | None = None
    """Its agents; with neither a domain nor agents, all."""
    agents: tuple[str, ...] = ()
    """Ids."""
    widgets: tuple[Widget, ...] = Field(min_length=1, max_length=MOST_WIDGETS)

    @model_validator(mode="after")
    def _names_its_agents_once(self) -> Self:
        if self.domain is not None and self.agents:
            raise ValueError("write `domain:` or `agents:`, not both")
        return self
