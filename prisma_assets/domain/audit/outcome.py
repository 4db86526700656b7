"""What one audit procedure hands back, and how its findings and evidence are put into words.

The procedures themselves do not belong here: each stands in the module of its subject.
"""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.workpaper import Evidence, Finding, Frozen, Procedure

if TYPE_CHECKING:
    import pandas as pd

MAX_EVIDENCE_ROWS = 10
"""Rows of an evidence table: what a reviewer takes in at a glance; every exception is a finding anyway."""


class Outcome(Frozen):
    """One procedure as it ended, with the records it names and the figures other steps reckon with."""

    procedure: Procedure
    findings: tuple[Finding, ...] = ()
    """One per exception record, in a fixed order."""
    evidence: tuple[Evidence, ...] = ()
    figures: dict[str, Any] = Field(default_factory=dict)
    """JSON values only; money in `*_cents`. Empty when the procedure was not performed."""

    @property
    def is_performed(self) -> bool:
        """True when the procedure could be applied."""
        return self.procedure.status == "performed"


def not_performed(name: str, reason: str) -> Outcome:
    """Say that a procedure could not be applied.

    Args:
        name: Name of the procedure.
        reason: Completes "not performed, because ..."; no full stop.
    """
    return Outcome(procedure=Procedure(name=name, status="not performed", reason=reason))


def performed(
    name: str,
    *,
    population: str,
    result: str,
    findings: tuple[Finding, ...] = (),
    evidence: tuple[Evidence, ...] = (),
    figures: dict[str, Any] | None = None,
) -> Outcome:
    """Say what a procedure was applied to and what it showed."""
    procedure = Procedure(name=name, status="performed", population=population, result=result)
    return Outcome(procedure=procedure, findings=findings, evidence=evidence, figures=figures or {})


def lacking(books: Books, table: str, *columns: str) -> str:
    """Name what the books lack for a procedure, as the reason it was not performed.

    Returns:
        Completes "not performed, because ..."; empty when the table is there, has rows and all those columns.
    """
    frame = books.get(table)
    if frame is None:
        return f"the client provided no table {table}"
    missing = [column.removesuffix("_cents") for column in columns if column not in frame.columns]
    if missing:
        return f"table {table} has no column {' and no column '.join(missing)}"
    return f"table {table} is empty" if frame.empty else ""


def money(cents: int) -> str:
    """The amount in whole currency with two decimals and thousands separators, e.g. `-1,234.50`."""
    whole, part = divmod(abs(int(cents)), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{part:02d}"


def count(number: int, noun: str, plural: str = "") -> str:
    """The number with its noun in the right form, e.g. `1 entry`, `2,310 entries`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def findings_of(
    frame: "pd.DataFrame", *, kind: str, table: str, procedure: str
) -> tuple[Finding, ...]:
    """One finding per row, in row order.

    Args:
        frame: Columns `record_id`, `description` and, where the size is measurable, `amount_cents`.
        kind: Machine name of the exception.
        table: Standard table the records stand in.
        procedure: Name of the procedure that found them.
    """
    amounts = frame["amount_cents"].tolist() if "amount_cents" in frame else [None] * len(frame)
    rows = zip(frame["record_id"].tolist(), amounts, frame["description"].tolist(), strict=True)
    return tuple(
        Finding(
            kind=kind,
            table=table,
            record_id=str(record),
            amount_cents=None if amount is None else int(amount),
            description=description,
            procedure=procedure,
        )
        for record, amount, description in rows
    )


def evidence_of(title: str, frame: "pd.DataFrame", *, rows: int = MAX_EVIDENCE_ROWS) -> Evidence:
    """The first rows of a frame as a table for reading: `*_cents` as money, dates as days, missing as empty."""
    shown = frame.head(rows)
    columns = tuple(str(name) for name in shown.columns)
    cells = [_readable(shown[name], is_money=name.endswith("_cents")) for name in columns]
    more = "" if len(frame) <= rows else f" (first {rows} of {len(frame):,})"
    headings = tuple(name.removesuffix("_cents").replace("_", " ") for name in columns)
    return Evidence(title=title + more, columns=headings, rows=tuple(zip(*cells, strict=True)))


def _readable(values: "pd.Series", *, is_money: bool) -> list[str | int | float | None]:
    present = values.notna().tolist()
    if values.dtype.kind == "M":
        return [d.date().isoformat() if ok else None for d, ok in zip(values, present, strict=True)]
    if is_money:
        return [money(int(v)) if ok else None for v, ok in zip(values, present, strict=True)]
    return [v if ok else None for v, ok in zip(values.tolist(), present, strict=True)]
