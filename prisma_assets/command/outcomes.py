"""From rows of a table to units in order of arrival: which arm, when, with what outcome. Refuses what cannot be an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prisma_assets.command.outcome_file import column, moments, numbers, shares
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.assignment import place
from prisma_assets.domain.experiments.health import Units, has_outcome, late_outcomes
from prisma_assets.domain.experiments.metric import Kind, Metric, Role, first_impossible, unit_value
from prisma_assets.domain.experiments.verdict import Alarm

if TYPE_CHECKING:
    from prisma_assets.domain.experiments.health import Labels

UNIT, ARM, TIME = "unit", "arm", "time"
"""Names of the columns unless others are given."""
HOUR_SECONDS = 3_600.0
ORDER_SALT = "order of pairs"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a file says what."""

    unit: str | None = None
    arm: str = ARM
    time: str | None = None
    control: str | None = None
    treatment: str | None = None
    paired_by: tuple[str, ...] = ()
    split: str = "0.5"
    """A share, or the column that holds the one in force."""
    instruments: tuple[str, ...] = ()
    matures_after_hours: float = 0.0


@dataclass(kw_only=True)
class Outcomes:
    """Units in order of arrival, and what only the whole record shows."""

    units: Units
    seconds: np.ndarray | None
    """When each arrived, from any fixed moment; None: in the order of the file."""
    stamps: list[str] | None
    """The same as it is written."""
    arms: tuple[str, str]
    """Labels of control and treatment."""
    alarms: tuple[Alarm, ...] = ()
    notes: list[str] = field(default_factory=list)


def read_outcomes(
    path: Path, frame: pd.DataFrame, *, layout: Layout, metrics: Sequence[Metric]
) -> Outcomes:
    """Units of a table.

    Raises:
        InputError: The table cannot be an experiment; the sentence says why.
    """
    rows = _Rows(path, frame, layout, metrics)
    data = rows.observations()
    rows.check_units(data)
    units = rows.pairs(data) if layout.paired_by else rows.units(data)
    return rows.outcomes(units)


class _Rows:
    """The steps of reading one file."""

    def __init__(
        self, path: Path, frame: pd.DataFrame, layout: Layout, metrics: Sequence[Metric]
    ) -> None:
        self.path = path
        self.frame = frame
        self.layout = layout
        self.metrics = metrics
        self.names = [m.name for m in metrics]
        self.notes: list[str] = []
        self.alarms: list[Alarm] = []
        self.unit = layout.unit or (UNIT if UNIT in frame.columns else None)
        self.time = layout.time or (TIME if TIME in frame.columns else None)
        self.arms = self._arms()

    def _text(self, name: str, option: str) -> "pd.Series[str]":
        return column(self.frame, name, path=self.path, option=option)

    def _arms(self) -> tuple[str, str]:
        """Labels of control and treatment; the control is named, or called control, or comes first in the alphabet."""
        labels = sorted(set(self._text(self.layout.arm, "--arm")) - {""})
        control = self.layout.control or next(
            (x for x in labels if x.lower() == "control"), labels[0] if labels else ""
        )
        others = [x for x in labels if x != control]
        treatment = self.layout.treatment or (others[0] if len(others) == 1 else "")
        for label, option in ((control, "--control"), (treatment, "--treatment")):
            if label and label not in labels:
                raise InputError(
                    f"{self.path}: no row of arm '{label}', column '{self.layout.arm}' holds {', '.join(labels) or 'nothing'}; name one with {option}"
                )
        if control == treatment or len(labels) < 2:
            raise InputError(
                f"{self.path}: one arm only ('{control}') in column '{self.layout.arm}'; an experiment compares two"
            )
        if not treatment:
            raise InputError(
                f"{self.path}: column '{self.layout.arm}' holds {len(labels)} arms; name two of them with --control and --treatment"
            )
        if self.layout.control is None and control.lower() != "control":
            self.notes.append(
                f"{self.path}: '{control}' is taken for the control; --control names another"
            )
        return control, treatment

    # ---- rows

    def observations(self) -> pd.DataFrame:
        """One row per observation of the two arms, in order of time."""
        layout = self.layout
        data = pd.DataFrame(
            {"row": np.arange(1, len(self.frame) + 1), "arm": self._text(layout.arm, "--arm")}
        )
        data["key"] = self._text(self.unit, "--unit") if self.unit else data["row"].astype(str)
        data["pair"] = self._pair_keys() if layout.paired_by else ""
        data["split"] = (
            0.5 if layout.paired_by else shares(self.frame, layout.split, path=self.path)
        )
        data["stamp"] = self._text(self.time, "--time") if self.time else ""
        data["seconds"] = (
            moments(data["stamp"].rename(self.time), path=self.path)
            if self.time
            else np.arange(len(data), dtype=float)
        )
        for i, metric in enumerate(self.metrics):
            data[f"value{i}"] = self._values(metric)
        for i, name in enumerate(layout.instruments):
            data[f"label{i}"] = self._text(name, "--instrument")
        empty = data[data["arm"] == ""]
        if len(empty):
            raise InputError(
                f"{self.path}: row {empty['row'].iloc[0]} has no arm in column '{layout.arm}'; fill it in or take the row out"
            )
        kept = data[data["arm"].isin(self.arms)]
        return kept.sort_values("seconds", kind="stable")

    def _pair_keys(self) -> "pd.Series[str]":
        columns = [self._text(name, "--paired-by") for name in self.layout.paired_by]
        return columns[0].str.cat(columns[1:], sep=" / ") if len(columns) > 1 else columns[0]

    def _values(self, metric: Metric) -> np.ndarray:
        text = self._text(metric.name, "--metric")
        values = numbers(text, path=self.path)
        wrong = first_impossible(metric, values)
        if wrong is not None:
            row, reason = wrong
            raise InputError(
                f"{self.path}: row {row + 1}, column '{metric.name}': {text.iloc[row]} {reason}"
            )
        return values

    def check_units(self, data: pd.DataFrame) -> None:
        """Refuse rows that come twice and units that saw both arms."""
        if self.unit is None:
            return
        doubled = self.frame.loc[data.index].duplicated()
        if doubled.any():
            row = data.loc[doubled.idxmax(), "row"]
            raise InputError(
                f"{self.path}: row {row} repeats another row, value for value; take one out"
            )
        if self.layout.paired_by:
            return
        mixed = data.groupby("key")["arm"].nunique()
        if (mixed > 1).any():
            unit = mixed[mixed > 1].index[0]
            raise InputError(
                f"{self.path}: unit '{unit}' is in both arms; a unit may see one version only, take it out or name another --unit"
            )

    # ---- units

    def units(self, data: pd.DataFrame) -> pd.DataFrame:
        """One row per unit, judged once its last observation has come."""
        if data["key"].is_unique:
            return data
        self.notes.append(
            f"{self.path}: {len(data)} rows of {data['key'].nunique()} units; units are compared, not rows"
        )
        merged = data.groupby("key", sort=False).last()
        return self._averaged(data, "key", merged).sort_values("seconds", kind="stable")

    def pairs(self, data: pd.DataFrame) -> pd.DataFrame:
        """One row per task and arm, partners beside each other."""
        sides = data.groupby(["pair", "arm"], sort=False)
        merged = self._averaged(data, ["pair", "arm"], sides.last())
        merged = merged.reset_index()
        count = merged.groupby("pair")["arm"].transform("nunique")
        self._miss_partners(merged, count == 2)
        whole = merged[count == 2].copy()
        whole["seconds"] = whole.groupby("pair")["seconds"].transform("max")
        order = {self.arms[0]: 0, self.arms[1]: 1}
        whole["side"] = whole["arm"].map(order)
        if self.layout.time is None:
            # Task lists are sorted by subject: whoever stops early in them has seen one subject.
            self.notes.append(
                f"{self.path}: the pairs are looked at in a random order that their names fix; --time gives another"
            )
            whole["seconds"] = [place(pair, salt=ORDER_SALT) for pair in whole["pair"]]
        return whole.sort_values(["seconds", "pair", "side"], kind="stable")

    def _averaged(
        self, data: pd.DataFrame, by: str | list[str], merged: pd.DataFrame
    ) -> pd.DataFrame:
        groups = data.groupby(by, sort=False)
        for i, metric in enumerate(self.metrics):
            merged[f"value{i}"] = groups[f"value{i}"].agg(
                lambda v, k=metric.kind: unit_value(k, v.to_numpy())
            )
        return merged

    def _miss_partners(self, merged: pd.DataFrame, has_partner: "pd.Series[bool]") -> None:
        """A task that one arm did not do, or did without an outcome, is a hole in the comparison, not a task less."""
        missing = set(merged.loc[~has_partner, "pair"])
        for i, metric in enumerate(self.metrics):
            known = has_outcome(metric, merged[f"value{i}"].to_numpy())
            sides = pd.Series(known, index=merged.index).groupby(merged["pair"]).transform("sum")
            halves = has_partner & (sides == 1)
            if metric.role is not Role.SECONDARY and metric.kind is not Kind.COST:
                missing |= set(merged.loc[halves, "pair"])
            merged.loc[halves & (metric.kind is not Kind.COST), f"value{i}"] = np.nan
        if missing:
            first = min(missing)
            self.alarms.append(
                Alarm(
                    at=0,
                    reason=f"{len(missing)} of {merged['pair'].nunique()} pairs lack a partner, the first '{first}'",
                )
            )

    def outcomes(self, data: pd.DataFrame) -> Outcomes:
        """Units ready to be judged."""
        data = self._mature(data)
        values = {
            name: data[f"value{i}"].to_numpy(dtype=np.float64) for i, name in enumerate(self.names)
        }
        labels: dict[str, Labels] = {
            name: data[f"label{i}"].to_numpy(dtype=object)
            for i, name in enumerate(self.layout.instruments)
        }
        units = Units(
            treated=(data["arm"] == self.arms[1]).to_numpy(),
            splits=data["split"].to_numpy(dtype=np.float64),
            values=values,
            instruments=labels,
        )
        for metric in self.metrics:
            late = (
                late_outcomes(np.isnan(values[metric.name]))
                if metric.role is not Role.SECONDARY
                else None
            )
            if late:
                self.alarms.append(
                    Alarm(at=len(units), reason=f"{late}; --matures-after leaves them out")
                )
        is_timed = self.time and (self.layout.time or not self.layout.paired_by)
        return Outcomes(
            units=units,
            seconds=data["seconds"].to_numpy() if is_timed else None,
            stamps=data["stamp"].tolist() if is_timed else None,
            arms=self.arms,
            alarms=tuple(self.alarms),
            notes=self.notes,
        )

    def _mature(self, data: pd.DataFrame) -> pd.DataFrame:
        if not self.layout.matures_after_hours:
            return data
        if not self.time:
            raise InputError(
                f"{self.path}: --matures-after needs a column of times; name it with --time"
            )
        end = data["seconds"].max() - self.layout.matures_after_hours * HOUR_SECONDS
        ripe = data[data["seconds"] <= end]
        self.notes.append(
            f"{self.path}: {len(data) - len(ripe)} units of the last {self.layout.matures_after_hours:g} hours wait for their outcomes"
        )
        return ripe
