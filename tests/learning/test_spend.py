"""Spend by whatever people ask it by, from counted days."""

from datetime import timedelta
from decimal import Decimal

import pytest

from prisma_assets.learning.spend import spend
from tests.learning.conftest import AGENT, DAY, OTHER, Facts, at

A_MODEL = {"provider": "openai", "model": "gpt-4o"}


@pytest.fixture
def spent(facts) -> Facts:
    facts.run(cost_usd="0.50", client_id="acme", tokens_in=1000, tokens_out=100, **A_MODEL)
    facts.run(
        cost_usd="0.25", client_id="acme", outcome="error", tokens_in=500, tokens_out=0, **A_MODEL
    )
    facts.run(OTHER, client_id="duck", provider="anthropic", model="claude-3-5-haiku-latest")
    facts.run(OTHER, cost_usd="2", started_at=at(day=DAY + timedelta(days=1)))
    facts.count(DAY, DAY + timedelta(days=1))
    return facts


def of(facts: Facts, by: str, until=DAY):
    rows = facts.do(spend, by=by, since=DAY, until=until)
    return [(row.key, row.runs, row.unpriced, row.cost_usd) for row in rows]


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("provider", ["openai", "anthropic"]),
        ("model", ["gpt-4o", "claude-3-5-haiku-latest"]),
        ("agent", [AGENT, OTHER]),
        ("client", ["acme", "duck"]),
    ],
)
def test_adds_up_by_what_is_asked_and_never_calls_unpriced_runs_free(spent, by, keys):
    """The dearest first; a run without a price has no cost, which is not 0."""
    assert of(spent, by) == [(keys[0], 2, 0, Decimal("0.75")), (keys[1], 1, 1, None)]


def test_runs_that_do_not_say_are_rows_of_their_own(spent):
    """No run tells an engagement or a workflow: all is under None, and the days add up."""
    two_days = DAY + timedelta(days=1)
    assert of(spent, "engagement", two_days) == [(None, 4, 1, Decimal("2.75"))]
    assert of(spent, "workflow", two_days) == [(None, 4, 1, Decimal("2.75"))]


def test_tells_what_failures_cost_and_tokens_only_where_reported(spent):
    """Of 0.75 USD 0.25 went to a run that failed; the other agent reported no tokens."""
    mine, other = spent.do(spend, by="agent", since=DAY, until=DAY)

    assert (mine.failed, mine.failed_usd) == (1, Decimal("0.25"))
    assert (mine.tokens_in, mine.tokens_out) == (1500, 100)
    assert (other.failed_usd, other.tokens_in) == (None, None)


def test_counting_a_day_again_changes_nothing_but_what_changed(spent):
    """A day is replaced as a whole."""
    before = of(spent, "agent")
    spent.count(DAY)
    assert of(spent, "agent") == before
    spent.run(cost_usd="0.10")
    spent.count(DAY)
    assert of(spent, "agent")[0] == (AGENT, 3, 0, Decimal("0.85"))


def test_leaves_out_what_cannot_be_true(facts):
    """A run that began after it was reported is set aside here as everywhere."""
    facts.run(cost_usd="9", recorded_at=at(1))
    facts.count(DAY)
    assert of(facts, "agent") == []
