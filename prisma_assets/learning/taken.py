"""What goes into an intake, and what became of it: shared by feedback and runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = tuple[int, Mapping[str, Any] | str]
"""Its number, and its values or why it cannot be read."""


@dataclass(kw_only=True)
class Taken:
    """What became of the rows."""

    accepted: int = 0
    duplicates: int = 0
    """Known before, or twice among the rows."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """Numbers of rows, each with the reason."""

    def answer(self) -> dict[str, Any]:
        """The same for programs, rejected rows in their order."""
        found = [{"row": number, "reason": reason} for number, reason in sorted(self.rejected)]
        return {"accepted": self.accepted, "duplicates": self.duplicates, "rejected": found}
