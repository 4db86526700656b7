"""What a span says by the conventions: whose run it is, how it ended, how good it was."""

from datetime import UTC, datetime
from typing import Any

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.span import Span, run_values

AGENT = "audit-plan-012"
NAMES = {AGENT: AGENT, "audit planning": AGENT, "tax-vat-028": "tax-vat-028"}
START = 1_772_452_800_000_000_000
"""Noon of 2 March 2026, UTC, in nanoseconds."""


def span(
    attributes: dict[str, Any] | None = None, *, operation: str = "invoke_agent", **other: Any
) -> Span:
    return Span(
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_id=None,
        start_ns=START,
        end_ns=START + 1_500_000,
        attributes={"gen_ai.operation.name": operation, **(attributes or {})},
        **{"is_failed": False, "resource": {"prisma.agent.id": AGENT}, **other},
    )


def values(attributes: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    return run_values(span(attributes, **other), names=NAMES)


def test_times_are_kept_to_the_microsecond():
    found = values()

    assert found["started_at"] == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert found["duration_ms"] == 1.5


@pytest.mark.parametrize(
    ("operation", "attributes", "kind"),
    [
        ("invoke_agent", {}, "run"),
        ("chat", {"gen_ai.usage.input_tokens": 5}, "call"),
        ("embeddings", {"operation.cost": 0.1}, "call"),
        ("chat", {}, "link"),
        ("execute_tool", {"gen_ai.usage.input_tokens": 5}, "link"),
        ("invoke_workflow", {"gen_ai.usage.input_tokens": 5}, "link"),
        ("", {}, "link"),
    ],
)
def test_kind_follows_the_operation(operation, attributes, kind):
    """A call that tells nothing lets through the one below it, which may be the library it wraps."""
    assert span(attributes, operation=operation).kind == kind


@pytest.mark.parametrize(
    ("attributes", "resource", "agent"),
    [
        ({"gen_ai.agent.id": AGENT}, {}, AGENT),
        ({"gen_ai.agent.name": "Audit Planning"}, {}, AGENT),
        ({"gen_ai.agent.id": "asst_5j66UpCpwteGg4YSxUnt7lPY"}, {"service.name": AGENT}, AGENT),
        ({"gen_ai.agent.id": AGENT}, {"prisma.agent.id": "tax-vat-028"}, "tax-vat-028"),
        ({"prisma.agent.id": AGENT}, {"prisma.agent.id": "tax-vat-028"}, AGENT),
        ({"prisma.agent.id": "no-such-001", "gen_ai.agent.id": AGENT}, {}, "no-such-001"),
        ({"gen_ai.agent.id": "theirs"}, {"service.name": "planner"}, "theirs"),
    ],
)
def test_agent_is_the_one_we_are_told_else_one_we_know(attributes, resource, agent):
    """A framework's own id of an agent means nothing here; a wrong id of ours is a mistake to be told."""
    assert values(attributes, resource=resource)["agent_id"] == agent


def test_span_without_an_agent_is_refused():
    with pytest.raises(InputError, match=r"names no agent; set prisma.agent.id to its id"):
        values(resource={})


@pytest.mark.parametrize(
    ("attributes", "is_failed", "expected"),
    [
        ({}, True, ("error", "_OTHER")),
        ({"error.type": "ValueError"}, False, ("error", "ValueError")),
        ({"error.type": "ReadTimeout"}, True, ("timeout", "ReadTimeout")),
        ({"error.type": "DEADLINE_EXCEEDED"}, True, ("timeout", "DEADLINE_EXCEEDED")),
        ({}, False, ("ok", None)),
    ],
)
def test_outcome_follows_status_and_error(attributes, is_failed, expected):
    found = values(attributes, is_failed=is_failed)

    assert (found["outcome"], found["error_type"]) == expected


@pytest.mark.parametrize(
    ("scores", "accuracy"),
    [
        ([("Relevance", 0.5), ("Completeness", 1.0)], 0.75),
        ([("Relevance", 0.5), ("Accuracy", 0.9)], 0.9),
        ([("Hallucination", 0.9)], None),
        ([("Rating", 4.0)], None),
        ([("Correctness", "fail"), ("Correctness", "pass")], 0.5),
        ([("Correctness", "hardly")], None),
        ([], None),
    ],
)
def test_evaluations_of_a_run_are_its_accuracy(scores, accuracy):
    events = tuple(
        {
            "gen_ai.evaluation.name": name,
            "gen_ai.evaluation.score." + ("label" if isinstance(score, str) else "value"): score,
        }
        for name, score in scores
    )

    assert values(evaluations=events).get("accuracy") == accuracy


def test_accuracy_that_is_told_outright_counts():
    event = {"gen_ai.evaluation.name": "accuracy", "gen_ai.evaluation.score.value": 0.2}

    assert values({"prisma.accuracy": 0.9}, evaluations=(event,))["accuracy"] == 0.9


def test_what_a_span_says_overrules_its_resource_and_newer_names_older_ones():
    found = values(
        {"prisma.client.id": "acme"}, resource={"prisma.agent.id": AGENT, "prisma.client.id": "x"}
    )
    use = span({"gen_ai.system": "old", "gen_ai.provider.name": "new"}).use()

    assert (found["client_id"], use["provider"]) == ("acme", "new")


def test_embedding_writes_nothing():
    """Without it no embedding would have a price."""
    assert span({"gen_ai.usage.input_tokens": 5}, operation="embeddings").use()["tokens_out"] == 0
