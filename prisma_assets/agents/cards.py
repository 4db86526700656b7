"""Reads the agent cards from YAML and says exactly where one is wrong. Finding an agent does not belong here.

The parser is libyaml through PyYAML, because its nodes carry positions and the 51 cards take 5 ms; a parser written
in Python takes 70 ms, paid at the start of every run.
"""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from prisma_assets.agents.contract import AgentCard
from prisma_assets.domain.errors import InputError

ROSTER = Path(__file__).parent / "roster"
"""One file per domain; the file's name is the domain of its cards."""

EXPECTED = {
    "id": "lower-case words and a three-digit number joined by hyphens, like audit-plan-012",
    "name": "some text",
    "does": "some text",
    "autonomy": "L0, L1, L2 or L3",
    "risk": "low, medium, high or critical",
    "tier": "a whole number from 1 to 4",
    "tools": "a list of names in square brackets",
    "standards": "a list of names in square brackets",
    "version": "three numbers joined by dots, like 1.0.0",
    "provider": "the name of a provider",
    "max_concurrency": "a whole number from 1",
    "instances": "a whole number from 1",
    "prompt": "some text",
    "model": "the name of a model",
    "knowledge": "a list of sources in square brackets",
    "parameters": "values by name",
}
"""What a person should write under each key."""

KEYS = tuple(key for key in AgentCard.model_fields if key != "domain")


class _Placed(NamedTuple):
    """A card and where it stands, for the message about a second card of the same id."""

    card: AgentCard
    place: str


@cache
def firm_cards() -> tuple[AgentCard, ...]:
    """Give the firm's agents in the order of their numbers; read once per process."""
    return read_cards(ROSTER)


def read_cards(folder: Path) -> tuple[AgentCard, ...]:
    """Read every `*.yaml` of the folder.

    Returns:
        The cards in the order of their numbers.

    Raises:
        InputError: A file is not YAML, or a card is wrong; names file, line and column.
    """
    placed: dict[str, _Placed] = {}
    for path in sorted(folder.glob("*.yaml")):
        for card, place in _read_file(path):
            if card.id in placed:
                raise InputError(
                    f"{place}: agent {card.id} is already described at {placed[card.id].place}; "
                    f"give one of them another id"
                )
            placed[card.id] = _Placed(card, place)
    if not placed:
        raise InputError(f"{folder}: there are no agent cards; put at least one .yaml file there")
    return tuple(
        sorted((p.card for p in placed.values()), key=lambda card: (card.id[-3:], card.id))
    )


def _read_file(path: Path) -> Iterator[_Placed]:
    root = _compose(path)
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        raise InputError(
            f"{_place(path, root)}: expected a list of cards, each starting with `- id:`"
        )
    for node in root.value:
        yield _Placed(_card(path, node), _place(path, node))


def _compose(path: Path) -> Any:
    """Parse the file into nodes, which know their positions; values stay text until the model reads them."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=loader)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not readable as UTF-8 text ({error.reason}); save it as UTF-8"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(f"{where}: not valid YAML: {error.problem or error.context}") from error


def _card(path: Path, node: Any) -> AgentCard:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{_place(path, node)}: expected a card with keys, starting with `- id:`")
    values: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _checked_key(path, key_node, nodes)
        nodes[key] = value_node
        values[key] = _plain(value_node)
    try:
        return AgentCard.model_validate({"domain": path.stem, **values})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InputError(_complaint(path, node, nodes, first)) from error


def _checked_key(path: Path, key_node: Any, seen: dict[str, Any]) -> str:
    key = str(key_node.value)
    if key in seen:
        raise InputError(f"{_place(path, key_node)}: key `{key}` is given twice; keep one")
    if key not in KEYS:
        close = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(KEYS)}"
        raise InputError(f"{_place(path, key_node)}: unknown key `{key}`; {hint}")
    return key


def _plain(node: Any) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    return node.value


def _complaint(path: Path, card: Any, nodes: dict[str, Any], error: Any) -> str:
    """Say in one sentence which value is wrong and what belongs there."""
    key, *inside = error["loc"]
    if key not in nodes:
        return f"{_place(path, card)}: the card has no `{key}`; add {EXPECTED[key]}"
    node = nodes[key]
    if inside and isinstance(node, yaml.SequenceNode):
        node = node.value[inside[0]]
    given = f"`{node.value}`" if isinstance(node, yaml.ScalarNode) and node.value else "this"
    return (
        f"{_place(path, node)}: {given} cannot be the `{key}` of an agent; expected {EXPECTED[key]}"
    )


def _place(path: Path, node: Any) -> str:
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
