"""How the rows of a foreign file become runs: which column is what, in which unit. Reading the file does not belong here."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.agent_run import AgentRun
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.domain.yaml_source import parse_yaml, place, validate

UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "duration_ms": {
        "ms": Decimal(1),
        "s": Decimal(1000),
        "min": Decimal(60_000),
        "us": Decimal("0.001"),
        "ns": Decimal("0.000001"),
    },
    "cost_usd": {"usd": Decimal(1), "cents": Decimal("0.01"), "microusd": Decimal("0.000001")},
    "accuracy": {"fraction": Decimal(1), "percent": Decimal("0.01")},
    # A time as a number counts from 1970 (Unix time); factors to seconds.
    "started_at": {
        "s": Decimal(1),
        "ms": Decimal("0.001"),
        "us": Decimal("0.000001"),
        "ns": Decimal("0.000000001"),
    },
}
"""By what a number in each unit is multiplied."""

CONSTANT = "="
"""Begins a value that is the same for every row."""


TARGETS = frozenset(f.name for f in fields(AgentRun)) - {"price_version"}
_NEEDED = ("agent_id", "started_at", "outcome")
_ZERO = "cost_zero_is_unknown"
_ONLY = "only"


def _several(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


def _texts(written: Any) -> Any:
    """YAML takes `1` and `true` for what they look like; a file's cell is compared as text."""
    if not isinstance(written, Mapping):
        return written
    return {str(name): str(value) for name, value in written.items()}


class Source(BaseModel):
    """Where one value of a run comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(min_length=1)
    """Several are joined by colons. `a.b` is the `b` within a JSON `a`; `=text` is that text for every row."""
    unit: str | None = None
    values: Annotated[Mapping[str, str] | None, BeforeValidator(_texts)] = None
    """What each value of the column means here."""
    otherwise: str | None = None
    """What every other value means; None: as it stands."""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns it reads."""
        return tuple(c for c in self.columns if not c.startswith(CONSTANT))


@dataclass(frozen=True, kw_only=True)
class RunMapping:
    """What each value of a run is in a file."""

    sources: Mapping[str, Source]
    """By the name of `AgentRun`."""
    cost_zero_is_unknown: bool = False
    """Whoever wrote the file put 0 where the price was unknown."""
    is_by_name: bool = False
    """Every column is called what it is; those a run can do without may be missing."""
    only: Mapping[str, str] = field(default_factory=dict)
    """Values by column of the rows that are runs; the others are something else."""

    def is_run(self, row: Mapping[str, Any]) -> bool:
        """Whether the row is a run at all."""
        return all(_text(_part(column, row)) == value for column, value in self.only.items())

    @property
    def columns(self) -> frozenset[str]:
        """Columns a file must have; of `a.b` the `a`."""
        if self.is_by_name:
            return frozenset(_NEEDED)
        read = [*self.only, *(name for source in self.sources.values() for name in source.names)]
        return frozenset(name.partition(".")[0] for name in read)

    def values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the run in a row, for `read_run`. Without a mapped `run_key` the whole row is its key.

        Raises:
            InputError: A value is no number, or none that the mapping knows.
        """
        found = {target: _value(target, source, row) for target, source in self.sources.items()}
        if self.cost_zero_is_unknown and found.get("cost_usd") in _ZEROS:
            found["cost_usd"] = None
        if found.get("run_key") is None:
            found["run_key"] = _fingerprint(row)
        return found


_ZEROS = ("0", "0.0", 0)

BY_NAME = RunMapping(
    sources={name: Source(columns=(name,)) for name in sorted(TARGETS)}, is_by_name=True
)
"""Of a file whose columns are called as in `AgentRun`."""


def read_mapping(text: str, *, file: str) -> RunMapping:
    """A mapping as a YAML file writes it.

    Raises:
        InputError: What is wrong, with line and column.
    """
    data = parse_yaml(text, file=file)
    written = {str(name): value for name, value in data.items()}
    only = _texts(written.pop(_ONLY, {}))
    if not isinstance(only, Mapping):
        raise InputError(f"{place(data, [_ONLY], file)}: write {_ONLY} as {{column: value}}")
    zero = written.pop(_ZERO, False)
    if not isinstance(zero, bool):
        raise InputError(f"{place(data, [_ZERO], file)}: {_ZERO} is true or false")
    sources = {
        name: _checked(name, _read_source(value, file), place(data, [name], file))
        for name, value in written.items()
    }
    return _complete(RunMapping(sources=sources, cost_zero_is_unknown=zero, only=only), file)


def parse_mapping(options: Sequence[str]) -> RunMapping:
    """A mapping written as `target=column`, `target=column:unit` or `target==text`; the same target again joins columns.

    Raises:
        InputError: What is wrong with which.
    """
    written: dict[str, list[str]] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not value:
            raise InputError(f"'{option}' is no mapping; write it as duration_ms=latency:s")
        written.setdefault(name.strip(), []).append(value)
    zero = written.pop(_ZERO, ["false"]) != ["false"]
    sources = {
        name: _checked(
            name, _short(v[0]) if len(v) == 1 else Source(columns=tuple(v)), f"'{name}={v[0]}'"
        )
        for name, v in written.items()
    }
    return _complete(RunMapping(sources=sources, cost_zero_is_unknown=zero), "the mapping")


def check_columns(mapping: RunMapping, header: Iterable[str]) -> None:
    """Refuse a file that lacks a column the mapping reads.

    Raises:
        InputError: The first such column, and which there are.
    """
    there = frozenset(header)
    for name in sorted(mapping.columns - there):
        hint = did_you_mean(name, there) or f"; it has {', '.join(sorted(there))}"
        raise InputError(f"the file has no column '{name}'{hint}")


def _read_source(written: Any, file: str) -> Source:
    if isinstance(written, Mapping):
        return validate(written, Source, file=file)
    if isinstance(written, Sequence) and not isinstance(written, str):
        return validate({"columns": tuple(map(str, written))}, Source, file=file)
    return _short("" if written is None else str(written))


def _short(written: str) -> Source:
    """`column`, `column:unit` or `=text`."""
    column, _, unit = written.rpartition(":")
    if column and not written.startswith(CONSTANT) and any(unit in u for u in UNITS.values()):
        return Source(columns=(column,), unit=unit)
    return Source(columns=(written,))


def _checked(name: str, source: Source, where: str) -> Source:
    if name not in TARGETS:
        hint = did_you_mean(name, TARGETS) or f"; a run has {', '.join(sorted(TARGETS))}"
        raise InputError(f"{where}: a run has no '{name}'{hint}")
    units = UNITS.get(name, {})
    if source.unit is not None and source.unit not in units:
        known = ", ".join(units) or "no unit"
        raise InputError(f"{where}: '{name}' is not measured in '{source.unit}'; it takes {known}")
    return source


def _complete(mapping: RunMapping, file: str) -> RunMapping:
    for name in _NEEDED:
        if name not in mapping.sources:
            raise InputError(
                f"{file}: says nothing of '{name}'; map a column, or a text for all as '={name}'"
            )
    return mapping


def _value(target: str, source: Source, row: Mapping[str, Any]) -> Any:
    parts = [_part(column, row) for column in source.columns]
    value = parts[0] if len(parts) == 1 else ":".join(map(_text, parts))
    if source.values is not None:
        return _meaning(target, source, value)
    if source.unit is None or value in (None, ""):
        return value
    return _converted(target, value, source.unit)


def _part(column: str, row: Mapping[str, Any]) -> Any:
    if column.startswith(CONSTANT):
        return column.removeprefix(CONSTANT)
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _meaning(target: str, source: Source, value: Any) -> Any:
    written, known = _text(value), source.values or {}
    if written in known:
        return known[written]
    if source.otherwise is not None:
        return source.otherwise
    raise InputError(
        f"`{target}`: the mapping does not say what '{written}' means; add it to `values`, or `otherwise`"
    )


def _converted(target: str, value: Any, unit: str) -> Any:
    try:
        number = Decimal(str(value)) * UNITS[target][unit]
        return datetime.fromtimestamp(float(number), UTC) if target == "started_at" else number
    except (InvalidOperation, ValueError, OverflowError, OSError):
        raise InputError(f"`{target}`: '{value}' is no number of {unit}; correct it") from None


def _fingerprint(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()
