"""Reads counts, means and variances per arm over time, of one experiment or of many in one file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from prisma_assets.command.outcome_file import column, moments, numbers, shares
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.summary import Arm, Looks

NEEDED = ("count_c", "count_t", "mean_c", "mean_t", "variance_c", "variance_t")
TIMES = ("time_since_start", "time")
EXPERIMENT, VARIANT, METRIC = "experiment_id", "variant_id", "metric_id"
ONLY = "value"
"""Name of the metric where the file names none."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One comparison of a treatment with its control."""

    experiment: str
    variant: str
    looks: dict[str, Looks]
    """By metric; all at the same times."""
    seconds: np.ndarray
    stamps: list[str]


def is_summaries(frame: pd.DataFrame) -> bool:
    """Whether the columns are those of sufficient statistics."""
    return set(NEEDED) <= set(frame.columns)


def metric_names(frame: pd.DataFrame) -> list[str]:
    """Metrics the file holds, in its order."""
    return list(dict.fromkeys(frame[METRIC])) if METRIC in frame.columns else [ONLY]


def read_summaries(
    path: Path, frame: pd.DataFrame, *, time: str | None, split: str, metrics: list[str]
) -> Iterator[Recorded]:
    """Comparisons of a file, one after the other.

    Args:
        path: The file.
        frame: Its rows.
        time: Column of the time, or None for the usual names.
        split: A share of the treatment in (0, 1), or the column that holds the one in force.
        metrics: Names of the metrics to read.

    Raises:
        InputError: A column or a metric is missing, or a value is impossible.
    """
    named = time or next((name for name in TIMES if name in frame.columns), TIMES[0])
    data = pd.DataFrame(
        {
            name: numbers(column(frame, name, path=path, option="--time"), path=path)
            for name in NEEDED
        }
    )
    data["stamp"] = column(frame, named, path=path, option="--time")
    data["seconds"] = moments(data["stamp"].rename(named), path=path)
    data["split"] = shares(frame, split, path=path)
    for name in (EXPERIMENT, VARIANT, METRIC):
        data[name] = frame[name] if name in frame.columns else ONLY if name == METRIC else ""
    _check(path, data)
    for metric in metrics:
        if metric not in set(data[METRIC]):
            raise InputError(
                f"{path}: no metric '{metric}', the file holds {', '.join(dict.fromkeys(data[METRIC]))}; name one of them with --metric"
            )
    for (experiment, variant), rows in data.groupby([EXPERIMENT, VARIANT], sort=False):
        yield _recorded(path, experiment, variant, rows, metrics)


def _recorded(
    path: Path, experiment: str, variant: str, rows: pd.DataFrame, metrics: list[str]
) -> Recorded:
    times = np.unique(rows["seconds"])
    looks = {}
    for metric in metrics:
        mine = rows[rows[METRIC] == metric].sort_values("seconds")
        if mine["seconds"].duplicated().any():
            stamp = mine.loc[mine["seconds"].duplicated().idxmax(), "stamp"]
            raise InputError(
                f"{path}: experiment '{experiment}', metric '{metric}' has two rows at time {stamp}; take one out"
            )
        whole = mine.set_index("seconds").reindex(times)
        # A look without this metric is no data for it; its counts are those of the look before.
        kept = whole[["count_c", "count_t", "split"]].ffill()
        whole[["count_c", "count_t"]] = kept[["count_c", "count_t"]].fillna(0.0)
        whole["split"] = kept["split"].bfill()
        looks[metric] = Looks(
            control=_arm(whole, "c"),
            treated=_arm(whole, "t"),
            splits=whole["split"].to_numpy(dtype=np.float64),
        )
    stamps = rows.drop_duplicates("seconds").sort_values("seconds")["stamp"]
    return Recorded(
        experiment=experiment, variant=variant, looks=looks, seconds=times, stamps=stamps.tolist()
    )


def _arm(rows: pd.DataFrame, side: str) -> Arm:
    count, mean, variance = (
        rows[f"{what}_{side}"].to_numpy(dtype=np.float64) for what in ("count", "mean", "variance")
    )
    return Arm(count=count, mean=mean, variance=variance)


def _check(path: Path, data: pd.DataFrame) -> None:
    for name in NEEDED:
        values = data[name].to_numpy()
        wrong = (
            np.isnan(values)
            if not name.startswith("variance")
            else np.zeros(len(values), dtype=bool)
        )
        if not name.startswith("mean"):
            wrong |= values < 0
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"{path}: row {row + 1}, column '{name}': {values[row]:g} cannot be; correct it or take the row out"
            )
