"""Steps a01 and a02: may the firm audit this client, and should it?"""

from prisma_assets.agents.embedded.guard import independence_again
from prisma_assets.agents.embedded.work import Draft, StepWork, finish
from prisma_assets.domain.audit import acceptance, independence
from prisma_assets.domain.audit.workpaper import StepResult


def independence_check(work: StepWork) -> StepResult:
    """Check services, fees, interests, threats, rotation and confirmations."""
    engagement = work.engagement
    conclusion, outcomes = independence.assess(engagement)
    matters = [f.description for o in outcomes for f in o.findings]
    facts = engagement.independence
    services = facts.non_audit_services if facts else ()
    rotation = next(o for o in outcomes if o.procedure.name == "Rotation")
    words = {
        "OK": f"The firm and the team are independent of {engagement.client.name}.",
        "SAFEGUARDS_REQUIRED": f"Independence is not given yet: {_listed(matters)} A partner decides on safeguards, with reasons, before the engagement goes on.",
        "PROHIBITED": f"The firm may not audit {engagement.client.name} as things stand: {_listed(matters)}",
    }
    text = words[conclusion]
    if facts is None:
        text = f"Not performed, because engagement.yaml has no section independence; only rotation was checked. A partner establishes independence before the engagement goes on. {' '.join(matters)}".strip()
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=outcomes,
            conclusion=text,
            outputs={
                "independence_conclusion": conclusion,
                "threats": matters,
                "safeguards": [s for service in services for s in service.safeguards],
                "rotation_status": rotation.figures["rotation_status"],
            },
        ),
    )


def engagement_acceptance(work: StepWork) -> StepResult:
    """Weigh integrity, preconditions, resources and independence for the partner."""
    engagement = work.engagement
    again = independence_again(work)
    advice = acceptance.recommend(engagement, independence=again.conclusion)
    needs_review, why = acceptance.eqr_required(engagement)
    facts = engagement.acceptance
    return finish(
        work,
        Draft(
            tables=(),
            outcomes=[again.outcome, *advice.outcomes],
            core=advice.outcomes,
            conclusion=_acceptance_conclusion(work, advice, why_review=why if needs_review else ""),
            outputs={
                **again.outputs,
                "acceptance": advice.decision,
                "against": list(advice.against),
                "conditions": list(advice.conditions),
                "background_rating": facts.background_rating if facts else "UNKNOWN",
                "engagement_letter_ref": facts.engagement_letter_ref if facts else None,
                "eqr_required": needs_review,
                "eqr_reason": why,
                "is_group": engagement.client.is_group,
                "is_listed": engagement.client.is_listed,
                "is_pie": engagement.client.is_pie,
            },
        ),
    )


def _acceptance_conclusion(
    work: StepWork, advice: acceptance.Recommendation, *, why_review: str
) -> str:
    parts = []
    if work.engagement.acceptance is None:
        parts.append(
            "Not performed, because engagement.yaml has no section acceptance; nothing found bars the engagement."
            if advice.decision == "ACCEPT"
            else "Not performed, because engagement.yaml has no section acceptance."
        )
    if advice.decision == "DECLINE":
        parts.append(f"The facts speak for declining: {_listed(advice.against)}")
    elif work.engagement.acceptance is not None:
        parts.append("The facts allow the engagement to be accepted.")
    if advice.conditions and advice.decision == "ACCEPT":
        parts.append(f"Before work starts: {_listed(advice.conditions)}")
    if why_review:
        parts.append(f"An engagement quality review is required: {why_review}.")
    parts.append("The decision is the partner's.")
    return " ".join(parts)


def _listed(sentences: tuple[str, ...] | list[str]) -> str:
    """Sentences after a colon."""
    return " ".join(s if s.endswith(".") else f"{s}." for s in sentences)
