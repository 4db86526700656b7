"""An engagement folder on disk: valid by default, each test changes what it is about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.engagement.folder import EngagementFolder, read_engagement

FACTS = """\
id: E-2024
client: {id: C-1, name: Example Ltd, currency: EUR}
period: {start: 2024-01-01, end: 2024-12-31}
team:
  - {user: ann, roles: [PARTNER]}
"""

WriteFolder = Callable[..., Path]
ReadTable = Callable[..., EngagementFolder]


@pytest.fixture
def write_folder(tmp_path: Path) -> WriteFolder:
    """Writes a folder: files by name (text or bytes), and `tables` of engagement.yaml."""

    def write(
        files: dict[str, str | bytes], tables: dict[str, Any] | None = None, facts: str = FACTS
    ) -> Path:
        folder = tmp_path / "books"
        folder.mkdir(exist_ok=True)
        # JSON is YAML, so settings need no YAML writer.
        settings = f"tables: {json.dumps(tables)}\n" if tables else ""
        (folder / "engagement.yaml").write_text(facts + settings, encoding="utf-8")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return write


@pytest.fixture
def read_csv(write_folder: WriteFolder) -> ReadTable:
    """Reads one CSV table, with its settings as keywords."""

    def read(table: str, content: str | bytes, **settings: Any) -> EngagementFolder:
        return read_engagement(write_folder({f"{table}.csv": content}, {table: settings}))

    return read


@pytest.fixture
def refusal(read_csv: ReadTable) -> Callable[..., str]:
    """The one sentence a CSV table is refused with."""

    def refused(table: str, content: str | bytes, **settings: Any) -> str:
        with pytest.raises(InputError) as caught:
            read_csv(table, content, **settings)
        message = str(caught.value)
        assert "\n" not in message
        return message

    return refused
