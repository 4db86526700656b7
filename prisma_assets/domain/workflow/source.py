"""Template text to a checked template. Which files are read is the caller's business."""

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.validation import unknown_agents
from prisma_assets.domain.yaml_source import parse_yaml, position, validate


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
    strangers = unknown_agents(template, agents)
    if strangers:
        raise InputError(
            "\n".join(f"{_step_place(data, problem, file)}: {problem}" for problem in strangers)
        )
    return template


def _step_place(data: object, problem: str, file: str) -> str:
    step_id = problem.split("'")[1]
    steps = data["steps"]  # type: ignore[index]  # validated above
    index = next(i for i, s in enumerate(steps) if s["id"] == step_id)
    place = position(data, ["steps", index, "agent"])
    return f"{file}:{place[0]}:{place[1]}" if place else file
