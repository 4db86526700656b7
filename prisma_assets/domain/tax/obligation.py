"""What falls due: filings as the engagement states them, and those the rules derive and nobody stated."""

import calendar
from dataclasses import dataclass
from datetime import date

from prisma_assets.domain.tax.facts import Filing, TaxFacts
from prisma_assets.domain.tax.minimum_tax import scope
from prisma_assets.domain.tax.rate import Deadline, NoRate, rows, rule_on


@dataclass(frozen=True, kw_only=True)
class Obligation:
    """One return or payment."""

    entity: str
    jurisdiction: str
    tax: str
    form: str
    period_end: date
    due: date
    origin: str
    """`engagement.yaml`, or the rule the date is derived from."""
    confirm: str = ""
    """What a person confirms about a derived date."""
    receipt: str = ""
    """The authority's receipt; empty: none on file."""
    filed_on: date | None = None


def obligations(facts: TaxFacts, *, period_end: date) -> tuple[Obligation, ...]:
    """Stated filings, and what the rules derive where none is stated, by due date.

    Derived are the income tax return of every entity and, for a group in scope of the minimum tax, the ultimate parent's
    information return.
    """
    stated = [_stated(f) for f in facts.filings]
    covered = {(f.entity, f.tax) for f in facts.filings if f.period_end == period_end}
    derived = [
        found
        for entity in facts.entities
        if (entity.name, "corporate_income_tax") not in covered
        and (found := _derived(entity.name, entity.jurisdiction, period_end)) is not None
    ]
    return tuple(
        sorted(
            (*stated, *derived, *_information_return(facts, period_end)),
            key=lambda o: (o.due, o.entity, o.form),
        )
    )


def without_deadline(facts: TaxFacts, *, period_end: date) -> tuple[str, ...]:
    """Entities whose income tax return is neither stated nor derivable, each with the reason."""
    covered = {
        f.entity
        for f in facts.filings
        if f.tax == "corporate_income_tax" and f.period_end == period_end
    }
    found = []
    for entity in facts.entities:
        rule = _rule(entity.jurisdiction, period_end)
        if entity.name not in covered and isinstance(rule, NoRate):
            found.append(f"{entity.name}: {rule.reason}")
    return tuple(found)


def due_date(rule: Deadline, period_end: date) -> date:
    """Day a return falls due: months after the period's end, on the rule's day or the month's last.

    Weekends and holidays are the authority's business: a return filed by this day is in time everywhere.
    """
    months = period_end.month - 1 + rule.months
    year, month = period_end.year + months // 12, months % 12 + 1
    return date(year, month, rule.day or calendar.monthrange(year, month)[1])


def _stated(filing: Filing) -> Obligation:
    return Obligation(
        entity=filing.entity,
        jurisdiction=filing.jurisdiction,
        tax=filing.tax,
        form=filing.form,
        period_end=filing.period_end,
        due=filing.due,
        origin="engagement.yaml",
        receipt=filing.receipt,
        filed_on=filing.filed_on,
    )


def _information_return(facts: TaxFacts, period_end: date) -> tuple[Obligation, ...]:
    parent = facts.ultimate_parent
    is_stated = any(f.tax == "minimum_tax" and f.period_end == period_end for f in facts.filings)
    rule = rule_on(
        [d for d in rows("obligations", Deadline) if d.tax == "minimum_tax"],
        "EU",
        period_end,
        what="deadline",
    )
    if is_stated or parent is None or isinstance(rule, NoRate):
        return ()
    if scope(facts.revenue_history, fiscal_year=period_end.year).is_in_scope is not True:
        return ()
    return (_by_rule(rule, parent.name, parent.jurisdiction, period_end),)


def _derived(entity: str, jurisdiction: str, period_end: date) -> Obligation | None:
    rule = _rule(jurisdiction, period_end)
    return None if isinstance(rule, NoRate) else _by_rule(rule, entity, jurisdiction, period_end)


def _by_rule(rule: Deadline, entity: str, jurisdiction: str, period_end: date) -> Obligation:
    return Obligation(
        entity=entity,
        jurisdiction=jurisdiction,
        tax=rule.tax,
        form=rule.form,
        period_end=period_end,
        due=due_date(rule, period_end),
        origin=rule.source,
        confirm=rule.confirm or "the date is derived from the rule, not from a notice",
    )


def _rule(jurisdiction: str, period_end: date) -> Deadline | NoRate:
    listed = [d for d in rows("obligations", Deadline) if d.tax == "corporate_income_tax"]
    return rule_on(listed, jurisdiction, period_end, what="deadline of the income tax return")
