"""How long nothing may be heard of an execution at work."""

import pytest

from prisma_assets.agents.retry import Backoff
from prisma_assets.domain.workflow.silence import LONGEST_PAUSE_SECONDS, allowed_silence
from prisma_assets.domain.workflow.template import Template

STEP = {"title": "T", "objective": "O", "agent": "audit-plan-012"}
TEMPLATE = Template.model_validate(
    {
        "name": "t", "title": "T", "version": "1", "description": "D",
        "steps": [
            {**STEP, "id": "short", "name": "a", "timeout": "70s"},
            {**STEP, "id": "long", "name": "b", "timeout": "1h"},
            {**STEP, "id": "rests", "name": "c", "timeout": "70s", "repeat": {"until": "output.x", "max": 2, "delay": "1d"}},
        ],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("running", "seconds"),
    [
        (["short"], 1.1 * 100),  # the attempt and the longest pause before the next
        (["short", "long"], 1.1 * 3_630),  # whichever takes longest
        (["rests"], 1.1 * 86_400),  # a day between two turns is due
        ([], 1.1 * 300),  # between two steps
        (["gone"], 1.1 * 300),
    ],
)
def test_the_longest_thing_under_way_decides(running, seconds):
    assert allowed_silence(TEMPLATE, running) == pytest.approx(seconds)


def test_the_longest_pause_is_the_gateways():
    assert Backoff().cap_seconds == LONGEST_PAUSE_SECONDS
