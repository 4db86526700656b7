"""What a budget says to a call that is about to spend money. Counting what was spent does not belong here."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Level = Literal["firm", "client", "engagement", "workflow", "agent"]
"""What a budget is for, from the widest to the narrowest; a call spends from every one it belongs to."""
LEVELS: tuple[Level, ...] = ("firm", "client", "engagement", "workflow", "agent")
Period = Literal["month", "whole"]
"""month: begins anew with each calendar month, UTC. whole: for as long as what it is for lasts."""

Standing = Literal["ok", "warning", "paused", "overridden", "stopped"]
"""paused: work stands still until a person overrides it. stopped: no override reaches as far."""

WARN_AT = Decimal("0.8")
"""Share of the limit at which its owners are told: as a rule early enough to ask the client (the firm's rule, domain facts §7.5)."""
PAUSE_AT = Decimal(1)
"""Share at which work stands still until a person overrides it."""
STOP_AT = Decimal("1.2")
"""Share beyond which no override reaches."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """One budget in one period."""

    budget_id: str
    level: Level
    scope: str | None
    """Id of the client, engagement, template or agent; None for the firm."""
    limit_usd: Decimal
    spent_usd: Decimal
    """Settled."""
    reserved_usd: Decimal
    """Promised to calls under way."""
    is_overridden: bool = False
    """A person let it go beyond its limit in this period."""

    @property
    def committed_usd(self) -> Decimal:
        """Spent or promised."""
        return self.spent_usd + self.reserved_usd

    @property
    def share(self) -> Decimal:
        """Of the limit that is committed; may exceed 1 after an override."""
        return self.committed_usd / self.limit_usd

    @property
    def standing(self) -> Standing:
        """Where it stands now."""
        if self.share >= STOP_AT:
            return "stopped"
        if self.is_overridden:
            return "overridden"
        if self.share >= PAUSE_AT:
            return "paused"
        return "warning" if self.share >= WARN_AT else "ok"

    @property
    def title(self) -> str:
        """How people call it."""
        return "the firm's budget" if self.scope is None else f"the budget of {self.level} {self.scope}"  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Granted:
    """The call may be made."""

    warned: tuple[str, ...] = ()
    """Ids of budgets that reach the warning share with this call."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The call may not be made."""

    budget_id: str
    can_be_overridden: bool
    reason: str


def judge(balances: Sequence[Balance], amount_usd: Decimal) -> Granted | Refused:
    """Whether a call of at most this amount fits into every budget it belongs to.

    Args:
        balances: As they stand while nobody else can change them.
        amount_usd: Most the call can cost, 0 or more; a call that costs nothing always fits.
    """
    if not amount_usd:
        return Granted()
    for balance in sorted(balances, key=lambda b: LEVELS.index(b.level)):
        refused = _refused(balance, amount_usd)
        if refused is not None:
            return refused
    return Granted(warned=tuple(b.budget_id for b in balances if _reaches(b, amount_usd)))


def _refused(balance: Balance, amount: Decimal) -> Refused | None:
    after = (balance.committed_usd + amount) / balance.limit_usd
    ceiling = STOP_AT if balance.is_overridden else PAUSE_AT
    if after <= ceiling:
        return None
    used = f"{balance.title} holds {balance.limit_usd:.2f} USD; {balance.committed_usd:.2f} are spent or promised, the call may cost {amount:.4f}"
    if balance.is_overridden:
        return Refused(
            budget_id=balance.budget_id, can_be_overridden=False,
            reason=f"{used}, and nothing goes beyond {STOP_AT:.0%} of a limit; set a higher one",
        )  # fmt: skip
    return Refused(
        budget_id=balance.budget_id, can_be_overridden=after <= STOP_AT,
        reason=f"{used}; a person can override it up to {STOP_AT:.0%}, or set a higher limit",
    )  # fmt: skip


def _reaches(balance: Balance, amount: Decimal) -> bool:
    return balance.share < WARN_AT <= (balance.committed_usd + amount) / balance.limit_usd
