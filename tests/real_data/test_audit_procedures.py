"""The procedures on real books: payments of a utility, journal entries of a company, audited allowances."""

import time

import pandas as pd
import pytest

from prisma_assets.domain.audit import benford, matching, sampling
from prisma_assets.domain.audit.books import Books

pytestmark = pytest.mark.real_data

PACE = 5
"""A busy machine may take this many times the time of a quiet one before a test calls it slow."""


def cents(amounts):
    return (amounts * 100).round().astype("int64")


@pytest.fixture(scope="module")
def payments(shared_data):
    frame = pd.read_parquet(shared_data / "ledgers/corporate_payments_2010_q1_q3.parquet")
    return pd.DataFrame(
        {
            "payment_date": frame["Date"].astype("datetime64[ns]"),
            "supplier_account_id": frame["VendorNum"],
            "invoice_number": frame["InvNum"],
            "payment_amount_cents": cents(frame["Amount"]),
        }
    )


def test_published_deviation_of_the_payments_is_met(payments):
    """Nigrini publishes .00243 for the whole year; three quarters of it lie within .0001, with his spikes at 50 and 11."""
    start = time.perf_counter()
    test = benford.first_two_digits_of(payments["payment_amount_cents"])
    duration = time.perf_counter() - start

    assert test.mad == pytest.approx(0.00243, abs=0.0001)
    assert test.conformity == "nonconformity"
    surplus = sorted(zip(test.z, benford.DIGITS, strict=True), reverse=True)[:3]
    assert {int(digits) for _, digits in surplus} == {50, 10, 11}
    assert duration < 0.1 * PACE


def test_journal_entries_conform_acceptably(shared_data):
    """Real journal entries follow the law closely enough; their number makes chi-square reject all the same."""
    amounts = pd.read_parquet(shared_data / "ledgers/journal_entry_amounts.parquet")["Amount"]

    test = benford.first_two_digits_of(cents(amounts))

    assert test.n > 100_000
    assert test.conformity == "acceptable conformity"
    assert not test.is_explained_by_chance


def test_duplicate_payments_of_a_utility_stay_few_enough_to_look_at(payments):
    """About one payment in a hundred repeats supplier, invoice and amount; standing references are not accused."""
    start = time.perf_counter()
    outcome = matching.duplicate_payments(Books(tables={"payments_made": payments}))
    duration = time.perf_counter() - start

    figures = outcome.figures
    assert 0.005 < figures["exceptions"] / figures["payments"] < 0.015
    assert figures["possible"] < figures["exceptions"]
    named = {f.record_id for f in outcome.findings if f.kind == "duplicate_payment"}
    rents = payments.index[payments["invoice_number"].isin(["RENT1", "RENT2"])] + 1
    assert not named & {str(row) for row in rents}
    assert duration < 1 * PACE


def test_planted_duplicates_are_found_among_real_payments(payments):
    """Payments made again by hand, the number retyped, are found among 142,882 others and no others are added."""
    before = {
        f.record_id
        for f in matching.duplicate_payments(Books(tables={"payments_made": payments})).findings
    }
    keys = ["supplier_account_id", "invoice_number"]
    unique = payments[
        ~payments.duplicated(keys, keep=False)
        & (payments["payment_amount_cents"] > 0)
        & payments["invoice_number"].str.contains(r"\d{4}")
    ]
    again = unique.iloc[:: len(unique) // 40].head(40).copy()
    again["invoice_number"] = "#" + again["invoice_number"].str.lower()
    again["payment_date"] += pd.Timedelta(days=21)
    books = Books(tables={"payments_made": pd.concat([payments, again], ignore_index=True)})

    outcome = matching.duplicate_payments(books)

    found = {f.record_id for f in outcome.findings if f.kind == "duplicate_payment"}
    planted = {str(len(payments) + i) for i in range(1, len(again) + 1)}
    assert planted <= found
    assert len({f.record_id for f in outcome.findings} - before - planted) <= 2


def test_upper_limit_covers_the_known_misstatement_of_real_items(shared_data):
    """1,350 audited allowances: drawn and evaluated 400 times, the 90 % limit covers what is wrong in 90 % or more."""
    frame = pd.read_csv(shared_data / "sampling/allowances.csv").dropna(subset=["auditValue"])
    frame = frame.reset_index(drop=True)
    items = pd.DataFrame(
        {"record_id": frame["item"].astype("str"), "amount_cents": cents(frame["bookValue"])}
    )
    audited = dict(zip(items["record_id"], cents(frame["auditValue"]).tolist(), strict=True))
    book_value = int(items["amount_cents"].sum())
    misstated = book_value - sum(audited.values())
    plan = sampling.SamplePlan(tolerable_cents=book_value // 20, confidence_pct=90)
    design = sampling.design(book_value, plan)

    covered, projected = 0, 0
    for seed in range(400):
        sample = sampling.monetary_unit_sample(
            items, interval_cents=design.interval_cents, seed=seed
        )
        evaluation = sampling.evaluate_sample(
            sample, audited, interval_cents=design.interval_cents, confidence=0.9
        )
        covered += evaluation.upper_overstatement_cents >= misstated
        projected += evaluation.projected_cents

    assert covered / 400 >= 0.9
    assert projected / 400 == pytest.approx(misstated, rel=0.05)  # the projection is unbiased
