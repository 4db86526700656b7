"""Independence of the firm and the team from the client (IESBA 400-600, Regulation (EU) 537/2014).

Every check is a procedure over the facts of `engagement.yaml`; the gravest decides. Who overrides it does not belong here.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from prisma_assets.domain.audit.engagement import (
    Engagement,
    FinancialInterest,
    NonAuditService,
    TeamMember,
)
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.threshold import Threshold, firm
from prisma_assets.domain.audit.workpaper import Finding

Conclusion = Literal["OK", "SAFEGUARDS_REQUIRED", "PROHIBITED"]
SEVERITY: tuple[Conclusion, ...] = ("OK", "SAFEGUARDS_REQUIRED", "PROHIBITED")

PROHIBITED_SERVICES: dict[str, str] = {
    "bookkeeping": "self-review: the firm would audit its own records",
    "management_decision": "the firm would act as management",
    "valuation": "self-review: the valuation is audit evidence",
    "internal_audit_outsourcing": "self-review: the firm would rely on its own control work",
    "financial_it_design": "self-review: the firm designed the system it audits",
    "recruiting_key_management": "familiarity and self-interest",
    "advocacy": "advocacy",
    "aggressive_tax": "self-interest and self-review",
}
"""Services the firm does not provide to audit clients, with the threat (firm catalogue after IESBA 600-610; EU 537/2014 Art. 5)."""

NAS_FEE_CAP = Threshold(
    value=Decimal(70),
    unit="%",
    source="Regulation (EU) 537/2014 Art. 4(2), of the three-year average audit fee",
    since=date(2016, 6, 17),
)
NAS_PREAPPROVAL = firm(50_000, "currency")
INTEREST_DISCUSSION = firm(50_000, "currency")
INTEREST_SIGNIFICANT = firm(100_000, "currency")
ROTATION_PIE = Threshold(
    value=Decimal(7),
    unit="years",
    source="IESBA R540.5; Regulation (EU) 537/2014 Art. 17(7)",
    since=date(2018, 12, 15),
)
ROTATION_OTHER = firm(10, "years", source="firm practice; IESBA sets no number of years here")
FEES_NEEDED = 3
"""Years of audit fees before the cap applies (EU 537/2014 Art. 4(2))."""

KEY_ROLES = ("PARTNER", "EQR")
"""Roles that rotate (IESBA R540.5)."""


def assess(engagement: Engagement) -> tuple[Conclusion, tuple[Outcome, ...]]:
    """Run every check; the gravest conclusion stands. Without facts nothing is OK: a partner has to resolve it."""
    facts = engagement.independence
    checks = [long_association(engagement)]
    if facts is None:
        reason = "engagement.yaml has no section independence"
        names = (
            "Non-audit services", "Fees for non-audit services", "Financial interests",
            "Threats noted by the team", "Confirmations of independence",
        )  # fmt: skip
        missing = [not_performed(name, reason) for name in names]
        return _gravest(checks, floor="SAFEGUARDS_REQUIRED"), (*missing, *checks)
    checks = [
        non_audit_services(engagement),
        non_audit_fees(engagement),
        financial_interests(engagement),
        threats(engagement),
        *checks,
        confirmations(engagement),
    ]
    return _gravest(checks, floor="OK"), tuple(checks)


def is_public_interest(engagement: Engagement) -> bool:
    """Listed entities count as public-interest entities (IESBA R400.22, from 15 December 2024)."""
    return engagement.client.is_pie or engagement.client.is_listed


def non_audit_services(engagement: Engagement) -> Outcome:
    """Hold every service against the catalogue.

    Source: IESBA 600-610; firm catalogue. For public-interest entities tax advice that might create a self-review threat is
    barred (IESBA R604.15); without a recorded evaluation it is taken to create one.
    """
    name = "Non-audit services"
    facts = engagement.independence
    if facts is None:
        return not_performed(name, "engagement.yaml has no section independence")
    is_pie = is_public_interest(engagement)
    judged = [(s, *_judge_service(s, is_pie=is_pie)) for s in facts.non_audit_services]
    findings = tuple(
        _finding("non_audit_service", s.name, f"{s.name} ({s.category}): {why}.", name)
        for s, verdict, why in judged
        if verdict != "OK"
    )
    return performed(
        name,
        population=count(len(facts.non_audit_services), "service") + " of the last three years",
        result=_summary(findings, "no service conflicts with the audit"),
        findings=findings,
        figures={"conclusion": _worst([v for _, v, _ in judged])},
    )


def non_audit_fees(engagement: Engagement) -> Outcome:
    """Compare fees for other services with the cap for public-interest entities and the firm's pre-approval limit.

    The facts give a service no year, so all of its fee counts against one year's cap: the cautious reading.
    """
    name = "Fees for non-audit services"
    facts = engagement.independence
    if facts is None:
        return not_performed(name, "engagement.yaml has no section independence")
    total = sum((s.fee for s in facts.non_audit_services), Decimal(0))
    findings: list[Finding] = []
    verdict: Conclusion = "OK"
    if total > NAS_PREAPPROVAL.value or (total > 0 and is_public_interest(engagement)):
        verdict = "SAFEGUARDS_REQUIRED"
        findings.append(
            _finding("fee_preapproval", "fees", f"Fees of {total:,.2f} need pre-approval.", name)
        )
    if is_public_interest(engagement) and total > 0:
        capped, cap_findings = _fee_cap(facts.audit_fees_last_three_years, total, name)
        verdict = _worst([verdict, capped])
        findings += cap_findings
    return performed(
        name,
        population=f"fees of {total:,.2f} {engagement.client.currency} in all",
        result=_summary(tuple(findings), "within every limit"),
        findings=tuple(findings),
        figures={"conclusion": verdict},
    )


def financial_interests(engagement: Engagement) -> Outcome:
    """A direct interest is barred whatever its size; an indirect one from the firm's significant amount on.

    Source: IESBA R510.4 (direct, or material indirect); amounts as `INTEREST_DISCUSSION`, `INTEREST_SIGNIFICANT`.
    """
    name = "Financial interests"
    facts = engagement.independence
    if facts is None:
        return not_performed(name, "engagement.yaml has no section independence")
    judged = [(i, *_judge_interest(i)) for i in facts.financial_interests]
    findings = tuple(
        _finding("financial_interest", i.user, f"{i.user}: {why}.", name)
        for i, verdict, why in judged
        if verdict != "OK"
    )
    return performed(
        name,
        population=count(len(facts.financial_interests), "declared interest"),
        result=_summary(findings, "no declared interest stands against the audit"),
        findings=findings,
        figures={"conclusion": _worst([v for _, v, _ in judged])},
    )


def threats(engagement: Engagement) -> Outcome:
    """Every threat the team noted needs safeguards; advocacy is barred (firm catalogue)."""
    name = "Threats noted by the team"
    facts = engagement.independence
    if facts is None:
        return not_performed(name, "engagement.yaml has no section independence")
    findings = tuple(
        _finding("threat", f"threat {n}", f"{text.rstrip('.')}.", name)
        for n, text in enumerate(facts.threats_noted, start=1)
    )
    verdicts: list[Conclusion] = [
        "PROHIBITED" if "advocacy" in text.lower() else "SAFEGUARDS_REQUIRED"
        for text in facts.threats_noted
    ]
    return performed(
        name,
        population=count(len(facts.threats_noted), "threat"),
        result=_summary(findings, "none noted"),
        findings=findings,
        figures={"conclusion": _worst(verdicts)},
    )


def long_association(engagement: Engagement) -> Outcome:
    """Compare the years of partners and quality reviewers with the limits for rotation."""
    name = "Rotation"
    is_pie = is_public_interest(engagement)
    limit = ROTATION_PIE if is_pie else ROTATION_OTHER
    verdicts: list[Conclusion] = []
    findings: list[Finding] = []
    members = [m for m in engagement.team if set(m.roles) & set(KEY_ROLES)]
    for member in members:
        allowed = ROTATION_PIE if "EQR" in member.roles else limit
        if member.years_on_engagement <= allowed.value:
            continue
        verdicts.append("PROHIBITED" if is_pie else "SAFEGUARDS_REQUIRED")
        findings.append(_finding("rotation", member.user, _overdue(member, allowed), name))
    last_year = [m.user for m in members if m.years_on_engagement == limit.value]
    status = "overdue" if findings else "last year" if last_year else "within limits"
    return performed(
        name,
        population=f"{count(len(members), 'partner or reviewer', 'partners and reviewers')}; limit {limit.text}",
        result=_summary(
            tuple(findings), f"{status}" + (f" for {', '.join(last_year)}" if last_year else "")
        ),
        findings=tuple(findings),
        figures={"conclusion": _worst(verdicts), "rotation_status": status},
    )


def confirmations(engagement: Engagement) -> Outcome:
    """Every member of the team confirms independence for this engagement (ISA 220R paragraph 21; ISQM 1 paragraph 34(b))."""
    name = "Confirmations of independence"
    facts = engagement.independence
    if facts is None:
        return not_performed(name, "engagement.yaml has no section independence")
    missing = [m.user for m in engagement.team if m.user not in facts.confirmed_by]
    findings = tuple(
        _finding("confirmation_missing", user, f"{user} has not confirmed independence.", name)
        for user in missing
    )
    return performed(
        name,
        population=count(len(engagement.team), "team member"),
        result=_summary(findings, "all confirmed"),
        findings=findings,
        figures={"conclusion": "SAFEGUARDS_REQUIRED" if missing else "OK"},
    )


CHECKER_MODE = "Checker of the statements is not their preparer"


def checker_mode(engagement: Engagement) -> Outcome:
    """Establish that the firm did not keep the books or prepare the statements it is about to check.

    Figures: `is_barred`. Source: IESBA 601; the firm's rule that a preparer never runs as checker.
    """
    facts = engagement.independence
    if facts is None:
        return not_performed(CHECKER_MODE, "engagement.yaml has no section independence")
    prepared = [s.name for s in facts.non_audit_services if s.category == "bookkeeping"]
    result = "The firm prepared neither books nor statements."
    if prepared:
        result = f"The firm prepared records of this client ({', '.join(prepared)}): a person outside that work checks the statements."
    return performed(
        CHECKER_MODE,
        population=count(len(facts.non_audit_services), "service") + " of the last three years",
        result=result,
        figures={"is_barred": bool(prepared)},
    )


def _judge_service(service: NonAuditService, *, is_pie: bool) -> tuple[Conclusion, str]:
    if service.category in PROHIBITED_SERVICES:
        return "PROHIBITED", f"not permitted; threat: {PROHIBITED_SERVICES[service.category]}"
    if service.category == "tax_advice" and is_pie and not service.safeguards:
        return "PROHIBITED", "tax advice to a public-interest entity without a recorded evaluation"
    safeguards = ", ".join(service.safeguards) or "none recorded"
    return "SAFEGUARDS_REQUIRED", f"permitted with safeguards; safeguards: {safeguards}"


def _judge_interest(interest: FinancialInterest) -> tuple[Conclusion, str]:
    amount = f"{interest.amount:,.2f}"
    if interest.amount == 0:
        return "OK", "no interest"
    if interest.is_direct:
        return "PROHIBITED", f"direct interest of {amount}; dispose of it or leave the team"
    if interest.amount > INTEREST_SIGNIFICANT.value:
        return "PROHIBITED", f"indirect interest of {amount} is significant"
    if interest.amount > INTEREST_DISCUSSION.value:
        return "SAFEGUARDS_REQUIRED", f"indirect interest of {amount}: the partner discusses it"
    return "OK", f"indirect interest of {amount} is below the limit"


def _fee_cap(
    audit_fees: tuple[Decimal, ...], total: Decimal, name: str
) -> tuple[Conclusion, list[Finding]]:
    if len(audit_fees) < FEES_NEEDED:
        text = f"The fee cap could not be tested: {len(audit_fees)} of {FEES_NEEDED} years of audit fees are known."
        return "SAFEGUARDS_REQUIRED", [_finding("fee_cap_untested", "fees", text, name)]
    cap = sum(audit_fees[-FEES_NEEDED:], Decimal(0)) / FEES_NEEDED * NAS_FEE_CAP.value / 100
    if total <= cap:
        return "OK", []
    text = f"Fees of {total:,.2f} exceed the cap of {cap:,.2f}: {NAS_FEE_CAP.text}."
    return "PROHIBITED", [_finding("fee_cap", "fees", text, name)]


def _overdue(member: TeamMember, limit: Threshold) -> str:
    return (
        f"{member.user}: {member.years_on_engagement} years on the engagement, limit {limit.text}."
    )


def _finding(kind: str, record_id: str, description: str, procedure: str) -> Finding:
    return Finding(
        kind=kind,
        table="engagement",
        record_id=record_id,
        description=description,
        procedure=procedure,
    )


def _summary(findings: tuple[Finding, ...], clean: str) -> str:
    if not findings:
        return f"{clean[0].upper()}{clean[1:]}."
    return " ".join(f.description for f in findings)


def _worst(verdicts: list[Conclusion]) -> Conclusion:
    return max(verdicts, key=SEVERITY.index, default="OK")


def _gravest(outcomes: list[Outcome], *, floor: Conclusion) -> Conclusion:
    return _worst([floor, *(o.figures["conclusion"] for o in outcomes)])
