"""A template as a picture: Mermaid text, or an SVG that needs no program to draw it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from prisma_assets.domain.workflow.template import Step, Template

_WIDTH, _HEIGHT = 260, 54
"""Size of a box in SVG units (pixels at 100 %): two lines of 38 characters."""
_GAP_X, _GAP_Y = 26, 44
_MARGIN = 20
_CHARACTERS = 38
"""Characters of a title that fit a box at 12 px."""


def mermaid(template: Template) -> str:
    """The template as a Mermaid flowchart (mermaid.js.org syntax, `flowchart TD`)."""
    lines = ["flowchart TD"]
    for step in template.steps:
        left, right = ("{{", "}}") if step.when is not None else ("[", "]")
        lines.append(f'  {step.id}{left}"{_mermaid_label(step)}"{right}')
    for step in template.steps:
        arrow = "-.->" if step.when is not None else "-->"
        lines += [f"  {before} {arrow} {step.id}" for before in step.after]
        if step.sign_off is not None:
            lines += [f"  {step.id} -. changes .-> {back}" for back in step.sign_off.rework]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Look:
    """How one step of an execution is drawn."""

    status: str
    """Said in the box's second line, and a class of its group for the page's style."""
    link: str | None = None


def svg(template: Template, looks: Mapping[str, Look] | None = None) -> str:
    """The template as a standalone SVG: steps in rows by longest path from the start, conditional ones dashed.

    A dependency that follows from others is not drawn (transitive reduction, Aho, Garey and Ullman 1972): the order is the
    same and the picture stays readable.

    Args:
        template: What is drawn.
        looks: How each step of an execution stands, by its id; such a picture takes its colours from the page it stands in.
    """
    places = _places(template)
    width = max(p.x for p in places.values()) + _WIDTH + _MARGIN
    height = max(p.y for p in places.values()) + _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        # A picture is one thing to those who hear the page; one with links is several.
        f'width="{width:.0f}" height="{height:.0f}" role="{"group" if looks else "img"}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(template.title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>',
    ]
    if looks is None:
        parts.append(f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>')
    for step in template.steps:
        parts += [
            _edge(places[before], places[step.id], places.values())
            for before in _direct(template, step)
        ]
    parts += [_box(step, places[step.id], (looks or {}).get(step.id)) for step in template.steps]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _direct(template: Template, step: Step) -> list[str]:
    """What the step comes after without any other of its dependencies in between."""
    implied = frozenset[str]().union(*(template.upstream(a) for a in step.after))
    return [a for a in step.after if a not in implied]


@dataclass(frozen=True)
class _Place:
    x: float
    y: float


def _places(template: Template) -> Mapping[str, _Place]:
    rows = _rows(template)
    widest = max(len(row) for row in rows)
    full = widest * (_WIDTH + _GAP_X) - _GAP_X
    places = {}
    for number, row in enumerate(rows):
        used = len(row) * (_WIDTH + _GAP_X) - _GAP_X
        for column, step_id in enumerate(row):
            x = _MARGIN + (full - used) / 2 + column * (_WIDTH + _GAP_X)
            places[step_id] = _Place(x, _MARGIN + number * (_HEIGHT + _GAP_Y))
    return places


def _rows(template: Template) -> Sequence[Sequence[str]]:
    """Steps by longest path from a start, each row ordered by the middle of what it comes after (Sugiyama et al. 1981)."""
    level: dict[str, int] = {}
    for step in template.in_order():
        level[step.id] = 1 + max((level[a] for a in step.after), default=-1)
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for step in template.steps:
        rows[level[step.id]].append(step.id)
    after = {s.id: s.after for s in template.steps}
    position: dict[str, float] = {}
    for row in rows:
        row.sort(
            key=lambda i: sum(position[a] for a in after[i]) / len(after[i]) if after[i] else 0.0
        )
        position |= {step_id: column - (len(row) - 1) / 2 for column, step_id in enumerate(row)}
    return rows


def _edge(start: _Place, end: _Place, boxes: Iterable[_Place]) -> str:
    x1, y1 = start.x + _WIDTH / 2, start.y + _HEIGHT
    x2, y2 = end.x + _WIDTH / 2, end.y
    between = [b for b in boxes if start.y < b.y < end.y]
    # A long way goes straight down the column that is free, and bends in the gap beside its other end.
    if any(abs(b.x - start.x) < _WIDTH for b in between):
        path = f"M{x1:.0f} {y1:.0f}{_bend(x1, y1, x2, y1 + _GAP_Y)}L{x2:.0f} {y2:.0f}"
    else:
        path = f"M{x1:.0f} {y1:.0f}L{x1:.0f} {y2 - _GAP_Y:.0f}{_bend(x1, y2 - _GAP_Y, x2, y2)}"
    return f'<path d="{path}" fill="none" stroke="#667" stroke-width="1.2" marker-end="url(#tip)"/>'


def _bend(x1: float, y1: float, x2: float, y2: float) -> str:
    half = _GAP_Y / 2
    return f"C{x1:.0f} {y1 + half:.0f} {x2:.0f} {y2 - half:.0f} {x2:.0f} {y2:.0f}"


def _box(step: Step, place: _Place, look: Look | None) -> str:
    dash = ' stroke-dasharray="5 4"' if step.when is not None else ""
    fill = "#eef4ff" if step.sign_off is not None else "#f6f6f6"
    marks = "".join(f" · {mark}" for mark in _marks(step))
    middle = place.x + _WIDTH / 2
    second = look.status if look is not None else _second_line(step)
    box = (
        f"<title>{escape(step.objective + marks)}</title>"
        f'<rect x="{place.x:.0f}" y="{place.y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{fill}" stroke="#334"{dash}/>'
        f'<text x="{middle:.0f}" y="{place.y + 23:.0f}" text-anchor="middle" fill="#111">{escape(_fit(f"{step.id} {step.title}"))}</text>'
        f'<text x="{middle:.0f}" y="{place.y + 41:.0f}" text-anchor="middle" fill="#556" font-size="10.5">{escape(_fit(second, 44))}</text>'
    )
    if look is None:
        return f"<g>{box}</g>"
    group = f'<g class="step {escape(look.status.replace(" ", "-"))}">{box}</g>'
    return f'<a href="{escape(look.link)}">{group}</a>' if look.link else group


def _second_line(step: Step) -> str:
    return next(_marks(step), None) or step.agent or "computed"


def _marks(step: Step) -> Iterator[str]:
    """What is special about the step, most telling first."""
    if step.join == "any":
        yield "as soon as any before it is done"
    if step.join == "done":
        yield "once all before it have ended"
    if step.workflow is not None:
        yield f"template {step.workflow.template}"
    if step.for_each is not None:
        inner = f", for each of {step.for_each.for_each.items}" if step.for_each.for_each else ""
        yield f"for each of {step.for_each.items}{inner}"
    if step.repeat is not None:
        yield f"until {step.repeat.until}, at most {step.repeat.max} times"
    if step.sign_off is not None:
        yield "signed by " + ", ".join(r.role for r in step.sign_off.roles)


def _fit(text: str, characters: int = _CHARACTERS) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _mermaid_label(step: Step) -> str:
    label = "<br/>".join([f"{step.id} {step.title}", *_marks(step)])
    return label.replace('"', "#quot;")
