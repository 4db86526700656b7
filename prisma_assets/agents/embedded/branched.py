"""The outputs of a step done once per item, put together as if it had been done once for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def merged(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Outputs with lists joined, counts added and key procedures performed only where every branch performed them.

    Args:
        outputs: Of a step. Those of one that was not done per item stay as they are; `branches` stays in either case.
    """
    branches = outputs.get("branches")
    if not isinstance(branches, Mapping):
        return outputs
    named = dict(leaves(branches))
    names = dict.fromkeys(name for found in named.values() for name in found)
    return {
        **outputs,
        **{n: _joined(n, [found.get(n) for found in named.values()]) for n in names if n != "key_procedures"},
        "key_procedures": _key_procedures(named),
    }  # fmt: skip


def leaves(
    branches: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every branch's outputs by its path; those of a for-each inside another stand one level further down.

    A branch's outputs always hold `procedures`: that tells them from a level of names.
    """
    for name, found in branches.items():
        if not isinstance(found, Mapping):
            continue
        if "procedures" in found or not all(isinstance(v, Mapping) for v in found.values()):
            yield (*path, name), found
        else:
            yield from leaves(found, (*path, name))


def _joined(name: str, values: Sequence[Any]) -> Any:
    known = [v for v in values if v is not None]
    if name == "findings":
        return _findings(known)
    if all(isinstance(v, list) for v in known):
        # A branch that could not look leaves the whole unknown, which is not the same as nothing found.
        return [row for v in known for row in v] if len(known) == len(values) else None
    if all(isinstance(v, Mapping) for v in known):
        return _mappings(known)
    return known if len(known) > 1 else next(iter(known), None)


def _mappings(known: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in known:
        for key, inner in value.items():
            before = found.get(key)
            if isinstance(inner, int) and isinstance(before, int):
                found[key] = before + inner
            elif isinstance(inner, list) and isinstance(before, list):
                found[key] = [*before, *inner]
            else:
                found[key] = inner
    return found


def _findings(known: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for value in known:
        for kind, row in value.items():
            kinds[kind] = _mappings([kinds.get(kind, {}), row])
    return kinds


def _key_procedures(
    named: Mapping[tuple[str, ...], Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for outputs in named.values():
        for key, state in outputs.get("key_procedures", {}).items():
            before = found.get(key, {"is_performed": True, "reason": ""})
            reasons = [r for r in (before["reason"], state["reason"]) if r]
            found[key] = {
                "is_performed": before["is_performed"] and state["is_performed"],
                "reason": "; ".join(reasons),
            }
    return found
