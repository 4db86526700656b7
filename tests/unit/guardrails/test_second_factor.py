"""Codes of authenticator apps, and what is signed with one."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.guardrails.second_factor import (
    FRESH_FOR,
    app_link,
    code_of,
    is_fresh,
    needs_second_factor,
    step_of,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 3, 4, 10, 0, 15, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"), (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_the_standard(seconds, code):
    """RFC 6238, appendix B, SHA-1."""
    assert code_of(SECRET, seconds // 30, digits=8) == code


@given(st.integers(min_value=-5, max_value=5))
def test_a_code_is_good_in_its_step_and_the_ones_beside_it(off):
    found = step_of(code_of(SECRET, STEP + off), SECRET, at=NOW, after=0)

    assert found == (STEP + off if abs(off) <= 1 else None)


def test_a_code_is_good_once_and_takes_the_earlier_ones_along():
    assert step_of(code_of(SECRET, STEP), SECRET, at=NOW, after=STEP) is None
    assert step_of(code_of(SECRET, STEP - 1), SECRET, at=NOW, after=STEP) is None
    assert step_of(code_of(SECRET, STEP + 1), SECRET, at=NOW, after=STEP) == STEP + 1


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "٣٣٣٣٣٣", "1" * 1000])
def test_what_is_no_code_is_wrong(typed):
    assert step_of(typed, SECRET, at=NOW, after=0) is None


def test_a_second_factor_is_fresh_for_ten_minutes():
    assert is_fresh(NOW, now=NOW + FRESH_FOR)
    assert not is_fresh(NOW, now=NOW + FRESH_FOR + timedelta(seconds=1))
    assert not is_fresh(None, now=NOW)


def test_the_plan_the_quality_review_and_the_release_ask_for_it():
    kinds = (
        "AUDIT_PLAN_FREEZE",
        "EQR_SIGNOFF",
        "AUDIT_REPORT_RELEASE",
        "CLOSE_LOCK_APPROVAL",
        "TAX_RETURN_SUBMIT",
    )

    assert all(map(needs_second_factor, kinds))
    assert not needs_second_factor("ENGAGEMENT_ACCEPTANCE")


def test_an_app_reads_the_link():
    assert app_link("ana@firm", "ABC") == "otpauth://totp/Prisma%20Assets:ana%40firm?secret=ABC&issuer=Prisma%20Assets"  # fmt: skip
