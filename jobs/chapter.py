"""Puts the ops of a chapter into a graph of their own, so that the Dagster UI draws one box that opens.

What runs is the same: Dagster flattens nested graphs before it plans a run. Its UI places at most some 300 ops in a row;
a methodology of 700 steps, nearly all one after the other, is drawn in chapters or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

Feeds = Mapping[str, Any]
"""What feeds each input of a node: a dependency, or several."""
Dependencies = dict[dg.NodeInvocation, Feeds]


@dataclass(frozen=True, kw_only=True)
class FlatGraph:
    """Ops and what feeds them, before any is put into a chapter."""

    name: str
    """Prefix of the definitions' names."""
    nodes: Mapping[str, dg.OpDefinition]
    """By the name the graph shows."""
    feeds: Mapping[str, Feeds]
    """By node; nodes in an order that respects them."""
    chapters: Mapping[str, str]
    """Chapter of each node that has one."""


@dataclass
class _Chapter:
    """What crosses the border of one chapter."""

    inputs: dict[str, Any] = field(default_factory=dict)
    """What feeds each input of the chapter."""
    input_mappings: list[dg.InputMapping] = field(default_factory=list)
    outputs: dict[str, dg.OutputMapping] = field(default_factory=dict)
    inner: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What feeds each node from inside."""


def in_chapters(
    flat: FlatGraph,
) -> tuple[list[dg.OpDefinition | dg.GraphDefinition], Dependencies]:
    """Nodes and dependencies of the graph, a chapter being one node of it."""
    chapters: dict[str, _Chapter] = {c: _Chapter() for c in dict.fromkeys(flat.chapters.values())}
    outer: dict[str, dict[str, Any]] = {}
    for node, feeds in flat.feeds.items():
        chapter = flat.chapters.get(node)
        if chapter is None:
            outer[node] = {
                name: _seen_outside(flat, chapters, feed) for name, feed in feeds.items()
            }
            continue
        inner = chapters[chapter].inner.setdefault(node, {})
        for name, feed in feeds.items():
            if all(flat.chapters.get(d.node) == chapter for d in _each(feed)):
                inner[name] = feed
            else:
                _let_in(chapters[chapter], (node, name), _seen_outside(flat, chapters, feed))
    graphs = [_graph(flat, name, chapter) for name, chapter in chapters.items()]
    free = [definition for node, definition in flat.nodes.items() if node not in flat.chapters]
    dependencies: Dependencies = {_invocation(flat, node): feeds for node, feeds in outer.items()}
    for name, chapter_ in chapters.items():
        dependencies[dg.NodeInvocation(_graph_name(flat, name), alias=name)] = chapter_.inputs
    return [*free, *graphs], dependencies


def _seen_outside(flat: FlatGraph, chapters: Mapping[str, _Chapter], feed: Any) -> Any:
    """The feed as the graph around the chapters has it: what comes out of a chapter comes from the chapter's own output."""
    seen = []
    for dependency in _each(feed):
        chapter = flat.chapters.get(dependency.node)
        if chapter is None:
            seen.append(dependency)
            continue
        output = f"{dependency.node}__{dependency.output}"
        chapters[chapter].outputs[output] = dg.OutputMapping(
            graph_output_name=output,
            mapped_node_name=dependency.node,
            mapped_node_output_name=dependency.output,
        )
        seen.append(dg.DependencyDefinition(chapter, output))
    return seen[0] if len(seen) == 1 else dg.MultiDependencyDefinition(seen)


def _let_in(chapter: _Chapter, to: tuple[str, str], feed: Any) -> None:
    node, name = to
    known = next((i for i, f in chapter.inputs.items() if _each(f) == _each(feed)), None)
    entry = known or f"{node}__{name}"
    chapter.inputs[entry] = feed
    mapping = dg.InputMapping(
        graph_input_name=entry, mapped_node_name=node, mapped_node_input_name=name
    )
    chapter.input_mappings.append(mapping)


def _graph(flat: FlatGraph, name: str, chapter: _Chapter) -> dg.GraphDefinition:
    return dg.GraphDefinition(
        name=_graph_name(flat, name),
        description="\n\n".join(f"- {node}" for node in chapter.inner),
        node_defs=[flat.nodes[node] for node in chapter.inner],
        dependencies={_invocation(flat, node): feeds for node, feeds in chapter.inner.items()},
        input_mappings=chapter.input_mappings,
        output_mappings=list(chapter.outputs.values()),
    )


def _graph_name(flat: FlatGraph, chapter: str) -> str:
    return f"{flat.name}__chapter_{chapter}"


def _invocation(flat: FlatGraph, node: str) -> dg.NodeInvocation:
    return dg.NodeInvocation(flat.nodes[node].name, alias=node)


def _each(feed: Any) -> list[dg.DependencyDefinition]:
    several = feed.dependencies if isinstance(feed, dg.MultiDependencyDefinition) else [feed]
    return [d for d in several if isinstance(d, dg.DependencyDefinition)]
