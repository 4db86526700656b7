"""An experiment's effect and sample ratio over time as one PNG, for where no browser draws the SVG: mails, files, the Dagster UI."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from prisma_assets.domain.experiments.metric import Role
from prisma_assets.store.experiment import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (8.0, 5.2)
"""Inches; at 120 dots each a picture of 960 by 624."""
_DOTS = 120
_BLUE, _GREY = "#1f4e79", "#777777"
_Z = 1.959963984540054
"""Standard normal quantile of 0.975."""


def png(test: Row, verdicts: Sequence[Row]) -> bytes | None:
    """Effect with its confidence sequence above, share of B below, by the time of each verdict; None: nothing was compared so far."""
    told = [(v, _primary(v)) for v in verdicts]
    told = [(v, m) for v, m in told if None not in (m["effect"], m["low"], m["high"])]
    if not told:
        return None
    # Without pyplot: that keeps every figure of the process, and asks for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
    _draw_effect(above, test, told)
    _draw_ratio(below, test, [v for v, _ in told])
    written = BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _primary(verdict: Row) -> dict[str, Any]:
    return next(m for m in verdict["numbers"]["metrics"] if m["role"] == Role.PRIMARY.value)


def _draw_effect(axes: "Axes", test: Row, told: Sequence[tuple[Row, dict[str, Any]]]) -> None:
    times = [v["as_of"] for v, _ in told]
    last = told[-1][1]
    low, effect, high = ([m[key] for _, m in told] for key in ("low", "effect", "high"))
    axes.fill_between(times, low, high, color=_BLUE, alpha=0.18, label="confidence sequence", step="post")  # fmt: skip
    axes.vlines(times, low, high, color=_BLUE, alpha=0.3, linewidth=1)
    axes.plot(times, effect, color=_BLUE, marker="o", markersize=3, label="effect", drawstyle="steps-post")  # fmt: skip
    axes.axhline(0, color=_GREY, linewidth=1)
    for side in (1, -1):
        axes.axhline(side * last["margin"], color=_GREY, linewidth=0.8, linestyle="--", label="margin" if side > 0 else None)  # fmt: skip
    axes.set_title(
        f"{test['name']}: effect of B on {last['name'].replace('_', ' ')}",
        loc="left",
        parse_math=False,
    )
    axes.set_ylabel("effect of B")
    axes.legend(loc="best", fontsize=8, frameon=False)


def _draw_ratio(axes: "Axes", test: Row, verdicts: Sequence[Row]) -> None:
    """Share of B among exposed units, and where chance alone puts it 95 times in 100 at one look."""
    seen = [(v["as_of"], v["numbers"]["exposed"]) for v in verdicts if sum(v["numbers"]["exposed"].values())]  # fmt: skip
    promised = float(test["traffic_split_b"])
    axes.axhline(promised, color=_GREY, linewidth=1, linestyle="--")
    times = [when for when, _ in seen]
    half = [_Z * math.sqrt(promised * (1 - promised) / sum(n.values())) for _, n in seen]
    axes.fill_between(times, [promised - h for h in half], [promised + h for h in half], color=_GREY, alpha=0.15, step="post")  # fmt: skip
    axes.plot(times, [n["B"] / sum(n.values()) for _, n in seen], color=_BLUE, marker="o", markersize=3, drawstyle="steps-post")  # fmt: skip
    axes.set_ylabel("share of B")
    axes.set_xlabel("looked at, UTC")
    axes.tick_params(axis="x", labelrotation=20, labelsize=8)
