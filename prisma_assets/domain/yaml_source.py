"""YAML text to a validated model; every mistake is answered with file, line, column and the mend.

Reading files does not belong here; callers hand in the text.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from io import StringIO
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.yaml_quick import (
    QuickMapping,
    QuickSequence,
    UnusualError,
    read_plain,
)

Model = TypeVar("Model", bound=BaseModel)


def parse_model(text: str, model: type[Model], *, file: str) -> Model:
    """Parse YAML and validate it as `model`.

    Args:
        text: The file's content.
        model: What it must be.
        file: Name to show in errors.

    Raises:
        InputError: One line per mistake, each `file:line:column: what is wrong and what to do`.
    """
    data = parse_yaml(text, file=file)
    return validate(data, model, file=file)


def parse_yaml(text: str, *, file: str) -> Any:
    """Parse YAML, keeping line and column of every key.

    Raises:
        InputError: Not YAML, a key given twice, or no mapping at the top.
    """
    try:
        data = read_plain(text)
    except UnusualError:
        data = _read_any(text, file=file)
    if not isinstance(data, Mapping):
        raise InputError(f"{file}:1:1: expected `key: value` lines, found {_kind(data)}")
    return data


def _read_any(text: str, *, file: str) -> Any:
    """Read YAML of every kind, ten times slower; says what is wrong with what is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        # What runs into the end of the file is mended where it began.
        marks = [error.problem_mark, error.context_mark]
        mark = next(
            (m for m in (reversed(marks) if "end of" in str(error.problem) else marks) if m), None
        )
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise InputError(f"{where}: not valid YAML: {_one_line(error.problem)}") from error
    except YAMLError as error:
        raise InputError(f"{file}: not valid YAML: {_one_line(error)}") from error


def validate(data: Any, model: type[Model], *, file: str) -> Model:
    """Validate parsed YAML as `model`; see `parse_model`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        lines = [_describe(e, data, model, file) for e in found if not _follows(e, found, model)]
        raise InputError("\n".join(dict.fromkeys(lines))) from error


def place(data: Any, path: Iterable[str | int], file: str) -> str:
    """Where the deepest part of `path` stands in the parsed YAML, as `file:line:column`."""
    found = position(data, path)
    return f"{file}:{found[0]}:{found[1]}" if found else file


def position(data: Any, path: Iterable[str | int]) -> tuple[int, int] | None:
    """Line and column (1-based) of the deepest part of `path` that stands in the parsed YAML."""
    found: tuple[int, int] | None = (1, 1)
    node = data
    for part in path:
        place = _child_position(node, part)
        if place is None:
            break
        found = place
        node = node[part]
    return found


def _child_position(node: Any, part: str | int) -> tuple[int, int] | None:
    if isinstance(node, QuickMapping | QuickSequence):
        return node.places.get(part)
    marks = getattr(getattr(node, "lc", None), "data", None)
    if not marks or part not in marks:
        return None
    line, column = marks[part][:2]
    return line + 1, column + 1


def _follows(error: ErrorDetails, found: Sequence[ErrorDetails], model: type[BaseModel]) -> bool:
    """Whether a mistake is only what another one makes: a key missing because it is misspelled, a list empty of bad items."""
    path = error["loc"]
    if error["type"] == "missing":
        misspelled = [
            e["loc"][-1]
            for e in found
            if e["type"] == "extra_forbidden" and e["loc"][:-1] == path[:-1]
        ]
        return any(path[-1] == _closest(str(m), _fields_at(model, path[:-1])) for m in misspelled)
    deeper = (e["loc"] for e in found if len(e["loc"]) > len(path))
    return error["type"] == "too_short" and any(d[: len(path)] == path for d in deeper)


def _closest(word: str, known: Sequence[str]) -> str | None:
    return next(iter(get_close_matches(word, known, n=1)), None)


def _describe(error: ErrorDetails, data: Any, model: type[BaseModel], file: str) -> str:
    path = [
        p
        for p in error["loc"]
        if not (isinstance(p, str) and p.startswith(("function-", "tagged-")))
    ]
    name = ".".join(str(p) for p in path)
    return f"{place(data, path, file)}: {_sentence(error, name, path, model)}"


def _sentence(error: ErrorDetails, name: str, path: list[str | int], model: type[BaseModel]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        close = _closest(str(path[-1]), known)
        hint = f"did you mean '{close}'?" if close else f"known keys: {', '.join(sorted(known))}"
        return f"unknown key '{name}'; {hint}"
    if kind == "missing":
        return f"'{name}' is missing; add it"
    if kind == "literal_error":
        return f"{name}: '{error['input']}' is none of {_one_line(error['ctx']['expected'])}"
    message = _one_line(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Field names of the model that stands at the end of `path`."""
    current = model
    for part in path:
        if isinstance(part, str) and part in current.model_fields:
            current = _inner_model(current.model_fields[part].annotation) or current
    return list(current.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _kind(data: object) -> str:
    if data is None:
        return "nothing"
    return "a list" if isinstance(data, list) else "a single value"
