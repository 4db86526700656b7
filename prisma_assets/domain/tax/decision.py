"""How a tax calculation ends: approved, for review, or refused, always with its reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from prisma_assets.domain.audit.threshold import firm

Verdict = Literal["APPROVED", "REVIEW", "REFUSED"]
SEVERITY: tuple[Verdict, ...] = ("APPROVED", "REVIEW", "REFUSED")

MALTA_TAX_REVIEW = firm(500_000, "currency", source="firm practice, read as EUR")
REFUND_REVIEW = firm(250_000, "currency", source="firm practice, EUR")
DISALLOWED_INTEREST_REFUSED = firm(20, "%", source="firm practice, of tax EBITDA")
INCLUSION_TAX_REVIEW = firm(250_000, "currency", source="firm practice, read as EUR")
TOP_UP_REFUSED = firm(500_000, "currency", source="firm practice, read as EUR")
DAC6_ARRANGEMENTS_REFUSED = firm(2, "items", source="firm practice: more than two")

HEAD_OF_TAX = "Head of Tax"
TECHNICAL_REVIEWER = "Tax Technical Reviewer"
GROUP_TAX_DIRECTOR = "Group Tax Director"
MANAGER = "Manager"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One circumstance that stands against plain approval."""

    verdict: Literal["REVIEW", "REFUSED"]
    text: str
    """One sentence."""
    to: str = MANAGER
    """Who resolves it."""

    @property
    def next_step(self) -> str:
        """What happens with it."""
        verb = "clears it with cause and remedy" if self.verdict == "REFUSED" else "reviews it"
        return f"{self.to} {verb}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The outcome of a calculation; nothing here is a sign-off."""

    reasons: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest reason's verdict; APPROVED without any."""
        return max((r.verdict for r in self.reasons), key=SEVERITY.index, default="APPROVED")

    def as_json(self) -> dict[str, Any]:
        """The decision as JSON values."""
        return {
            "decision": self.verdict,
            "reasons": [r.text for r in self.reasons],
            "next_steps": list(dict.fromkeys(r.next_step for r in self.reasons)),
        }


def review(text: str, to: str = MANAGER) -> Reason:
    """A reason for a person to look."""
    return Reason(verdict="REVIEW", text=text, to=to)


def refuse(text: str, to: str = GROUP_TAX_DIRECTOR) -> Reason:
    """A reason not to go on."""
    return Reason(verdict="REFUSED", text=text, to=to)


def to_confirm(rules: Iterable[object]) -> tuple[Reason, ...]:
    """A reason for review for every rule that a person has to confirm."""
    return tuple(
        review(f"To confirm for {rule.version}: {rule.confirm}.")  # type: ignore[attr-defined]
        for rule in rules
        if getattr(rule, "confirm", "")
    )


def worst(verdicts: Iterable[str]) -> Verdict:
    """The gravest of several verdicts; APPROVED when there are none."""
    given = set(verdicts)
    return max((v for v in SEVERITY if v in given), key=SEVERITY.index, default="APPROVED")
