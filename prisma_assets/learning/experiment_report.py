"""What people read of an experiment: effect, confidence sequence over time, sample ratio, guardrails and power, as Markdown and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from prisma_assets.domain.experiments.metric import Role
from prisma_assets.store.experiment import Row

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 30, 40
"""Pixels round the plot for its labels."""
_POINTS = 200
"""Looks that are drawn: more than a screen can tell apart add nothing."""
_SCALED_FROM = 0.2
"""Share of the units from which the vertical scale is taken."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """An experiment told."""

    markdown: str
    svg: str | None
    """The confidence sequence of the primary metric; None: nothing was compared so far."""


# ---- words


def markdown(test: Row, verdicts: Sequence[Row]) -> str:
    """The experiment in words and tables."""
    last = verdicts[-1] if verdicts else None
    parts = [
        f"# Experiment: {test['name']}",
        f"**Hypothesis.** {test['hypothesis'] or 'none given'}",
        f"**Agent.** {test['agent_id']}: version {test['control_version']} (A) against {test['treatment_version']} (B), "
        f"{float(test['traffic_split_b']):.0%} of the {test['assignment_unit']}s to B; risk {test['risk_level']}; {test['status']}.",
        f"**Power before the start.** {test['power_statement'] or 'not stated'}",
    ]
    if last is None:
        return "\n\n".join([*parts, "Nothing was judged so far."]) + "\n"
    numbers = last["numbers"]
    parts += [
        f"## Verdict: {last['verdict']}",
        f"{_sentence(last['reason'])} {last['units']} units were read by {last['as_of']:%Y-%m-%d %H:%M} UTC.",
        "## Metrics",
        _table(
            ("metric", "role", "n A / B", "mean A / B", "effect of B", "confidence sequence", "margin"),
            [_metric_row(m) for m in numbers["metrics"]],
        ),
        "Effects are differences, or relative changes of the geometric mean of a response time or a cost. The confidence sequence holds at "
        "every look together.",
        "## Instruments",
        _table(("instrument", "state", "what was seen"), [_check_row(c) for c in numbers["checks"]]),
        "## What this rests on",
        _table(
            ("", ""),
            [
                ("data", last["data_sha256"]), ("declaration", last["plan_sha256"]),
                ("price table", last["price_version"] or "none"), ("code", last["code_version"]),
                ("units per arm for 80 % power, as it looks now", number(numbers["needed_blocks"])),
            ],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def number(value: float | None) -> str:
    """A number as people read it; `no data` where there is none."""
    if value is None:
        return "no data"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(metric: Mapping[str, Any]) -> str:
    """The confidence sequence of a metric."""
    if metric["effect"] is None:
        return "no data"
    low, high = (("-∞", "∞")[i] if e is None else number(e) for i, e in enumerate((metric["low"], metric["high"])))  # fmt: skip
    return f"{low} to {high}"


def _metric_row(metric: Mapping[str, Any]) -> tuple[str, ...]:
    n, mean = metric["n"], metric["mean"]
    return (
        metric["name"], metric["role"], f"{n['A']} / {n['B']}", f"{number(mean['A'])} / {number(mean['B'])}",
        number(metric["effect"]), interval(metric), number(metric["margin"]),
    )  # fmt: skip


def _check_row(check: Mapping[str, Any]) -> tuple[str, ...]:
    return check["name"], "healthy" if check["is_healthy"] else "**broken**", check["said"]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)  # fmt: skip


# ---- the picture


def picture(test: Row, verdicts: Sequence[Row]) -> str | None:
    """The primary metric's effect and confidence sequence over the units read, as SVG."""
    points = [(v["units"], m) for v in verdicts for m in v["numbers"]["metrics"] if m["role"] == Role.PRIMARY.value]  # fmt: skip
    points = [(n, m) for n, m in points if None not in (m["effect"], m["low"], m["high"])]
    if not points:
        return None
    points = points[:: max(1, len(points) // _POINTS)]
    metric, units = points[-1][1], points[-1][0]
    # The first looks know so little that everything after them would be a line.
    told = [m for n, m in points if n >= _SCALED_FROM * units]
    scale = _Scale(
        units=units,
        low=min(-2 * metric["margin"], *(m["low"] for m in told)),
        high=max(2 * metric["margin"], *(m["high"] for m in told)),
    )
    band = [(n, m["high"]) for n, m in points] + [(n, m["low"]) for n, m in reversed(points)]
    marks = "".join(
        _mark(scale, v, dashed=v != 0) for v in (0.0, metric["margin"], -metric["margin"])
    )
    marks += "".join(_label(scale, v) for v in (scale.low, 0.0, scale.high))
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="#1f4e79"/>' for x, y in (scale.at(n, m["effect"]) for n, m in points))  # fmt: skip
    line = " ".join(f"{x},{y}" for x, y in (scale.at(n, m["effect"]) for n, m in points))
    shape = " ".join(f"{x},{y}" for x, y in (scale.at(n, v) for n, v in band))
    title = escape(f"{test['name']}: effect of B on {metric['name']}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{_LEFT}" y="18" font-size="14">{title}</text>{marks}'
        f'<polygon points="{shape}" fill="#1f4e79" fill-opacity="0.18"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f4e79" stroke-width="2"/>{dots}'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 10}" text-anchor="end">units read: {scale.units:,}</text></svg>'
    )


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """From units and effects to pixels."""

    units: int
    low: float
    high: float

    def at(self, units: float, effect: float) -> tuple[float, float]:
        """A place in the picture."""
        span = (self.high - self.low) or 1.0
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * units / max(self.units, 1)
        seen = min(max(effect, self.low), self.high)
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.high - seen) / span
        return round(x, 1), round(y, 1)


def _mark(scale: _Scale, effect: float, *, dashed: bool) -> str:
    _, y = scale.at(0, effect)
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    said = f'<text x="{_WIDTH - _RIGHT}" y="{y - 3}" text-anchor="end" fill="#777" font-size="10">margin</text>' if dashed else ""  # fmt: skip
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#777"{dash}/>{said}'
    )


def _label(scale: _Scale, effect: float) -> str:
    _, y = scale.at(0, effect)
    return f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{effect:+.3g}</text>'
