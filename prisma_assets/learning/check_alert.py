"""Telling people that facts or figures failed a check that guards what is built on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from prisma_assets.domain.monitoring.alert import Alert, Subject
from prisma_assets.domain.monitoring.alert_rule import DAY, Condition, Kind, Metric
from prisma_assets.store.alert import AlertStore
from prisma_assets.store.database import Database

RULE = "failed_check"
"""What the alerts of all checks have in common; the subject tells them apart."""


@dataclass(frozen=True, kw_only=True)
class FailedCheck:
    """A blocking check that does not hold."""

    asset: str
    check: str
    says: str
    """What should hold."""
    rows: int
    """How many rows fail; 1 where the check is about all rows together."""


async def raise_failed_checks(database: Database, failed: Sequence[FailedCheck]) -> None:
    """Open an alert per check, or count up the one that is open."""
    await AlertStore(source=database).raise_all([_alert(one) for one in failed])


def _alert(failed: FailedCheck) -> Alert:
    name = f"{failed.asset}.{failed.check}"
    return Alert(
        rule_id=RULE,
        subject=Subject(scope="system", id=name, title=name),
        kind=Kind.QUALITY,
        metric=Metric.DATA_QUALITY,
        condition=Condition.GREATER_THAN,
        value=failed.rows,
        threshold=0,
        n=failed.rows,
        window_seconds=DAY,
        severity="critical",
        message=f"{failed.rows} rows fail the check {failed.check} of {failed.asset}: {failed.says}",
        action="Look at the check's failing rows in the asset's page; what is built on them waits until it holds.",
    )
