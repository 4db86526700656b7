"""The workflow templates at hand: those that ship and those of `PRISMA_TEMPLATES`. One bad file never takes the others down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.expansion import expand
from prisma_assets.domain.workflow.source import parse_template
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.validation import did_you_mean
from prisma_assets.engine.text_file import read_text
from prisma_assets.settings import Settings

SHIPPED = Path(__file__).parents[2] / "jobs" / "templates"


@dataclass(frozen=True, kw_only=True)
class TemplateLibrary:
    """Templates by name, and what is wrong with the files that could not be read."""

    templates: Mapping[str, Template]
    problems: tuple[str, ...] = ()
    written: Mapping[str, Template] = field(default_factory=dict)
    """The same as they stand in their files, before sub-workflows are put in."""
    earlier: tuple[Template, ...] = ()
    """Contents that unfinished executions work by and no file has any more."""

    @property
    def jobs(self) -> Mapping[str, Template]:
        """Every content at hand by the name of its job; those of the files go first."""
        jobs = {self.job_of(t.name, t.sha256): t for t in self.templates.values()}
        for template in self.earlier:
            jobs.setdefault(self.job_of(template.name, template.sha256), template)
        return jobs

    def job_of(self, name: str, sha256: str) -> str:
        """Name of the Dagster job of a content: `<template>_job` for that of today, with the hash for any other."""
        current = self.templates.get(name)
        if current is not None and current.sha256 == sha256:
            return f"{name}_job"
        return f"{name}_{sha256[:8]}_job"

    def get(self, name: str) -> Template:
        """The template of that name.

        Raises:
            InputError: No such template; says why when its file could not be read.
        """
        if name in self.templates:
            return self.templates[name]
        broken = [p for p in self.problems if f"{name}.y" in p]
        if broken:
            raise InputError(broken[0])
        raise InputError(
            f"no template is called '{name}'"
            + (
                did_you_mean(name, set(self.templates))
                or "; `prisma-assets templates list` names them all"
            )
        )

    def read(self, path: Path, *, agents: frozenset[str]) -> Template:
        """Read one template file, whole: what it uses is found in the library.

        Raises:
            InputError: It cannot be read or is wrong; one line per mistake.
        """
        return self.parse(read_text(path), file=str(path), agents=agents)

    def parse(self, text: str, *, file: str, agents: frozenset[str]) -> Template:
        """Read one template's text, whole: what it uses is found in the library.

        Raises:
            InputError: It is wrong; one line per mistake, with the name of the file.
        """
        template = parse_template(text, file=file, agents=agents)
        written = {**self.written, template.name: template}
        return _whole(template, written, agents, file=file)


def read_template(path: Path, *, agents: frozenset[str]) -> Template:
    """Read and check one template file as it is written: a sub-workflow is still one step.

    Raises:
        InputError: It cannot be read or is wrong; one line per mistake.
    """
    return parse_template(read_text(path), file=str(path), agents=agents)


def read_library(folders: Iterable[Path], *, agents: frozenset[str]) -> TemplateLibrary:
    """Read every `*.yaml` and `*.yml` file of the folders; a template found twice keeps its first place."""
    written: dict[str, Template] = {}
    files: dict[str, Path] = {}
    problems: list[str] = []
    for folder in folders:
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            try:
                template = read_template(path, agents=agents)
            except InputError as error:
                problems.append(str(error))
                continue
            if template.name in written:
                problems.append(
                    f"{path}: a template named '{template.name}' exists already; choose another name"
                )
            else:
                written[template.name], files[template.name] = template, path
    templates: dict[str, Template] = {}
    for name, template in written.items():
        try:
            templates[name] = _whole(template, written, agents, file=files[name])
        except InputError as error:
            problems.append(str(error))
    return TemplateLibrary(templates=templates, problems=tuple(problems), written=written)


def _whole(
    template: Template, written: Mapping[str, Template], agents: frozenset[str], *, file: str | Path
) -> Template:
    def find(name: str) -> Template:
        if name in written:
            return written[name]
        raise InputError(f"no template is called '{name}'{did_you_mean(name, set(written))}")

    try:
        return expand(template, find, agents=agents)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def product_library(settings: Settings, *, agents: frozenset[str]) -> TemplateLibrary:
    """The templates that ship and those of `PRISMA_TEMPLATES`."""
    own = [settings.templates] if settings.templates is not None else []
    return read_library([SHIPPED, *own], agents=agents)
