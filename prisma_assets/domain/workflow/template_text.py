"""A template as the text of its file; `source` reads it back."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from prisma_assets.domain.workflow.template import Template

_WIDTH = 10_000
"""Columns after which text goes on in the next line: so many that a sentence stays in one."""


def template_text(template: Template, *, comment: str) -> str:
    """Write a template as YAML; the same template gives the same text.

    Args:
        template: As written in a file: nothing in it comes from the expansion of sub-workflows.
        comment: Lines for the head of the file, without `#`.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed by its default, None
    yaml.width = _WIDTH
    yaml.representer.ignore_aliases = lambda _data: True
    out = StringIO()
    yaml.dump(_said(template), out)
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + out.getvalue()


def _said(template: Template) -> dict[str, Any]:
    said = template.model_dump(mode="json", exclude_defaults=True)
    return {**said, "steps": [_step(s) for s in said["steps"]]}


def _step(said: Mapping[str, Any]) -> dict[str, Any]:
    gate = said.get("sign_off")
    if gate is None:
        return dict(said)
    roles = [_role(r) for r in gate["roles"]]
    return {**said, "sign_off": {**gate, "roles": roles}}


def _role(role: Mapping[str, Any]) -> Any:
    """A role without a condition is written as its name alone."""
    return role["role"] if role.keys() == {"role"} else dict(role)
