"""The minimum tax's rules as data: which jurisdictions levy what from when, substance shares, safe harbour rates."""

from datetime import date
from functools import cache

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.rate import NoRate, Pct, read_data


class Regime(Frozen):
    """What a jurisdiction levies for fiscal years beginning on or after those days; None: not law."""

    jurisdiction: str
    qdmtt: date | None = None
    """Qualified domestic top-up tax (Art. 11)."""
    iir: date | None = None
    """Income inclusion rule (Art. 5-10)."""
    utpr: date | None = None
    """Undertaxed profits rule (Art. 12-14)."""
    derogation: bool = False
    """The member state has put off IIR and UTPR for up to six years (Art. 50)."""

    def levies(self, what: str, fiscal_start: date) -> bool:
        """True when `qdmtt`, `iir` or `utpr` applies to a fiscal year that begins on that day."""
        since: date | None = getattr(self, what)
        return since is not None and fiscal_start >= since


class SubstanceShare(Frozen):
    """Shares of payroll and tangible assets that stay out of the top-up tax."""

    year: int
    payroll_pct: Pct
    assets_pct: Pct


class HarbourRate(Frozen):
    """Simplified effective rate that passes the transitional safe harbour."""

    year: int
    rate_pct: Pct


class MinimumTaxRules(Frozen):
    """The content of data/minimum_tax.yaml."""

    rate_pct: Pct
    rate_source: str
    regimes: tuple[Regime, ...]
    substance: tuple[SubstanceShare, ...]
    safe_harbour: tuple[HarbourRate, ...]

    def regime(self, jurisdiction: str) -> Regime | NoRate:
        """What a jurisdiction levies."""
        found = next((r for r in self.regimes if r.jurisdiction == jurisdiction), None)
        return found or NoRate(reason=f"no minimum tax rules of {jurisdiction} are on file")

    def substance_for(self, fiscal_start: date) -> SubstanceShare | NoRate:
        """Shares for a fiscal year; those of the last row hold for all later years (Art. 28(3), (4))."""
        if fiscal_start.year < self.substance[0].year:
            return NoRate(reason=f"no minimum tax was in force for {fiscal_start.year}")
        return [s for s in self.substance if s.year <= fiscal_start.year][-1]

    def safe_harbour_for(self, fiscal_start: date) -> HarbourRate | NoRate:
        """Rate of the transitional safe harbour for a fiscal year."""
        found = next((h for h in self.safe_harbour if h.year == fiscal_start.year), None)
        return found or NoRate(
            reason=f"no safe harbour rate is on file for years beginning in {fiscal_start.year}"
        )


@cache
def minimum_tax_rules() -> MinimumTaxRules:
    """The rules, read once."""
    return MinimumTaxRules.model_validate(read_data("minimum_tax"))
