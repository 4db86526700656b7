"""The four signs, and that a material uncertainty is only ever a person's word."""

import pytest

from prisma_assets.domain.audit.engagement import Completion
from prisma_assets.domain.audit.going_concern import conclude, screen

HEALTHY = {
    "current_assets": 200, "current_liabilities": 100, "total_liabilities": 100, "equity": 100,
    "net_profit": 10, "operating_cash_flow": 10,
}  # fmt: skip
NO_UNCERTAINTY = Completion(going_concern_assessment="no uncertainty")


@pytest.mark.parametrize(
    ("changes", "raised"),
    [
        ({}, []),
        ({"current_assets": 100}, []),  # exactly 1
        ({"current_assets": 99}, ["Current ratio"]),
        ({"total_liabilities": 200}, []),  # exactly 2
        ({"total_liabilities": 201}, ["Total liabilities to equity"]),
        ({"equity": 0}, ["Total liabilities to equity"]),
        ({"equity": -5}, ["Total liabilities to equity"]),
        ({"net_profit": -1}, ["Result of the period"]),
        ({"operating_cash_flow": -1}, ["Operating cash flow"]),
        ({"current_liabilities": 0}, []),
    ],
)
def test_each_sign_is_raised_beyond_its_limit(figures, changes, raised):
    """At the limit a sign is not raised; equity used up always raises it."""
    assert screen(figures(**HEALTHY | changes), currency="EUR").figures["raised"] == raised


def test_two_signs_are_significant_doubt_and_never_more(figures):
    """All four signs together are still no material uncertainty: people conclude that."""
    worst = {"current_assets": 1, "equity": -1, "net_profit": -1, "operating_cash_flow": -1}
    screened = screen(figures(**HEALTHY | worst), currency="EUR")

    assert conclude(screened, NO_UNCERTAINTY)[0] == "SIGNIFICANT_DOUBT"


def test_one_sign_is_stable(figures):
    """One loss is not yet doubt."""
    screened = screen(figures(**HEALTHY | {"net_profit": -1}), currency="EUR")

    assert conclude(screened, NO_UNCERTAINTY)[0] == "STABLE"


def test_people_record_a_material_uncertainty(figures):
    """Their word stands against a clear screen."""
    facts = Completion(going_concern_assessment="material uncertainty")

    assert conclude(screen(figures(**HEALTHY), currency="EUR"), facts)[0] == "MATERIAL_UNCERTAINTY"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (
            ("net_profit", "total_liabilities", "equity"),
            None,
        ),  # two unknown signs could both be raised
        (("net_profit", "total_liabilities", "equity", "operating_cash_flow"), "STABLE"),
        ((), None),
    ],
)
def test_unknown_signs_are_not_taken_as_harmless(figures, known, expected):
    """Stable only if the unknown signs could not bring the count to two."""
    screened = screen(figures(**{n: HEALTHY[n] for n in known}), currency="EUR")

    assert conclude(screened, NO_UNCERTAINTY)[0] == expected
    assert screened.is_performed == bool(known)
