"""The metrics of an experiment as they are written on the command line: NAME:kind:direction:margin."""

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from prisma_assets.domain.errors import InputError

if TYPE_CHECKING:
    from prisma_assets.domain.experiments.metric import Kind, Metric

Named = TypeVar("Named", bound=StrEnum)


def read_metrics(
    written: Sequence[str], *, primary: str | None, guardrails: Sequence[str], default: "Kind"
) -> "tuple[Metric, ...]":
    """Metrics with their roles; the first is primary unless another is named.

    Args:
        written: NAME[:kind[:direction[:margin]]] each.
        primary: Name of the primary metric.
        guardrails: NAME[:margin] each.
        default: Kind of a metric that states none.

    Raises:
        InputError: A word means nothing, a name comes twice or is not among the metrics.
    """
    from prisma_assets.domain.experiments.metric import Role

    metrics = {m.name: m for m in (_metric(text, default) for text in written)}
    if len(metrics) < len(written):
        raise InputError("a metric is named twice; name each once")
    first = primary or next(iter(metrics))
    metrics[first] = replace(_known(metrics, first, "--primary"), role=Role.PRIMARY)
    for text in guardrails:
        name, _, margin = text.partition(":")
        metric = _known(metrics, name, "--guardrail")
        if metric.role is not Role.SECONDARY:
            raise InputError(
                f"'{name}' is {metric.role} already; a guardrail is another metric, named once"
            )
        wanted = _margin(margin, text) if margin else metric.margin
        metrics[name] = replace(metric, role=Role.GUARDRAIL, margin=wanted)
    return tuple(metrics.values())


def _metric(text: str, default: "Kind") -> "Metric":
    from prisma_assets.domain.experiments.metric import (
        DEFAULT_DIRECTION,
        DEFAULT_MARGIN,
        Direction,
        Kind,
        Metric,
    )

    parts = [part.strip() for part in text.split(":")]
    if not parts[0] or len(parts) > 4:
        raise InputError(
            f"'{text}' is no metric; write NAME:kind:direction:margin, e.g. accuracy:binary:higher:0.03"
        )
    parts += [""] * (4 - len(parts))
    stated = _word(Kind, parts[1], text) if parts[1] else default
    return Metric(
        name=parts[0],
        kind=stated,
        direction=_word(Direction, parts[2], text) if parts[2] else DEFAULT_DIRECTION[stated],
        margin=_margin(parts[3], text) if parts[3] else DEFAULT_MARGIN[stated],
    )


def _known(metrics: "dict[str, Metric]", name: str, option: str) -> "Metric":
    if name not in metrics:
        raise InputError(
            f"{option} names '{name}', which no --metric does; name one of {', '.join(metrics)}"
        )
    return metrics[name]


def _word(words: type[Named], text: str, whole: str) -> Named:
    try:
        return words(text.lower())
    except ValueError:
        raise InputError(
            f"'{text}' in '{whole}' is none of {', '.join(words)}; write one of them"
        ) from None


def _margin(text: str, whole: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not (margin > 0 and math.isfinite(margin)):
        raise InputError(f"the margin '{text}' in '{whole}' must be a number above 0, e.g. 0.03")
    return margin
