"""The JSON schema of template files, for editors: as the model has it, with what each key means and what people may write."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from prisma_assets.domain.workflow import part, template
from prisma_assets.domain.workflow.part import Part
from prisma_assets.domain.workflow.template import Template


def template_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    schema = Template.model_json_schema()
    described = {cls.__name__: dict(_meanings(cls)) for cls in _parts()}
    for name, definition in [("Template", schema), *schema["$defs"].items()]:
        for key, value in definition.get("properties", {}).items():
            meaning = described.get(name, {}).get(key)
            if meaning is not None:
                value["description"] = meaning
            if value.get("type") == "string" and isinstance(value.get("default"), float):
                value["default"] = f"{value['default']:g}s"  # a duration
    _or_its_name(schema["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parts() -> Iterator[type[Part]]:
    for module in (part, template):
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Part):
                yield value


def _meanings(cls: type[Part]) -> Iterator[tuple[str, str]]:
    """Keys with the text that stands below each in the source; the model would read it at every start."""
    for base in reversed(cls.__mro__):
        if not issubclass(base, Part):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        lines = body.body if isinstance(body, ast.ClassDef) else []
        for line, below in pairwise(lines):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield line.target.id, inspect.cleandoc(text.value)


def _or_its_name(definitions: dict[str, Any]) -> None:
    """A role without a condition is written as its name alone."""
    whole = definitions["RequiredRole"]
    definitions["RequiredRole"] = {"anyOf": [whole["properties"]["role"], whole]}
