"""Spans in the database: whoever writes them at once, calls and runs meet; old ones go, whole traces at a time."""

import asyncio
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisma_assets.domain.learning.agent_run import AgentRun
from prisma_assets.store.agent_run import SpanBatch, SpanRow, add_spans, forget_spans, write_spans
from prisma_assets.store.database import Database

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RUN, CALL, LATE = "1" * 16, "2" * 16, "3" * 16


def run(trace: str) -> SpanBatch:
    reported = AgentRun(
        run_key=f"{trace}:{RUN}", agent_id="audit-plan-012", started_at=NOW, outcome="ok"
    )
    span = SpanRow(trace_id=trace, span_id=RUN, parent_id=None, kind="run")
    return SpanBatch.of([span], [reported])


def call(trace: str, span_id: str = CALL, *, tokens: int = 7) -> SpanBatch:
    span = SpanRow(
        trace_id=trace, span_id=span_id, parent_id=RUN, kind="call", tokens_in=tokens, tokens_out=1
    )
    return SpanBatch.of([span], [])


def tokens(url: str) -> list[int | None]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select tokens_in from agent_runs order by agent_run_id"
        ).fetchall()
    return [found for (found,) in rows]


def age(url: str, span_id: str, days: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "update agent_spans set recorded_at = now() - %s * interval '1 day' "
            "where span_id = decode(%s, 'hex')",
            (days, span_id),
        )


async def store(url: str, *batches: SpanBatch) -> int:
    """Store them in turn; answers how many spans could be forgotten afterwards."""
    async with Database(url, max_size=1) as database:
        for batch in batches:
            await add_spans(database, batch)
        return await forget_spans(database)


def test_call_and_run_written_at_once_meet(database_url):
    """Two transactions that do not see each other would leave the run without its tokens for good."""
    trace = "a" * 32

    async def both() -> None:
        async with Database(database_url) as one, Database(database_url) as other:
            async with one.transaction() as first:
                await write_spans(first, run(trace))
                second = asyncio.create_task(add_spans(other, call(trace)))
                await asyncio.sleep(0.3)  # Ample for a statement; that it waits has no event.
                assert not second.done()
            await second

    asyncio.run(both())

    assert tokens(database_url) == [7]


@st.composite
def traces(draw: st.DrawFn) -> list[SpanRow]:
    """A tree of runs, calls with their tokens and links; every span's parent stands before it."""
    trace, spans = secrets.token_hex(16), []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        kind = draw(st.sampled_from(["run", "call", "link"]))
        tells = kind == "call" or (kind == "run" and draw(st.booleans()))
        above = draw(st.none() | st.sampled_from(spans)) if spans else None
        spans.append(
            SpanRow(
                trace_id=trace,
                span_id=f"{number:016x}",
                parent_id=above.span_id if above else None,
                kind=kind,
                tokens_in=draw(st.integers(0, 1000)) if tells else None,
                cost_usd=draw(st.none() | st.just(Decimal("0.25"))) if kind == "call" else None,
            )
        )
    return spans


Use = tuple[int | None, Decimal | None]


def expected(spans: list[SpanRow]) -> dict[str, Use]:
    """Tokens and cost of each run, found by walking up from each call."""
    by_id = {span.span_id: span for span in spans}
    below: dict[str, list[SpanRow]] = {s.span_id: [] for s in spans if s.kind == "run"}
    for span in spans:
        above = by_id.get(span.parent_id or "")
        while span.kind == "call" and above is not None and above.kind == "link":
            above = by_id.get(above.parent_id or "")
        if span.kind == "call" and above is not None and above.kind == "run":
            below[above.span_id].append(span)
    return {run_id: _use(by_id[run_id], calls) for run_id, calls in below.items()}


def _use(run: SpanRow, calls: list[SpanRow]) -> Use:
    tokens = [c.tokens_in for c in calls if c.tokens_in is not None]
    costs = [c.cost_usd for c in calls if c.cost_usd is not None]
    own = run.tokens_in
    told = own if own is not None else sum(tokens) if calls else None
    return told, sum(costs, Decimal(0)) if calls and len(costs) == len(calls) else None


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spans=traces(), data=st.data())
def test_however_a_trace_is_cut_shuffled_and_repeated_its_runs_are_the_same(
    database_url, spans, data
):
    sent = data.draw(st.permutations([*spans, *data.draw(st.lists(st.sampled_from(spans)))]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent)), max_size=4)) | {0, len(sent)})
    batches = [
        SpanBatch.of(part, [_run(span) for span in part if span.kind == "run"])
        for part in (sent[a:b] for a, b in pairwise(cuts))
    ]

    asyncio.run(store(database_url, *batches))

    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select right(run_key, 16), tokens_in, cost_usd from agent_runs where run_key like %s",
            (f"{spans[0].trace_id}:%",),
        ).fetchall()
    assert {run_id: use for run_id, *use in rows} == {
        run_id: list(use) for run_id, use in expected(spans).items()
    }


def _run(span: SpanRow) -> AgentRun:
    return AgentRun(
        run_key=f"{span.trace_id}:{span.span_id}",
        agent_id="audit-plan-012",
        started_at=NOW,
        outcome="ok",
        tokens_in=span.tokens_in,
    )


def test_old_traces_are_forgotten_and_their_runs_stay(database_url):
    old, young = "a" * 32, "b" * 32
    asyncio.run(store(database_url, run(old), call(old)))
    for span_id in (RUN, CALL):
        age(database_url, span_id, 3)

    assert asyncio.run(store(database_url, run(young), call(young))) == 2

    assert tokens(database_url) == [7, 7]


def test_trace_that_goes_on_is_kept_whole(database_url):
    """Without the old half, the next call would be taken for all the run used."""
    trace = "a" * 32
    asyncio.run(store(database_url, run(trace), call(trace)))
    age(database_url, CALL, 3)

    assert asyncio.run(store(database_url)) == 0

    asyncio.run(store(database_url, call(trace, LATE, tokens=5)))
    assert tokens(database_url) == [12]


def test_call_that_comes_after_its_trace_was_forgotten_changes_nothing(database_url):
    trace = "a" * 32
    asyncio.run(store(database_url, run(trace), call(trace)))
    for span_id in (RUN, CALL):
        age(database_url, span_id, 3)
    asyncio.run(store(database_url))

    asyncio.run(store(database_url, call(trace, LATE, tokens=5)))

    assert tokens(database_url) == [7]


def test_run_that_learns_more_becomes_known_anew(database_url):
    """What reads runs by when they became known sees it again, and counts its day again."""
    trace = "a" * 32
    asyncio.run(store(database_url, run(trace)))
    with psycopg.connect(database_url) as connection:
        connection.execute("update agent_runs set recorded_at = '2026-01-01'")

    asyncio.run(store(database_url, call(trace)))

    with psycopg.connect(database_url) as connection:
        row = connection.execute("select recorded_at > now() - interval '1 minute' from agent_runs")
        assert row.fetchone() == (True,)


def test_delivery_of_thousands_of_traces_is_stored_whole(database_url):
    """As many as the longest body holds; joined in pairs they would have taken minutes."""
    ids = [secrets.token_hex(16) for _ in range(5000)]
    spans = [
        SpanRow(trace_id=t, span_id=s, parent_id=p, kind=k, tokens_in=n)
        for t in ids
        for s, p, k, n in ((RUN, None, "run", None), (CALL, RUN, "call", 7))
    ]
    runs = [
        AgentRun(run_key=f"{t}:{RUN}", agent_id="audit-plan-012", started_at=NOW, outcome="ok")
        for t in ids
    ]

    asyncio.run(store(database_url, SpanBatch.of(spans, runs)))

    assert tokens(database_url) == [7] * 5000
