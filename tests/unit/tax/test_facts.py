"""The section `tax` of engagement.yaml: mistakes are answered with their place."""

import pytest

from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.tax.obligation import obligations, without_deadline
from prisma_assets.domain.tax.tie_out import tie_out
from prisma_assets.domain.yaml_source import parse_model

HEAD = """\
id: T
client: {id: c, name: Acme Holding}
period: {start: 2025-01-01, end: 2025-12-31}
team: [{user: anna, roles: [MANAGER]}]
tax:
  entities:
    - {name: Acme Holding, jurisdiction: NL, profit_before_tax: 100.10, trial_balance_profit: 100.10, statements_profit: 99}
"""


def read(text: str) -> Engagement:
    return parse_model(HEAD + text, Engagement, file="engagement.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "  filings: [{entity: Amce}]\n",
            "engagement.yaml:8:13: 'tax.filings.0.jurisdiction' is missing; add it",
        ),
        (
            "    - {name: B, jurisdiction: gb}\n",
            "engagement.yaml:8:17: tax.entities.1.jurisdiction",
        ),
        (
            "    - {name: B, jurisdiction: GB, currency: GBP}\n",
            "per_eur is missing; state how many GBP one euro was",
        ),
        (
            "    - {name: B, jurisdiction: NL, parent: Acme}\n",
            "no entity is called Acme; add it to entities",
        ),
        ("    - {name: Acme Holding, jurisdiction: NL}\n", "Acme Holding stands there twice"),
        ("    - {name: B, jurisdiction: NL, profit_before_tax: 1.005}\n", "decimal"),
        (
            "    - {name: B, jurisdiction: NL, profit_before_taxes: 1}\n",
            "did you mean 'profit_before_tax'?",
        ),
        (
            "    - {name: B, jurisdiction: MT, malta_profits: [{category: trading, chargeable_pct: 90}]}\n",
            "chargeable_pct of malta_profits must add up to 100",
        ),
    ],
    ids=["missing", "code", "rate", "parent", "twice", "cents", "key", "malta"],
)
def test_a_mistake_names_its_place_and_mend(text, message):
    with pytest.raises(InputError) as caught:
        read(text)

    assert message in str(caught.value)


def test_amounts_written_as_numbers_are_exact():
    """YAML reads 100.10 as a float; the cents must not suffer."""
    facts = read("").tax

    assert facts is not None
    found = tie_out(facts.entity("Acme Holding"), tolerance_cents=100)
    assert found.tax_cents == 100_10
    assert found.differences == (
        "Acme Holding: the tax computation starts from 100.10, the statements shows 99.00.",
    )


def test_the_trial_balance_in_the_folder_counts_before_the_stated_profit():
    entity = read("").tax.entity("Acme Holding")

    assert tie_out(entity, tolerance_cents=0, ledger_profit_cents=5).trial_balance_cents == 5


def test_a_profit_nobody_stated_is_a_gap_and_no_difference():
    facts = read("    - {name: B, jurisdiction: NL, statements_profit: 3}\n").tax

    found = tie_out(facts.entity("B"), tolerance_cents=0)
    assert (found.differences, found.gaps, found.agrees) == (
        (),
        ("B: profit_before_tax is not stated",),
        False,
    )


def test_returns_nobody_stated_are_derived_from_the_rules():
    """Netherlands: five months after 31 December 2025; Kenya has no rule on file."""
    facts = read("    - {name: Nairobi, jurisdiction: KE}\n").tax
    end = read("").period.end

    assert [(o.entity, o.due.isoformat()) for o in obligations(facts, period_end=end)] == [
        ("Acme Holding", "2026-05-31")
    ]
    assert without_deadline(facts, period_end=end) == (
        "Nairobi: no deadline of the income tax return of KE is on file",
    )


def test_a_group_in_scope_files_an_information_return():
    """Fifteen months after the year (Dir. (EU) 2022/2523 Art. 44(7)), by the ultimate parent."""
    history = "".join(f"    - {{fiscal_year: {y}, revenue: 750000000}}\n" for y in (2023, 2024))
    facts = read(f"  revenue_history:\n{history}").tax

    due = obligations(facts, period_end=read("").period.end)
    assert [(o.tax, o.due.isoformat()) for o in due][-1] == ("minimum_tax", "2027-03-31")


def test_a_stated_return_takes_the_place_of_the_derived_one():
    filing = "{entity: Acme Holding, jurisdiction: NL, tax: corporate_income_tax, form: Vpb, period_end: 2025-12-31, due: 2027-04-30}"
    facts = read(f"  filings: [{filing}]\n").tax

    assert [o.origin for o in obligations(facts, period_end=read("").period.end)] == [
        "engagement.yaml"
    ]
