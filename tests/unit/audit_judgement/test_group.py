"""Component materiality, coverage and reports."""

from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.audit.engagement import Component
from prisma_assets.domain.audit.group import allocate, component_materiality, coverage, reports


def _component(name: str, revenue: int, **changes: object) -> Component:
    facts = {
        "name": name,
        "revenue": revenue,
        "instruction_acknowledged": True,
        "conclusion": "clean",
    }
    return Component.model_validate(facts | changes)


def test_materiality_follows_the_root_of_the_share():
    """Shares 64 % and 36 %: roots 0.8 and 0.6 of 1,000."""
    allotted = component_materiality(
        (_component("A", 64), _component("B", 36)), performance_cents=1_000
    )

    assert allotted == {"A": 800, "B": 600}


def test_a_single_component_stays_below_the_group():
    """ISA 600R asks for less than the group's amount; the ceiling is 90 %."""
    assert component_materiality((_component("A", 10),), performance_cents=1_000) == {"A": 900}


def test_without_revenue_shares_follow_assets_or_are_equal():
    """A holding has no revenue."""
    by_assets = (_component("A", 0, total_assets=64), _component("B", 0, total_assets=36))
    bare = (_component("A", 0), _component("B", 0))

    assert component_materiality(by_assets, performance_cents=1_000) == {"A": 800, "B": 600}
    assert component_materiality(bare, performance_cents=1_000) == {"A": 707, "B": 707}


@given(
    revenues=st.lists(st.integers(0, 10**9), min_size=1, max_size=12),
    performance=st.integers(0, 10**12),
)
def test_squares_never_exceed_the_group(revenues, performance):
    """Aggregation risk: independent errors at every component's limit stay within the group's amount."""
    components = tuple(_component(str(n), r) for n, r in enumerate(revenues))

    allotted = component_materiality(components, performance_cents=performance)

    assert sum(cents**2 for cents in allotted.values()) <= performance**2


def test_open_components_and_their_misstatements_are_findings():
    """Nothing acknowledged, nothing concluded, one amount reported."""
    outcome = reports(
        (_component("A", 1), _component("B", 1, instruction_acknowledged=False, conclusion=None,
                                        uncorrected_misstatements="-12.50")),
        currency="EUR",
    )  # fmt: skip

    assert outcome.figures == {"uncorrected_cents": 12_50, "open_components": ["B"]}
    assert [f.kind for f in outcome.findings] == [
        "component_not_acknowledged", "component_no_conclusion", "component_misstatement",
    ]  # fmt: skip


def test_coverage_counts_components_that_reported():
    """Half of the group's revenue is reported on."""
    components = (_component("A", 50), _component("B", 50, conclusion=None))

    outcome = coverage(components, group_revenue_cents=100_00)

    assert outcome.figures == {"revenue_share": 0.5}


def test_without_facts_nothing_is_performed():
    """No components, no group revenue, no materiality: each says so."""
    one = (_component("A", 1),)
    for outcome in (
        allocate((), performance_cents=1, currency="EUR"),
        allocate(one, performance_cents=None, currency="EUR"),
        coverage(one, group_revenue_cents=None),
        reports((), currency="EUR"),
    ):
        assert not outcome.is_performed
        assert outcome.procedure.reason
