"""Independence checked again before acceptance, before the quality review and before release (IESBA 400.30; ISA 220R 21)."""

from dataclasses import dataclass
from typing import Any

from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit import independence
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed

NAME = "Independence, checked again"


@dataclass(frozen=True, kw_only=True)
class Again:
    """The check repeated on the facts as they stand."""

    conclusion: independence.Conclusion
    is_worse: bool
    """Worse than step a01 found: nobody has decided on it yet."""
    outcome: Outcome

    @property
    def outputs(self) -> dict[str, Any]:
        """What conditions of the template read."""
        return {"independence_conclusion": self.conclusion, "independence_is_worse": self.is_worse}


def independence_again(work: StepWork) -> Again:
    """Repeat every check of step a01: services, fees, interests and tenure change while an audit runs."""
    conclusion, checks = independence.assess(work.engagement)
    before = work.outputs_of("a01").get("independence_conclusion", conclusion)
    order = independence.SEVERITY
    is_worse = order.index(conclusion) > order.index(before)
    done = sum(o.is_performed for o in checks)
    if not done:
        outcome = not_performed(NAME, "engagement.yaml has no section independence")
    else:
        outcome = performed(
            NAME,
            population=f"{done} of {count(len(checks), 'check')} repeated",
            result=f"{conclusion}; step a01 found {before}." if is_worse else f"{conclusion}.",
            findings=tuple(f for o in checks for f in o.findings) if is_worse else (),
        )
    return Again(conclusion=conclusion, is_worse=is_worse, outcome=outcome)
