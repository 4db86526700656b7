"""Redaction masks what is personal and leaves figures, dates and numbers of documents alone."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.guardrails.redaction import redact, redact_value


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ask jo.b+x@firm.example.mt now", "ask [EMAIL_REDACTED] now"),
        ("pay GB82 WEST 1234 5698 7654 32 today", "pay [IBAN_REDACTED] today"),
        ("pay GB82WEST12345698765432.", "pay [IBAN_REDACTED]."),
        ("card 4111 1111 1111 1111, gone", "card [CARD_REDACTED], gone"),
        ("his 123-45-6789", "his [SSN_REDACTED]"),
        ("from 192.168.1.20", "from [IP_REDACTED]"),
        ("from 2001:db8::1 at", "from [IP_REDACTED] at"),
        ("call +356 2123 4567", "call [PHONE_REDACTED]"),
        ("at (212) 555-0199", "at [PHONE_REDACTED]"),
        ("tel: 079 123 4567", "tel: [PHONE_REDACTED]"),
        ("passport no. AB1234567", "passport no. [PASSPORT_REDACTED]"),
        ("VAT MT12345678", "VAT [VAT_REDACTED]"),
        ("TIN: 101234567", "TIN: [TAX_ID_REDACTED]"),
        ("ID 1 1985 8 0012345 0 12", "ID [NATIONAL_ID_REDACTED]"),
        ("ID 0123456M", "ID [NATIONAL_ID_REDACTED]"),
    ],
)
def test_personal_data_is_masked(text, masked):
    assert redact(text) == masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33",  # the checksum is wrong
        "4111 1111 1111 1112",
        "EUR 1.200.100.200 of revenue",
        "INV-2025-0012345678 of 2025-03-31 12:30:45",
        "IAS 1.10.2, IFRS 16:26",
        "passport control is slow",
        "999-45-6789",
    ],
)
def test_what_only_looks_alike_is_left(text):
    assert redact(text) == text


@given(st.decimals(min_value=0, max_value=10**12, places=2), st.sampled_from(["{:,}", "{}"]))
def test_amounts_are_left(amount: Decimal, form: str):
    text = f"revenue is EUR {form.format(amount)} less 5 %"
    assert redact(text) == text


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)), st.integers(1, 999_999))
def test_dates_and_invoice_numbers_are_left(day: date, number: int):
    text = f"INV-{day:%Y}-{number:06d} of {day} ({day:%d/%m/%Y}, {day:%d.%m.%Y}), INV{number:08d}"
    assert redact(text) == text


@given(st.text())
def test_redacting_again_changes_nothing(text: str):
    assert redact(redact(text)) == redact(text)


def test_every_text_of_a_value_is_masked():
    value = {"to a@b.mt": ["x", {"n": 4111111111111111, "who": "c@d.mt"}], "none": None}
    assert redact_value(value) == {
        "to [EMAIL_REDACTED]": ["x", {"n": 4111111111111111, "who": "[EMAIL_REDACTED]"}],
        "none": None,
    }
