"""The typed workpaper every step leaves (ISA 230 paragraph 8): what was done, on what, what was found, what follows."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_MARKDOWN_ROWS = 20
"""Rows of a table shown to a reader; the rest is counted and kept in the record."""


class Frozen(BaseModel):
    """Base of the records: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(Frozen):
    """One exception found by a procedure, identified by the record it concerns."""

    kind: str
    """Machine name of the exception, e.g. `duplicate_payment`; `score` compares these with planted errors."""
    table: str
    """Standard table the record stands in."""
    record_id: str
    """Business key of the record in that table."""
    amount_cents: int | None = None
    """Size of the exception in hundredths of the engagement's currency. None: not measurable."""
    description: str
    """One sentence a reviewer can act on."""
    procedure: str
    """Procedure that found it."""


class Evidence(Frozen):
    """A small table of figures that a reviewer needs to see."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    """Already formatted for reading; one tuple per row."""


class Procedure(Frozen):
    """One named procedure and how it ended."""

    name: str
    """Name of the procedure, as a reviewer would call it."""
    status: Literal["performed", "not performed"]
    reason: str = ""
    """Why it was not performed; empty when performed."""
    population: str = ""
    """What it was applied to, with counts and totals."""
    result: str = ""
    """What it showed, in one or two sentences."""


class Workpaper(Frozen):
    """What a step did and concluded."""

    step_id: str
    title: str
    objective: str
    procedures: tuple[Procedure, ...]
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()
    conclusion: str
    """Starts with "Not performed, because ..." when nothing could be done."""
    references: tuple[str, ...] = ()
    """Standards the work rests on."""
    sources: tuple[str, ...] = ()
    """Evidence files as `file (sha256 first 12, N rows)`."""
    currency: str = ""
    """Currency of the findings' amounts, ISO 4217. Empty: they are shown without one."""


class StepResult(Frozen):
    """What an audit step hands back: its workpaper, and the outputs later steps and conditions read."""

    workpaper: Workpaper
    outputs: dict[str, Any] = Field(default_factory=dict)
    """JSON values only."""
