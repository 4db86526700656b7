"""Past verdicts counted anew, from the facts as they are now and by the code as it is now; those that would change are named."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from prisma_assets.domain.experiments.running import RunningExperiment
from prisma_assets.learning.experiment_evaluation import outcome_of, started_of
from prisma_assets.learning.paired_run import outcomes, paired_start
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore, Row
from prisma_assets.store.paired import PAIRED, PairedStore


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One verdict of the past, and what it would be today."""

    ab_test_id: str
    name: str
    agent_id: str
    verdict_id: int
    as_of: datetime
    was: str
    """The verdict as it was given."""
    would_be: str
    reason: str
    """Of today's."""
    data_changed: bool
    """The units it rests on are not what they were."""
    code_changed: bool
    """Another version of the code gave it."""

    @property
    def changes(self) -> bool:
        """Whether today's answer is another one."""
        return self.was != self.would_be


async def replay(
    database: Database, *, code_version: str, days: Collection[date] | None = None
) -> list[Replayed]:
    """Count past verdicts anew, oldest first within an experiment. Nothing is written.

    Args:
        database: The product's.
        code_version: Of the code that counts.
        days: UTC days on which they were given; None: all.
    """
    store = ExperimentStore(source=database)
    tests = await database.fetch("experiments_with_verdicts")
    found: list[Replayed] = []
    for test in tests:
        verdicts = await store.verdicts(test["ab_test_id"])
        wanted = [v for v in verdicts if days is None or v["as_of"].date() in days]
        if wanted:
            row = await store.get(test["ab_test_id"])
            if row is not None:
                found += await _replay_one(store, row, wanted, code_version)
    return found


async def _replay_one(
    store: ExperimentStore, row: Row, verdicts: Sequence[Row], code_version: str
) -> list[Replayed]:
    """Units are read once, up to each verdict's moment in turn."""
    is_paired = row["mode"] == PAIRED
    running = RunningExperiment(paired_start(row) if is_paired else started_of(row))
    last, found = 0, []
    for verdict in verdicts:
        read = _pairs if is_paired else _units
        last = await read(store, running, row, after=last, as_of=verdict["as_of"])
        # Pairs have no days to wait for: their moment is that of the start.
        now = running.started.started_at if is_paired else verdict["as_of"]
        judged = running.judge(now=now, version_at_work=verdict["control_version"])
        found.append(
            Replayed(
                ab_test_id=row["ab_test_id"], name=row["name"], agent_id=row["agent_id"], verdict_id=verdict["verdict_id"],
                as_of=verdict["as_of"], was=verdict["verdict"], would_be=judged.word, reason=judged.verdict.reason,
                data_changed=running.data_sha256 != verdict["data_sha256"],
                code_changed=verdict["code_version"] != code_version,
            )
        )  # fmt: skip
    return found


async def _units(
    store: ExperimentStore, running: RunningExperiment, row: Row, *, after: int, as_of: datetime
) -> int:
    """Read the live units after one, up to a moment; gives the last."""
    units = await store.ripe_units({row["ab_test_id"]: after}, as_of=as_of)
    running.take([outcome_of(unit, running.started.plan) for unit in units])
    return int(units[-1]["exposure_id"]) if units else after


async def _pairs(
    store: ExperimentStore, running: RunningExperiment, row: Row, *, after: int, as_of: datetime
) -> int:
    """The same of pairs."""
    pairs = await PairedStore(source=store.source).pairs(
        row["ab_test_id"], after=after, as_of=as_of
    )
    running.take(outcomes(pairs))
    return int(pairs[-1]["paired_outcome_id"]) if pairs else after
