"""Reads a table of outcomes; what is wrong with it is a sentence that names the row and the column."""

import gzip
import io
import json
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prisma_assets.domain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from prisma_assets.domain.experiments.tally import Numbers

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_MISSING = ("", "nan", "null", "none", "na", "n/a")
"""How databases and spreadsheets write that there is no value."""
_TRUTH = {"true": "1", "false": "0"}
DAY_SECONDS = 86_400.0


def read_table(path: Path) -> "pd.DataFrame":
    """The rows of a CSV, Parquet or JSON-lines file, CSV and JSON also gzipped, every value as text.

    Raises:
        InputError: No such file, not readable as what it is, or without rows.
    """
    import pandas as pd
    from pyarrow import ArrowInvalid

    content = _bytes(path)
    try:
        if content.startswith(_PARQUET):
            frame = _as_text(pd.read_parquet(io.BytesIO(content)))
        elif content.lstrip()[:1] == b"{":
            frame = _as_text(pd.DataFrame(_json_rows(path, content)))
        else:
            frame = pd.read_csv(
                io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ArrowInvalid) as error:
        said = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: cannot be read as a table ({said}); correct or export it again"
        ) from None
    frame.columns = [str(name).strip() for name in frame.columns]
    if not len(frame):
        raise InputError(f"{path}: no rows below the column names; there is nothing to judge")
    return frame


def column(frame: "pd.DataFrame", name: str, *, path: Path, option: str) -> "pd.Series[str]":
    """A column by name.

    Raises:
        InputError: There is none.
    """
    if name not in frame.columns:
        raise InputError(
            f"{path}: no column '{name}', it has {', '.join(frame.columns)}; name another with {option}"
        )
    return frame[name].str.strip()


def numbers(values: "pd.Series[str]", *, path: Path) -> "Numbers":
    """A column as numbers; NaN where there is no value.

    Raises:
        InputError: A value is no finite number.
    """
    import numpy as np
    import pandas as pd

    plain = values.str.lower().replace(_TRUTH)
    is_missing = plain.isin(_MISSING).to_numpy()
    read: Numbers = pd.to_numeric(plain.where(~is_missing, "nan"), errors="coerce").to_numpy(
        dtype=np.float64
    )
    wrong = (~np.isfinite(read)) & ~is_missing
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path}: row {row + 1}, column '{values.name}': '{values.iloc[row]}' is no number; write one, or nothing where there is no outcome"
        )
    return read


def shares(frame: "pd.DataFrame", written: str, *, path: Path) -> "Numbers":
    """The treatment's share in force at every row, from a number or the name of a column.

    Raises:
        InputError: Neither, or not between 0 and 1.
    """
    import numpy as np

    if written in frame.columns:
        found = numbers(frame[written], path=path)
    else:
        try:
            found = np.full(len(frame), float(written))
        except ValueError:
            raise InputError(
                f"--split is '{written}', which is neither a share nor a column of {path}; write the treatment's share, e.g. 0.5"
            ) from None
    wrong = ~((found > 0) & (found < 1))
    if wrong.any():
        raise InputError(
            f"the split is {found[int(wrong.argmax())]:g}; the treatment's share must lie between 0 and 1, e.g. 0.5"
        )
    return found


def moments(values: "pd.Series[str]", *, path: Path) -> "Numbers":
    """A column of times as seconds from any fixed moment: timestamps, or numbers of days.

    Raises:
        InputError: A value is neither.
    """
    import numpy as np
    import pandas as pd

    days: Numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    if np.isfinite(days).all():
        return days * DAY_SECONDS
    stamps = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    wrong = stamps.isna().to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path}: row {row + 1}, column '{values.name}': '{values.iloc[row]}' is no time; write it as 2026-03-01 14:05:00, or as a number of days"
        )
    seconds: Numbers = (
        stamps.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    )
    return seconds


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: damaged gzip file ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct that") from None


def _json_rows(path: Path, content: bytes) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}: line {number} is no JSON ({error}); correct it") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {number} is no JSON object; write one object per line")
        rows.append(row)
    return rows


def _as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    def text(value: Any) -> str:
        if (
            value is None
            or (isinstance(value, float) and math.isnan(value))
            or str(value) in ("<NA>", "NaT")
        ):
            return ""
        return str(value)

    return frame.apply(lambda values: values.astype(object).map(text))
