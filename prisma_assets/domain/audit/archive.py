"""What is sealed when the report is released: a manifest of results and evidence, and how long it is kept (ISA 230, ISQM 1)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.independence import is_public_interest
from prisma_assets.domain.audit.threshold import Threshold, firm

ASSEMBLY_DAYS = Threshold(
    value=Decimal(60), unit="days", source="ISA 230 paragraph A21", since=date(2009, 12, 15)
)
RETENTION_YEARS = Threshold(
    value=Decimal(5), unit="years", source="ISQM 1 paragraph A85", since=date(2022, 12, 15)
)
RETENTION_YEARS_PUBLIC = firm(7, "years")
"""Listed and public-interest entities."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The list of what is archived, and its seal."""

    content: dict[str, Any]
    """Engagement, hashes of the steps' outputs and of the evidence files."""
    sha256: str
    """Of the content's canonical JSON."""


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: The value holds NaN or infinity, which JSON does not know.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def seal(engagement: Engagement, books: Books, steps: Mapping[str, Mapping[str, Any]]) -> Manifest:
    """List the steps' outputs and the evidence files by hash, and hash the list.

    Anyone with the same outputs and files gets the same seal; a changed byte changes it.
    """
    content = {
        "engagement_id": engagement.id,
        "client_id": engagement.client.id,
        "period": {
            "start": engagement.period.start.isoformat(),
            "end": engagement.period.end.isoformat(),
        },
        "books_sha256": books.sha256,
        "steps": {
            step_id: hashlib.sha256(canonical_json(outputs)).hexdigest()
            for step_id, outputs in steps.items()
        },
        "files": [
            {"table": table, "file": source.file, "sha256": source.sha256, "rows": source.rows}
            for table, source in sorted(books.sources.items())
        ],
    }
    return Manifest(content=content, sha256=hashlib.sha256(canonical_json(content)).hexdigest())


def assembly_due(report_date: date) -> date:
    """Last day to complete the audit file."""
    return report_date + timedelta(days=int(ASSEMBLY_DAYS.value))


def retention(engagement: Engagement) -> Threshold:
    """How long the file of this engagement is kept."""
    return RETENTION_YEARS_PUBLIC if is_public_interest(engagement) else RETENTION_YEARS


def retention_until(report_date: date, years: int) -> date:
    """Last day the file is kept; 29 February falls on 28 February of a common year."""
    try:
        return report_date.replace(year=report_date.year + years)
    except ValueError:
        return report_date.replace(year=report_date.year + years, day=28)
