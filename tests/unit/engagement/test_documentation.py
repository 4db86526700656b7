"""docs/engagement-folder.md says what the reader does: its tables, settings and examples are checked against the code."""

import re
from pathlib import Path

import pytest

from prisma_assets.domain.audit.table import TABLES, Table
from prisma_assets.engagement.document import TableSettings
from prisma_assets.engagement.facts import read_document
from prisma_assets.engagement.folder import read_engagement

DOCUMENT = Path(__file__).parents[3] / "docs" / "engagement-folder.md"
SMALLEST, *EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def described(table: Table) -> str:
    """A table as the document shows it."""
    names = f", also `{'`, `'.join(table.aliases)}`" if table.aliases else ""
    lines = [f"### {table.name}", "", f"{table.meaning} File `{table.name}`{names}.", ""]
    lines += ["| column | kind | meaning |", "|---|---|---|"]
    for column in table.columns:
        name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
        lines.append(f"| {name} | {column.kind} | {column.meaning} |")
    return "\n".join(lines)


def test_document_describes_every_table() -> None:
    """On failure, paste the right-hand side below the comment at the document's end."""
    written = DOCUMENT.read_text().partition("test_documentation.py -->\n")[2].strip()

    assert written == "\n\n".join(described(table) for table in TABLES.values())


def test_document_names_every_setting() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ", DOCUMENT.read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"[a-z_]+", row)}

    assert set(TableSettings.model_fields) <= named


def test_smallest_engagement_is_enough(tmp_path: Path) -> None:
    (tmp_path / "engagement.yaml").write_text(SMALLEST)

    read = read_engagement(tmp_path)
    assert (read.engagement.id, read.books.tables, read.warnings) == ("ACME-2024", {}, ())


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_valid(tmp_path: Path, example: str) -> None:
    (tmp_path / "engagement.yaml").write_text(SMALLEST + example)

    assert read_document(tmp_path).tables
