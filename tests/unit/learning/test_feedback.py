"""A row of feedback is read whole, or refused with one sentence that says what to mend."""

from datetime import UTC, datetime, timedelta

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.feedback import read_feedback

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGENTS = frozenset({"audit-ethics-045", "tax-vat-031"})
ROW = {
    "agent_id": "audit-ethics-045",
    "source": "user",
    "feedback_type": "rating",
    "rating": "4",
    "task_id": "independence_check",
    "submitted_by": "jane",
}


def read(**changes):
    return read_feedback({**ROW, **changes}, agents=AGENTS, now=NOW)


def test_text_and_values_say_the_same():
    text = read(issue_categories="{format,unclear}", created_at="2026-02-28 10:00")
    values = read(
        rating=4,
        issue_categories=["format", "unclear"],
        created_at=datetime(2026, 2, 28, 10, tzinfo=UTC),
    )
    assert text.rating == values.rating == 4
    assert text.issue_categories == values.issue_categories == ("format", "unclear")
    assert text.created_at == values.created_at


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"agent_id": "audit-ethic-045"}, "did you mean 'audit-ethics-045'"),
        ({"agent_id": ""}, "no `agent_id`"),
        ({"rating": "7"}, "`rating` is '7'"),
        ({"rating": "4.5"}, "whole number from 1 to 5"),
        ({"rating": True}, "`rating` is 'True'"),
        ({"clarity_rating": 0}, "`clarity_rating` is '0'"),
        ({"rating": ""}, "a rating needs its `rating`"),
        ({"feedback_type": "correction"}, "a correction needs its text"),
        ({"feedback_type": "correction", "corrected_output": "null"}, "needs its text"),
        ({"feedback_type": "moan"}, "`feedback_type` is 'moan'"),
        ({"source": ""}, "no `source`; it is one of user"),
        ({"created_at": str(NOW + timedelta(minutes=6))}, "is in the future"),
        ({"created_at": "yesterday"}, "is no time"),
        ({"issue_categories": "formt"}, "did you mean 'format'"),
        ({"issue_categories": 3}, "is no list"),
        ({"task_id": ""}, "say what the feedback is about"),
        ({"submitted_by": ""}, "needs its author"),
        ({"step_execution_id": "12"}, "which is no id"),
        ({"coment": "x"}, "did you mean 'comment'"),
        ({"comment": "a\x00b"}, "NUL"),
        ({"corrected_output": '{"a": "\\u0000"}'}, "NUL"),
        ({"corrected_output": "NaN"}, "not finite"),
        ({"comment": "\udcff"}, "not UTF-8"),
        ({"comment": "x" * 10_001}, "at most 10,000 characters"),
        ({"variant": "C"}, "`variant` is 'C'"),
    ],
)
def test_a_mistake_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=r".") as refused:
        read(**changes)
    assert sentence in str(refused.value)


def test_a_clock_a_little_ahead_is_accepted():
    assert read(created_at=NOW + timedelta(minutes=5)).created_at == NOW + timedelta(minutes=5)


def test_texts_are_masked():
    found = read(comment="mail a@b.mt", corrected_output='{"to": "a@b.mt"}')
    assert found.comment == "mail [EMAIL_REDACTED]"
    assert found.corrected_output == {"to": "[EMAIL_REDACTED]"}


def test_the_key_follows_what_is_said_unless_given():
    assert read().dedupe_key == read(status="new", comment="").dedupe_key
    assert read().dedupe_key != read(rating="5").dedupe_key
    assert read(comment="a@b.mt").dedupe_key != read(comment="c@d.mt").dedupe_key
    assert read(dedupe_key="k").dedupe_key == "k"
