"""Where the computations stand when the provision is put before its reviewers: refused, cleared, left to a person."""

from dataclasses import dataclass
from typing import Any, Literal

from prisma_assets.agents.embedded.tax_work import collected, tax_finding
from prisma_assets.agents.embedded.work import StepWork
from prisma_assets.domain.audit.outcome import Outcome, count, performed
from prisma_assets.domain.audit.workpaper import Evidence
from prisma_assets.domain.tax.decision import TECHNICAL_REVIEWER, worst
from prisma_assets.domain.tax.facts import TaxFacts

NAME = "Refused computations"
CROSS_BORDER = "cross_border"
ReviewStatus = Literal["PENDING_HUMAN", "INCOMPLETE", "BLOCKED"]
"""PENDING_HUMAN: people may approve. INCOMPLETE: an entity's tax is not computed by anybody. BLOCKED: a computation is
refused and not cleared."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The computations of steps t03 to t05, together."""

    verdict: str
    """The gravest decision."""
    next_steps: tuple[str, ...]
    refused: tuple[dict[str, Any], ...]
    """Each with its subject, the reasons, and root cause and remedy where it was cleared."""

    @property
    def uncleared(self) -> tuple[str, ...]:
        """Subjects that are refused and not cleared."""
        return tuple(r["subject"] for r in self.refused if r["root_cause"] is None)

    @property
    def needs_technical_review(self) -> bool:
        """A computation asks for the technical reviewer (interest limit, foreign companies, Maltese elections, refunds)."""
        return any(TECHNICAL_REVIEWER in step for step in self.next_steps)

    def status(self, missing: list[str]) -> ReviewStatus:
        """What the review waits for, given the entities without a tax."""
        if self.uncleared:
            return "BLOCKED"
        return "INCOMPLETE" if missing else "PENDING_HUMAN"


def standing(work: StepWork, facts: TaxFacts) -> Standing:
    """Collect decisions and who goes on with them; a refusal is cleared by root cause and remedy (tax.clearances)."""
    by_subject: list[tuple[str, dict[str, Any]]] = [
        *((str(r.get("jurisdiction", "")), r) for r in collected(work, "t03", "cit_result")),
        *((str(r.get("registration", "")), r) for r in collected(work, "t04", "vat_return")),
    ]
    cross = dict(work.outputs_of("t05"))
    if "decision" in cross:
        by_subject.append((CROSS_BORDER, cross))
    cleared = {c.subject: c for c in facts.clearances}
    refused = []
    for subject, result in by_subject:
        if result["decision"] != "REFUSED":
            continue
        found = cleared.get(subject)
        refused.append(
            {
                "subject": subject,
                "reasons": list(result.get("reasons", [])),
                "root_cause": found.root_cause if found else None,
                "remediation": found.remediation if found else None,
            }
        )
    steps = [s for _, result in by_subject for s in result.get("next_steps", [])]
    return Standing(
        verdict=worst(result["decision"] for _, result in by_subject),
        next_steps=tuple(dict.fromkeys(steps)),
        refused=tuple(refused),
    )


def refusals(found: Standing) -> list[Outcome]:
    """The refused computations as a procedure, when there are any."""
    if not found.refused:
        return []
    rows = tuple(
        (r["subject"], " ".join(r["reasons"]), r["root_cause"] or "not cleared", r["remediation"])
        for r in found.refused
    )
    columns = ("subject", "refused because", "root cause", "remedy")
    return [
        performed(
            NAME,
            population=count(len(rows), "refused computation"),
            result=f"{count(len(found.uncleared), 'computation')} not cleared; a cleared one is signed by manager and partner.",
            evidence=(Evidence(title=NAME, columns=columns, rows=rows),),
            findings=tuple(
                tax_finding(
                    "refusal_not_cleared",
                    subject,
                    f"{subject} is refused; its root cause and remedy go into tax.clearances before anybody can approve.",
                    NAME,
                )
                for subject in found.uncleared
            ),
        )
    ]
