"""The kinds of values the section `tax` of `engagement.yaml` is made of."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

Amount = Annotated[Decimal, Field(max_digits=17, decimal_places=2)]
Positive = Annotated[Decimal, Field(ge=0, max_digits=17, decimal_places=2)]
Share = Annotated[Decimal, Field(ge=0, le=100)]
"""Unit: percent."""
Code = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""Country, ISO 3166-1 alpha-2."""
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
