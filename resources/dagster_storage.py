"""Dagster's own storage on our PostgreSQL: pooled connections, and run events committed in groups.

dagster-postgres opens a connection per event and commits each one alone; a run of 14 steps writes about 150 events.
Measured on the development machine (docs/performance.md): pooling halves a run's time, group commit a quarter more.
Leans on private attributes of dagster-postgres, so its version is pinned; tests/orchestration/test_storage.py is the contract.
"""

import contextlib
import select
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

import dagster as dg
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, PIPELINE_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
)
from dagster_postgres.utils import (
    create_pg_engine,
    pg_url_from_config,
    retry_pg_connection_fn,
)
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import DisconnectionError

from prisma_assets.store.named_query import named_query

GROUP_WINDOW_SECONDS = 0.02
"""Events that arrive within this window share one commit. A crash loses at most this much of the run's *log*; what a
step did is committed by our own store before its event is written. People see no difference below a tenth of a second."""

_MAX_GROUP = 500
"""Rows per insert; a message of PostgreSQL holds 65,535 parameters and a row has ten."""

_IDLE_SECONDS = 5.0
"""The writing thread of a storage nobody writes to ends after this."""

_KEPT_CONNECTIONS = 2
"""A run reads and writes on one thread while its event log writes on another."""

_MORE_CONNECTIONS = 10
"""The daemon works on eight sensors and schedules, the queue and the monitor at once; each holds one for a query."""

_CHECK_AFTER_SECONDS = 1.0
"""A connection that rested longer is asked whether it lives; asking each time was a third of all round trips."""

_INDEXED = ASSET_EVENTS | ASSET_CHECK_EVENTS
"""Written at once by Dagster's own code, which keeps tables about assets beside the log."""

_TABLES = {"runs", "instance_info", "event_logs", "jobs"}
"""What dagster-postgres looks for, one connection each, to know whether its tables are there."""


class GroupCommitEventLog(PostgresEventLogStorage):
    """Event log that commits the steps' events in groups and everything that decides something at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: list[dg.EventLogEntry] = []
        self._pending_lock = threading.Lock()
        self._flush_lock = threading.RLock()
        self._arrived = threading.Event()
        self._writer: threading.Thread | None = None

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Queue the event, or write everything now when somebody may be waiting for it."""
        kind = event.dagster_event_type if event.is_dagster_event else None
        if kind in _INDEXED:
            with self._flush_lock:
                self.flush()
                super().store_event(event)
        elif kind in PIPELINE_EVENTS:  # Others read these to decide what happens next.
            self._flush_with([event])
        else:
            self._queue(event)

    def flush(self) -> None:
        """Write all events queued by now; on failure they stay queued and the error is raised."""
        self._flush_with([])

    def _queue(self, event: dg.EventLogEntry) -> None:
        with self._pending_lock:
            self._pending.append(event)
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_groups, name="event-log", daemon=True
                )
                self._writer.start()
        self._arrived.set()

    def _flush_with(self, last: list[dg.EventLogEntry]) -> None:
        """Write what is queued, and behind it what does not wait in the queue."""
        with self._flush_lock:
            left = len(self._pending)
            while left > _MAX_GROUP:
                self._write(_MAX_GROUP, [])
                left -= _MAX_GROUP
            if left or last:
                self._write(left, last)

    def _write(self, count: int, last: list[dg.EventLogEntry]) -> None:
        rows = [self._event_to_row(e) for e in (*self._pending[:count], *last)]
        with super()._connect() as conn:
            conn.execute(SqlEventLogStorageTable.insert(), rows)
        # Not before they are written: whoever finds the queue empty reads without waiting.
        with self._pending_lock:
            del self._pending[:count]

    def _write_groups(self) -> None:
        while True:
            if not self._arrived.wait(_IDLE_SECONDS):
                with self._pending_lock:
                    if not self._pending:
                        self._writer = None
                        return
            time.sleep(GROUP_WINDOW_SECONDS)
            self._arrived.clear()
            # On failure the events stay queued, and the next barrier or read raises to its caller.
            with contextlib.suppress(Exception):
                self.flush()

    def _connect(self) -> AbstractContextManager[Connection]:
        """A connection for reading or writing, behind everything queued so far."""
        if self._pending:
            self.flush()
        return super()._connect()

    def dispose(self) -> None:
        """Write what is queued, then close the connections."""
        try:
            self.flush()
        finally:
            self._engine.dispose()
            super().dispose()


class RememberingRunStorage(PostgresRunStorage):
    """Run storage that looks at the columns of its table once instead of with each run and each change of its status."""

    _has_run_stats = False
    _has_backfill_id = False

    def has_run_stats_index_cols(self) -> bool:
        """Whether the table has them; columns that are there stay."""
        self._has_run_stats = self._has_run_stats or super().has_run_stats_index_cols()
        return self._has_run_stats

    def has_backfill_id_column(self) -> bool:
        """Likewise."""
        self._has_backfill_id = self._has_backfill_id or super().has_backfill_id_column()
        return self._has_backfill_id


class PooledPostgresStorage(DagsterPostgresStorage):
    """Run, event and schedule storage that share a few open connections instead of opening one per query."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        # One pool for all three: an instance disposes of its event log, and of the other two never.
        engine = _pooled_engine(postgres_url)
        if not retry_pg_connection_fn(lambda: _has_tables(engine)):
            _make_tables(engine, postgres_url)
        super().__init__(postgres_url, should_autocreate_tables=False, inst_data=inst_data)
        self._event_log_storage = GroupCommitEventLog(postgres_url, should_autocreate_tables=False)
        self._run_storage = RememberingRunStorage(postgres_url, should_autocreate_tables=False)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build from the `storage.custom.config` block of dagster.yaml."""
        return cls(pg_url_from_config(config_value), inst_data)


def _has_tables(engine: Engine) -> bool:
    return set(inspect(engine).get_table_names()) >= _TABLES


def _make_tables(engine: Engine, postgres_url: str) -> None:
    """Have Dagster make its tables, one process at a time: several start at once, and Dagster's own start fails then."""
    with engine.connect() as connection:
        connection.execute(text(named_query("lock_dagster_tables").decode()))
        try:
            if not _has_tables(engine):
                DagsterPostgresStorage(postgres_url, should_autocreate_tables=True)
        finally:
            connection.execute(text(named_query("unlock_dagster_tables").decode()))


def _pooled_engine(postgres_url: str) -> Engine:
    engine = create_pg_engine(
        postgres_url,
        None,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
    )

    # A restarted server costs one retry, not a failed run.
    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _proxy: Any) -> None:
        now = time.monotonic()
        rested = now - record.info.get("checked_at", now)
        record.info["checked_at"] = now
        if rested > _CHECK_AFTER_SECONDS or _has_news(connection):
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error

    return engine


def _has_news(connection: Any) -> bool:
    """Whether the server said something to a connection that asked nothing: as a rule, that it is closed."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
