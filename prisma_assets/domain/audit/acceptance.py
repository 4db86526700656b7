"""Whether the firm should take or keep the engagement (ISA 210, ISA 220R, ISQM 1). The decision itself is the partner's."""

from dataclasses import dataclass
from typing import Literal

from prisma_assets.domain.audit.engagement import Acceptance, Engagement
from prisma_assets.domain.audit.independence import Conclusion, is_public_interest
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.workpaper import Finding

Decision = Literal["ACCEPT", "DECLINE"]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What the facts speak for."""

    decision: Decision
    against: tuple[str, ...]
    """Facts that speak for declining; empty for ACCEPT."""
    conditions: tuple[str, ...]
    """What has to happen before work starts, when accepted."""
    outcomes: tuple[Outcome, ...]


def recommend(engagement: Engagement, *, independence: Conclusion) -> Recommendation:
    """Weigh the facts for the partner who decides.

    Declines on barred independence, missing preconditions, missing resources, or doubts about integrity that no good
    background offsets. Without acceptance facts nothing speaks against and nothing in favour: the procedures are shown as
    not performed and the partner's sign-off is the decision.

    Source: ISA 210 paragraphs 6-8; ISA 220R paragraphs 22-24; ISQM 1 paragraph 30.
    """
    against, conditions = _independence(independence)
    facts = engagement.acceptance
    team = _team(engagement)
    if facts is None:
        reason = "engagement.yaml has no section acceptance"
        outcomes = tuple(
            not_performed(name, reason)
            for name in (
                "Preconditions for an audit",
                "Integrity and background",
                "Resources and terms",
            )
        )
        conditions = (*conditions, "The partner decides on facts outside this file.")
        return _recommendation(against, conditions, (*outcomes, team))
    checks = (_preconditions(facts), _integrity(facts), _resources(facts), team)
    against = (
        *against,
        *(f.description for o in checks for f in o.findings if f.kind == "bars_acceptance"),
    )
    conditions = (
        *conditions,
        *(f.description for o in checks for f in o.findings if f.kind == "condition"),
    )
    return _recommendation(against, conditions, checks)


def eqr_required(engagement: Engagement) -> tuple[bool, str]:
    """Whether an engagement quality review is needed, and why.

    Source: ISQM 1 paragraph 34(f): listed entities; the firm extends it to public-interest entities and to high-risk clients.
    """
    facts = engagement.acceptance
    if facts is not None and facts.eqr_required is not None:
        return facts.eqr_required, "stated in engagement.yaml"
    if is_public_interest(engagement):
        return True, "listed or public-interest entity (ISQM 1 paragraph 34(f))"
    if facts is not None and facts.background_rating == "HIGH":
        return True, "background rating HIGH (ISQM 1 paragraph 34(f)(iii))"
    return False, "neither listed nor of public interest, and no rating of HIGH"


def _recommendation(
    against: tuple[str, ...], conditions: tuple[str, ...], outcomes: tuple[Outcome, ...]
) -> Recommendation:
    return Recommendation(
        decision="DECLINE" if against else "ACCEPT",
        against=against,
        conditions=conditions,
        outcomes=outcomes,
    )


def _independence(conclusion: Conclusion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if conclusion == "PROHIBITED":
        return ("Independence is barred (step a01).",), ()
    if conclusion == "SAFEGUARDS_REQUIRED":
        return (), ("Safeguards for independence are agreed by the partner (step a01).",)
    return (), ()


def _preconditions(facts: Acceptance) -> Outcome:
    name = "Preconditions for an audit"
    if facts.preconditions_agreed:
        return performed(
            name,
            population="framework, management's responsibilities (ISA 210 paragraph 6)",
            result="Management agrees to its responsibilities; the framework is acceptable.",
        )
    finding = _finding(
        "bars_acceptance",
        "preconditions",
        "Management has not agreed to the preconditions (ISA 210 paragraph 8).",
        name,
    )
    return performed(
        name, population="ISA 210 paragraph 6", result=finding.description, findings=(finding,)
    )


def _integrity(facts: Acceptance) -> Outcome:
    """Concerns bar acceptance only when no good background offsets them (ISQM 1 paragraph 30(a)(i))."""
    name = "Integrity and background"
    is_poor = facts.background_rating in ("HIGH", "UNKNOWN")
    findings = [
        _finding(
            "bars_acceptance" if is_poor else "condition",
            f"integrity {n}",
            f"Concern about management's integrity: {concern.rstrip('.')}.",
            name,
        )
        for n, concern in enumerate(facts.management_integrity_concerns, start=1)
    ]
    if facts.background_rating == "HIGH":
        findings.append(
            _finding(
                "condition", "background", "Background risk is HIGH: a second partner agrees.", name
            )
        )
    if facts.is_new_client and facts.predecessor_contacted is not True:
        findings.append(
            _finding(
                "condition", "predecessor", "The predecessor auditor has not been contacted.", name
            )
        )
    result = " ".join(f.description for f in findings) or "Nothing speaks against the client."
    return performed(
        name,
        population=f"background rating {facts.background_rating}; {'new' if facts.is_new_client else 'continuing'} client",
        result=result,
        findings=tuple(findings),
    )


def _resources(facts: Acceptance) -> Outcome:
    name = "Resources and terms"
    findings = []
    if not facts.resources_available:
        findings.append(
            _finding(
                "bars_acceptance", "resources", "The firm lacks the time or the competence.", name
            )
        )
    if not facts.engagement_letter_ref:
        findings.append(
            _finding(
                "condition",
                "engagement_letter",
                "No engagement letter is on file (ISA 210 paragraph 10).",
                name,
            )
        )
    result = (
        " ".join(f.description for f in findings) or "Resources are available and the terms agreed."
    )
    return performed(
        name,
        population=f"engagement letter {facts.engagement_letter_ref or 'missing'}",
        result=result,
        findings=tuple(findings),
    )


def _team(engagement: Engagement) -> Outcome:
    """An engagement partner is named, and a reviewer outside the team where one is required (ISA 220R; ISQM 2)."""
    name = "Team"
    roles = {role for m in engagement.team for role in m.roles}
    findings = []
    if "PARTNER" not in roles:
        findings.append(_finding("condition", "partner", "No PARTNER is named in the team.", name))
    if eqr_required(engagement)[0] and "EQR" not in roles:
        findings.append(
            _finding(
                "condition", "reviewer", "A quality review is required and no EQR is named.", name
            )
        )
    people = ", ".join(f"{m.user} ({', '.join(m.roles)})" for m in engagement.team)
    return performed(
        name,
        population=people or "nobody",
        result=" ".join(f.description for f in findings) or "The required roles are filled.",
        findings=tuple(findings),
    )


def _finding(kind: str, record_id: str, description: str, procedure: str) -> Finding:
    return Finding(
        kind=kind,
        table="engagement",
        record_id=record_id,
        description=description,
        procedure=procedure,
    )
