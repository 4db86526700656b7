"""The form of `engagement.yaml`: the facts of the engagement, and how its table files are to be read.

Opening files does not belong here: that is `facts` and `folder`.
"""

import re
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.workpaper import Frozen

AccountType = Literal["asset", "liability", "equity", "revenue", "expense"]

Sign = Literal["debit_positive", "credit_positive"]


class TableSettings(Frozen):
    """How one table file is read. Everything left out is found from the file itself."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    file: str | None = None
    """Path below the engagement folder. None: the file that bears the table's name or an alias."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Standard column name to the file's own column name."""
    date_format: str | None = None
    """How dates are written, in strptime notation, e.g. "%d.%m.%Y"."""
    time_format: str | None = None
    """How times of day are written, in strptime notation, e.g. "%H:%M:%S"."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark of amounts."""
    thousands: Literal[",", ".", " ", "'"] | None = None
    """Thousands separator of amounts."""
    delimiter: str | None = Field(default=None, pattern=r"^[^\w\r\n\"]$")
    """Character between the values of a CSV file; write "\\t" for a tab."""
    encoding: str | None = None
    """Encoding of a CSV file, e.g. utf-8 or cp1252."""
    sheet: str | None = None
    """Worksheet of an XLSX file."""
    header_line: int | None = Field(default=None, ge=1)
    """Line (1-based) that holds the column names, where titles stand above them."""
    sign: Sign = "debit_positive"
    """credit_positive: the file writes credits (or money out) positive, so every amount is turned round."""
    account_types: dict[str, AccountType] = Field(default_factory=dict)
    """What the file's own account types mean; where it has no such column, the beginning of an account number
    to its type, the longest beginning first."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        if encoding is not None:
            try:
                "a".encode(encoding)
            except LookupError:
                raise ValueError(f"'{encoding}' is no encoding; try utf-8 or cp1252") from None
        return encoding

    @field_validator("date_format")
    @classmethod
    def _names_a_day(cls, date_format: str | None) -> str | None:
        if date_format is not None and _written_and_read(date_format, "%Y-%m-%d") != "2024-12-31":
            raise ValueError(f"'{date_format}' names no day; write it like %d.%m.%Y or %m/%d/%y")
        return date_format

    @field_validator("time_format")
    @classmethod
    def _names_a_time(cls, time_format: str | None) -> str | None:
        if time_format is not None and _written_and_read(time_format, "%H:%M") != "23:15":
            raise ValueError(
                f"'{time_format}' names no time of day; write it like %H:%M or %I:%M %p"
            )
        return time_format

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("decimal and thousands must not be the same character")
        return self

    @property
    def decimal_mark(self) -> Literal[".", ","] | None:
        """The decimal mark as stated, or as a stated thousands separator implies. None: find it from the file."""
        if self.decimal is not None or self.thousands not in (",", "."):
            return self.decimal
        return "." if self.thousands == "," else ","


class EngagementFile(Engagement):
    """`engagement.yaml`: the engagement's facts, and `tables`."""

    tables: dict[str, TableSettings] = Field(default_factory=dict)
    """Standard table name or alias to how its file is read; a file that bears a table's name need not be listed."""

    @field_validator("tables", mode="before")
    @classmethod
    def _nothing_set(cls, tables: Any) -> Any:
        # `gl_detail:` alone lists a table and leaves every setting to be found.
        if isinstance(tables, dict):
            return {name: {} if settings is None else settings for name, settings in tables.items()}
        return tables

    def facts(self) -> Engagement:
        """The engagement without its table settings."""
        return Engagement(**{name: getattr(self, name) for name in Engagement.model_fields})


def _written_and_read(form: str, shown: str) -> str | None:
    """What is left of a moment that is written and read back under a strptime notation. None: no such notation."""
    moment = datetime(2024, 12, 31, 23, 15, 30)  # noqa: DTZ001  a sample, not a time
    try:
        return datetime.strptime(moment.strftime(form), form).strftime(shown)  # noqa: DTZ007
    except (ValueError, re.error):
        return None


def engagement_schema() -> dict[str, Any]:
    """JSON schema of `engagement.yaml`, for editors that complete and check while typing."""
    schema = EngagementFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "engagement.yaml"
    return schema
