"""Budgets under concurrency: never exceeded, nothing promised twice, what dead callers held comes back."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, Popen

import psycopg
import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.agents.purse import BudgetRefusedError
from prisma_assets.domain.monitoring.alert_figure import level
from prisma_assets.domain.monitoring.alert_rule import shipped_rules
from prisma_assets.domain.monitoring.alert_state import Level
from prisma_assets.engine.purse import GRACE_SECONDS, PostgresPurse
from prisma_assets.learning.alert_reading import readings
from prisma_assets.store.budget import BudgetStore, NewBudget
from prisma_assets.store.database import Database

NOW = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
CARD = next(iter(firm_cards())).model_copy(
    update={"provider": "llm", "max_call_usd": Decimal("1.00")}
)
TASK = AgentTask(
    call_id="c", agent_id=CARD.id, task="plan", step_id="s", client_id="acme", engagement_id="acme-2025",
)  # fmt: skip
FIRM = NewBudget(level="firm", scope=None, period="month", limit_usd=Decimal(20), by="pat", reason="try")  # fmt: skip
ACME = replace(FIRM, level="client", scope="acme", period="whole", limit_usd=Decimal(10))

SPENDER = Path(__file__).with_name("spender.py")
LIMIT = Decimal(60)
GUARD = """
create function refuse_excess() returns trigger language plpgsql as $$
begin
    if new.spent_usd + new.reserved_usd > 60 then raise exception 'the budget is exceeded'; end if;
    return new;
end $$;
create trigger never_exceeded before insert or update on budget_periods for each row execute function refuse_excess()
"""
SUMS = """
select sum(settled_usd), coalesce(sum(amount_usd) filter (where settled_at is null), 0), count(*) filter (where settled_at is null)
from budget_reservations
"""


@contextmanager
def spender(*arguments: str) -> Iterator[Popen[str]]:
    """A process of sixteen callers, which does not outlive the test."""
    with Popen([sys.executable, SPENDER, *arguments], stdin=PIPE, stdout=PIPE, text=True) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def task(number: int) -> AgentTask:
    return replace(TASK, call_id=f"call-{number}")


async def balances(database: Database, at: datetime = NOW) -> dict[str, tuple[Decimal, Decimal]]:
    """Spent and promised by level."""
    rows = await BudgetStore(source=database).balances(at=at)
    return {r["level"]: (r["spent_usd"], r["reserved_usd"]) for r in rows}


def purse(database: Database, *, now: datetime = NOW) -> PostgresPurse:
    return PostgresPurse(database, workflow="annual_audit", now=lambda: now)


def with_database(url: str, work):
    async def go():
        async with Database(url, max_size=8) as database:
            return await work(database)

    return asyncio.run(go())


def test_sixty_four_callers_at_once_never_exceed_a_budget(database_url):
    """16 processes' worth of purses, 64 callers, each asks three times for up to a dollar out of ten."""

    async def caller(database, number: int) -> int:
        own, made = purse(database), 0
        for turn in range(3):
            try:
                promise = await own.reserve(CARD, task(number * 10 + turn))
            except BudgetRefusedError:
                continue
            assert promise is not None
            await own.settle(promise, Decimal("0.75"))
            made += 1
        return made

    async def go(database: Database):
        store = BudgetStore(source=database)
        await store.set(FIRM)
        await store.set(ACME)
        made = await asyncio.gather(*(caller(database, n) for n in range(64)))
        return sum(made), await balances(database)

    made, after = with_database(database_url, go)
    # Ten fit while all ten are under way; after 13 calls of .75 none of up to 1.00 fits any more.
    assert 10 <= made <= 13
    spent = made * Decimal("0.75")
    assert after == {"firm": (spent, 0), "client": (spent, 0)}


def test_killed_callers_give_their_promise_back(database_url):
    """Nobody settles for them: their promise expires, and only then is it promised to others."""

    async def go(database: Database):
        await BudgetStore(source=database).set(ACME)
        for n in range(10):
            await purse(database).reserve(CARD, task(n))  # and its process dies
        with pytest.raises(BudgetRefusedError, match=r"client acme holds 10\.00 USD"):
            await purse(database).reserve(CARD, task(10))
        later = NOW + timedelta(seconds=TASK.timeout_seconds + GRACE_SECONDS + 1)
        assert await purse(database, now=later).reserve(CARD, task(11)) is not None
        return await balances(database)

    assert with_database(database_url, go) == {"client": (0, Decimal(1))}


def test_processes_that_are_killed_never_let_a_budget_be_exceeded(database_url):
    """64 callers in four processes, two of which are killed in the midst of their calls: what they hold stays held."""
    with_database(database_url, lambda d: BudgetStore(source=d).set(replace(ACME, limit_usd=LIMIT)))
    with psycopg.connect(database_url, autocommit=True) as connection, ExitStack() as alive:
        connection.execute(GUARD)
        doomed = [alive.enter_context(spender(database_url, f"doomed{n}", "hang")) for n in range(2)]  # fmt: skip
        others = [alive.enter_context(spender(database_url, f"other{n}")) for n in range(2)]
        for each in (*doomed, *others):
            each.stdout.readline()  # all are ready before any begins
        for each in (*doomed, *others):
            each.stdin.write("go\n")
            each.stdin.flush()
        ended = [each.wait(timeout=40) for each in others]
        for each in doomed:
            each.kill()
            each.wait()
        spent, reserved = connection.execute("select spent_usd, reserved_usd from budget_periods").fetchone()  # fmt: skip
        settled, open_usd, abandoned = connection.execute(SUMS).fetchone()

    # A caller that had seen the limit exceeded would have failed.
    assert ended == [0, 0]
    assert (spent, reserved) == (settled, open_usd)
    assert abandoned > 0
    assert LIMIT / 2 < spent + reserved <= LIMIT

    later = datetime.now(UTC) + timedelta(seconds=TASK.timeout_seconds + GRACE_SECONDS + 1)
    with_database(database_url, lambda d: purse(d, now=later).reserve(CARD, task(1)))
    after = with_database(database_url, lambda d: balances(d, datetime.now(UTC)))
    assert after == {"client": (spent, Decimal(1))}


def test_a_promise_is_settled_once(database_url):
    """A settlement that is repeated, or late, changes nothing; an unknown price is all that was promised."""

    async def go(database: Database):
        await BudgetStore(source=database).set(ACME)
        own = purse(database)
        known, unknown = [await own.reserve(CARD, task(n)) for n in (1, 2)]
        for cost in (Decimal("0.25"), Decimal("0.90"), None):
            await own.settle(known, cost)
        await own.settle(unknown, None)
        return await balances(database)

    assert with_database(database_url, go) == {"client": (Decimal("1.25"), 0)}


def test_a_month_begins_anew(database_url):
    """UTC months; a budget for the whole of an engagement does not."""

    async def go(database: Database):
        store = BudgetStore(source=database)
        await store.set(FIRM)
        await store.set(ACME)
        own = purse(database)
        await own.settle(await own.reserve(CARD, task(1)), Decimal(1))
        return await balances(database, NOW + timedelta(hours=2))

    assert with_database(database_url, go) == {"firm": (0, 0), "client": (Decimal(1), 0)}


def test_an_override_reaches_to_120_percent_and_a_new_limit_keeps_what_is_spent(database_url):
    """Ten dollars become twelve; then a limit of 20 continues from 12."""

    async def spend(database, number: int) -> None:
        own = purse(database)
        await own.settle(await own.reserve(CARD, task(number)), Decimal(1))

    async def go(database: Database):
        store = BudgetStore(source=database)
        budget_id = await store.set(ACME)
        for n in range(10):
            await spend(database, n)
        with pytest.raises(BudgetRefusedError, match="a person can override it up to 120%"):
            await spend(database, 10)
        assert await store.override(budget_id, by="pat", reason="month end", at=NOW)
        await spend(database, 11)
        await spend(database, 12)
        with pytest.raises(BudgetRefusedError, match="nothing goes beyond 120% of a limit"):
            await spend(database, 13)
        assert await store.set(replace(ACME, limit_usd=Decimal(20))) == budget_id
        await spend(database, 14)
        assert await store.end(budget_id, by="pat", reason="over")
        assert not await store.end(budget_id, by="pat", reason="over")
        assert not await store.override(budget_id, by="pat", reason="over", at=NOW)
        return await balances(database)

    assert with_database(database_url, go) == {}


def test_people_are_told_once_at_80_percent_and_when_work_stops(database_url):
    """Many calls are refused for the same reason: that is one message a day."""

    async def go(database: Database):
        await BudgetStore(source=database).set(ACME)
        own = purse(database)
        for n in range(14):
            try:
                await own.reserve(CARD, task(n))
            except BudgetRefusedError:
                continue

    with_database(database_url, go)
    with psycopg.connect(database_url) as connection:
        kinds = connection.execute("select kind, subject from notifications order by 1").fetchall()
    assert kinds == [
        ("budget_refused", "A budget is used up"),
        ("budget_warning", "80% of the budget of client acme are used"),
    ]


@pytest.mark.parametrize(
    ("card", "changed"),
    [
        (CARD.model_copy(update={"provider": "embedded"}), TASK),
        (CARD, replace(TASK, client_id="other")),
        (CARD, replace(TASK, client_id=None)),
    ],
)
def test_promises_nothing_where_nothing_is_owed(database_url, card: AgentCard, changed: AgentTask):
    """Work on this machine costs nothing; another client's budget is none of this one's."""

    async def go(database: Database):
        await BudgetStore(source=database).set(replace(ACME, limit_usd=Decimal("0.01")))
        return await purse(database).reserve(card, changed)

    assert with_database(database_url, go) is None


def test_a_budget_that_empties_within_hours_is_read_as_such(database_url):
    """Ten dollars: six calls of 0.75 in the last hour leave 5.50, which is 1.2 hours; two hours later none is known."""
    (rule,) = [r for r in shipped_rules() if r.id == "budget_empties"]
    now = datetime.now(UTC)

    async def spend(database: Database, calls: int) -> None:
        own = purse(database, now=now)
        for n in range(calls):
            await own.settle(await own.reserve(CARD, task(n)), Decimal("0.75"))

    async def shown(database: Database, *, at: datetime):
        (one,) = await readings(database, [rule], agents=(), at=at)
        return one.figure.value, one.figure.note, level(rule, one.figure)

    async def go(database: Database):
        await BudgetStore(source=database).set(ACME)
        await spend(database, 4)
        few = await shown(database, at=datetime.now(UTC))
        await spend(database, 2)
        soon = await shown(database, at=datetime.now(UTC))
        return few, soon, await shown(database, at=now + timedelta(hours=2))

    few, soon, later = with_database(database_url, go)
    assert (few[0], few[2]) == (720, Level.CLEAN)
    assert (soon[0], soon[2]) == (pytest.approx(5.5 / 4.5), Level.BAD)
    assert soon[1] == "5.50 USD are left, 6 calls of the last 1 h took 4.50"
    assert (later[0], later[2]) == (720, Level.CLEAN)
