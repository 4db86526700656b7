"""What a call cost: as its provider says, else by the price lists, else unknown."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from prisma_assets.agents.contract import Usage

USED = Usage(
    provider="openai", model="gpt-4.1", tokens_in=1_000_000, tokens_out=100_000, cost_usd=None
)


async def work(_provider, _task):
    return {"ok": True}


@pytest.mark.parametrize(
    ("usage", "cost", "is_by_list"),
    [
        # List of April 2025: 2 USD a million read, 8 written.
        (USED, Decimal("2.80"), True),
        (replace(USED, cost_usd=Decimal("1.11")), Decimal("1.11"), False),
        (replace(USED, model="a-model-no-list-has"), None, False),
        (replace(USED, provider="somebody-elses-server"), None, False),
        (replace(USED, model=None), None, False),
        (replace(USED, tokens_in=0, tokens_out=0), None, False),
    ],
    ids=["by list", "told", "unknown model", "unknown provider", "no model", "no tokens"],
)
def test_a_call_costs_what_is_told_or_listed_and_is_never_free_for_lack_of_a_price(firm, usage, cost, is_by_list):  # fmt: skip
    """A provider that tells no tokens has used some all the same."""
    firm = firm(work)
    firm.provider.usage = usage

    async def run():
        result = await firm.call()
        await firm.gateway.aclose()
        return result

    result = asyncio.run(run())
    (entry,) = firm.ledger.entries

    assert entry.cost_usd == result.usage.cost_usd == cost
    assert (entry.price_version or "").startswith("genai-prices") is is_by_list
    assert entry.result == result
