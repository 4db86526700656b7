"""Monetary-unit sampling: size, selection, evaluation."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.audit import sampling
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import SampleResult
from prisma_assets.domain.audit.sampling import SamplePlan


def items_of(amounts):
    return pd.DataFrame(
        {"record_id": [f"I{i}" for i in range(len(amounts))], "amount_cents": amounts}
    )


@pytest.mark.parametrize(
    ("confidence", "expected_pct", "factor"),
    # Confidence factors of the AICPA Audit Guide: risk of incorrect acceptance 5 % and 10 %, by expected / tolerable.
    [(95, 0, 3.00), (95, 5, 3.31), (95, 10, 3.68), (95, 20, 4.63), (95, 30, 6.00), (95, 50, 11.54), (90, 0, 2.31),
     (90, 20, 3.41), (90, 50, 7.99)],
)  # fmt: skip
def test_factors_are_those_of_the_guide(confidence, expected_pct, factor):
    """Quantiles of the gamma distribution give the published table, to its rounding."""
    plan = SamplePlan(
        tolerable_cents=10_000_000,
        expected_misstatement_pct=expected_pct,
        confidence_pct=confidence,
    )

    design = sampling.design(1_000_000_000, plan)

    assert design.confidence_factor == pytest.approx(factor, abs=0.011)
    assert design.sample_size == int(np.ceil(100 * design.confidence_factor))


def test_the_firms_smallest_sample_is_kept():
    """Twenty items are the least, however large the tolerable misstatement."""
    design = sampling.design(1_000_000, SamplePlan(tolerable_cents=900_000))

    assert (design.sample_size, design.interval_cents) == (20, 50_000)


AMOUNTS = st.lists(st.integers(-10_000, 200_000), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(amounts=AMOUNTS, interval=st.integers(1, 100_000), seed=st.integers(0, 2**31))
def test_selection_covers_the_money(amounts, interval, seed):
    """All large items, no item without value, and one item per interval of the rest; the seed decides."""
    items = items_of(amounts)

    sample = sampling.monetary_unit_sample(items, interval_cents=interval, seed=seed)
    again = sampling.monetary_unit_sample(items, interval_cents=interval, seed=seed)

    large = items[items["amount_cents"] >= interval]
    rest = items[(items["amount_cents"] > 0) & (items["amount_cents"] < interval)]
    drawn = sample[~sample["is_top_stratum"]]
    assert sample[sample["is_top_stratum"]]["record_id"].tolist() == large["record_id"].tolist()
    assert (sample["amount_cents"] > 0).all()
    assert sample["record_id"].is_unique
    assert (
        rest["amount_cents"].sum() // interval
        <= len(drawn)
        <= rest["amount_cents"].sum() // interval + 1
    )
    pd.testing.assert_frame_equal(sample, again)


def test_selection_is_proportional_to_size():
    """An item of twice the value is drawn twice as often."""
    items = items_of([100, 200, 300, 400])
    drawn = pd.concat(
        sampling.monetary_unit_sample(items, interval_cents=1_000, seed=seed)["record_id"]
        for seed in range(300)
    ).value_counts(normalize=True)

    expected = pd.Series({"I0": 0.1, "I1": 0.2, "I2": 0.3, "I3": 0.4})
    assert (
        drawn.reindex(expected.index) - expected
    ).abs().max() < 0.09  # 3 standard errors of 300 draws


def test_evaluation_of_a_worked_example():
    """Interval 10,000.00, taintings 1.00, 0.50 and 0.20 at 95 %: by hand from the Poisson factors 3.00, 4.74, 6.30, 7.75."""
    sample = items_of([100_00, 200_00, 500_00, 400_00]).assign(is_top_stratum=False)
    audited = {"I0": 0, "I1": 100_00, "I2": 400_00, "I3": 400_00}

    evaluation = sampling.evaluate_sample(
        sample, audited, interval_cents=10_000_00, confidence=0.95
    )

    # 3.00 + 1.00 * 1.75 + 0.50 * 1.55 + 0.20 * 1.46 = 5.81 intervals
    assert evaluation.projected_cents == 17_000_00
    assert evaluation.upper_overstatement_cents == pytest.approx(58_100_00, rel=0.002)
    assert evaluation.upper_understatement_cents == pytest.approx(29_957_32, abs=100)
    assert evaluation.factual_cents == 300_00


def test_top_stratum_enters_as_found():
    """Items taken for their size were all examined: their misstatement is neither projected nor bounded."""
    sample = items_of([50_000, 900]).assign(is_top_stratum=[True, False])
    clean = sampling.evaluate_sample(
        sample, {"I0": 50_000, "I1": 900}, interval_cents=1_000, confidence=0.95
    )

    wrong = sampling.evaluate_sample(
        sample, {"I0": 43_000, "I1": 900}, interval_cents=1_000, confidence=0.95
    )

    assert clean.upper_overstatement_cents == 2_996  # basic precision: 3.00 intervals
    assert wrong.projected_cents == 7_000
    assert wrong.upper_overstatement_cents - clean.upper_overstatement_cents == 7_000


@pytest.mark.parametrize(
    ("projected", "upper", "conclusion"),
    [
        (0, 1_000, "acceptable"),
        (499, 1_000, "acceptable"),
        (500, 1_000, "further procedures required"),
        (100, 1_001, "further procedures required"),
        (-1_000, 1_000, "material"),
        (1_000, 5_000, "material"),
    ],
)
def test_conclusion_weighs_projection_and_limit(projected, upper, conclusion):
    """Half of tolerable and the upper limit inside it is acceptable; all of tolerable is material."""
    evaluation = sampling.Evaluation(
        factual_cents=0,
        projected_cents=projected,
        upper_overstatement_cents=upper,
        upper_understatement_cents=0,
    )

    assert sampling.conclude(evaluation, 1_000) == conclusion


PLAN = SamplePlan(tolerable_cents=2_000_000, seed=3)


def audited(books, share=1, error=0):
    """Results for that share of the selection, all but the first as recorded."""
    outcome = sampling.sample_receivables(books, PLAN)
    items = books.tables["open_accounts_receivable"].set_index("invoice_id")["open_amount_cents"]
    selected = outcome.figures["selected"]
    amounts = [int(items[r]) - (error if i == 0 else 0) for i, r in enumerate(selected)]
    results = [
        SampleResult(record_id=r, audited_amount=Decimal(a) / 100)
        for r, a in zip(selected, amounts, strict=True)
    ]
    return tuple(results[: int(len(results) * share)])


def test_without_audited_values_nothing_is_projected(clean_books):
    """The selection is listed; a projection would be invented."""
    outcome = sampling.sample_receivables(clean_books, PLAN)

    assert outcome.figures["evaluated"] is False
    assert "projected_cents" not in outcome.figures
    assert (
        "Projection not performed, because no audited values were supplied"
        in outcome.procedure.result
    )
    assert len(outcome.figures["selected"]) >= 20


def test_a_sample_half_audited_is_not_projected(clean_books):
    """What is still out may be wrong too."""
    outcome = sampling.sample_receivables(clean_books, PLAN, audited(clean_books, share=0.5))

    assert outcome.figures["evaluated"] is False
    assert "have no audited amount yet" in outcome.procedure.result


def test_audited_sample_is_evaluated_and_errors_are_named(clean_books):
    """Each misstated item is a finding with its own amount; the projection covers the population."""
    outcome = sampling.sample_receivables(clean_books, PLAN, audited(clean_books, error=10_000))

    assert [(f.kind, f.amount_cents) for f in outcome.findings] == [("sample_misstatement", 10_000)]
    assert outcome.figures["factual_cents"] == 10_000
    assert outcome.figures["projected_cents"] >= 10_000
    assert outcome.figures["conclusion"] in outcome.procedure.result


def test_credit_balances_are_left_out_and_said(clean_tables):
    """Sampling by money cannot draw what has none; the workpaper says what remains to be tested."""
    tables = clean_tables()
    tables["payments_made"].loc[[0, 1], "payment_amount_cents"] = [-500, 0]

    outcome = sampling.sample_payments(Books(tables=tables), PLAN)

    assert "2 zero or negative items (-5.00) left out" in outcome.procedure.population


@pytest.mark.parametrize("tolerable", [0, -1])
def test_without_tolerable_misstatement_no_sample_is_drawn(clean_books, tolerable):
    """A sample without a size is no sample."""
    outcome = sampling.sample_receivables(clean_books, SamplePlan(tolerable_cents=tolerable))

    assert outcome.procedure.reason == "no tolerable misstatement is set"
