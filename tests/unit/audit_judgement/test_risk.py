"""Risk by account and of the statements as a whole."""

import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.materiality import NotDetermined
from prisma_assets.domain.audit.risk import Measure, account_risks, planning_measure, statement_risk
from prisma_assets.domain.audit.risk_register import NO_RESPONSE, responses

MEASURE = Measure(cents=100, basis="test")


@pytest.mark.parametrize(
    ("row", "level"),
    [
        (("1", "Machines", "asset", 500, 500), "low"),  # large, at rest, no inherent risk
        (("1", "Machines", "asset", 500, 300), "moderate"),  # large and moved
        (("1", "Sales", "revenue", -500, -500), "significant"),  # presumed
        (("1", "Sales", "revenue", -50, -50), "low"),  # below the measure
        (("1", "Warranty provision", "liability", -500, -500), "significant"),  # estimate
        (("1", "Suspense account", "asset", 0, 0), "high"),  # by nature, however small
        (("1", "Trade receivables", "asset", 50, 400), "moderate"),  # small now, moved
    ],
)
def test_an_account_is_graded_by_nature_size_and_movement(a_trial_balance, row, level):
    """The register's rule, case by case; the measure is 100."""
    (risk,) = account_risks(a_trial_balance(row), MEASURE)

    assert risk.level == level
    assert risk.reason


def test_the_register_needs_a_trial_balance():
    """No trial balance, no register."""
    assert isinstance(account_risks(Books(), MEASURE), NotDetermined)


def test_the_gravest_and_largest_come_first(a_trial_balance):
    """A reader sees first what matters most."""
    books = a_trial_balance(
        ("1", "Machines", "asset", 900, 900),
        ("2", "Sales B", "revenue", -400, -400),
        ("3", "Sales A", "revenue", -700, -700),
    )

    assert [r.account for r in account_risks(books, MEASURE)] == ["3", "2", "1"]


def test_the_measure_follows_the_automatic_benchmark(figures):
    """1 % of revenue when there is no profit."""
    measure = planning_measure(figures(revenue=10_000))

    assert measure == Measure(cents=100, basis="1 % of revenue")


@pytest.mark.parametrize(
    ("changes", "tied_out", "level"),
    [
        ({}, True, "low"),
        ({}, None, "significant"),
        ({}, False, "high"),
        ({"acceptance": None}, True, "significant"),
        ({"acceptance": {"background_rating": "HIGH"}}, True, "high"),
        ({"acceptance": {"background_rating": "MEDIUM"}}, True, "moderate"),
        ({"acceptance": {"background_rating": "LOW", "management_integrity_concerns": ["x"]}}, True, "high"),
        ({"client": {"id": "C", "name": "N", "is_listed": True}}, True, "moderate"),
        ({"client": {"id": "C", "name": "N", "uses_service_organisation": True}}, True, "moderate"),
    ],
)  # fmt: skip
def test_the_gravest_fact_sets_the_level_of_the_statements(an_engagement, changes, tied_out, level):
    """One grave fact is not offset by many harmless ones."""
    found = statement_risk(an_engagement(**changes), tied_out=tied_out, significant_risks=0)

    assert found.level == level


def test_a_risk_that_no_procedure_answers_is_named():
    """The plan does not claim more than the workflow does."""
    outcome = responses(["Obsolete inventory", "Revenue cut-off"], [])

    assert outcome.figures["unanswered"] == ["Obsolete inventory"]
    assert NO_RESPONSE in outcome.evidence[0].rows[0]
