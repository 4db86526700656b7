"""The sample's engagement.yaml and sign_offs.yaml: the facts of a fictional audit team.

Which items the team sampled does not belong here: that is `fieldwork`.
"""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from prisma_assets.domain.audit.engagement import Engagement, SampleResult
from prisma_assets.engagement.sample.figures import Figures
from prisma_assets.engagement.sample.office import PERIOD_END, PERIOD_START
from prisma_assets.engagement.sample.people import CLIENT_NAME

PARTNER, SECOND_PARTNER = "p.marlowsby", "q.ashgrovely"
MANAGER, REVIEWER = "m.tindlewick", "r.wexcombe"
SENIOR, PREPARER = "e.fernsbeck", "d.brackenshaw"

PAYMENTS_FILE = "AP payment register 2009.csv"
LEDGER_FILE = "gl_detail.parquet"

PAYMENT_COLUMNS = {
    "payment_id": "Pmt No",
    "payment_date": "Pmt Date",
    "supplier_account_id": "Vendor",
    "invoice_number": "Vendor Inv Ref",
    "payment_amount": "Gross Amt",
    "journal_id": "GL Journal",
}
"""One table comes as another system exports it, so that the mapping is shown at work."""

_HEAD = """\
# A fictional company and a fictional audit team; every name is made up. The amounts of the statements are real:
# `provenance` says whose. `prisma-assets sample` wrote this folder.
"""
_RESULTS_HEAD = """\
# What evidence showed for the items drawn with the seed above: confirmations, remittances, suppliers' invoices.
sample_results:
"""
_SIGN_OFFS_HEAD = """\
# Sign-offs given in advance, so that the sample audit runs to its end without anybody at the keyboard.
"""


def engagement_facts(figures: Figures) -> dict[str, Any]:
    """Everything engagement.yaml says but the table settings and the sample results."""
    return {
        "id": "sample-2009",
        "client": {
            "id": "tillerbrook",
            "name": CLIENT_NAME,
            "framework": "US_GAAP",
            "currency": "USD",
            "is_listed": True,
            "is_pie": True,
        },
        "period": {"start": PERIOD_START, "end": PERIOD_END},
        "provenance": f"Amounts of the statements: {figures.source}. Everything below the statements is generated.",
        "preparer": PREPARER,
        "team": [
            _member(PARTNER, "Philippa Marlowsby", "PARTNER", years=4),
            _member(SECOND_PARTNER, "Quentin Ashgrovely", "PARTNER", years=1),
            _member(MANAGER, "Merle Tindlewick", "MANAGER", years=3),
            _member(SENIOR, "Esme Fernsbeck", "EMPLOYEE", years=2),
            _member(PREPARER, "Dorian Brackenshaw", "EMPLOYEE", years=1),
            _member(REVIEWER, "Rowena Wexcombe", "EQR", years=2),
        ],
        "independence": {
            "non_audit_services": [],
            "audit_fees_last_three_years": ["812000", "835000", "860000"],
            "financial_interests": [],
            "threats_noted": [],
            "confirmed_by": [PARTNER, SECOND_PARTNER, MANAGER, SENIOR, PREPARER, REVIEWER],
        },
        "acceptance": {
            "background_rating": "LOW",
            "is_new_client": False,
            "management_integrity_concerns": [],
            "resources_available": True,
            "preconditions_agreed": True,
            "engagement_letter_ref": "EL-2009-0417",
            "eqr_required": True,
        },
        "strategy": {
            "materiality_benchmark": "auto",
            "controls_reliance": True,
            "confidence_pct": 95,
            "expected_misstatement_pct": "0",
            "sampling_seed": 20_100_104,
            "significant_risks": ["Obsolescence of slow-moving inventory"],
        },
        "control_tests": _control_tests(),
        "completion": _completion(),
    }


def engagement_text(facts: dict[str, Any], results: Iterable[SampleResult]) -> str:
    """The content of engagement.yaml."""
    tables = {
        "gl_detail": {"file": LEDGER_FILE},
        "payments_made": {
            "file": PAYMENTS_FILE,
            "columns": PAYMENT_COLUMNS,
            "date_format": "%d.%m.%Y",
            "delimiter": ";",
            "decimal": ",",
            "thousands": ".",
            "encoding": "cp1252",
        },
    }
    lines = [
        f"  - {{record_id: {r.record_id}, audited_amount: '{r.audited_amount}'"
        + (f", note: {r.note}" if r.note else "")
        + "}\n"
        for r in results
    ]
    return _HEAD + _yaml({**facts, "tables": tables}) + _RESULTS_HEAD + "".join(lines)


def as_engagement(facts: dict[str, Any]) -> Engagement:
    """The facts as the audit reads them."""
    return Engagement.model_validate(facts)


def sign_offs_text() -> str:
    """The content of sign_offs.yaml: one entry for every signature the annual audit asks for."""
    signatures = (
        ("a02", PARTNER, "PARTNER", "Known client, terms agreed, nothing speaks against it."),
        ("a03", MANAGER, "MANAGER", "Understanding and risks reviewed."),
        ("a05", MANAGER, "MANAGER", "Plan and materiality reviewed."),
        ("a05", PARTNER, "PARTNER", "Plan approved and frozen."),
        ("a06", MANAGER, "MANAGER", "Control conclusions reviewed; no reliance where a control failed."),
        ("a08", MANAGER, "MANAGER", "Misstatements discussed with the client."),
        ("a10", MANAGER, "MANAGER", "Statements reviewed against the checklist."),
        ("a11", PARTNER, "PARTNER", "Uncorrected misstatements and later events considered."),
        ("a12", MANAGER, "MANAGER", "Draft report agrees with the file."),
        ("a12", PARTNER, "PARTNER", "Opinion follows from the evidence."),
        ("a13", REVIEWER, "EQR", "Significant judgements reviewed; no open matters."),
        ("a14", PARTNER, "PARTNER", "Release the report."),
        ("a14", REVIEWER, "EQR", "Quality review complete."),
    )  # fmt: skip
    entries = [
        {"step": step, "user": user, "role": role, "decision": "approve", "comment": comment}
        for step, user, role, comment in signatures
    ]
    return _SIGN_OFFS_HEAD + _yaml({"sign_offs": entries})


def _member(user: str, name: str, role: str, *, years: int) -> dict[str, Any]:
    return {
        "user": user,
        "name": f"{name} (fictional)",
        "roles": [role],
        "years_on_engagement": years,
    }


def _completion() -> dict[str, Any]:
    return {
        "subsequent_events": [
            {
                "on": "2010-01-19",
                "description": "A storm damaged the roof of one distribution center; insured, no goods lost",
                "kind": "non_adjusting",
                "is_reflected": True,
            },
            {
                "on": "2010-01-27",
                "description": "A customer that owed since summer filed for protection from its creditors",
                "kind": "adjusting",
                "is_reflected": True,
            },
        ],
        "subsequent_events_reviewed_through": "2010-02-09",
        "going_concern_assessment": "no uncertainty",
        "representation_letter_date": "2010-02-09",
        "report_date": "2010-02-09",
    }


def _control_tests() -> list[dict[str, Any]]:
    """Most controls worked; those that should have stopped the planted errors did not always."""
    tests = (
        ("Invoices are raised from confirmed shipments only", "occurrence", 60, 1),
        ("Month-end cut-off review of the shipping log", "cut-off", 45, 0),
        ("Credit department releases orders above the limit", "valuation", 45, 6),
        ("Three-way match before a supplier invoice is paid", "occurrence", 60, 0),
        ("Bank accounts are reconciled and reviewed monthly", "existence", 36, 0),
        ("Manual journal entries are approved by the controller", "accuracy", 60, 5),
    )
    return [
        {
            "control": control,
            "assertion": assertion,
            "sample_size": size,
            "deviations": deviations,
            "tolerable_rate_pct": "10",
            "tested_by": SENIOR,
        }
        for control, assertion, size, deviations in tests
    ]


def _yaml(data: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 140
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
