"""Prices of tokens: as the published lists have them, each kind of token at its own rate, unknown never 0."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.agents.price import TokenUse, price

MARCH = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = ("gpt-4.1", "openai")
TIERED = ("gemini-2.5-pro", "gcp.gemini")
BY_THE_HOUR = ("deepseek-chat", "deepseek")


def test_cached_tokens_are_priced_as_such():
    """gpt-4.1, list of April 2025: 2 USD a million read, 0.50 from the cache, 8 written."""
    use = TokenUse(tokens_in=1_000_000, tokens_out=100_000, cached=400_000)

    found = price(*PLAIN[:1], use, provider=PLAIN[1], at=MARCH)

    assert found is not None
    assert found.usd == Decimal("0.6") * 2 + Decimal("0.4") * Decimal("0.5") + Decimal("0.8")
    assert found.version.startswith("genai-prices ")


@pytest.mark.parametrize(("model", "provider"), [PLAIN, TIERED, BY_THE_HOUR])
@given(
    read=st.integers(0, 400_000),
    written=st.integers(0, 50_000),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1)),
    hour=st.integers(0, 23),
)
def test_price_is_that_of_the_full_calculation(model, provider, read, written, shares, hour):
    """Rates kept in memory must not differ from the list for any mix of tokens, tier or hour."""
    cached, stored, reasoning = (
        int(read * shares[0]),
        int(read * shares[1]),
        int(written * shares[2]),
    )
    at = MARCH.replace(hour=hour)
    use = TokenUse(
        tokens_in=read, tokens_out=written, cached=cached, stored=stored, reasoning=reasoning
    )
    usage = Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=stored,
        output_reasoning_tokens=reasoning,
    )

    found = price(model, use, provider=provider, at=at)

    full = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    assert found is not None
    assert abs(found.usd - full.total_price) < Decimal("1e-12")


@pytest.mark.parametrize(
    ("model", "provider"),
    [("gpt-4.1-SFT", "openai"), ("gpt-4.1", "a host nobody lists"), ("our-own-model", None)],
)
def test_model_without_a_price_is_unpriced(model, provider):
    """A fine-tuned model is another model: its base's price would be a guess."""
    use = TokenUse(tokens_in=1000, tokens_out=1000)

    assert price(model, use, provider=provider, at=MARCH) is None


def test_parts_beyond_the_whole_are_unpriced():
    use = TokenUse(tokens_in=10, tokens_out=10, cached=6, stored=5)

    assert price(*PLAIN[:1], use, provider=PLAIN[1], at=MARCH) is None


def test_provider_may_be_left_out():
    use = TokenUse(tokens_in=1000, tokens_out=0)

    assert price("gpt-4.1", use, provider=None, at=MARCH) == price(
        "gpt-4.1", use, provider="openai", at=MARCH
    )
