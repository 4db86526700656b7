"""Plain YAML read by libyaml, with the place of every key: ten times as fast as the parser that explains mistakes.

Whatever is not plain (a tab, an anchor, a tag, a key given twice, an unusual number, a mistake) is left to that parser, so both
give the same data for the same text.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any, Final

_STR: Final = "tag:yaml.org,2002:str"
_CORE: Final = "tag:yaml.org,2002:"
_REFERENCE: Final = re.compile(r"(?:^|[:,\[{?-])\s*[&*!]\S", re.MULTILINE)
"""What may be an anchor, an alias or a tag where a value begins; `a && b`, `a != b` and `R & D` are none."""


class UnusualError(Exception):
    """The text is not plain YAML."""


class QuickMapping(dict[Any, Any]):
    """A mapping that knows where its keys stand."""

    places: dict[Any, tuple[int, int]]
    """Line and column (1-based) of each key."""


class QuickSequence(list[Any]):
    """A list that knows where its items stand."""

    places: dict[Any, tuple[int, int]]
    """Line and column (1-based) of each item."""


def read_plain(text: str) -> Any:
    """Read plain YAML.

    Raises:
        UnusualError: It is not plain, or not YAML.
    """
    import yaml

    if "\t" in text or text.startswith("%") or _REFERENCE.search(text):
        raise UnusualError
    loader = getattr(yaml, "CSafeLoader", None)
    if loader is None:
        raise UnusualError
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise UnusualError from error
    return None if node is None else _value(node)


def _value(node: Any) -> Any:
    kind = node.id
    if kind == "scalar":
        return _scalar(node)
    return _sequence(node) if kind == "sequence" else _mapping(node)


def _mapping(node: Any) -> QuickMapping:
    found = QuickMapping()
    found.places = {}
    for key_node, value_node in node.value:
        key = _scalar(key_node) if key_node.id == "scalar" else None
        if key is None or key in found or key == "<<":
            raise UnusualError
        found[key] = _value(value_node)
        mark = key_node.start_mark
        found.places[key] = mark.line + 1, mark.column + 1
    return found


def _sequence(node: Any) -> QuickSequence:
    found = QuickSequence(_value(n) for n in node.value)
    marks = enumerate(n.start_mark for n in node.value)
    found.places = {i: (mark.line + 1, mark.column + 1) for i, mark in marks}
    return found


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:  # Quoted or a block: a word, whatever it looks like.
        return text
    tag = _resolver()(text)
    return text if tag == _STR else _CORE_VALUES.get(tag, _unusual)(text)


@cache
def _resolver() -> Callable[[str], str]:
    """The rules by which the explaining parser tells a number from a word (YAML 1.2 core schema)."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode

    resolver = YAML(typ="rt").resolver

    @cache
    def tag_of(text: str) -> str:
        return str(resolver.resolve(ScalarNode, text, (True, False)))

    return tag_of


def _unusual(_text: str) -> Any:
    raise UnusualError


def _int(text: str) -> int:
    digits = text.lstrip("+-")
    if not digits.isdecimal() or (digits[0] == "0" and len(digits) > 1):
        raise UnusualError
    return int(text)


def _float(text: str) -> float:
    if "_" in text:
        raise UnusualError
    try:
        return float(text)
    except ValueError as error:
        raise UnusualError from error


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnusualError from error


_CORE_VALUES: Final[dict[str, Callable[[str], Any]]] = {
    f"{_CORE}null": lambda _text: None,
    f"{_CORE}bool": lambda text: text.casefold() == "true",
    f"{_CORE}int": _int,
    f"{_CORE}float": _float,
    f"{_CORE}timestamp": _date,
}
