"""What a span of a trace says of an agent's work, by OpenTelemetry's conventions. Decoding and storing do not belong here.

Source: OpenTelemetry semantic conventions for generative AI, v1.41 and its successor v0.1.0 of semantic-conventions-genai
(cached and reasoning tokens are parts of all tokens read and written); names of earlier versions are read too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prisma_assets.domain.errors import InputError

SpanKind = Literal["run", "call", "link"]
"""A run of an agent; a call of a model with its tokens; anything that may stand between the two."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPERATION = "gen_ai.operation.name"
_RUN = "invoke_agent"
_CALLS = frozenset({"chat", "generate_content", "text_completion", "embeddings"})

EVALUATION = "gen_ai.evaluation.result"
"""The event that says how good something was."""
_SCORE = "gen_ai.evaluation.score.value"
_LABEL = "gen_ai.evaluation.score.label"
_EVALUATED = "gen_ai.evaluation.name"
_RIGHT = frozenset({"accuracy", "correctness"})
_HARM = frozenset({"bias", "hallucination", "harm", "toxicity", "violence"})
"""What is worse the higher it is."""
_LABELS = {"pass": 1.0, "correct": 1.0, "fail": 0.0, "incorrect": 0.0}
EVENT_ATTRIBUTES = frozenset({_SCORE, _LABEL, _EVALUATED})

_USE: Mapping[str, tuple[str, ...]] = {
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "model": ("gen_ai.response.model", "gen_ai.request.model"),
    "tokens_in": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "tokens_out": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "tokens_cached": ("gen_ai.usage.cache_read.input_tokens",),
    "tokens_stored": ("gen_ai.usage.cache_creation.input_tokens",),
    "tokens_reasoning": ("gen_ai.usage.reasoning.output_tokens",),
    "cost_usd": ("prisma.cost_usd", "operation.cost", "gen_ai.usage.cost"),
}
_FIGURES = frozenset(
    attribute for name in ("tokens_in", "tokens_out", "cost_usd") for attribute in _USE[name]
)
_ABOUT: Mapping[str, tuple[str, ...]] = {
    "agent_version": ("prisma.agent.version", "gen_ai.agent.version"),
    "task_id": ("prisma.task.id",),
    "client_id": ("prisma.client.id",),
    "engagement_id": ("prisma.engagement.id",),
    "workflow_execution_id": ("prisma.workflow_execution.id",),
    "step_execution_id": ("prisma.step_execution.id",),
    "ab_test_id": ("prisma.ab_test.id",),
    "variant": ("prisma.variant",),
    "cache_hit": ("prisma.cache_hit",),
    "accuracy": ("prisma.accuracy",),
}
_AGENT = "prisma.agent.id"
_NAMES = ("gen_ai.agent.id", "gen_ai.agent.name", "service.name")
_ERROR = "error.type"
_UNNAMED_ERROR = "_OTHER"
"""The conventions' word for an error whose type is not told."""

ATTRIBUTES = frozenset(
    {
        _OPERATION,
        _AGENT,
        _ERROR,
        *_NAMES,
        *(name for names in (*_USE.values(), *_ABOUT.values()) for name in names),
    }
)
"""All that is read of a span and of its resource. The rest, messages above all, is never looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A span as it was sent, with the attributes that are read."""

    trace_id: str
    """32 hexadecimal digits; the span's 16."""
    span_id: str
    parent_id: str | None
    start_ns: int
    """Since 1970, UTC."""
    end_ns: int
    """0: not told."""
    is_failed: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    """Attributes of what sent it."""
    evaluations: tuple[Mapping[str, Any], ...] = ()
    """Attributes of its evaluation events."""

    @property
    def started_at(self) -> datetime:
        """UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.start_ns // 1000)

    @property
    def kind(self) -> SpanKind:
        """A call that tells no figures is a link: another span below it may tell them."""
        operation = self.attributes.get(_OPERATION)
        if operation == _RUN:
            return "run"
        tells = operation in _CALLS and not _FIGURES.isdisjoint(self.attributes)
        return "call" if tells else "link"

    def use(self) -> dict[str, Any]:
        """Provider, model, tokens and reported cost as they were sent, by name; what was not sent is missing."""
        found = _chosen(_USE, self.attributes)
        if self.attributes.get(_OPERATION) == "embeddings":
            found.setdefault("tokens_out", 0)  # An embedding writes nothing.
        return found


def run_key(span: Span) -> str:
    """What a span delivered again has in common with the first."""
    return f"{span.trace_id}:{span.span_id}"


def run_values(span: Span, *, names: Mapping[str, str]) -> dict[str, Any]:
    """The values of a run, for `read_run`.

    Args:
        span: Of the kind `run`.
        names: Id of an agent by its id or name, in lower case.

    Raises:
        InputError: The span ends before it begins, or names no agent.
    """
    if span.end_ns and span.end_ns < span.start_ns:
        raise InputError("the span ends before it begins; correct the clock of the sender")
    error = span.attributes.get(_ERROR)
    return {
        **_chosen(_ABOUT, span.resource),
        **_accuracy(span.evaluations),
        **_chosen(_ABOUT, span.attributes),
        "run_key": run_key(span),
        "agent_id": _agent(span, names),
        "started_at": span.started_at if span.start_ns else None,
        "duration_ms": (span.end_ns - span.start_ns) / 1e6 if span.end_ns else None,
        "outcome": _outcome(span, error),
        "error_type": error or (_UNNAMED_ERROR if span.is_failed else None),
    }


def _agent(span: Span, names: Mapping[str, str]) -> str:
    """Ours first; else what the conventions or the service call it, when that is one of our agents."""
    ours = span.attributes.get(_AGENT) or span.resource.get(_AGENT)
    if ours:
        return str(ours)
    told = [
        str(v) for name in _NAMES if (v := span.attributes.get(name) or span.resource.get(name))
    ]
    if not told:
        raise InputError(f"the span names no agent; set {_AGENT} to its id")
    return next((names[t.lower()] for t in told if t.lower() in names), told[0])


def _outcome(span: Span, error: Any) -> str:
    if not span.is_failed and not error:
        return "ok"
    text = str(error or "").lower()
    return "timeout" if "timeout" in text or "deadline" in text else "error"


def _chosen(wanted: Mapping[str, tuple[str, ...]], attributes: Mapping[str, Any]) -> dict[str, Any]:
    if not attributes:
        return {}
    return {
        target: attributes[name]
        for target, names in wanted.items()
        for name in reversed(names)
        if name in attributes
    }


def _accuracy(evaluations: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The mean of the scores that tell how right it was; else of all but those of harm. Scores outside 0..1 tell nothing here."""
    scores: dict[str, list[float]] = {}
    for each in evaluations:
        score = _score(each)
        if score is not None:
            scores.setdefault(str(each.get(_EVALUATED, "")).lower(), []).append(score)
    right = [s for name in scores.keys() & _RIGHT for s in scores[name]]
    found = right or [s for name in scores.keys() - _HARM for s in scores[name]]
    return {"accuracy": sum(found) / len(found)} if found else {}


def _score(evaluation: Mapping[str, Any]) -> float | None:
    value = evaluation.get(_SCORE)
    if value is None:
        return _LABELS.get(str(evaluation.get(_LABEL, "")).lower())
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
