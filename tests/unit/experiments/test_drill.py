"""The drill of the rollback: what it publishes is what the watch does."""

from prisma_assets.domain.experiments.drill import drill


def test_finds_faults_and_seldom_anything_else():
    """An agent that fails 3 of 100: a faulty version fails 10."""
    found = drill(0.03, rollouts=30, units=4_000, seed=3, percents=(10, 50))
    assert [d.percent for d in found] == [10, 50]
    for one in found:
        assert one.false_alarms <= 2
        assert one.found >= 27
        assert one.median_treated is not None
        assert 10 <= one.median_treated <= 400


def test_says_no_number_where_nothing_is_found():
    """Too little work to find anything: no data, not zero."""
    [one] = drill(0.03, rollouts=3, units=100, seed=3, percents=(5,))
    assert (one.found, one.median_treated) == (0, None)


def test_the_same_seed_is_the_same_drill():
    """A figure that was published can be made again."""
    assert drill(0.1, rollouts=2, units=500, seed=5) == drill(0.1, rollouts=2, units=500, seed=5)
