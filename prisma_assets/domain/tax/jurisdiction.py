"""The jurisdictions the firm computes: names, currencies, membership of the EU and the agent each goes to."""

from datetime import date
from functools import cache

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.rate import read_data

EU_AGENT = "tax-corp-eu-022"
RESEARCH_AGENT = "tax-research-033"
"""Takes jurisdictions without a computing agent; a person computes."""


class Jurisdiction(Frozen):
    """One country."""

    code: str
    name: str
    currency: str
    euro_from: date | None = None
    """Day the euro replaced `currency`."""
    eu_from: date | None = None
    eu_to: date | None = None
    """Last day in the EU's VAT territory. None: still in it, when it ever was."""
    agent: str = EU_AGENT
    local_tax: str = ""
    """Income tax below central government that the engagement has to state; empty: none."""
    apportions_by_days: bool = False
    """A change of rate within a period splits the profit by days."""
    vat_prefix: str = ""
    """Prefix of VAT numbers where it is not the code."""

    def is_eu_on(self, day: date) -> bool:
        """True when it belongs to the EU's VAT territory on that day."""
        if self.eu_from is None or day < self.eu_from:
            return False
        return self.eu_to is None or day <= self.eu_to

    def currency_on(self, day: date) -> str:
        """Its currency on that day."""
        return "EUR" if self.euro_from and day >= self.euro_from else self.currency


@cache
def jurisdictions() -> dict[str, Jurisdiction]:
    """All of them by code."""
    listed = (Jurisdiction.model_validate(row) for row in read_data("jurisdictions"))
    return {j.code: j for j in listed}


def agent_for(code: str) -> str:
    """The agent that computes a jurisdiction's direct tax; the research agent where none does."""
    found = jurisdictions().get(code)
    return found.agent if found else RESEARCH_AGENT


def is_eu(code: str, day: date) -> bool:
    """True for a country in the EU's VAT territory on that day."""
    found = jurisdictions().get(code)
    return found is not None and found.is_eu_on(day)
