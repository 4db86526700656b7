"""What each step of the annual audit and of the tax workflow is for and which function does it. Imports none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A whole number a version of an agent may set otherwise."""

    usual: int
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One step's brief, used where the template leaves title, objective or standards empty."""

    title: str
    objective: str
    references: tuple[str, ...]
    function: str
    """`module:function` below `prisma_assets.agents.embedded`, imported when the step runs."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """What the function reads by `StepWork.parameter`; anything else would change nothing."""


ASSIGNMENTS: dict[str, Assignment] = {
    "independence_check": Assignment(
        title="Independence check",
        objective="Establish whether the firm and the team are independent of the client.",
        references=("IESBA 400-600", "ISA 220R", "ISQM 1", "Regulation (EU) 537/2014"),
        function="acceptance:independence_check",
    ),
    "engagement_acceptance": Assignment(
        title="Acceptance and continuance",
        objective="Give the partner the facts for accepting or declining the engagement.",
        references=("ISA 210", "ISA 220R", "ISQM 1"),
        function="acceptance:engagement_acceptance",
    ),
    "understand_entity_and_risk": Assignment(
        title="Understanding the entity and its risks",
        objective="Establish that the books are whole, and where the statements may be misstated.",
        references=("ISA 315R", "ISA 500", "ISA 402", "ISA 510"),
        function="planning:understand_entity_and_risk",
    ),
    "fraud_risk_assessment": Assignment(
        title="Fraud risks",
        objective="Identify fraud risks and decide which journal entries to test.",
        references=("ISA 240",),
        function="planning:fraud_risk_assessment",
        # Criteria for journal entries, as `JournalCriteria` means them: whole units of the currency, days, percent, entries.
        parameters={
            "round_minimum": Parameter(usual=10_000, least=1_000, most=100_000),
            "late_days": Parameter(usual=30, least=5, most=90),
            "listed_share_pct": Parameter(usual=10, least=1, most=50),
            "listed_minimum": Parameter(usual=50, least=10, most=500),
        },
    ),
    "strategy_materiality_plan": Assignment(
        title="Strategy, materiality and plan",
        objective="Set materiality and plan the work so that it answers the risks.",
        references=("ISA 300", "ISA 320", "ISA 450"),
        function="planning:strategy_materiality_plan",
    ),
    "controls_testing": Assignment(
        title="Tests of controls",
        objective="Establish how far the audit may rely on the client's controls.",
        references=("ISA 330", "ISA 265", "ISA 402"),
        function="fieldwork:controls_testing",
    ),
    "analytics_and_je_testing": Assignment(
        title="Analytics and journal entry tests",
        objective="Find entries and relations that do not fit, over the whole ledger.",
        references=("ISA 520", "ISA 240", "ISA 500"),
        function="fieldwork:analytics_and_je_testing",
        # Journal entries handed on by number; the workpaper holds all of them.
        parameters={"selection_handed_on": Parameter(usual=500, least=10, most=5_000)},
    ),
    "substantive_testing": Assignment(
        title="Substantive tests",
        objective="Find misstatements in revenue, receivables and payments, and estimate what was not found.",
        references=("ISA 330", "ISA 500", "ISA 530"),
        function="substantive:substantive_testing",
    ),
    "group_component_work": Assignment(
        title="Work on components",
        objective="Direct the components' auditors and take up what they report.",
        references=("ISA 600",),
        function="components:group_component_work",
    ),
    "fs_disclosure_review": Assignment(
        title="Review of the statements",
        objective="Establish that the draft statements add up and agree to the books.",
        references=("ISA 330", "ISA 700", "ISA 710", "ISA 720"),
        function="completion:fs_disclosure_review",
        # Exceptions handed on in words; the workpaper holds all of them.
        parameters={"exceptions_handed_on": Parameter(usual=50, least=5, most=500)},
    ),
    "completion": Assignment(
        title="Completion",
        objective="Evaluate misstatements, events after the period, going concern and representations.",
        references=("ISA 450", "ISA 560", "ISA 570", "ISA 580"),
        function="completion:completion",
    ),
    "opinion_and_report_draft": Assignment(
        title="Opinion and draft report",
        objective="Draft the opinion that the evidence leads to, for the partner's decision.",
        references=("ISA 700", "ISA 701", "ISA 705", "ISA 706", "ISA 570"),
        function="reporting:opinion_and_report_draft",
    ),
    "engagement_quality_review": Assignment(
        title="File for the engagement quality review",
        objective="Prepare the file for a reviewer outside the team; the reviewer concludes.",
        references=("ISQM 2", "ISA 220R"),
        function="reporting:engagement_quality_review",
    ),
    "release_tcwg_archive": Assignment(
        title="Release, communication and archive",
        objective="Establish that the report may be released, and seal the file.",
        references=("ISA 230", "ISA 260", "ISA 265", "ISA 700", "ISQM 1"),
        function="reporting:release_tcwg_archive",
    ),
}
"""By task name, in the order of the audit."""

TAX_ASSIGNMENTS: dict[str, Assignment] = {
    "scope_and_obligations": Assignment(
        title="Scope and obligations",
        objective="Establish whether the firm may serve the group, which jurisdictions and taxes are in scope and what falls due.",
        references=("IESBA 600-604", "Directive (EU) 2022/2523", "Directive 2011/16/EU"),
        function="tax_scope:scope_and_obligations",
    ),
    "data_collection_and_reconciliation": Assignment(
        title="Data and reconciliation",
        objective="Establish that trial balance, statements and tax computation start from the same profit.",
        references=("IAS 12",),
        function="tax_data:data_collection_and_reconciliation",
    ),
    "direct_tax_by_jurisdiction": Assignment(
        title="Direct tax by jurisdiction",
        objective="Compute corporate income tax by dated rates, with every adjustment shown.",
        references=("Corporate income tax acts", "Directive (EU) 2016/1164"),
        function="tax_direct:direct_tax_by_jurisdiction",
    ),
    "indirect_tax": Assignment(
        title="Indirect tax",
        objective="Draw up the returns of value added tax and reconcile them with turnover.",
        references=("Directive 2006/112/EC", "VAT acts"),
        function="tax_indirect:indirect_tax",
    ),
    "cross_border_and_minimum_tax": Assignment(
        title="Cross-border matters and minimum tax",
        objective="Test intercompany prices, tax withheld, controlled companies, arrangements to disclose and the minimum tax.",
        references=(
            "OECD TPG", "OECD Model Convention 9-12, 23", "Directive (EU) 2016/1164",
            "Directive 2011/16/EU", "Directive (EU) 2022/2523", "IRC 951A",
        ),
        function="tax_cross_border:cross_border_and_minimum_tax",
    ),
    "provision_and_review": Assignment(
        title="Provision and review",
        objective="Measure current and deferred tax, explain the effective rate and put the file together for review.",
        references=("IAS 12", "IFRIC 23", "IESBA 600"),
        function="tax_provision:provision_and_review",
    ),
    "filing_payment_archive": Assignment(
        title="Filing, payment and archive",
        objective="Establish that every return is filed and paid by people, and seal the file.",
        references=("Filing law", "ISQM 1"),
        function="tax_filing:filing_payment_archive",
    ),
}  # fmt: skip
"""By task name, in the order of the multi-jurisdiction tax workflow."""


METHODOLOGY_ASSIGNMENTS: dict[str, Assignment] = {
    "perform_procedure_step": Assignment(
        title="Step of a methodology",
        objective="Do what the firm can do for a step of an imported methodology, and prepare the rest for people.",
        references=(),
        function="methodology:perform_procedure_step",
    ),
}
"""By task name; the steps of an imported methodology all have this one and differ in their parameters."""


def assignments() -> dict[str, Assignment]:
    """Every task the embedded procedures can do, by name."""
    return {**ASSIGNMENTS, **TAX_ASSIGNMENTS, **METHODOLOGY_ASSIGNMENTS}


@cache
def declared_parameters() -> Mapping[str, Parameter]:
    """Every parameter an embedded procedure reads, by name."""
    return {name: p for a in assignments().values() for name, p in a.parameters.items()}
