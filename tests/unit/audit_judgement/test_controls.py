"""Upper bounds of deviation rates against published tables, and the reliance they allow."""

import pytest

from prisma_assets.domain.audit.controls import conclude, evaluate, upper_deviation_rate
from prisma_assets.domain.audit.engagement import ControlTest


def _test(size: int, deviations: int = 0, control: str = "approval") -> ControlTest:
    return ControlTest(control=control, sample_size=size, deviations=deviations)


@pytest.mark.parametrize(
    ("size", "deviations", "confidence", "percent"),
    [
        (25, 0, 95, 11.3),
        (60, 0, 95, 4.9),
        (60, 1, 95, 7.7),
        (100, 3, 95, 7.6),
        (25, 0, 90, 8.8),
        (50, 1, 90, 7.6),
    ],
)
def test_upper_bounds_equal_the_published_table(size, deviations, confidence, percent):
    """AICPA Audit Guide Audit Sampling, appendix A: upper limits at 5 % and 10 % risk, one decimal."""
    bound = upper_deviation_rate(_test(size, deviations), confidence_pct=confidence)

    assert round(100 * bound, 1) == pytest.approx(percent, abs=0.11)  # the table rounds up


def test_no_deviation_has_a_closed_form():
    """With no deviation the bound is 1 - 0.05^(1/n)."""
    assert upper_deviation_rate(_test(40), confidence_pct=95) == pytest.approx(1 - 0.05 ** (1 / 40))


def test_every_item_deviating_bounds_nothing():
    """The control never worked."""
    assert upper_deviation_rate(_test(10, 10), confidence_pct=95) == 1.0


def test_the_size_needed_is_the_smallest_that_would_do():
    """25 items without deviation miss 10 % at 95 %; 29 reach it, 28 do not."""
    found = conclude(_test(25), confidence_pct=95)

    assert not found.is_effective
    assert found.size_needed == 29
    assert conclude(_test(29), confidence_pct=95).is_effective
    assert not conclude(_test(28), confidence_pct=95).is_effective


def test_fewer_than_the_minimum_is_not_enough():
    """22 items would reach 10 % at 90 %, but a key control needs 25."""
    found = conclude(_test(24), confidence_pct=90)

    assert not found.is_effective
    assert found.size_needed == 25


@pytest.mark.parametrize(
    ("tests", "reliance"),
    [
        ((_test(60), _test(60)), "full"),
        ((_test(60), _test(60, 20)), "partial"),
        ((_test(60, 20),), "none"),
    ],
)
def test_reliance_follows_from_the_controls_together(tests, reliance):
    """All, some or none of the controls hold."""
    outcome = evaluate(tests, confidence_pct=95)

    assert outcome.figures["reliance_level"] == reliance


def test_a_hopeless_control_has_no_size_needed():
    """No extension helps where a fifth of the items deviated thousands of times."""
    assert conclude(_test(4_000, 800), confidence_pct=95).size_needed is None


@pytest.mark.parametrize("tests", [(), (_test(10, 11),)])
def test_nothing_sensible_to_evaluate_is_not_performed(tests):
    """No tests, or more deviations than items."""
    outcome = evaluate(tests, confidence_pct=95)

    assert not outcome.is_performed
    assert outcome.procedure.reason
