"""Pages from templates: the frame around them, how figures are written, and the files a browser loads with them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from prisma_assets.web.session import visitor

NO_DATA = "no data"
"""What stands where nothing was measured; never a zero."""

NAV = (
    ("/dashboard", "Now"),
    ("/dashboard/agents", "Agents"),
    ("/dashboard/workflows", "Workflows"),
    ("/dashboard/learning", "Learning"),
    ("/dashboard/costs", "Costs"),
    ("/dashboard/alerts", "Alerts"),
    ("/start", "Start work"),
)
_STATIC = Path(__file__).parent / "static"
_YEAR = "public, max-age=31536000, immutable"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Pages:
    """Renders the templates of this package, every value escaped."""

    def __init__(self) -> None:
        """Load the templates' environment once."""
        from jinja2 import Environment, PackageLoader

        self._templates = Environment(
            loader=PackageLoader("prisma_assets.web"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            number=number, money=money, duration=duration, share=share, when=when, ago=ago, words=words,
            value_rows=value_rows,
        )  # fmt: skip
        self._templates.globals["v"] = _version()

    def render(
        self, request: Request, template: str, /, *, status: int = 200, **shown: Any
    ) -> HTMLResponse:
        """One page as `frame.html` frames it.

        Args:
            request: Who asks, and where they are.
            template: File name in `templates/`.
            status: HTTP status of the answer.
            shown: What the template shows.
        """
        path = request.scope.get("root_path", "") + request.scope["path"]
        page = self._templates.get_template(template)
        text = page.render(
            visitor=visitor(request), nav=NAV, path=_below_root(request, path), **shown
        )
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    def render_plain(self, template: str, /, *, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page without the frame, for people who have not signed in."""
        text = self._templates.get_template(template).render(**shown)
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def static_routes() -> list[BaseRoute]:
    """Style, script and the chart library; nothing comes from a foreign host."""

    async def plotly(_request: Request) -> Response:
        return FileResponse(
            _plotly_file(), media_type="text/javascript", headers={"Cache-Control": _YEAR}
        )

    return [
        Route("/static/plotly.js", plotly),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]


def chart(
    series: Sequence[Mapping[str, Any]],
    *,
    unit: str = "",
    kind: str = "line",
    target: float | None = None,
    stacked: bool = False,
    log: bool = False,
) -> dict[str, Any]:
    """What `part.chart` draws, and lists as a table for those who cannot see it.

    Args:
        series: Each `{"name", "x": [...], "y": [...]}`, and if there is an interval `"low"` and `"high"`; None in `y` is a gap, not a zero.
        unit: Of `y`, beside the axis.
        kind: `line`, `bar` or `dots`.
        target: A value drawn as a dashed line.
        stacked: Bars on top of each other.
        log: Logarithmic axis of values.
    """
    return {
        "series": [{**one, "x": [_plain(x) for x in one["x"]]} for one in series],
        "unit": unit,
        "kind": kind,
        "target": target,
        "stacked": stacked,
        "log": log,
    }


def value_rows(spec: Mapping[str, Any]) -> Markup:
    """The values of a chart as rows of a table; here because a template takes ten times as long for some hundred cells."""
    rows = (
        f'<tr><td>{escape(one["name"])}</td><td>{escape(x)}</td><td class="num">{NO_DATA if y is None else escape(y)}</td></tr>'
        for one in spec["series"]
        for x, y in zip(one["x"], one["y"], strict=True)
    )
    return Markup("".join(rows))  # noqa: S704 - every value is escaped above


def number(value: float | None, digits: int = 0) -> str:
    """With thousands separated; "no data" for None."""
    return NO_DATA if value is None else f"{value:,.{digits}f}"


def money(value: float | None) -> str:
    """US dollars, small amounts with the digits they need."""
    if value is None:
        return NO_DATA
    digits = 2 if abs(value) >= 1 or value == 0 else 4
    return f"${value:,.{digits}f}"


def duration(milliseconds: float | None) -> str:
    """In the unit people would say it in."""
    if milliseconds is None:
        return NO_DATA
    seconds = milliseconds / 1_000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE)} s"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE)} min"
    return f"{int(seconds // _DAY)} d {int(seconds % _DAY // _HOUR)} h"


def share(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent."""
    return NO_DATA if value is None else f"{100 * value:.{digits}f} %"


def when(moment: datetime | None) -> str:
    """Date and time in UTC."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long since, in one unit."""
    if moment is None:
        return "never"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 0:
        return when(moment)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def words(name: str | None) -> str:
    """A name of the code as words."""
    return (name or "").replace("_", " ").replace("-", " ")


def _plain(x: Any) -> Any:
    return x.isoformat() if hasattr(x, "isoformat") else x


def _below_root(request: Request, path: str) -> str:
    """The path as the browser asked for it, whatever mounts lie between."""
    asked = request.url.path
    return asked if asked.endswith(request.scope["path"]) else path


def _version() -> str:
    """Changes when a file a browser keeps changes."""
    import hashlib

    files = sorted(p for p in _STATIC.iterdir() if p.is_file())
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def _plotly_file() -> Path:
    from importlib.resources import files

    return Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
