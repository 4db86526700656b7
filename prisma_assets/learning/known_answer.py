"""Tasks with known answers, as both versions of an agent can be given: engagements with planted errors, or a file of questions.

Having them done belongs to `paired_run`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from prisma_assets.agents.contract import AgentTask
from prisma_assets.domain.audit.workpaper import Frozen
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.agreement import correctness
from prisma_assets.domain.yaml_source import parse_model
from prisma_assets.engine.text_file import read_text
from prisma_assets.learning.labelled_work import CHAIN, measured_tasks, selection_of


@dataclass(frozen=True, kw_only=True)
class KnownAnswer:
    """One task and what is known to be right of it."""

    name: str
    sha256: str
    """Of what is asked and of the answer."""
    calls: Sequence[AgentTask]
    """In order; later ones are given what the earlier ones put out. Call ids are set by whoever makes the calls."""
    score: Callable[[Mapping[str, Mapping[str, Any]]], float] = field(repr=False)
    """How right the outputs are by step, in [0, 1]."""


class Question(Frozen):
    """One task of a file."""

    name: str = Field(min_length=1)
    task: str = Field(min_length=1)
    """The procedure, as templates name it."""
    inputs: Mapping[str, Any] = Field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """What earlier steps put out, by step id."""
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    engagement: str | None = None
    """Folder of books, from the folder of the file on."""
    expected: Mapping[str, Any] = Field(default_factory=dict)
    """What is known to be right, by output."""


class QuestionFile(Frozen):
    """A file of tasks."""

    tasks: tuple[Question, ...] = Field(min_length=1)


def questions(file: Path, agent_id: str) -> list[KnownAnswer]:
    """The tasks of a file.

    Raises:
        InputError: The file is none, a name stands twice, or a task has no known answer.
    """
    text = read_text(file, missing="name a file of tasks with known answers")
    asked = parse_model(text, QuestionFile, file=str(file)).tasks
    names = [question.name for question in asked]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{file}: two tasks are called '{twice}'; each needs a name of its own")
    unknown = next((q.name for q in asked if not q.expected), None)
    if unknown is not None:
        raise InputError(
            f"{file}: task '{unknown}' has no measure of its outcome; say under `expected` what is right, by output"
        )
    return [_asked(question, agent_id, file.parent) for question in asked]


def _asked(question: Question, agent_id: str, beside: Path) -> KnownAnswer:
    folder, books = None, None
    if question.engagement is not None:
        folder = str((beside / question.engagement).resolve())
        books = _books(Path(folder))
    call = AgentTask(
        call_id="", agent_id=agent_id, task=question.task, step_id=question.task, inputs=question.inputs, steps=question.steps,
        parameters=question.parameters, engagement_folder=folder, books_sha256=books,
    )  # fmt: skip
    said = [question.model_dump(mode="json", exclude={"engagement"}), books]
    return KnownAnswer(
        name=question.name, sha256=_hash(said), calls=(call,),
        score=lambda outputs: correctness(outputs[question.task], question.expected),
    )  # fmt: skip


def engagements(folders: Sequence[Path], agent_id: str) -> list[KnownAnswer]:
    """Engagements of which the errors are known, as the steps do them that have such a measure.

    Raises:
        InputError: The agent has no such step, a folder has no list of planted errors, or two hold the same books.
    """
    if not measured_tasks(agent_id):
        raise InputError(
            f"no procedure of {agent_id} has an outcome that planted errors measure; give --tasks with what is right under `expected`"
        )
    made = [_engagement(folder.expanduser().resolve()) for folder in folders]
    names = [one.name for one in made]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"two of the folders hold the same books ({twice}); a task counts once")
    return made


def _engagement(folder: Path) -> KnownAnswer:
    from prisma_assets.domain.audit.score import parse_planted

    planted_file = folder.with_name(f"{folder.name}.planted.json")
    if not planted_file.exists():
        raise InputError(
            f"{folder} has no measure of its outcome: beside it lies no {planted_file.name} with the errors that are known to be in it"
        )
    text = read_text(planted_file, missing="")
    planted = parse_planted(text, file=str(planted_file))
    books, mark = _books(folder), selection_of(planted)
    if mark is None:
        raise InputError(f"{planted_file} lists no journal entry that the agent could find")
    calls = [
        AgentTask(
            call_id="", agent_id=agent, task=task, step_id=step_id, engagement_folder=str(folder), books_sha256=books,
        )
        for step_id, (agent, task) in CHAIN.items()
    ]  # fmt: skip
    return KnownAnswer(
        name=f"books {books[:16]}", sha256=_hash([books, text]), calls=calls,
        score=lambda outputs: mark(outputs["a07"]).score,
    )  # fmt: skip


def _books(folder: Path) -> str:
    from prisma_assets.engagement.facts import books_sha256

    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one with an engagement's books")
    return books_sha256(folder)


def _hash(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
