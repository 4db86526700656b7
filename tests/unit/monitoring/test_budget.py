"""What a budget says: granted, warned at 80 %, paused at 100 % until a person overrides it, stopped at 120 %."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.monitoring.budget import Balance, Granted, Refused, judge


def balance(spent: str = "0", reserved: str = "0", **extra: object) -> Balance:
    given: dict[str, object] = {
        "budget_id": "b1", "level": "client", "scope": "acme", "limit_usd": Decimal(100),
        "spent_usd": Decimal(spent), "reserved_usd": Decimal(reserved),
    }  # fmt: skip
    return Balance(**{**given, **extra})


@pytest.mark.parametrize(
    ("held", "amount", "warned"),
    [
        (balance("79.98"), "0.01", ()),
        (balance("79.98"), "0.02", ("b1",)),
        (balance("50", "29"), "1", ("b1",)),
        (balance("80"), "20", ()),  # told before
        (balance("99", is_overridden=True), "21", ()),
    ],
)
def test_grants_up_to_the_limit(held, amount, warned):
    """To the cent, and what is promised counts like what is spent."""
    assert judge([held], Decimal(amount)) == Granted(warned=warned)


@pytest.mark.parametrize(
    ("held", "amount", "can_be_overridden"),
    [
        (balance("99"), "1.01", True),
        (balance("0", "100"), "0.01", True),
        (balance("99"), "22", False),  # beyond 120 % at once
        (balance("99", is_overridden=True), "21.01", False),
    ],
)
def test_refuses_beyond_it(held, amount, can_be_overridden):
    """An override reaches to 120 %, never beyond."""
    answer = judge([held], Decimal(amount))
    assert isinstance(answer, Refused)
    assert answer.can_be_overridden is can_be_overridden
    assert answer.reason.startswith("the budget of client acme holds 100.00 USD;")


def test_names_the_widest_budget_that_refuses():
    """Whoever reads it knows whom to ask."""
    firm = balance("100", budget_id="f", level="firm", scope=None)
    agent = balance("100", budget_id="a", level="agent", scope="audit-plan-012")
    answer = judge([agent, firm], Decimal(1))
    assert isinstance(answer, Refused)
    assert answer.budget_id == "f"
    assert answer.reason.startswith("the firm's budget holds")


def test_what_costs_nothing_always_fits():
    """An embedded procedure works on when the money is gone."""
    assert judge([balance("500")], Decimal(0)) == Granted()


@given(
    amounts=st.lists(st.decimals("0.01", "40", places=2), max_size=30), is_overridden=st.booleans()
)
def test_never_grants_beyond_the_ceiling(amounts, is_overridden):
    """Whatever is asked for, in whatever order."""
    held = Decimal(0)
    for amount in amounts:
        answer = judge([balance(str(held), is_overridden=is_overridden)], amount)
        if isinstance(answer, Granted):
            held += amount
    assert held <= (120 if is_overridden else 100)
