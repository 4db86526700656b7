"""What a step of a methodology tells the agent that does it: the `parameters` of the template step."""

from typing import Final

from pydantic import Field

from prisma_assets.domain.workflow.blueprint import Binding, BlueprintPart

TASK: Final = "perform_procedure_step"
"""The task whose parameters a brief is."""


class Question(BlueprintPart):
    """Something a person decides in the step."""

    question: str
    answers: tuple[str, ...] = ()


class ProcedureBrief(BlueprintPart):
    """One step of a procedure, as the methodology wants it."""

    procedure: str
    """Title of the procedure."""
    actor: str
    """Who does the step, in the methodology's words."""
    performs: str | None = None
    """The firm's own procedure that does the step's work; None: people do it."""
    judged_by_people: bool = False
    """Only people may conclude."""
    binding: Binding = "requirement"
    reads: dict[str, str] = Field(default_factory=dict)
    """Evidence the step rests on: id to name."""
    leaves: dict[str, str] = Field(default_factory=dict)
    """Evidence the step produces: id to name."""
    questions: tuple[Question, ...] = ()
    states: tuple[str, ...] = ()
    """What must be stated for the step to count as done."""
    people: tuple[str, ...] = ()
    """What people contribute."""
    hours: float | None = Field(default=None, gt=0)
    """Budget of the whole procedure."""
