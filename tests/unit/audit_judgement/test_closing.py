"""Events after the period, representations, editions in force, quality review, analytics, fraud."""

from datetime import date

import pandas as pd
import pytest

from prisma_assets.domain.audit.analytics import ratio_analytics
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.closing import representations, subsequent_events
from prisma_assets.domain.audit.edition import editions_in_force
from prisma_assets.domain.audit.engagement import Completion, Period
from prisma_assets.domain.audit.fraud import criteria_json, risk_factors, unpredictable_accounts
from prisma_assets.domain.audit.journal_entry import JournalCriteria
from prisma_assets.domain.audit.quality_review import eligibility
from prisma_assets.domain.audit.request_list import received
from prisma_assets.domain.audit.risk import Measure
from prisma_assets.domain.audit.table import TABLES

PERIOD = Period(start=date(2025, 1, 1), end=date(2025, 12, 31))
TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("through", "is_performed", "is_current"),
    [(None, False, None), ("2025-12-31", False, None), ("2026-02-28", True, False), ("2026-03-01", True, True)],
)  # fmt: skip
def test_the_review_of_later_events_reaches_the_report(through, is_performed, is_current):
    """A review that stops before the report's date has to be extended."""
    facts = Completion.model_validate({"subsequent_events_reviewed_through": through})

    outcome = subsequent_events(facts, PERIOD, TODAY)

    assert outcome.is_performed is is_performed
    assert outcome.figures.get("review_is_current") is is_current


def test_an_event_that_is_not_reflected_is_a_finding():
    """Adjusting events are booked."""
    event = {"on": "2026-01-10", "description": "A debtor failed.", "kind": "adjusting"}
    facts = Completion.model_validate(
        {"subsequent_events_reviewed_through": TODAY, "subsequent_events": [event]}
    )

    outcome = subsequent_events(facts, PERIOD, TODAY)

    assert outcome.findings[0].description == "A debtor failed: not booked."


@pytest.mark.parametrize(
    ("dated", "is_performed"),
    [(None, False), ("2025-12-31", False), ("2026-03-01", True), ("2026-03-02", False)],
)
def test_the_letter_is_dated_after_the_period_and_not_after_the_work(dated, is_performed):
    """ISA 580 paragraph 14."""
    facts = Completion.model_validate({"representation_letter_date": dated})

    assert representations(facts, PERIOD, TODAY).is_performed is is_performed


@pytest.mark.parametrize(
    ("cited", "start", "edition"),
    [
        ("ISA 240 33(a)", date(2025, 1, 1), "ISA 240 is"),
        ("ISA 240", date(2026, 12, 15), "ISA 240 (Revised) is"),
        ("ISA 570R", date(2026, 12, 14), "ISA 570 (Revised) is"),
        ("ISA 570R", date(2027, 1, 1), "ISA 570 (Revised 2024) is"),
        ("ISA 600R", date(2023, 12, 15), "ISA 600 (Revised) is"),
        ("IAS 1", date(2027, 1, 1), "IFRS 18 is"),
    ],
)
def test_the_edition_follows_the_period(cited, start, edition):
    """Standards change between periods; the workpaper says which edition applied."""
    (sentence,) = editions_in_force([cited], start)

    assert edition in sentence


def test_other_standards_have_one_edition():
    """ISA 2405 is not ISA 240."""
    assert editions_in_force(["ISA 315R", "ISA 2405"], date(2025, 1, 1)) == ()


def test_a_reviewer_stands_outside_the_team(an_engagement):
    """Someone who also manages the engagement, or assembled the file, may not review it."""
    team = [
        {"user": "in", "roles": ["MANAGER", "EQR"]},
        {"user": "out", "roles": ["EQR"]},
        {"user": "prep", "roles": ["EQR"]},
    ]

    outcome = eligibility(an_engagement(team=team, preparer="prep"))

    assert outcome.figures["eligible"] == ["out"]
    assert [f.record_id for f in outcome.findings] == ["in", "prep"]


def test_nobody_to_review_is_a_finding(an_engagement):
    """The firm appoints a reviewer."""
    assert eligibility(an_engagement()).findings[0].kind == "reviewer_not_eligible"


def test_a_ratio_is_judged_in_money(figures):
    """Gross margin fell from 40 % to 35 %: on revenue of 1,000 that is 50 of profit."""
    known = figures(revenue=(1_000, 1_000), cost_of_sales=(650, 600))

    outcome = ratio_analytics(known, performance_cents=49, currency="EUR")

    assert outcome.figures["ratios"]["Gross margin"] == {"current": 0.35, "prior": 0.4, "difference_cents": -50}  # fmt: skip
    assert outcome.figures["unexplained"] == ["Gross margin"]
    assert ratio_analytics(known, performance_cents=50, currency="EUR").figures["unexplained"] == []


def test_ratios_need_both_periods(figures):
    """No comparative, no expectation."""
    outcome = ratio_analytics(figures(revenue=1_000, cost_of_sales=600), performance_cents=1, currency="EUR")  # fmt: skip

    assert not outcome.is_performed


def test_fraud_factors_come_from_facts_and_figures(an_engagement, figures):
    """A loss is pressure; a listed client is pressure; concerns are attitude."""
    engagement = an_engagement(
        client={"id": "C", "name": "N", "is_listed": True},
        acceptance={"management_integrity_concerns": ["evasive answers"]},
    )

    found = risk_factors(engagement, figures(net_profit=-1)).figures["factors"]

    assert [f.split(":")[0] for f in found] == ["Pressure", "Pressure", "Attitude"]


def test_the_unpredictable_draw_can_be_repeated(a_trial_balance):
    """The same seed draws the same accounts; only low-risk ones with a balance are drawn."""
    rows = [(str(n), f"Machines {n}", "asset", n, n) for n in range(20)]
    books, measure = a_trial_balance(*rows), Measure(cents=1_000, basis="test")

    first = unpredictable_accounts(books, measure, seed=5).figures["accounts"]

    assert first == unpredictable_accounts(books, measure, seed=5).figures["accounts"]
    assert len(first) == 2
    assert "0" not in first


def test_criteria_survive_json():
    """Step a07 tests with exactly what step a04 put on file."""
    criteria = JournalCriteria(late_days=10)

    assert JournalCriteria.model_validate(criteria_json(criteria)) == criteria


def test_an_empty_table_was_not_provided():
    """A file with headings only is no evidence."""
    books = Books(tables={"gl_detail": pd.DataFrame({"journal_id": []})})

    assert received(books).figures["missing"] == [
        name for name, table in TABLES.items() if not table.is_for_tax
    ]
