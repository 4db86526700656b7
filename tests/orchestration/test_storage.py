"""The contract of `resources.dagster_storage`: events in groups, yet nobody reads a log with holes; few connections."""

import logging
import subprocess
import sys
import threading
import time

import dagster as dg
import psycopg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from sqlalchemy.exc import SQLAlchemyError

from prisma_assets.store.server import dagster_url
from resources.dagster_storage import PooledPostgresStorage


@pytest.fixture(scope="module")
def database(new_database, with_dagster):
    with new_database(with_dagster) as found:
        yield found


@pytest.fixture
def url(database):
    """A database with an empty event log to which nobody else is connected."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("truncate dagster.event_logs")
    return database


@pytest.fixture
def open_storage(url):
    opened = []

    def make():
        storage = PooledPostgresStorage(dagster_url(url))
        opened.append(storage)
        return storage

    yield make
    for storage in opened:
        storage.event_log_storage.dispose()


def message(text, run_id="run"):
    """An event nobody waits for: it is queued."""
    return dg.EventLogEntry(
        error_info=None, level=logging.INFO, user_message=text, run_id=run_id, timestamp=time.time(), step_key="s"
    )  # fmt: skip


def barrier(run_id="run"):
    """The end of a run: written at once."""
    event = DagsterEvent(DagsterEventType.PIPELINE_SUCCESS.value, job_name="trial", message="end")
    return dg.EventLogEntry(
        error_info=None, level=logging.INFO, user_message="end", run_id=run_id, timestamp=time.time(), dagster_event=event
    )  # fmt: skip


def texts(storage, run_id="run"):
    return [e.user_message for e in storage.event_log_storage.get_logs_for_run(run_id)]


def connections(url):
    """Connections other than this one to the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    return row[0]


def settled(url, most):
    """Connections left once the server has noticed those that were closed, which takes it a moment."""
    deadline = time.monotonic() + 5
    while (left := connections(url)) > most and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def cut_connections(url):
    """What a restart of the server does to those who are connected."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def test_a_queued_event_is_seen_by_the_next_read(open_storage):
    storage = open_storage()

    storage.event_log_storage.store_event(message("first"))

    assert texts(storage) == ["first"]


def test_a_read_waits_for_a_group_that_is_being_written(open_storage, url):
    """Once the queue was emptied before its events were written, and a read in between missed them."""
    storage = open_storage()
    seen = []
    with psycopg.connect(url) as other:
        other.execute(
            "lock table dagster.event_logs in exclusive mode"
        )  # writers wait, readers do not
        storage.event_log_storage.store_event(message("slow"))
        time.sleep(0.3)  # the writing thread has taken it up and waits
        reader = threading.Thread(target=lambda: seen.extend(texts(storage)))
        reader.start()
        reader.join(0.3)
        other.rollback()
    reader.join(10)

    assert seen == ["slow"]


def test_events_are_written_without_anybody_reading(open_storage, url):
    storage = open_storage()
    storage.event_log_storage.store_event(message("alone"))

    with psycopg.connect(url) as other:
        deadline = time.monotonic() + 10
        while other.execute("select count(*) from dagster.event_logs").fetchone() == (0,):
            other.rollback()
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_order_is_kept_across_groups_and_barriers(open_storage):
    storage = open_storage()
    expected = [f"m{i}" for i in range(1200)]

    for text in expected[:700]:
        storage.event_log_storage.store_event(message(text))
    storage.event_log_storage.store_event(barrier())
    for text in expected[700:]:
        storage.event_log_storage.store_event(message(text))

    assert texts(storage) == [*expected[:700], "end", *expected[700:]]


def test_what_ends_a_run_brings_everything_before_it_to_others(open_storage):
    """A daemon that sees RUN_SUCCESS acts on the run's log at once, through an instance of its own."""
    writing, reading = open_storage(), open_storage()
    for i in range(50):
        writing.event_log_storage.store_event(message(f"m{i}"))

    writing.event_log_storage.store_event(barrier())

    assert texts(reading) == [*(f"m{i}" for i in range(50)), "end"]


def test_two_storages_write_at_once(open_storage):
    storages = [open_storage(), open_storage()]

    def write(number):
        for i in range(100):
            storages[number].event_log_storage.store_event(message(f"m{i}", run_id=f"r{number}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for storage in storages:
        storage.event_log_storage.flush()

    expected = [f"m{i}" for i in range(100)]
    assert texts(storages[0], "r1") == texts(storages[1], "r1") == expected
    assert texts(storages[0], "r0") == texts(storages[1], "r0") == expected


def test_threads_of_one_storage_lose_nothing(open_storage):
    storage = open_storage()

    def write(number):
        for i in range(100):
            storage.event_log_storage.store_event(message(str(i), run_id=f"r{number}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in range(4):
        assert texts(storage, f"r{number}") == [str(i) for i in range(100)]


def test_events_that_cannot_be_written_are_kept_and_the_next_barrier_says_so(open_storage, url):
    storage = open_storage()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("alter table dagster.event_logs rename to away")
        storage.event_log_storage.store_event(message("kept"))
        time.sleep(0.2)  # the writing thread has tried

        with pytest.raises(SQLAlchemyError, match="event_logs"):
            storage.event_log_storage.store_event(barrier())
        other.execute("alter table dagster.away rename to event_logs")

    storage.event_log_storage.store_event(barrier())
    assert texts(storage) == ["kept", "end"]


def test_a_restarted_server_is_not_noticed(open_storage, url):
    storage = open_storage()
    storage.event_log_storage.store_event(message("before"))
    assert texts(storage) == ["before"]
    assert storage.run_storage.get_runs_count() == 0
    cut_connections(url)

    storage.event_log_storage.store_event(message("after"))

    assert texts(storage) == ["before", "after"]
    assert storage.run_storage.get_runs_count() == 0
    assert storage.schedule_storage.all_instigator_state() == []


def test_a_connection_in_use_is_not_asked_whether_it_lives(open_storage):
    """Each question was a round trip before every query; one that has rested is asked, for its server may have gone."""
    storage = open_storage()
    engine = storage.run_storage._engine
    asked = []
    ping = engine.dialect.do_ping
    engine.dialect.do_ping = lambda connection: asked.append(1) or ping(connection)

    for _ in range(5):
        storage.run_storage.get_runs_count()
    at_once = len(asked)
    time.sleep(1.1)
    storage.run_storage.get_runs_count()

    assert (at_once, len(asked)) == (0, 1)


def test_opening_a_storage_takes_one_connection(url, open_storage):
    """Instances open in every run's process, and a connection costs its process and its password's hashing."""
    assert settled(url, 0) == 0

    storage = open_storage()

    assert connections(url) == 1
    assert storage.run_storage.has_run_stats_index_cols()
    assert connections(url) == 1


def test_connections_are_few_and_given_back(open_storage, url):
    storage = open_storage()
    start = threading.Barrier(20)

    def ask():
        start.wait()
        storage.run_storage.get_runs_count()
        storage.schedule_storage.all_instigator_state()
        texts(storage)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    peak = 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, connections(url))
    idle = settled(url, 2)
    storage.event_log_storage.dispose()

    assert 0 < peak <= 12
    assert idle <= 2
    assert settled(url, 0) == 0


def test_disposing_writes_what_is_queued(open_storage):
    storage = open_storage()
    storage.event_log_storage.store_event(message("last"))

    storage.event_log_storage.dispose()

    assert texts(open_storage()) == ["last"]


def test_the_writing_thread_ends_when_nothing_comes_and_starts_again(open_storage, monkeypatch):
    monkeypatch.setattr("resources.dagster_storage._IDLE_SECONDS", 0.05)
    storage = open_storage()
    log = storage.event_log_storage
    log.store_event(message("one"))
    first = log._writer
    first.join(10)

    log.store_event(message("two"))

    assert not first.is_alive()
    assert log._writer is not first
    assert texts(storage) == ["one", "two"]


def test_a_run_has_its_whole_log_for_a_fresh_instance(firm, firm_url):
    trial = firm(
        {"id": "s1", "name": "a", "title": "A", "objective": "T.", "agent": "audit-plan-012"}
    )

    run = trial.run(trial.open().id)

    with dg.DagsterInstance.from_ref(trial.instance.get_ref()) as fresh:
        kinds = [e.dagster_event_type for e in fresh.all_logs(run.run_id) if e.is_dagster_event]
    assert kinds.index(dg.DagsterEventType.RUN_SUCCESS) == len(kinds) - 1
    assert kinds.count(dg.DagsterEventType.STEP_SUCCESS) == 2
    assert kinds.index(dg.DagsterEventType.RUN_START) < kinds.index(dg.DagsterEventType.STEP_START)


def test_several_processes_that_start_at_once_make_the_tables_once(empty_database_url):
    """Each looked, found none, and all but one failed with "relation already exists"; the product then did not start."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create schema dagster")
    url = dagster_url(empty_database_url)
    start = f"from resources.dagster_storage import PooledPostgresStorage as P; P({url!r}).event_log_storage.dispose()"
    processes = [
        subprocess.Popen([sys.executable, "-c", start], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    errors = [process.communicate(timeout=90)[1] for process in processes]

    assert errors == ["", "", "", ""]
