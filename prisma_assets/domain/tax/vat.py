"""A return of value added tax from ledger lines or totals, the recapitulative statement, and the check against turnover.

Reading the ledgers from tables does not belong here: that is `vat_ledger`. Amounts are hundredths of the registration's currency.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from prisma_assets.domain.audit.amount import cents
from prisma_assets.domain.tax.decision import Decision, Reason, review
from prisma_assets.domain.tax.facts import VatRegistration, VatTotals
from prisma_assets.domain.tax.jurisdiction import is_eu, jurisdictions
from prisma_assets.domain.tax.rate import NoRate, Rate, value_added_tax, value_added_tax_rates
from prisma_assets.domain.tax.rounding import pct_of

Side = Literal["sale", "purchase"]

TAXED = {"sale": ("domestic",), "purchase": ("domestic", "import")}
"""Treatments whose tax stands on the document."""
UNTAXED_SALES = ("exempt", "export", "intra_eu_goods", "intra_eu_services", "reverse_charge", "oss")
SELF_ASSESSED = ("intra_eu_goods", "intra_eu_services", "reverse_charge", "import_postponed")
"""Purchases on which the buyer owes the tax (Dir. 2006/112/EC Art. 194-197, 200, 211)."""
UNTAXED_PURCHASES = ("exempt", "not_recoverable")
TREATMENTS = {
    "sale": (*TAXED["sale"], *UNTAXED_SALES),
    "purchase": (*TAXED["purchase"], *SELF_ASSESSED, *UNTAXED_PURCHASES),
}
RECAPITULATED = ("intra_eu_goods", "intra_eu_services")
"""Sales of the recapitulative statement (Dir. 2006/112/EC Art. 262)."""
LINE_TOLERANCE_CENTS = 1
"""Tax of a line may differ by a cent: invoices round per line or per document."""


@dataclass(frozen=True, kw_only=True)
class VatLine:
    """One line of a ledger."""

    side: Side
    document: str
    day: date
    net_cents: int
    vat_cents: int
    treatment: str
    rate_pct: Decimal | None = None
    """None: not stated."""
    country: str = ""
    """Of the counterparty."""
    vat_number: str = ""


@dataclass(frozen=True, kw_only=True)
class VatException:
    """A line that does not hold."""

    kind: str
    side: Side
    document: str
    amount_cents: int | None
    description: str


@dataclass(frozen=True, kw_only=True)
class RecapRow:
    """One customer of the recapitulative statement."""

    vat_number: str
    kind: str
    net_cents: int


@dataclass(frozen=True, kw_only=True)
class VatReturn:
    """The figures of one return."""

    output_base_cents: int
    output_vat_cents: int
    self_assessed_base_cents: int
    self_assessed_vat_cents: int
    other_supplies_cents: int
    """Exports, exempt and intra-Community supplies, reverse charge to the customer."""
    input_vat_cents: int
    """Before the limit of recovery, tax assessed by oneself included."""
    recoverable_cents: int
    net_cents: int
    """Payable; negative: to be refunded."""

    @property
    def supplies_cents(self) -> int:
        """All supplies without tax, to hold against turnover."""
        return self.output_base_cents + self.other_supplies_cents


def return_from_lines(
    lines: Iterable[VatLine], registration: VatRegistration
) -> VatReturn | NoRate:
    """Draw up a return from the period's lines.

    Net = output tax + tax assessed by oneself - recoverable input tax. Tax assessed by oneself is at the line's rate, at
    the standard rate of its day where none is stated. Distance sales under the one-stop shop are output of that scheme's
    return only, and other supplies in the domestic one.

    Source: Dir. 2006/112/EC Art. 167-173, 193-198, 206.
    """
    output_base = output = own_base = own = other = paid = 0
    declared = ("oss",) if registration.scheme == "oss" else TAXED["sale"]
    for line in lines:
        if line.side == "sale" and line.treatment in declared:
            output_base, output = output_base + line.net_cents, output + line.vat_cents
        elif line.side == "sale":
            other += line.net_cents
        elif line.treatment in TAXED["purchase"]:
            paid += line.vat_cents
        elif line.treatment in SELF_ASSESSED:
            tax = _self_assessed(line, registration.jurisdiction)
            if isinstance(tax, NoRate):
                return tax
            own_base, own = own_base + line.net_cents, own + tax
    recoverable = pct_of(paid + own, registration.recovery_pct)
    return VatReturn(
        output_base_cents=output_base,
        output_vat_cents=output,
        self_assessed_base_cents=own_base,
        self_assessed_vat_cents=own,
        other_supplies_cents=other,
        input_vat_cents=paid + own,
        recoverable_cents=recoverable,
        net_cents=output + own - recoverable,
    )


def return_from_totals(totals: VatTotals, registration: VatRegistration) -> VatReturn:
    """Draw up a return from totals; tax assessed by oneself counts on both sides."""
    own = cents(totals.reverse_charge_vat)
    paid = cents(totals.input_vat) + own
    recoverable = pct_of(paid, registration.recovery_pct)
    return VatReturn(
        output_base_cents=cents(totals.output_base),
        output_vat_cents=cents(totals.output_vat),
        self_assessed_base_cents=cents(totals.reverse_charge_base),
        self_assessed_vat_cents=own,
        other_supplies_cents=cents(totals.other_supplies),
        input_vat_cents=paid,
        recoverable_cents=recoverable,
        net_cents=cents(totals.output_vat) + own - recoverable,
    )


def recapitulate(lines: Iterable[VatLine]) -> tuple[RecapRow, ...]:
    """The recapitulative statement: net supplies by customer and kind (Dir. 2006/112/EC Art. 262-264)."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        if line.side == "sale" and line.treatment in RECAPITULATED:
            key = (line.vat_number or "missing", line.treatment)
            sums[key] = sums.get(key, 0) + line.net_cents
    return tuple(
        RecapRow(vat_number=number, kind=kind, net_cents=net)
        for (number, kind), net in sorted(sums.items())
    )


def decide(registration: VatRegistration, figures: VatReturn) -> Decision:
    """The firm's review of a return: a refund, or a scheme other than the domestic one, goes to a manager."""
    reasons: list[Reason] = []
    if figures.net_cents < 0:
        reasons.append(review(f"{registration.number}: the return claims a refund."))
    if registration.scheme != "domestic":
        reasons.append(review(f"{registration.number}: special scheme {registration.scheme}."))
    return Decision(reasons=tuple(reasons))


def exceptions(line: VatLine, jurisdiction: str) -> tuple[VatException, ...]:
    """What is wrong with a line: its treatment, its rate, its arithmetic, the customer's number."""
    if line.treatment not in TREATMENTS[line.side]:
        known = ", ".join(TREATMENTS[line.side])
        return (
            _exception(
                line, "vat_unknown_treatment", f"treatment '{line.treatment}' is not one of {known}"
            ),
        )
    return (*_rate_exceptions(line, jurisdiction), *_number_exceptions(line, jurisdiction))


def _rate_exceptions(line: VatLine, jurisdiction: str) -> tuple[VatException, ...]:
    if line.treatment not in (*TAXED[line.side], "oss"):
        is_charged = line.vat_cents != 0 and line.treatment not in (
            *SELF_ASSESSED,
            "not_recoverable",
        )
        text = f"tax stands on a line treated as {line.treatment}"
        return (
            (_exception(line, "vat_on_untaxed_line", text, line.vat_cents),) if is_charged else ()
        )
    if line.rate_pct is None:
        return ()
    # Under the one-stop shop the tax is that of the customer's country (Dir. 2006/112/EC Art. 33, 369a-369k).
    where = line.country if line.treatment == "oss" else jurisdiction
    in_force = {r.rate_pct for r in value_added_tax_rates(where, line.day)}
    found = []
    if in_force and line.rate_pct not in in_force and line.rate_pct != 0:
        text = f"{line.rate_pct} % was no rate of {where} on {line.day.isoformat()}"
        found.append(_exception(line, "vat_rate_not_in_force", text, line.vat_cents))
    expected = pct_of(line.net_cents, line.rate_pct)
    if abs(expected - line.vat_cents) > LINE_TOLERANCE_CENTS:
        text = f"tax is {line.vat_cents / 100:,.2f}, {line.rate_pct} % of the net amount is {expected / 100:,.2f}"
        found.append(_exception(line, "vat_arithmetic", text, line.vat_cents - expected))
    return tuple(found)


def _number_exceptions(line: VatLine, jurisdiction: str) -> tuple[VatException, ...]:
    if line.side != "sale" or line.treatment not in RECAPITULATED:
        return ()
    number = re.sub(r"[\s.\-]", "", line.vat_number.upper())
    country = _country_of(number)
    if country is None or country == jurisdiction or not is_eu(country, line.day):
        text = f"no number of a customer in another member state ({line.vat_number or 'none'}), so the exemption is not shown"
        return (_exception(line, "vat_number_missing", text, line.net_cents),)
    return ()


def _country_of(number: str) -> str | None:
    """Country of a VAT number by its prefix; the rest has 2 to 12 characters (Dir. 2006/112/EC Art. 215)."""
    if not re.fullmatch(r"[A-Z]{2}[0-9A-Z+*]{2,12}", number):
        return None
    prefix = number[:2]
    return next(
        (j.code for j in jurisdictions().values() if (j.vat_prefix or j.code) == prefix), None
    )


def _self_assessed(line: VatLine, jurisdiction: str) -> int | NoRate:
    if line.rate_pct is not None:
        return pct_of(line.net_cents, line.rate_pct)
    standard: Rate | NoRate = value_added_tax(jurisdiction, line.day)
    return standard if isinstance(standard, NoRate) else pct_of(line.net_cents, standard.rate_pct)


def _exception(line: VatLine, kind: str, text: str, amount: int | None = None) -> VatException:
    return VatException(
        kind=kind,
        side=line.side,
        document=line.document,
        amount_cents=amount,
        description=f"{line.side.capitalize()} {line.document}: {text}.",
    )
