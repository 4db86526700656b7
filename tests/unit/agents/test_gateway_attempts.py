"""The gateway's attempts: what is tried again, what ends at once, and that the ledger knows of each."""

import asyncio
import errno
import socket
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.agents.registry import UnknownAgentError
from prisma_assets.agents.retry import Backoff, CallTimeoutError, is_retryable
from prisma_assets.domain.errors import InputError, PermanentError, PrismaError, RetryableError


def failing(*errors):
    """A script whose first attempts raise the errors, one each; later ones succeed."""

    async def work(provider, _task):
        if len(provider.served) <= len(errors):
            raise errors[len(provider.served) - 1]
        return {"ok": True}

    return work


async def forever(_provider, _task):
    await asyncio.Event().wait()


def run_call(firm, **task):
    async def run():
        try:
            return await firm.call(**task)
        finally:
            await firm.gateway.aclose()

    return asyncio.run(run())


def test_a_call_is_recorded_with_what_it_cost(firm):
    firm = firm(failing())

    result = run_call(firm, call_id="e1/a01", execution_id="e1", client_id="c1", step_id="a01")

    (entry,) = firm.ledger.entries
    assert (entry.call_id, entry.execution_id, entry.client_id) == ("e1/a01", "e1", "c1")
    assert (entry.agent_id, entry.agent_version, entry.task) == (
        "doc-test-001",
        "1.2.3",
        "follow_script",
    )
    assert (entry.outcome, entry.attempt, entry.provider) == ("ok", 1, "embedded")
    assert (entry.tokens_in, entry.tokens_out, entry.cost_usd) == (3, 5, Decimal(0))
    assert entry.result == result
    assert (result.attempts, result.agent_version) == (1, "1.2.3")


def test_a_recorded_call_is_not_made_again(firm):
    """The same id is never paid twice."""
    firm = firm(failing())

    async def run():
        return await firm.call(call_id="once"), await firm.call(call_id="once")

    first, second = asyncio.run(run())

    assert first == second
    assert len(firm.provider.served) == 1


def test_what_the_caller_stores_goes_along_with_the_success_and_only_once(firm):
    firm = firm(failing(RetryableError("busy")))
    concluded = []

    def conclude(result):
        concluded.append(result)
        return "a_query", {"x": 1}

    async def run():
        for _ in range(2):
            result = await firm.call(call_id="once", max_retries=1, conclude=conclude)
        return result

    assert concluded == [asyncio.run(run())]
    assert firm.ledger.along == [None, ("a_query", {"x": 1})]


def test_the_ledger_is_asked_unless_nobody_ever_began_the_call(firm):
    """Whoever stored that the work begins for the first time knows it; asking took a round trip per step."""
    firm = firm(failing())

    async def run():
        await firm.call(call_id="new", is_new=True)
        return await firm.call(call_id="new"), await firm.call(call_id="old")

    asyncio.run(run())

    assert firm.ledger.asked == ["new", "old"]
    assert len(firm.provider.served) == 2  # the first is recorded all the same


def test_the_same_call_twice_at_once_is_made_once(firm):
    async def slow(_provider, _task):
        await asyncio.sleep(0.01)

    firm = firm(slow)

    async def run():
        return await asyncio.gather(*(firm.call(call_id="once") for _ in range(5)))

    results = asyncio.run(run())

    assert all(result == results[0] for result in results)
    assert len(firm.provider.served) == 1


def test_a_second_caller_takes_over_when_the_first_is_cancelled(firm):
    async def slow(_provider, _task):
        await asyncio.sleep(0.01)

    firm = firm(slow)

    async def run():
        first = asyncio.create_task(firm.call(call_id="once"))
        second = asyncio.create_task(firm.call(call_id="once"))
        await asyncio.sleep(0.001)
        first.cancel()
        return await second

    assert asyncio.run(run()).attempts == 1
    assert len(firm.provider.served) == 2


def test_what_may_succeed_is_tried_again_and_every_attempt_recorded(firm):
    firm = firm(failing(RetryableError("busy"), ConnectionResetError("gone")))

    result = run_call(firm, max_retries=2)

    assert result.attempts == 3
    assert firm.ledger.outcomes() == ["error", "error", "ok"]
    assert [entry.attempt for entry in firm.ledger.entries] == [1, 2, 3]
    assert [entry.cost_usd for entry in firm.ledger.entries] == [None, None, Decimal(0)]
    assert [entry.tokens_in for entry in firm.ledger.entries] == [None, None, 3]
    assert firm.ledger.entries[0].error == "RetryableError: busy"
    assert firm.pauses == [0.1, 0.2]  # half of 0.2 and of 0.4: the test draws 0.5


def test_the_last_permitted_attempt_raises_its_own_error(firm):
    firm = firm(failing(RetryableError("first"), RetryableError("second"), RetryableError("third")))

    with pytest.raises(RetryableError, match="second"):
        run_call(firm, max_retries=1)

    assert len(firm.provider.served) == 2


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("no"),
        InputError("bad"),
        PrismaError("other"),
        KeyError("bug"),
        FileNotFoundError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_succeed_ends_at_once(firm, error):
    firm = firm(failing(error))

    with pytest.raises(type(error)):
        run_call(firm, max_retries=5)

    assert firm.ledger.outcomes() == ["error"]
    assert firm.pauses == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RetryableError(), True),
        (CallTimeoutError(), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (socket.gaierror("name or service not known"), True),
        (OSError(errno.EHOSTUNREACH, "no route"), True),
        (OSError(errno.ENOSPC, "disk full"), False),
        (PermissionError(), False),
        (PermanentError(), False),
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_errors_known_to_pass_are_retryable(error, expected):
    assert is_retryable(error) is expected


def test_a_call_that_takes_too_long_is_ended_and_its_instance_replaced(firm):
    firm = firm(forever)

    with pytest.raises(
        CallTimeoutError, match=r"doc-test-001 did not finish follow_script within 0.01 s"
    ):
        run_call(firm, timeout_seconds=0.01, max_retries=1)

    assert firm.ledger.outcomes() == ["timeout", "timeout"]
    assert firm.provider.served == [1, 2]
    assert firm.provider.under_way == 0


def test_the_timeout_covers_the_start_of_the_instance(firm):
    firm = firm(failing())

    async def never(_card):
        await asyncio.Event().wait()

    firm.provider.start = never

    with pytest.raises(CallTimeoutError):
        run_call(firm, timeout_seconds=0.01)


def test_waiting_for_a_place_does_not_count_against_the_timeout(firm):
    """20 calls of 10 ms, one at a time, each allowed 150 ms: the last waits 190 ms and still has its 150."""

    async def slow(_provider, _task):
        await asyncio.sleep(0.01)

    firm = firm(slow, max_concurrency=1)

    async def run():
        await asyncio.gather(*(firm.call(timeout_seconds=0.15) for _ in range(20)))

    asyncio.run(run())

    assert firm.ledger.outcomes() == ["ok"] * 20


def test_the_providers_own_timeout_is_recorded_as_one_and_tried_again(firm):
    firm = firm(failing(TimeoutError("socket")))

    assert run_call(firm, max_retries=1).attempts == 2
    assert firm.ledger.outcomes() == ["timeout", "ok"]


def test_a_place_is_free_during_the_pause_between_attempts(firm):
    """One agent in trouble with one client does not keep the others waiting."""

    async def work(_provider, task):
        if task.call_id == "busy" and not firm.resumed.is_set():
            raise RetryableError("busy")

    firm = firm(work, max_concurrency=1)
    firm.resumed = asyncio.Event()

    async def run():
        busy = asyncio.create_task(firm.call(call_id="busy", max_retries=1))
        await asyncio.sleep(0.001)
        await asyncio.wait_for(firm.call(call_id="other"), timeout=5)
        firm.resumed.set()
        return await busy

    assert asyncio.run(run()).attempts == 2


def test_a_ledger_that_fails_fails_the_call_without_repeating_it(firm, caplog):
    """An answer whose cost is on no record must not pass as done, and must not be bought again."""
    firm = firm(failing())
    firm.ledger.error = RetryableError("the database is down")

    with pytest.raises(RetryableError, match="database is down"):
        run_call(firm, max_retries=3)

    assert len(firm.provider.served) == 1
    assert "could not be written to the ledger" in caplog.text


def test_a_result_is_recorded_even_if_the_caller_is_cancelled_while_it_is_written(firm):
    """The answer is there and paid; the next run finds it."""
    firm = firm(failing())
    record, writing = firm.ledger.record, asyncio.Event()

    async def slow_record(entry, _along):
        writing.set()
        await asyncio.sleep(0.01)
        await record(entry)

    firm.ledger.record = slow_record

    async def run():
        call = asyncio.create_task(firm.call())
        await writing.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await firm.gateway.aclose()

    asyncio.run(run())

    assert firm.ledger.outcomes() == ["ok"]


def test_an_unknown_agent_is_refused(firm):
    with pytest.raises(UnknownAgentError, match="closest: doc-test-001"):
        run_call(firm(failing()), agent_id="doc-text-001")


def test_an_agent_of_an_unconfigured_provider_is_refused(firm):
    with pytest.raises(
        InputError, match='provider "llm", which is not configured; configured: embedded'
    ):
        run_call(firm(failing(), provider="llm"))


@settings(deadline=None)  # a busy machine is no failure
@given(failures=st.integers(1, 5000), draw=st.floats(0, 1, exclude_max=True))
def test_a_pause_lies_between_nothing_and_the_doubled_base_or_the_cap(failures, draw):
    """Full jitter: any length up to min(30 s, 0.2 s x 2^(n-1))."""
    seconds = Backoff(random=lambda: draw).seconds(failures)

    assert 0 <= seconds <= min(30.0, 0.2 * 2.0 ** min(failures - 1, 10))
    assert seconds == pytest.approx(draw * min(30.0, 0.2 * 2.0 ** min(failures - 1, 10)))


def test_the_gateway_costs_a_call_less_than_300_microseconds(firm):
    """Best of five batches: other work on the machine must not fail this."""

    async def nothing(_provider, _task):
        return None

    firm = firm(nothing)

    async def no_record(_entry, _along):
        pass

    async def not_recorded(_call_id):
        return None

    firm.ledger.record, firm.ledger.recorded = no_record, not_recorded

    async def run():
        batches = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(200):
                await firm.call()
            batches.append((time.perf_counter() - began) / 200)
        return min(batches)

    assert asyncio.run(run()) < 0.0003
