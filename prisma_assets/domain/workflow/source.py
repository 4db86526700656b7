"""Template text to a checked template. Which files are read is the caller's business."""

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.validation import problems, written_internals
from prisma_assets.domain.yaml_source import parse_yaml, place, validate


def parse_template(text: str, *, file: str, agents: frozenset[str]) -> Template:
    """Read a template and check it against the firm's agents.

    Args:
        text: Content of the YAML file.
        file: Name to show in errors.
        agents: Ids of the agents the firm has.

    Raises:
        InputError: One line per mistake, with file, line, column and the mend.
    """
    data = parse_yaml(text, file=file)
    template = validate(data, Template, file=file)
    found = [*written_internals(template), *problems(template, agents=agents)]
    if found:
        raise InputError("\n".join(f"{place(data, p.path, file)}: {p.sentence}" for p in found))
    return template
