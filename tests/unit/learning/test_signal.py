"""An act on the work becomes a row of feedback, unless it says nothing about an agent."""

from datetime import UTC, datetime

import pytest

from prisma_assets.domain.learning.feedback import LONGEST_TEXT, read_feedback
from prisma_assets.domain.learning.signal import Signal, said_by, silence
from prisma_assets.domain.workflow.sign_off import CLOCK

AT = datetime(2026, 3, 1, tzinfo=UTC)
AGENT = "audit-plan-012"
STEP = "00000000-0000-4000-8000-000000000000"


def signal(**changes):
    given = {"signal_key": "k", "act": "reject", "step_id": "s1", "by_whom": "pat", "comment": "no"}
    given |= {"happened_at": AT, "step_execution_id": STEP, "agent_id": AGENT}
    return Signal(**(given | changes))


@pytest.mark.parametrize(
    ("act", "kind"), [("reject", "complaint"), ("changes", "suggestion"), ("redo", "complaint")]
)
def test_every_act_passes_the_check_of_feedback(act, kind):
    row = said_by(signal(act=act, comment="x" * 99_999), product=frozenset())

    read = read_feedback(row, agents=frozenset({AGENT}), now=AT)

    assert (read.feedback_type, read.source, read.submitted_by) == (kind, "manager", "pat")
    assert (read.dedupe_key, read.created_at) == ("k", AT)
    assert len(read.comment or "") == LONGEST_TEXT


def test_what_the_product_does_by_a_rule_is_of_the_system():
    row = said_by(signal(by_whom="the watch"), product=frozenset({"the watch"}))

    assert row["source"] == "system"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"agent_id": None}, "no agent did"), ({"by_whom": CLOCK}, "nobody had decided in time")],
)
def test_an_act_that_is_not_about_an_agent_is_silent_with_the_reason(changes, sentence):
    assert silence(signal()) is None
    assert sentence in (silence(signal(**changes)) or "")
