"""When facts are counted: every hour, every night, and when one comes late."""

from datetime import UTC, date, datetime

import dagster as dg
import psycopg
import pytest

from jobs.learning import fact_roll_up, learning_loop
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.definitions import build_defs
from prisma_assets.engine.library import TemplateLibrary
from sensors.learning import (
    MAX_PER_TICK,
    hourly_roll_up,
    late_fact_sensor,
    nightly_learning,
)

AGENT = firm_cards()[0].id
NOW = datetime(2026, 3, 10, 9, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def repository():
    """Dagster looks the days up in it."""
    library = TemplateLibrary(templates={})
    return build_defs(library, AgentRegistry(firm_cards()), {}).get_repository_def()


@pytest.fixture
def tick(repository):
    def evaluate(schedule):
        context = dg.build_schedule_context(repository_def=repository)
        return schedule.evaluate_tick(context).run_requests

    return evaluate


@pytest.mark.parametrize(
    ("hour", "days"), [(9, ["2026-03-10"]), (0, ["2026-03-09", "2026-03-10"])], ids=["day", "midnight"]
)  # fmt: skip
def test_every_hour_counts_today_and_after_midnight_the_day_that_is_over(tick, hour, days):
    schedule = hourly_roll_up(fact_roll_up(), now=lambda: NOW.replace(hour=hour))

    assert [request.partition_key for request in tick(schedule)] == days


def test_the_night_learns_from_the_day_that_is_over(tick):
    (request,) = tick(nightly_learning(learning_loop(), now=lambda: NOW))

    assert request.partition_key == "2026-03-09"


@pytest.fixture
def url(new_database, _migrated):
    with new_database(_migrated) as url:
        yield url


def facts(url, *days):
    with psycopg.connect(url, autocommit=True) as connection:
        for day in days:
            connection.execute(
                "insert into agent_runs (source, run_key, agent_id, started_at, outcome)"
                " values ('api', gen_random_uuid(), %s, %s, 'ok')",
                (AGENT, datetime(day.year, day.month, day.day, 12, tzinfo=UTC)),
            )


@pytest.fixture
def look(repository, instance):
    def evaluate(url):
        sensor = late_fact_sensor(fact_roll_up(), now=lambda: NOW)
        context = dg.build_sensor_context(
            instance=instance, resources={"database_url": url}, repository_def=repository
        )
        return sensor.evaluate_tick(context)

    return evaluate


def test_nothing_new_is_said_so(look, url):
    assert "nobody counted" in look(url).skip_message


def test_days_that_are_over_are_asked_for_and_today_waits_for_its_hour(look, url):
    facts(url, date(2026, 3, 1), date(2026, 3, 8), NOW.date())

    found = look(url)
    assert [r.partition_key for r in found.run_requests] == ["2026-03-01", "2026-03-08"]
    assert [r.run_key for r in look(url).run_requests] == [r.run_key for r in found.run_requests]


def test_one_look_asks_for_a_bounded_number_of_days(look, url):
    facts(url, *(date(2026, 2, 1 + n) for n in range(MAX_PER_TICK + 3)))

    asked = [r.partition_key for r in look(url).run_requests]
    assert len(asked) == MAX_PER_TICK
    assert asked[-1] == "2026-02-17"


def test_a_database_that_is_down_is_no_failure(look, url):
    down = url.rsplit("/", 1)[0] + "/none"

    assert "cannot be used now" in look(down).skip_message
