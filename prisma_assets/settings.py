"""What the environment decides. Nothing else in the product reads environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prisma_assets.domain.errors import InputError

DEFAULT_HOME = ".prisma"
DEFAULT_PORT = 3000
MAX_PORT = 65535
"""Highest TCP port (RFC 9293 §3.1: 16 bits)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the product keeps its data, which database it uses and where it answers."""

    home: Path
    """PRISMA_HOME: absolute folder of everything the product keeps; it need not exist yet."""
    database_url: str | None = None
    """DATABASE_URL: a PostgreSQL server in libpq form. None: the embedded server under `home`."""
    port: int = DEFAULT_PORT
    """PRISMA_PORT: port of the web address."""
    templates: Path | None = None
    """PRISMA_TEMPLATES: a folder of further workflow templates. None: only those that ship."""
    warm: bool = True
    """PRISMA_WARM: runs are forked from a process that has everything imported. 0: each starts a fresh Python."""

    @property
    def sample_folder(self) -> Path:
        """Where the first start writes the sample engagement."""
        return self.home / "engagements" / "sample"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check every setting; a variable that is empty counts as unset.

        Raises:
            InputError: a value cannot be used; the text names the variable.
        """
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        return cls(
            home=_home(given.get("PRISMA_HOME", DEFAULT_HOME)),
            database_url=_database_url(given.get("DATABASE_URL")),
            port=_port(given.get("PRISMA_PORT", str(DEFAULT_PORT))),
            templates=_templates(given.get("PRISMA_TEMPLATES")),
            warm=_switch("PRISMA_WARM", given.get("PRISMA_WARM", "1")),
        )


def _home(value: str) -> Path:
    home = _absolute(value)
    if home.exists() and not home.is_dir():
        raise InputError(f"PRISMA_HOME is {home}, which is a file; name a folder.")
    return home


def _absolute(value: str) -> Path:
    return Path(os.path.abspath(Path(value).expanduser()))  # noqa: PTH100  # resolve() would follow links: people move data behind one


def _database_url(value: str | None) -> str | None:
    # The value is never repeated in a message: it may hold a password.
    if value is None or value.startswith(("postgresql://", "postgres://")):
        return value
    if "://" not in value and "=" in value:
        return value  # libpq's other form, `host=... dbname=...`, which psql takes as well
    raise InputError(
        "DATABASE_URL is not a PostgreSQL address; write it as "
        "postgresql://user:password@host:5432/database, or unset it to use the embedded server."
    )


def _port(value: str) -> int:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_PORT:
        return int(value)
    raise InputError(f"PRISMA_PORT is {value!r}; give a port number from 1 to {MAX_PORT}.")


def _templates(value: str | None) -> Path | None:
    if value is None:
        return None
    folder = _absolute(value)
    if not folder.is_dir():
        raise InputError(
            f"PRISMA_TEMPLATES is {folder}, which is not a folder; create it or unset PRISMA_TEMPLATES."
        )
    return folder


def _switch(name: str, value: str) -> bool:
    if value in ("0", "1"):
        return value == "1"
    raise InputError(f"{name} is {value!r}; write 1 for on or 0 for off.")
