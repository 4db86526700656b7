"""The list of tables an audit asks its client for, and what came back (ISA 500)."""

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.table import TABLES
from prisma_assets.domain.audit.workpaper import Evidence

NAME = "Tables requested from the client"


def received(books: Books) -> Outcome:
    """Hold what came against what was asked for. Figures: `missing` table names; an empty table counts as missing."""
    rows = []
    missing = []
    requested = {name: table for name, table in TABLES.items() if not table.is_for_tax}
    for name, table in requested.items():
        frame = books.get(name)
        if frame is None or not len(frame):
            missing.append(name)
            rows.append((name, "missing", 0, table.meaning))
        else:
            rows.append((name, "received", len(frame), table.meaning))
    result = f"{len(rows) - len(missing)} received"
    result += f"; missing: {', '.join(missing)}." if missing else "; the list is complete."
    return performed(
        NAME,
        population=count(len(requested), "table"),
        result=result,
        evidence=(
            Evidence(title=NAME, columns=("table", "state", "rows", "meaning"), rows=tuple(rows)),
        ),
        figures={"missing": missing},
    )
