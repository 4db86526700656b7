"""The form of `engagement.yaml`: the facts of the engagement, and how its table files are to be read.

Opening files does not belong here: that is `facts` and `folder`.
"""

import codecs
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
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
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
                codecs.lookup(encoding)
            except LookupError:
                raise ValueError(f"'{encoding}' is no encoding; try utf-8 or cp1252") from None
        return encoding

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


def engagement_schema() -> dict[str, Any]:
    """JSON schema of `engagement.yaml`, for editors that complete and check while typing."""
    schema = EngagementFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "engagement.yaml"
    return schema
