"""What the tokens of a model cost by the published price lists. A model without a price has none: never 0.

The lists are those of the package genai-prices as it is installed; nothing is fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_prices import Usage
    from genai_prices.types import PriceCalculation

_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUse:
    """Tokens of one call or of the calls of one run."""

    tokens_in: int
    """All tokens read."""
    tokens_out: int
    """All tokens written."""
    cached: int = 0
    """Of `tokens_in`: read from the provider's cache."""
    stored: int = 0
    """Of `tokens_in`: written to the provider's cache, for which some ask more."""
    reasoning: int = 0
    """Of `tokens_out`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What something cost, and by which list."""

    usd: Decimal
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rates:
    """USD; the five for a token."""

    call: Decimal
    read: Decimal
    cached: Decimal
    stored: Decimal
    written: Decimal
    reasoning: Decimal

    def price(self, use: TokenUse) -> Decimal:
        return (
            self.call
            + self.read * (use.tokens_in - use.cached - use.stored)
            + self.cached * use.cached
            + self.stored * use.stored
            + self.written * (use.tokens_out - use.reasoning)
            + self.reasoning * use.reasoning
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    """A model some list has."""

    rates: _Rates | None
    """None: its price depends on the hour or the amount."""


def price(model: str, use: TokenUse, *, provider: str | None, at: datetime) -> Price | None:
    """Price tokens by the list that held then.

    Args:
        model: As the provider calls it.
        use: The tokens.
        provider: By its OpenTelemetry name or that of the price list; None: who usually offers the model.
        at: When the call was made; a price may hold from a day or for hours.

    Returns:
        None when no list has the model, or the parts are more than the whole.
    """
    if use.cached + use.stored > use.tokens_in or use.reasoning > use.tokens_out:
        return None
    offer = _offer(model, provider)
    if offer is None:
        return None
    if offer.rates is not None:
        return Price(usd=offer.rates.price(use), version=price_version())
    found = _calculated(model, _usage(use), provider, at)
    return Price(usd=found.total_price, version=price_version()) if found is not None else None


def price_use(use: Mapping[str, Any], *, at: datetime) -> Price | None:
    """Price what a run or a call used.

    Args:
        use: `model`, `provider`, `tokens_in`, `tokens_out`, `tokens_cached`, `tokens_stored`, `tokens_reasoning`; None or
            missing is unknown.
        at: When.

    Returns:
        None without a model, the tokens or a price.
    """
    known = {name: value for name, value in use.items() if value is not None}
    if not known.keys() >= {"model", "tokens_in", "tokens_out"}:
        return None
    tokens = TokenUse(
        tokens_in=known["tokens_in"],
        tokens_out=known["tokens_out"],
        cached=known.get("tokens_cached", 0),
        stored=known.get("tokens_stored", 0),
        reasoning=known.get("tokens_reasoning", 0),
    )
    return price(known["model"], tokens, provider=known.get("provider"), at=at)


@cache
def price_version() -> str:
    """The lists prices are looked up in, as they are installed."""
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


@lru_cache(maxsize=1024)
def _offer(model: str, provider: str | None) -> _Offer | None:
    """What a list says of a model; looking it up takes 100 times longer than the arithmetic, in vain 1,000 times."""
    from genai_prices.types import ModelPrice, TieredPrices

    nothing = _calculated(model, _usage(TokenUse(tokens_in=0, tokens_out=0)), provider, None)
    if nothing is None:
        return None
    prices = vars(nothing.model_price).values()
    is_plain = isinstance(nothing.model.prices, ModelPrice)
    if not is_plain or any(isinstance(each, TieredPrices) for each in prices):
        return _Offer(rates=None)

    def rate(use: TokenUse) -> Decimal:
        found = _calculated(model, _usage(use), provider, None)
        return (found.total_price - nothing.total_price) / _MILLION if found else Decimal(0)

    rates = _Rates(
        call=nothing.total_price,
        read=rate(TokenUse(tokens_in=_MILLION, tokens_out=0)),
        cached=rate(TokenUse(tokens_in=_MILLION, tokens_out=0, cached=_MILLION)),
        stored=rate(TokenUse(tokens_in=_MILLION, tokens_out=0, stored=_MILLION)),
        written=rate(TokenUse(tokens_in=0, tokens_out=_MILLION)),
        reasoning=rate(TokenUse(tokens_in=0, tokens_out=_MILLION, reasoning=_MILLION)),
    )
    return _Offer(rates=rates)


def _usage(use: TokenUse) -> "Usage":
    from genai_prices import Usage

    return Usage(
        input_tokens=use.tokens_in,
        output_tokens=use.tokens_out,
        cache_read_tokens=use.cached,
        cache_write_tokens=use.stored,
        output_reasoning_tokens=use.reasoning,
    )


def _calculated(
    model: str, usage: "Usage", provider: str | None, at: datetime | None
) -> "PriceCalculation | None":
    from genai_prices import calc_price

    try:
        return calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except (LookupError, ValueError):
        return None
