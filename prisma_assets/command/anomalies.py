"""`anomalies`: what is unusual about a series of measurements."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, note, say
from prisma_assets.domain.errors import InputError

if TYPE_CHECKING:
    from prisma_assets.command.series_file import Point
    from prisma_assets.domain.monitoring.anomaly_judgement import Judgement

anomalies = typer.Typer(help="Unusual values in a series.", no_args_is_help=True)
HEADER = ("timestamp", "value", "score", "is_anomaly", "explanation")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(anomalies, name="anomalies")


@anomalies.command()
def score(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV with the columns timestamp and value; .gz too."),
    ],
    output: Annotated[
        Path | None, typer.Option(help="CSV file to write instead of standard output.")
    ] = None,
    name: Annotated[str, typer.Option(help="What is measured, for the explanations.")] = "value",
    unit: Annotated[str, typer.Option(help="Unit of the value, for the explanations.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score every value of a series.

    One row per row of the file, judged by the rows before it and nothing else, with the detector that watches the
    agents. A score from 0 to 1 says how much of the past was less strange; from 0.985 on it is an anomaly. A row
    without a value has no score.
    """
    from prisma_assets.command.series_file import read_series
    from prisma_assets.domain.monitoring.anomaly import AnomalyDetector
    from prisma_assets.domain.monitoring.anomaly_gate import THRESHOLD

    points = read_series(file)
    detector = AnomalyDetector()
    rows = [
        _row(point, detector.update(point.at, point.value), name=name, unit=unit)
        for point in points
    ]
    found = [row for row in rows if row["is_anomaly"]]
    summary = {
        "file": str(file),
        "rows": len(rows),
        "no_data": sum(row["score"] is None for row in rows),
        "threshold": THRESHOLD,
        "anomalies": found,
    }
    _warn(file, points)
    if output is not None:
        _write(output, _csv(rows))
    if as_json:
        answer(summary if output is not None else {**summary, "scores": rows})
    elif output is None:
        say(_csv(rows).rstrip("\n"))
    else:
        counted = "1 anomaly" if len(found) == 1 else f"{len(found)} anomalies"
        say(f"{output}: {len(rows)} scores, {counted}")


def _row(point: "Point", judgement: "Judgement", *, name: str, unit: str) -> dict[str, Any]:
    from prisma_assets.domain.monitoring.anomaly_explanation import explain

    why = ""
    if judgement.evidence is not None and point.value is not None:
        why = explain(judgement.evidence, point.value, name=name, unit=unit)
    return {
        "timestamp": point.timestamp,
        "value": point.value,
        "score": None if judgement.score is None else round(judgement.score, 6),
        "is_anomaly": judgement.is_anomaly,
        "explanation": why,
    }


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "is_anomaly": str(row["is_anomaly"]).lower()} for row in rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that exists"
        ) from None


def _warn(file: Path, points: "list[Point]") -> None:
    from prisma_assets.command.series_file import out_of_order

    late = out_of_order(points)
    if late:
        note(
            f"{file}: {len(late)} rows are not later than the row above them (first: line {late[0].line}); "
            "they are scored in the order of the file"
        )
    missing = [point for point in points if point.value is None]
    if missing:
        note(
            f"{file}: {len(missing)} rows have no value (first: line {missing[0].line}); they have no score"
        )
