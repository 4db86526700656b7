"""The section `tax` of `engagement.yaml`: the group, its entities and what their taxes are computed from.

Ledgers of value added tax are tables beside it; amounts here are in whole units of the entity's currency with at most two decimals.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.measure import Amount, Code, Currency, Positive, Share
from prisma_assets.domain.tax.review_facts import Clearance, PersonComputation

Election = Literal[
    "small_business", "participation_exemption", "fiscal_unit", "final_tax_without_imputation"
]
"""small_business: Canadian-controlled private corporation. The others are Maltese."""


class Adjustment(Frozen):
    """A difference between accounting and taxable profit."""

    label: str
    amount: Amount
    """Added to profit; negative deducts."""
    kind: Literal["permanent", "temporary"]
    reference: str = ""
    """Law or working paper."""


class LocalTax(Frozen):
    """An income tax below central government."""

    name: str
    rate_pct: Share | None = None
    """None: taken from the rate table for `subdivision`."""
    base: Amount | None = None
    """None: chargeable income before this tax."""
    is_deductible: bool = False
    """Deductible from the central government's base."""


class Credit(Frozen):
    """A credit against the tax of the year."""

    name: str
    amount: Positive
    is_refundable: bool = False


class TemporaryDifference(Frozen):
    """An asset or liability whose carrying amount differs from its tax base (IAS 12 paragraph 5)."""

    name: str
    side: Literal["asset", "liability"]
    carrying_amount: Amount
    tax_base: Amount
    opening_deferred_tax: Amount = Decimal(0)
    """Positive liability, negative asset."""
    reverses_on: date | None = None
    """None: at the rate of the reporting date."""
    recognised_in: Literal["profit_or_loss", "oci", "equity"] = "profit_or_loss"
    is_recoverable: bool = True
    """False: no deferred tax asset is recognised (IAS 12 paragraph 24)."""


class MaltaProfit(Frozen):
    """Profit of a Maltese company by the kind of refund its distribution carries."""

    category: Literal["trading", "passive", "double_tax_relief", "immovable_property"]
    chargeable_pct: Share
    """Part of the chargeable income."""
    distributed_pct: Share = Decimal(0)
    """Part of that profit distributed; only a distribution carries a refund."""


class PriorYear(Frozen):
    """Qualifying revenue and income of an earlier fiscal year, for the de minimis exclusion."""

    fiscal_year: int
    """Calendar year it ends in."""
    revenue: Amount
    income: Amount


class MinimumTaxFacts(Frozen):
    """An entity's figures for the minimum tax, in its own currency (Dir. (EU) 2022/2523)."""

    qualifying_income: Amount | None = None
    """Net qualifying income or loss (Art. 15-19). None: not determined."""
    covered_taxes: Amount | None = None
    """Adjusted covered taxes (Art. 20-25). None: not determined."""
    simplified_taxes: Amount | None = None
    """Income tax expense of the financial statements less uncovered taxes and uncertain positions, for the safe harbour."""
    payroll: Positive = Decimal(0)
    tangible_assets: Positive = Decimal(0)
    """Carrying amount, average of the year's beginning and end."""
    domestic_top_up_paid: Positive = Decimal(0)
    """Qualified domestic top-up tax, where the jurisdiction levies one and it is computed already."""
    prior_years: tuple[PriorYear, ...] = ()


class TaxEntity(Frozen):
    """A company or permanent establishment of the group."""

    name: str
    jurisdiction: Code
    subdivision: str = ""
    """Province or state, e.g. `CA-ON`."""
    currency: Currency = "EUR"
    per_eur: Annotated[Decimal, Field(gt=0)] | None = None
    """Units of the currency for one euro, average of the period; required unless the currency is EUR."""
    parent: str | None = None
    """None: the ultimate parent."""
    ownership_pct: Share = Decimal(100)
    revenue: Positive | None = None
    profit_before_tax: Amount | None = None
    """As the tax computation starts from it."""
    trial_balance_profit: Amount | None = None
    statements_profit: Amount | None = None
    adjustments: tuple[Adjustment, ...] = ()
    losses_brought_forward: Positive = Decimal(0)
    interest_expense: Positive = Decimal(0)
    """Borrowing costs deducted in the profit."""
    interest_income: Positive = Decimal(0)
    interest_brought_forward: Positive = Decimal(0)
    """Disallowed in earlier years."""
    tax_depreciation: Positive = Decimal(0)
    elections: tuple[Election, ...] = ()
    associated_companies: int = Field(default=0, ge=0)
    """Other companies under common control (CTA 2010 s. 18E)."""
    exempt_distributions: Positive = Decimal(0)
    """Dividends that count into augmented profits (CTA 2010 s. 18L)."""
    distributions: Positive = Decimal(0)
    """Net profits paid out, where tax falls on distributions."""
    malta_profits: tuple[MaltaProfit, ...] = ()
    local_taxes: tuple[LocalTax, ...] = ()
    credits: tuple[Credit, ...] = ()
    paid_on_account: Positive = Decimal(0)
    prior_year_adjustment: Amount = Decimal(0)
    """Current tax of earlier years recognised in this one (IAS 12 paragraph 80(b))."""
    temporary_differences: tuple[TemporaryDifference, ...] = ()
    minimum_tax: MinimumTaxFacts = MinimumTaxFacts()
    computed_by_person: PersonComputation | None = None
    """The tax where no computation covers the jurisdiction."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.currency != "EUR" and self.per_eur is None:
            raise ValueError(f"per_eur is missing; state how many {self.currency} one euro was")
        if self.malta_profits and sum(p.chargeable_pct for p in self.malta_profits) != 100:
            raise ValueError("chargeable_pct of malta_profits must add up to 100")
        return self


class RevenueYear(Frozen):
    """Consolidated revenue of the group in one year, in euros."""

    fiscal_year: int
    """Calendar year it ends in."""
    revenue: Positive


class ControlledCompany(Frozen):
    """A foreign company under control, in the currency of the entity that holds it."""

    name: str
    jurisdiction: Code
    holder: str
    """Entity that holds it."""
    ownership_pct: Share
    total_income: Amount
    passive_income: Amount
    """Non-distributed income of the kinds in Dir. (EU) 2016/1164 Art. 7(2)(a)."""
    tax_paid: Positive
    has_substantive_activity: bool = False
    tested_income: Amount | None = None
    """For a holder in the United States: tested income (negative: loss). None: not determined."""
    business_assets: Positive = Decimal(0)
    """Qualified business asset investment."""


class IntercompanyFlow(Frozen):
    """One kind of transaction between two entities over the period, in euros."""

    id: str
    seller: str
    buyer: str
    kind: Literal["goods", "services", "interest", "royalty", "other"]
    amount_seller: Positive
    amount_buyer: Positive | None = None
    """None: the buyer's books do not show it."""
    method: str = ""
    """Transfer pricing method; empty: none documented."""
    tested_pct: Decimal | None = None
    """Result of the tested party by the method's indicator."""
    range_low_pct: Decimal | None = None
    range_high_pct: Decimal | None = None
    median_pct: Decimal | None = None


class CrossBorderPayment(Frozen):
    """A payment on which tax is withheld, in euros."""

    id: str
    payer: str
    recipient_jurisdiction: Code
    kind: Literal["dividend", "interest", "royalty", "service"]
    paid_on: date
    gross: Positive
    withheld: Positive | None = None
    has_residence_certificate: bool = False
    procedure: Literal["none", "MAP", "APA"] = "none"


class TreatyRate(Frozen):
    """A treaty's ceiling on tax withheld."""

    source_jurisdiction: Code
    residence_jurisdiction: Code
    kind: Literal["dividend", "interest", "royalty", "service"]
    rate_pct: Share
    effective_from: date
    source: str = Field(min_length=1)


class Arrangement(Frozen):
    """A cross-border arrangement to screen (Dir. 2011/16/EU Art. 8ab)."""

    id: str
    description: str
    jurisdictions: tuple[Code, ...]
    hallmarks: tuple[str, ...] = ()
    """As in Annex IV, e.g. `A1`, `C1bi`, `E3`."""
    main_benefit: bool | None = None
    """Whether a tax advantage is a main benefit. None: not judged yet."""
    available_on: date | None = None
    ready_on: date | None = None
    first_step_on: date | None = None
    reported_on: date | None = None


class PositionOutcome(Frozen):
    """One way an uncertain position may end."""

    tax: Positive
    """Tax owed then, beyond the return."""
    probability_pct: Share


class UncertainPosition(Frozen):
    """An uncertain tax treatment (IFRIC 23), in the entity's currency."""

    id: str
    entity: str
    description: str
    acceptance_pct: Share
    """Probability that the authority accepts the treatment."""
    method: Literal["most_likely_amount", "expected_value"] = "most_likely_amount"
    outcomes: tuple[PositionOutcome, ...] = ()
    opening_liability: Positive = Decimal(0)
    """Recognised at the end of the prior year."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.outcomes and sum(o.probability_pct for o in self.outcomes) != 100:
            raise ValueError("probability_pct of the outcomes must add up to 100")
        return self


class VatTotals(Frozen):
    """A VAT period's totals where no ledger is given, in the registration's currency."""

    output_base: Amount
    output_vat: Amount
    reverse_charge_base: Amount = Decimal(0)
    reverse_charge_vat: Amount = Decimal(0)
    other_supplies: Amount = Decimal(0)
    """Exports, exempt and intra-Community supplies."""
    input_vat: Amount


class VatRegistration(Frozen):
    """A registration for value added tax, with the period to declare."""

    number: str
    jurisdiction: Code
    entity: str
    scheme: Literal["domestic", "oss", "ioss", "margin", "flat_rate", "cash", "other"] = "domestic"
    start: date
    end: date
    recovery_pct: Share = Decimal(100)
    """Part of input tax that is recoverable (Dir. 2006/112/EC Art. 173)."""
    turnover: Amount | None = None
    """Revenue of the same period by the books, to reconcile with."""
    totals: VatTotals | None = None
    """None: the return is drawn up from the tables vat_sales and vat_purchases."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError("end must not be before start")
        return self


class Filing(Frozen):
    """A return or payment that falls due."""

    entity: str
    jurisdiction: Code
    tax: Literal[
        "corporate_income_tax",
        "value_added_tax",
        "withholding_tax",
        "minimum_tax",
        "disclosure",
        "other",
    ]
    form: str
    period_end: date
    due: date
    filed_on: date | None = None
    receipt: str = ""
    """The authority's receipt; empty: none on file."""
    payment: Positive | None = None
    paid_on: date | None = None
    payment_reference: str = ""


class TaxFacts(Frozen):
    """Everything the tax workflow needs beyond the books."""

    group: str = ""
    revenue_history: tuple[RevenueYear, ...] = ()
    """The four fiscal years before the tested one (Dir. (EU) 2022/2523 Art. 2(1))."""
    entities: tuple[TaxEntity, ...] = Field(min_length=1)
    tolerance: Positive = Decimal(1)
    """Largest difference that still ties out, in whole units of the entity's currency."""
    materiality: Positive | None = None
    """Tax, in euros, from which a partner approves. None: a partner approves all of it."""
    is_audit_client: bool = False
    intercompany: tuple[IntercompanyFlow, ...] = ()
    controlled_companies: tuple[ControlledCompany, ...] = ()
    payments_abroad: tuple[CrossBorderPayment, ...] = ()
    treaty_rates: tuple[TreatyRate, ...] = ()
    arrangements: tuple[Arrangement, ...] = ()
    uncertain_positions: tuple[UncertainPosition, ...] = ()
    vat_registrations: tuple[VatRegistration, ...] = ()
    filings: tuple[Filing, ...] = ()
    clearances: tuple[Clearance, ...] = ()

    @model_validator(mode="after")
    def _names_known(self) -> Self:
        names = [e.name for e in self.entities]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"entities: {', '.join(sorted(twice))} stands there twice")
        used = {e.parent for e in self.entities if e.parent}
        used |= {f.seller for f in self.intercompany} | {f.buyer for f in self.intercompany}
        used |= {p.payer for p in self.payments_abroad} | {
            c.holder for c in self.controlled_companies
        }
        used |= {p.entity for p in self.uncertain_positions} | {f.entity for f in self.filings}
        used |= {r.entity for r in self.vat_registrations}
        unknown = sorted(used - set(names))
        if unknown:
            raise ValueError(f"no entity is called {', '.join(unknown)}; add it to entities")
        numbers = [r.number for r in self.vat_registrations]
        if len(set(zip(numbers, (r.start for r in self.vat_registrations), strict=True))) < len(
            numbers
        ):
            raise ValueError("a VAT registration stands there twice for one period")
        return self

    def entity(self, name: str) -> TaxEntity:
        """The entity of that name.

        Raises:
            KeyError: None is called that.
        """
        return {e.name: e for e in self.entities}[name]

    @property
    def jurisdictions(self) -> tuple[str, ...]:
        """Country codes of the entities, in order."""
        return tuple(dict.fromkeys(e.jurisdiction for e in self.entities))

    @property
    def ultimate_parent(self) -> TaxEntity | None:
        """The one entity without a parent. None: there are several, or none."""
        tops = [e for e in self.entities if e.parent is None]
        return tops[0] if len(tops) == 1 else None
