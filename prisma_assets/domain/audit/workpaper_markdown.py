"""A workpaper as Markdown, for a partner who reads it in the step's metadata."""

import re
from collections.abc import Iterable, Sequence

from prisma_assets.domain.audit.amount import in_currency
from prisma_assets.domain.audit.workpaper import (
    MAX_MARKDOWN_ROWS,
    Evidence,
    Finding,
    Procedure,
    Workpaper,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def render_markdown(workpaper: Workpaper) -> str:
    """The workpaper's Markdown: conclusion first, then what it rests on.

    Text from the books is escaped, so that a description cannot become a heading, a link or a column.
    """
    blocks = [
        f"# {_text(workpaper.step_id)} · {_text(workpaper.title)}",
        f"**Objective.** {_text(workpaper.objective)}",
        f"**Conclusion.** {_text(workpaper.conclusion)}",
        "## Procedures",
        _table(("procedure", "status", "applied to", "result"), _procedures(workpaper.procedures)),
    ]
    if workpaper.findings:
        blocks += _findings(workpaper.findings, workpaper.currency)
    if workpaper.evidence:
        blocks.append("## Figures")
        for evidence in workpaper.evidence:
            blocks += _evidence(evidence)
    blocks += _listed("References", workpaper.references)
    blocks += _listed("Sources", workpaper.sources)
    return "\n\n".join(blocks) + "\n"


def _procedures(procedures: Iterable[Procedure]) -> list[tuple[str, ...]]:
    return [
        (p.name, p.status, p.population, p.result)
        if p.status == "performed"
        else (p.name, f"not performed, because {p.reason}", p.population, p.result)
        for p in procedures
    ]


def _findings(findings: Sequence[Finding], currency: str) -> list[str]:
    """Findings grouped by kind in a count, then the largest of them."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    summary = ", ".join(f"{_text(kind)} {count:,}" for kind, count in counts.items())
    shown = _fair_share(findings, counts)
    rows = [
        (f.kind, f"{f.table} {f.record_id}", in_currency(f.amount_cents, currency), f.description)
        for f in shown
    ]
    blocks = [
        "## Findings",
        f"{len(findings):,} in all: {summary}.",
        _table(("kind", "record", "amount", "description"), rows, right=2),
    ]
    if len(findings) > len(shown):
        blocks.append(f"… and {len(findings) - len(shown):,} more, kept in the record.")
    return blocks


def _fair_share(findings: Sequence[Finding], counts: dict[str, int]) -> list[Finding]:
    """At most `MAX_MARKDOWN_ROWS` findings: the largest of each kind in turn, so that no kind crowds out another."""
    queues = {
        kind: sorted(
            (f for f in findings if f.kind == kind), key=lambda f: -abs(f.amount_cents or 0)
        )
        for kind in counts
    }
    chosen: list[Finding] = []
    rank = 0
    while len(chosen) < MAX_MARKDOWN_ROWS and any(rank < len(q) for q in queues.values()):
        chosen += [queue[rank] for queue in queues.values() if rank < len(queue)]
        rank += 1
    kept = {id(f) for f in chosen[:MAX_MARKDOWN_ROWS]}
    return [f for queue in queues.values() for f in queue if id(f) in kept]


def _evidence(evidence: Evidence) -> list[str]:
    shown = evidence.rows[:MAX_MARKDOWN_ROWS]
    blocks = [f"**{_text(evidence.title)}**", _table(evidence.columns, shown)]
    if len(evidence.rows) > len(shown):
        blocks.append(f"… and {len(evidence.rows) - len(shown):,} more rows.")
    return blocks


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"## {heading}", "\n".join(f"- {_text(line)}" for line in lines)] if lines else []


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: int | None = None
) -> str:
    """A Markdown table; `right` is the column set to the right."""
    marks = ["---:" if n == right else "---" for n in range(len(columns))]
    lines = [_row(columns), f"| {' | '.join(marks)} |", *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(_text(_cell(c)) for c in cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _text(text: str) -> str:
    """One line with Markdown's special characters escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
