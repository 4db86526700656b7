"""What `engagement.yaml` says: the client, the team and the facts only people know.

Books are tables beside it; reading them does not belong here (`prisma_assets.engagement`). Every section is optional
except `client`, `period` and `team`: a step that lacks its facts says so in its workpaper.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.facts import TaxFacts

Role = Literal["PARTNER", "MANAGER", "EMPLOYEE", "EQR", "TECHNICAL_REVIEWER"]
"""Roles a team member can hold on an engagement (domain facts §7.1-7.2). EQR: an eligible reviewer outside the team.
TECHNICAL_REVIEWER: the second reviewer of tax positions."""


class Client(Frozen):
    """The audited entity."""

    id: str
    name: str
    framework: Literal["IFRS", "US_GAAP", "GAPSME"] = "IFRS"
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    is_listed: bool = False
    is_pie: bool = False
    """Public-interest entity."""
    is_group: bool = False
    uses_service_organisation: bool = False


class Period(Frozen):
    """The reporting period, both days included."""

    start: date
    end: date

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("period.end must be after period.start")
        return self


class TeamMember(Frozen):
    """A person who may sign, with the roles held on this engagement."""

    user: str
    name: str = ""
    roles: tuple[Role, ...]
    email: str | None = Field(default=None, pattern=r'^[^@\s,<>"]+@[^@\s,<>"]+$')
    """Where notifications are sent; None: the settings for e-mail may give an address."""
    years_on_engagement: int = Field(default=0, ge=0)


class NonAuditService(Frozen):
    """A service other than the audit, delivered to the client in the last three years."""

    name: str
    fee: Decimal = Field(ge=0)
    category: Literal[
        "bookkeeping", "management_decision", "valuation", "internal_audit_outsourcing", "financial_it_design",
        "recruiting_key_management", "advocacy", "aggressive_tax", "tax_compliance", "tax_advice", "training", "other",
    ]  # fmt: skip
    safeguards: tuple[str, ...] = ()


class FinancialInterest(Frozen):
    """A team member's financial interest in the client."""

    user: str
    amount: Decimal = Field(ge=0)
    is_direct: bool = True


class Independence(Frozen):
    """Facts for the independence check (IESBA 300-600; EU 537/2014 Art. 4(2))."""

    non_audit_services: tuple[NonAuditService, ...] = ()
    audit_fees_last_three_years: tuple[Decimal, ...] = ()
    financial_interests: tuple[FinancialInterest, ...] = ()
    threats_noted: tuple[str, ...] = ()
    confirmed_by: tuple[str, ...] = ()
    """Users who confirmed their independence for this engagement."""


class Acceptance(Frozen):
    """Facts for acceptance and continuance (ISA 210, ISA 220R 22-24)."""

    background_rating: Literal["LOW", "MEDIUM", "HIGH", "UNKNOWN"] = "UNKNOWN"
    is_new_client: bool = False
    predecessor_contacted: bool | None = None
    management_integrity_concerns: tuple[str, ...] = ()
    resources_available: bool = True
    preconditions_agreed: bool = True
    """Management accepts its responsibilities and the framework is acceptable (ISA 210 paragraph 6)."""
    engagement_letter_ref: str | None = None
    eqr_required: bool | None = None
    """None: decided from listed or public-interest status (ISQM 1 paragraph 34(f))."""


class Strategy(Frozen):
    """The team's planning decisions (ISA 300, 320)."""

    materiality_benchmark: Literal[
        "profit_before_tax", "revenue", "total_assets", "equity", "auto"
    ] = "auto"
    materiality_pct: Decimal | None = Field(default=None, gt=0, le=10)
    """Overrides the firm's percentage for the benchmark; unit: percent."""
    controls_reliance: bool = False
    confidence_pct: Literal[90, 95] = 95
    expected_misstatement_pct: Decimal = Field(default=Decimal(0), ge=0, le=50)
    """Expected misstatement as a percentage of tolerable misstatement, for sample sizes."""
    sampling_seed: int = 20_240_101
    significant_risks: tuple[str, ...] = ()


class ControlExtension(Frozen):
    """Further items of one control, tested because the first sample held a deviation."""

    sample_size: int = Field(ge=1)
    deviations: int = Field(default=0, ge=0)
    tested_by: str = ""


class ControlTest(Frozen):
    """Result of testing one key control."""

    control: str
    assertion: str = ""
    sample_size: int = Field(ge=1)
    deviations: int = Field(ge=0)
    tolerable_rate_pct: Decimal = Decimal(10)
    tested_by: str = ""
    extension: ControlExtension | None = None
    """Further items; a sample is extended once."""
    answers_significant_risk: bool = False
    """The plan relies on it for a significant risk: tested in the period, whatever else is relied on (ISA 330 paragraph 15)."""
    deficiency: Literal["deficiency", "significant"] = "deficiency"
    """How severe a failure of the control is; a human judgement (ISA 265 paragraph 8)."""


class Component(Frozen):
    """A component of the group (ISA 600R)."""

    name: str
    revenue: Decimal
    total_assets: Decimal = Decimal(0)
    instruction_acknowledged: bool = False
    conclusion: str | None = None
    uncorrected_misstatements: Decimal = Decimal(0)


class SampleResult(Frozen):
    """What evidence showed for one sampled item: its audited amount."""

    record_id: str
    audited_amount: Decimal
    note: str = ""


class SubsequentEvent(Frozen):
    """An event after the period's end (ISA 560)."""

    on: date
    description: str
    kind: Literal["adjusting", "non_adjusting"]
    is_reflected: bool = False

    @model_validator(mode="before")
    @classmethod
    def _on_is_a_word(cls, facts: Any) -> Any:
        # To a YAML 1.1 program `on` means true, so it writes a file that it read back with the key `true`.
        if isinstance(facts, dict) and True in facts:
            return {"on" if key is True else key: value for key, value in facts.items()}
        return facts


class Completion(Frozen):
    """Facts known near the end of the audit (ISA 450, 560, 570, 580)."""

    corrected: tuple[str, ...] = ()
    """Kinds or record ids of misstatements the client has corrected."""
    subsequent_events: tuple[SubsequentEvent, ...] = ()
    subsequent_events_reviewed_through: date | None = None
    going_concern_assessment: Literal["none received", "no uncertainty", "material uncertainty"] = (
        "none received"
    )
    going_concern_disclosed_adequately: bool | None = None
    representation_letter_date: date | None = None
    report_date: date | None = None
    """Date the partner sets on the report (ISA 700 paragraph 49); None: the day the release step runs."""
    misstatement_is_pervasive: bool = False
    """A human judgement (ISA 705 paragraph 5(a)), never a ratio."""
    key_audit_matters: tuple[str, ...] = ()
    """Matters the partner chose and worded (ISA 701 paragraphs 9-10); empty: not chosen yet."""
    scope_limitations: tuple[str, ...] = ()
    scope_limitation_is_pervasive: bool = False


class Engagement(Frozen):
    """One engagement, as `engagement.yaml` states it; `tables` is read by the engagement reader."""

    id: str
    client: Client
    period: Period
    team: tuple[TeamMember, ...]
    preparer: str = ""
    """Who assembled the file; may not sign what an agent prepared on their behalf."""
    provenance: str = ""
    """Where the figures come from, printed in the workpapers."""
    independence: Independence | None = None
    acceptance: Acceptance | None = None
    strategy: Strategy = Strategy()
    control_tests: tuple[ControlTest, ...] = ()
    components: tuple[Component, ...] = ()
    sample_results: tuple[SampleResult, ...] = ()
    completion: Completion | None = None
    tax: TaxFacts | None = None

    def member(self, user: str) -> TeamMember | None:
        """The team member of that user name, or None."""
        return next((m for m in self.team if m.user == user), None)
