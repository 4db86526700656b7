"""Alerts are opened once per trouble, and told in the transaction that opens them."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from prisma_assets.domain.monitoring.alert import Subject, found
from prisma_assets.domain.monitoring.alert_rule import shipped_rules
from prisma_assets.store.alert import AlertStore, NewSilence, alert_of
from prisma_assets.store.database import Database

RULES = {rule.id: rule for rule in shipped_rules()}
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def an_alert(agent_id="audit-plan-012", rule_id="error_rate_critical", value=0.12):
    words = f"error rate {value:.0%}"
    return found(RULES[rule_id], Subject.agent(agent_id), value=value, n=200, words=words)


@pytest.fixture
def ask(database_url):
    """Puts a question to the store of alerts."""

    def _ask(question):
        async def opened():
            async with Database(database_url, max_size=4) as database:
                return await question(AlertStore(source=database))

        return asyncio.run(opened())

    return _ask


@pytest.fixture
def told(database_url):
    def subjects():
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("select subject from notifications order by created_at")
            return [row[0] for row in rows]

    return subjects


def test_the_same_trouble_is_one_alert_that_counts_and_one_message(ask, told):
    async def thrice(store):
        return [await store.raise_(an_alert(value=v)) for v in (0.12, 0.13, 0.5)]

    assert ask(thrice) == [True, False, False]

    (row,) = ask(lambda store: store.active())
    assert (row["occurrences"], row["actual_value"], row["message"]) == (3, 0.5, "error rate 50%")
    assert told() == ["critical: audit-plan-012: error rate 12%"]


def test_raised_at_once_by_many_it_is_one_alert(ask, told):
    async def together(store):
        return await asyncio.gather(*(store.raise_(an_alert()) for _ in range(8)))

    assert sorted(ask(together)) == [False] * 7 + [True]
    assert len(told()) == 1


def test_nothing_is_left_when_the_transaction_breaks(ask, told):
    async def broken(store):
        async with store.source.transaction() as tx:
            await AlertStore(source=tx).raise_(an_alert())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        ask(broken)

    assert ask(lambda store: store.active()) == []
    assert told() == []


def test_what_was_stored_is_what_was_raised(ask):
    async def both(store):
        await store.raise_(an_alert())
        return await store.active()

    (row,) = ask(both)
    assert alert_of(row) == an_alert()


def test_after_it_is_over_the_same_trouble_is_a_new_alert(ask, told):
    async def twice(store):
        alert = an_alert()
        await store.raise_(alert)
        await store.resolve([alert.fingerprint], by="system", resolution="calm for two windows")
        await store.raise_(alert)
        return await store.recent(10)

    rows = ask(twice)

    assert [row["status"] for row in rows] == ["open", "resolved"]
    assert len(told()) == 2


def test_a_silenced_alert_is_kept_and_not_told_until_the_silence_ends(ask, told):
    silence = NewSilence(
        rule_id=None, agent_id="audit-plan-012", until=NOW + timedelta(hours=1), reason="drill", by="max"
    )  # fmt: skip

    async def silenced(store):
        await store.silence(silence)
        await store.raise_all([an_alert(), an_alert("audit-risk-013")], at=NOW)
        return {row["agent_id"]: row["status"] for row in await store.active()}

    assert ask(silenced) == {"audit-plan-012": "suppressed", "audit-risk-013": "open"}
    assert told() == ["critical: audit-risk-013: error rate 12%"]

    async def later(store):
        async with store.source.transaction() as tx:
            at = NOW + timedelta(minutes=30)
            early = await AlertStore(source=tx).end_silences_over(at=at)
            at = NOW + timedelta(hours=2)
            return early, await AlertStore(source=tx).end_silences_over(at=at)

    assert ask(later) == (0, 1)
    assert told()[1:] == ["critical: audit-plan-012: error rate 12%"]


def test_a_new_silence_covers_what_is_open(ask):
    async def quiet(store):
        await store.raise_(an_alert())
        until = datetime.now(UTC) + timedelta(hours=1)
        number = await store.silence(
            NewSilence(rule_id="error_rate_critical", agent_id=None, until=until, reason="known", by="max")
        )  # fmt: skip
        status = (await store.active())[0]["status"]
        return status, await store.end_silence(number), await store.end_silence(number)

    assert ask(quiet) == ("suppressed", True, False)


def test_an_acknowledged_alert_is_not_escalated(ask, told):
    rule = RULES["error_rate_critical"].model_copy(update={"escalate_to": ("pat",)})

    async def acknowledged(store):
        await store.raise_all([an_alert(), an_alert("audit-risk-013")])
        rows = await store.active()
        assert await store.acknowledge(rows[0]["alert_id"], by="max")
        assert not await store.acknowledge(rows[0]["alert_id"], by="max")
        async with store.source.transaction() as tx:
            await AlertStore(source=tx).escalate(rule, rows[1:], at=NOW)
        return [row["escalated_at"] is not None for row in await store.active()]

    assert sorted(ask(acknowledged)) == [False, True]
    assert told()[1].startswith("Escalated, critical: audit-")


def test_the_list_is_by_status_and_agent(ask):
    async def listed(store):
        await store.raise_all([an_alert(), an_alert("audit-risk-013")])
        await store.resolve([an_alert().fingerprint], by="max", resolution="mended")
        return (
            [r["agent_id"] for r in await store.recent(10, status="active")],
            [r["resolution"] for r in await store.recent(10, agent_id="audit-plan-012")],
        )

    assert ask(listed) == (["audit-risk-013"], ["mended"])
