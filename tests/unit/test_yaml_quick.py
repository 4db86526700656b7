"""The quick reader and the explaining one agree on every text the quick one takes."""

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.yaml_quick import UnusualError, read_plain
from prisma_assets.domain.yaml_source import parse_yaml, place

ROOT = Path(__file__).parents[2]
FILES = sorted(
    p for folder in ("jobs", "prisma_assets", "tests") for p in (ROOT / folder).rglob("*.yaml")
)
PIECES = st.sampled_from(
    ["a", "b", "c: ", "d:", ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "'", '"', "# x", "|\n", ">\n",
     "?", "yes", "true", "No", "null", "~", "1", "-1", "010", "0o7", "0x1f", "1.5", "1e3", ".5", "1_0", ".inf", "12:30",
     "2024-01-31", "2024-01-31 10:00:00", "&x ", "*x", "!!str ", "<<: ", "%Y", "---\n", "...", "\t", "é", "=", "@", "`", "||", "&&", " != "]
)  # fmt: skip


def explained(text: str) -> Any:
    return YAML(typ="rt").load(StringIO(text))


def same(quick: Any, other: Any) -> bool:
    """Equal data of equal kinds, with every key at the same place."""
    if isinstance(quick, dict | list):
        keys = list(quick) if isinstance(quick, dict) else list(range(len(quick)))
        others = list(other) if isinstance(quick, dict) else list(range(len(other)))
        places = {k: (line + 1, column + 1) for k, (line, column, *_) in (other.lc.data or {}).items()}  # fmt: skip
        return keys == others and quick.places == places and all(same(quick[k], other[k]) for k in keys)  # fmt: skip
    if quick is None or isinstance(quick, bool | date):
        return type(quick) is type(other) and quick == other
    return isinstance(other, type(quick)) and quick == other


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_files_of_the_project_are_read_alike(path):
    text = path.read_text(encoding="utf-8")

    assert same(read_plain(text), explained(text))


@given(pieces=st.lists(PIECES, max_size=14))
@settings(max_examples=1000, deadline=None)
def test_what_the_quick_reader_takes_the_other_reads_the_same(pieces):
    text = "k: v\n" + "".join(pieces)
    try:
        quick = read_plain(text)
    except UnusualError:
        return

    assert same(quick, explained(text)), text


@pytest.mark.parametrize(
    "text",
    ["a: &x 1\nb: *x\n", "a: !!str 1\n", "a: 1\na: 2\n", "a: 010\n", "a: 1_000\n", "a: {b: 1}\n<<: {c: 2}\n", "a: [1\n", "%YAML 1.1\n---\na: yes\n"],
    ids=["anchor", "tag", "double", "octal", "underscore", "merge", "broken", "directive"],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_other_reader(text):
    with pytest.raises(UnusualError):
        read_plain(text)


def test_anchors_still_work():
    assert parse_yaml("a: &x [1]\nb: *x\n", file="f") == {"a": [1], "b": [1]}


def test_a_key_given_twice_is_still_refused_with_its_place():
    with pytest.raises(InputError, match=r"f:2:1: not valid YAML: found duplicate key"):
        parse_yaml("a: 1\na: 2\n", file="f")


def test_places_are_found_in_what_was_read_quickly():
    data = parse_yaml("a:\n  - b: 1\n  - c: 2\n", file="f")

    assert place(data, ["a", 1, "c"], "f") == "f:3:5"
    assert place(data, ["a", 1], "f") == "f:3:5"
    assert place(data, ["a", 7], "f") == "f:1:1"
