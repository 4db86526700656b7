"""What people contribute to a computation: one they made themselves, and how a refused one was cleared."""

from pydantic import Field

from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.tax.measure import Amount, Positive


class PersonComputation(Frozen):
    """The tax of an entity as a person computed it, where the firm has no computation for its jurisdiction."""

    chargeable: Positive
    """Income the tax falls on."""
    tax: Amount
    computed_by: str = Field(min_length=1)
    reference: str = Field(min_length=1)
    """Law and working paper."""


class Clearance(Frozen):
    """Why a computation was refused, and what was done about it; the sign-off on the provision is by two people."""

    subject: str = Field(min_length=1)
    """What was refused: a jurisdiction's code, a VAT registration's number, or `cross_border`."""
    root_cause: str = Field(min_length=1)
    remediation: str = Field(min_length=1)
