"""Misstatements found, projected and judged, counted once each and summed against materiality (ISA 450).

How they are found belongs to the procedures; what they mean for the opinion to `opinion`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from prisma_assets.domain.audit.amount import percent_of
from prisma_assets.domain.audit.threshold import firm
from prisma_assets.domain.audit.workpaper import Finding

Nature = Literal["factual", "projected", "judgmental"]
"""ISA 450 A6: no doubt about it; the best estimate from a sample; differences of judgement about estimates and policies."""

FACTUAL_KINDS: dict[str, str] = {
    "cut_off_error": "revenue and receivables in the wrong period",
    "unshipped_invoice": "revenue and receivables overstated",
    "duplicate_payment": "cash and supplier balances misstated by a payment made twice",
    "unbalanced_entry": "an account is misstated by the entry's difference",
    "component_misstatement": "reported by a component and not corrected",
}
"""Kinds of finding that misstate the accounts, and how. The order says which kind keeps a record that several name."""

DOCUMENT: dict[str, str] = {
    "invoices_generated": "invoice",
    "open_accounts_receivable": "invoice",
    "shipments_made": "invoice",
    "payments_made": "payment",
    "gl_detail": "journal entry",
}
"""Tables whose records are the same document under the same number."""


Judgement = Literal["acceptable", "further_procedures_required", "material", "not_evaluated"]
ACCEPTABLE_PCT = firm(50, "%", source="firm practice, of performance materiality")
"""Misstatement below this share leaves room for what was not found."""


@dataclass(frozen=True, kw_only=True)
class Misstatement:
    """One misstatement."""

    kind: str
    nature: Nature
    document: str
    record_id: str
    cents: int
    """Size without sign: overstatements are not set off against understatements."""
    is_corrected: bool


@dataclass(frozen=True, kw_only=True)
class KindTotal:
    """All misstatements of one kind."""

    kind: str
    nature: Nature
    items: int
    total_cents: int
    corrected_cents: int

    @property
    def uncorrected_cents(self) -> int:
        """What remains in the accounts."""
        return self.total_cents - self.corrected_cents


def same_document(table: str, record_id: str) -> tuple[str, str]:
    """Key under which records of different tables are one document."""
    return DOCUMENT.get(table, table), record_id


def factual(findings: Iterable[Finding], corrected: Sequence[str]) -> tuple[Misstatement, ...]:
    """The misstatements among the findings, each document once.

    A document that two procedures name is one misstatement: it keeps the kind that comes first in `FACTUAL_KINDS` and the
    larger amount. A finding without an amount cannot be summed and is left to the reader.

    Args:
        findings: Of any kinds; those not in `FACTUAL_KINDS` are passed over.
        corrected: Kinds or record ids the client has corrected.
    """
    order = {kind: n for n, kind in enumerate(FACTUAL_KINDS)}
    found: dict[tuple[str, str], Finding] = {}
    sizes: dict[tuple[str, str], int] = {}
    for finding in sorted(
        (f for f in findings if f.kind in order and f.amount_cents), key=lambda f: order[f.kind]
    ):
        key = same_document(finding.table, finding.record_id)
        found.setdefault(key, finding)
        sizes[key] = max(sizes.get(key, 0), abs(finding.amount_cents or 0))
    return tuple(
        Misstatement(
            kind=finding.kind,
            nature="factual",
            document=key[0],
            record_id=key[1],
            cents=sizes[key],
            is_corrected=finding.kind in corrected or finding.record_id in corrected,
        )
        for key, finding in found.items()
    )


STATEMENT_KINDS = ("statement_tb_difference", "footing_error", "statement_cross_check")
"""Kinds of finding that say a statement disagrees with the books or with itself; differences of rounding are not among them."""


def statement_differences(
    findings: Iterable[Finding], known_cents: int | None, corrected: Sequence[str]
) -> tuple[Misstatement, ...]:
    """The misstatements of the statements themselves.

    A wrong line disagrees with its accounts, no longer foots and breaks a cross-check, each time by the same amount:
    equal amounts are one misstatement. Comparatives are left to the reader: they misstate another period (ISA 710).

    Args:
        findings: Of the statement procedures.
        known_cents: Imbalance of the trial balance, counted where its cause was found. None: not known.
        corrected: Kinds or record ids the client has corrected.
    """
    found: dict[int, Finding] = {}
    for finding in findings:
        size = abs(finding.amount_cents or 0)
        is_current = "prior year" not in finding.description
        if (
            finding.kind in STATEMENT_KINDS
            and size
            and is_current
            and size != abs(known_cents or 0)
        ):
            found.setdefault(size, finding)
    return tuple(
        Misstatement(
            kind="statement_difference",
            nature="factual",
            document=finding.table,
            record_id=finding.record_id,
            cents=size,
            is_corrected=finding.kind in corrected or finding.record_id in corrected,
        )
        for size, finding in found.items()
    )


def projected(kind: str, amount_cents: int, corrected: Sequence[str]) -> Misstatement:
    """The best estimate of misstatement in a sampled population."""
    return Misstatement(
        kind=kind,
        nature="projected",
        document="population",
        record_id=kind,
        cents=abs(amount_cents),
        is_corrected=kind in corrected,
    )


def totals(misstatements: Iterable[Misstatement]) -> tuple[KindTotal, ...]:
    """One total per kind and nature, largest first."""
    groups: dict[tuple[str, Nature], list[Misstatement]] = {}
    for item in misstatements:
        groups.setdefault((item.kind, item.nature), []).append(item)
    rows = (
        KindTotal(
            kind=kind,
            nature=nature,
            items=len(items),
            total_cents=sum(m.cents for m in items),
            corrected_cents=sum(m.cents for m in items if m.is_corrected),
        )
        for (kind, nature), items in groups.items()
    )
    return tuple(sorted(rows, key=lambda t: (-t.total_cents, t.kind)))


def to_json(rows: Iterable[KindTotal]) -> list[dict[str, Any]]:
    """Totals as a step's outputs carry them."""
    return [
        {
            "kind": t.kind,
            "nature": t.nature,
            "items": t.items,
            "total_cents": t.total_cents,
            "corrected_cents": t.corrected_cents,
        }
        for t in rows
    ]


def from_json(rows: Iterable[dict[str, Any]]) -> tuple[KindTotal, ...]:
    """Totals out of an earlier step's outputs."""
    return tuple(KindTotal(**row) for row in rows)


def uncorrected_cents(rows: Iterable[KindTotal]) -> int:
    """What remains in the accounts, all kinds and natures together (ISA 450 paragraph 11)."""
    return sum(t.uncorrected_cents for t in rows)


def corrected_since(
    rows: Iterable[KindTotal], items: Iterable[Mapping[str, Any]], corrected: Sequence[str]
) -> tuple[KindTotal, ...]:
    """Totals with what the client has corrected since they were added up.

    Args:
        rows: Totals as the steps found them.
        items: Misstatements handed on one by one, with `kind`, `record_id` and `amount_cents`. A correction of a record that
            is not among them is not counted: what is handed on are the largest.
        corrected: Kinds or record ids, as they stand now.
    """
    by_record: dict[str, int] = {}
    for item in items:
        if item["record_id"] in corrected:
            by_record[item["kind"]] = by_record.get(item["kind"], 0) + int(item["amount_cents"])
    return tuple(
        replace(
            t,
            corrected_cents=t.total_cents
            if t.kind in corrected
            else max(t.corrected_cents, min(by_record.get(t.kind, 0), t.total_cents)),
        )
        for t in rows
    )


def newly_corrected(before: Iterable[KindTotal], now: Iterable[KindTotal]) -> dict[str, int]:
    """What has been corrected between two rounds, in cents by kind."""
    earlier: dict[tuple[str, Nature], int] = {}
    for total in before:
        key = (total.kind, total.nature)
        earlier[key] = earlier.get(key, 0) + total.corrected_cents
    found: dict[str, int] = {}
    for total in now:
        more = total.corrected_cents - earlier.get((total.kind, total.nature), 0)
        if more > 0:
            found[total.kind] = found.get(total.kind, 0) + more
    return found


def is_clearly_trivial(rows: Sequence[KindTotal], trivial_cents: int | None) -> bool:
    """True when even all of them together stay below the clearly trivial amount (ISA 450 A3: individually and in aggregate)."""
    return trivial_cents is not None and uncorrected_cents(rows) < trivial_cents


def judge(rows: Iterable[KindTotal], performance_cents: int | None) -> Judgement:
    """Hold what is uncorrected against performance materiality.

    Returns:
        acceptable below half of it, material from it on, further procedures in between (firm practice; ISA 450
        paragraph 6(b)); not_evaluated without materiality.
    """
    if performance_cents is None:
        return "not_evaluated"
    found = uncorrected_cents(rows)
    if found >= performance_cents:
        return "material"
    limit = percent_of(performance_cents, ACCEPTABLE_PCT.value)
    return "acceptable" if found < limit else "further_procedures_required"
