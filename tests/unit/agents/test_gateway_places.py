"""The gateway's places and instances: never too many at once, none ever lost, each reused or replaced."""

import asyncio
from collections import Counter

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.errors import InputError, PrismaError, RetryableError


async def turns(number: int) -> None:
    """Let the event loop go round: a duration without a clock."""
    for _ in range(number):
        await asyncio.sleep(0)


async def short(_provider, _task):
    await turns(3)


def held_back():
    """A script that works until released, and the event that releases it."""
    release = asyncio.Event()

    async def work(_provider, _task):
        await release.wait()

    return work, release


def test_200_calls_never_exceed_the_limit_and_all_end(firm):
    firm = firm(short, max_concurrency=5, instances=2)

    async def run():
        results = await asyncio.gather(*(firm.call() for _ in range(200)))
        await firm.gateway.aclose()
        return results

    assert len(asyncio.run(run())) == 200
    assert firm.provider.peak == 5
    assert firm.ledger.outcomes() == ["ok"] * 200


def test_waiting_is_first_come_first_served(firm):
    order = []

    async def work(_provider, task):
        order.append(task.call_id)
        await turns(2)

    firm = firm(work, max_concurrency=1)

    async def run():
        await asyncio.gather(*(firm.call(call_id=f"{number:02}") for number in range(20)))

    asyncio.run(run())

    assert order == sorted(order)


def test_instances_start_when_needed_and_are_reused(firm):
    """Starting a client costs more than a call: one instance serves calls that follow each other."""
    firm = firm(short, instances=3)

    async def run():
        for _ in range(10):
            await firm.call()

    asyncio.run(run())

    assert firm.provider.started == 1
    assert firm.provider.served == [1] * 10


def test_calls_at_once_spread_over_the_instances(firm):
    firm = firm(short, max_concurrency=9, instances=3)

    async def run():
        await asyncio.gather(*(firm.call() for _ in range(9)))

    asyncio.run(run())

    assert firm.provider.started == 3
    assert Counter(firm.provider.served) == {1: 3, 2: 3, 3: 3}


def test_the_least_loaded_instance_is_chosen_and_of_idle_ones_the_longest_idle(firm):
    """Three are warm and end in the order 2, 3, 1: the next calls go to 2, 3 and 1."""
    gates = {name: asyncio.Event() for name in "abc"}

    async def work(_provider, task):
        if task.call_id in gates:
            await gates[task.call_id].wait()
        else:
            await turns(5)

    firm = firm(work, max_concurrency=9, instances=3)

    async def run():
        warm = [asyncio.create_task(firm.call(call_id=name)) for name in "abc"]
        await turns(10)
        for number in (1, 2, 0):
            gates["abc"[number]].set()
            await warm[number]
        firm.provider.served.clear()
        await asyncio.gather(*(firm.call() for _ in range(4)))

    asyncio.run(run())

    assert firm.provider.served == [2, 3, 1, 2]


def test_calls_that_meet_a_starting_instance_wait_for_it(firm):
    firm = firm(short, max_concurrency=4)
    start = firm.provider.start

    async def slow_start(card):
        await turns(5)
        return await start(card)

    firm.provider.start = slow_start

    async def run():
        await asyncio.gather(*(firm.call() for _ in range(4)))

    asyncio.run(run())

    assert firm.provider.started == 1


def test_a_cancelled_start_is_taken_over_by_the_next_caller(firm):
    firm = firm(short, max_concurrency=2)
    start = firm.provider.start

    async def slow_start(card):
        await turns(5)
        return await start(card)

    firm.provider.start = slow_start

    async def run():
        first, second = asyncio.create_task(firm.call()), asyncio.create_task(firm.call())
        await turns(3)
        first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(run())

    assert isinstance(first, asyncio.CancelledError)
    assert second.attempts == 1
    assert firm.provider.started == 1


def test_a_call_cancelled_at_work_frees_its_place_and_is_on_record(firm):
    """What a cancelled call consumed is owed, and nobody knows how much: unknown, never zero."""

    async def run():
        work, release = held_back()
        place = firm(work, max_concurrency=1)
        first = asyncio.create_task(place.call())
        await turns(5)
        first.cancel()
        await asyncio.wait([first])
        release.set()
        await asyncio.wait_for(place.call(), timeout=5)
        await place.gateway.aclose()
        return place

    place = asyncio.run(run())

    assert place.ledger.outcomes() == ["error", "ok"]
    assert place.ledger.entries[0].cost_usd is None
    assert place.ledger.entries[0].error == "CancelledError"


def test_a_call_cancelled_by_an_anyio_scope_is_on_record_too(firm):
    """Runs are cancelled through anyio, which cancels again whatever still awaits in its scope."""

    async def run():
        work, _ = held_back()
        place = firm(work)
        with anyio.move_on_after(0.01):
            await place.call()
        await place.gateway.aclose()
        return place

    place = asyncio.run(run())

    assert place.ledger.outcomes() == ["error"]
    assert place.provider.under_way == 0


def test_a_cancelled_waiter_leaves_the_queue_without_a_trace(firm):
    async def run():
        work, release = held_back()
        place = firm(work, max_concurrency=1)
        calls = [asyncio.create_task(place.call()) for _ in range(3)]
        await turns(5)
        calls[1].cancel()
        release.set()
        ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), timeout=5)
        return place, ended

    place, ended = asyncio.run(run())

    assert isinstance(ended[1], asyncio.CancelledError)
    assert place.ledger.outcomes() == ["ok", "ok"]


def test_a_broken_instance_is_stopped_and_replaced(firm):
    async def work(provider, _task):
        if provider.served == [1]:
            raise KeyError("session")

    firm = firm(work)

    async def run():
        with pytest.raises(KeyError):
            await firm.call()
        await firm.call()
        await firm.gateway.aclose()

    asyncio.run(run())

    assert firm.provider.served == [1, 2]
    assert firm.provider.stopped == [1, 2]


def test_a_broken_instance_lets_its_other_calls_finish_first(firm):
    async def run():
        work, release = held_back()

        async def break_second(provider, task):
            if task.call_id == "bad":
                raise KeyError
            await work(provider, task)

        place = firm(break_second, max_concurrency=2)
        good = asyncio.create_task(place.call(call_id="good"))
        await turns(5)
        with pytest.raises(KeyError):
            await place.call(call_id="bad")
        stopped_early = list(place.provider.stopped)
        release.set()
        await good
        await turns(2)
        return stopped_early, place.provider.stopped

    assert asyncio.run(run()) == ([], [1])


def test_a_foreseen_error_does_not_mend_a_broken_instance(firm):
    """Once the later, harmless failure took the mark off, and the broken instance was never stopped."""

    async def work(_provider, task):
        if task.call_id == "bad":
            raise KeyError
        await turns(3)
        raise InputError("wrong")

    firm = firm(work, max_concurrency=2)

    async def run():
        calls = (firm.call(call_id=name) for name in ("foreseen", "bad"))
        await asyncio.gather(*calls, return_exceptions=True)
        await firm.gateway.aclose()

    asyncio.run(run())

    assert firm.provider.served == [1, 1]
    assert firm.provider.stopped == [1]


@pytest.mark.parametrize("error", [RetryableError("busy"), InputError("wrong")])
def test_an_error_the_provider_announces_keeps_the_instance(firm, error):
    async def work(provider, _task):
        if len(provider.served) == 1:
            raise error

    firm = firm(work)

    async def run():
        with pytest.raises(PrismaError):
            await firm.call()
        await firm.call()

    asyncio.run(run())

    assert firm.provider.served == [1, 1]


def test_closing_stops_every_instance_even_if_one_refuses(firm, caplog):
    firm = firm(short, max_concurrency=2, instances=2)
    stop = firm.provider.stop

    async def stop_but_first_fails(instance):
        await stop(instance)
        if instance == 1:
            raise OSError("already gone")

    firm.provider.stop = stop_but_first_fails

    async def run():
        await asyncio.gather(firm.call(), firm.call())
        await firm.gateway.aclose()

    asyncio.run(run())

    assert sorted(firm.provider.stopped) == [1, 2]
    assert "an instance of doc-test-001 did not stop" in caplog.text


def test_a_closed_gateway_refuses_calls(firm):
    firm = firm(short)

    async def run():
        await firm.gateway.aclose()
        await firm.call()

    with pytest.raises(PrismaError, match="closed"):
        asyncio.run(run())


def test_a_gateway_refuses_a_second_event_loop(firm):
    """Its locks and instances live in the first one; waiting on them elsewhere would never end."""
    firm = firm(short)

    async def run():
        await firm.call()

    asyncio.run(run())

    with pytest.raises(PrismaError, match="another event loop"):
        asyncio.run(run())


CALLS = st.lists(
    st.tuples(
        st.integers(0, 6),  # turns before the call
        st.integers(0, 6),  # turns of work
        st.sampled_from(["fine", "busy", "broken"]),
        st.none() | st.integers(0, 12),  # turns until it is cancelled
    ),
    max_size=25,
)


@settings(deadline=None)  # a busy machine is no failure
@given(limit=st.integers(1, 4), instances=st.integers(1, 4), calls=CALLS)
def test_no_sequence_of_calls_failures_and_cancellations_loses_a_place(
    firm, limit, instances, calls
):
    """Whatever happened before, exactly `max_concurrency` calls can work at once afterwards."""

    async def work(_provider, task):
        await turns(task.inputs["turns"])
        if task.inputs["end"] == "busy":
            raise RetryableError("busy")
        if task.inputs["end"] == "broken":
            raise KeyError("broken")

    place = firm(work, max_concurrency=limit, instances=instances)

    async def one(before, turns_of_work, end, cancel_after):
        await turns(before)
        inputs = {"turns": turns_of_work, "end": end}
        call = asyncio.create_task(place.call(inputs=inputs, max_retries=1))
        if cancel_after is not None:
            await turns(cancel_after)
            call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def run():
        await asyncio.wait_for(asyncio.gather(*(one(*call) for call in calls)), timeout=10)
        peak, place.provider.peak = place.provider.peak, 0
        inputs = {"turns": 5, "end": "fine"}
        after = (place.call(inputs=inputs) for _ in range(limit + 2))
        await asyncio.wait_for(asyncio.gather(*after), timeout=10)
        await place.gateway.aclose()
        return peak

    assert asyncio.run(run()) <= limit
    assert place.provider.peak == limit
    assert place.provider.under_way == 0
    assert len(place.provider.stopped) == place.provider.started
