"""`feedback`: what people say about the agents' work, one at a time or from a file."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.command.row_file import FileRow

feedback = typer.Typer(help="What people say about the agents' work.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(feedback, name="feedback")


@feedback.command("import")
def import_feedback(
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines, also gzipped.")],
    as_json: AsJson = False,
) -> int:
    """Store the feedback of a file with the columns of the table agent_feedback.

    Good rows are kept whatever is wrong with others, and a row delivered before is not stored again. Personal data is
    masked first. Exit status 2 when a row was rejected.
    """
    from prisma_assets.command.row_file import read_rows

    return _store(read_rows(file, _check_header), as_json=as_json)


def _check_header(columns: list[str]) -> None:
    if "agent_id" not in columns:
        raise InputError(
            "the file has no column 'agent_id'; it needs the columns of agent_feedback"
        )


@feedback.command("add")
def add_feedback(
    agent: Annotated[str, typer.Option(help="Id of the agent.")],
    type_: Annotated[
        str, typer.Option("--type", help="rating, correction, suggestion, complaint or praise.")
    ],
    by: Annotated[str | None, typer.Option(help="Who says it.")] = None,
    source: Annotated[str, typer.Option(help="user, manager, qa or system.")] = "user",
    task: Annotated[str | None, typer.Option(help="What the agent did.")] = None,
    step: Annotated[
        str | None, typer.Option(metavar="ID", help="The step it did: step_execution_id.")
    ] = None,
    rating: Annotated[str | None, typer.Option(help="1 (worst) to 5.")] = None,
    comment: Annotated[str | None, typer.Option(help="In your words.")] = None,
    corrected_output: Annotated[
        str | None, typer.Option(help="What is right: JSON or text.")
    ] = None,
    issue: Annotated[
        list[str] | None, typer.Option(help="Kind of mistake; may be given more than once.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Store one piece of feedback; the same again is not stored twice.

    Personal data in the texts is masked first. Exit status 2 when it is rejected.
    """
    from prisma_assets.command.row_file import FileRow

    row = {
        "agent_id": agent,
        "feedback_type": type_,
        "submitted_by": by,
        "source": source,
        "task_id": task,
        "step_execution_id": step,
        "rating": rating,
        "comment": comment,
        "corrected_output": corrected_output,
        "issue_categories": issue,
    }
    return _store([FileRow(number=1, values=row)], as_json=as_json)


@feedback.command("list")
def list_feedback(
    agent: Annotated[str | None, typer.Option(help="Only about this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest feedback."""
    from prisma_assets.command.connection import ask, firm, migrated_server
    from prisma_assets.store.feedback import FeedbackStore

    agent_id = firm().get(agent).id if agent is not None else None
    with migrated_server(Settings.from_environ()) as urls:
        found = ask(
            urls,
            lambda store: FeedbackStore(source=store.database).recent(limit, agent_id=agent_id),
        )
    if as_json:
        answer({"feedback": found})
    elif not found:
        say("No feedback yet.")
    else:
        table(["when", "agent", "by", "type", "rating", "comment"], [_line(row) for row in found])


def _line(row: dict[str, Any]) -> list[Any]:
    by = row["submitted_by"] or row["source"]
    when = f"{row['created_at']:%Y-%m-%d %H:%M}"
    return [when, row["agent_id"], by, row["feedback_type"], row["rating"], row["comment"]]


def _store(rows: "Iterable[FileRow]", *, as_json: bool) -> int:
    from prisma_assets.command.connection import ask, firm, migrated_server
    from prisma_assets.command.taken import tell
    from prisma_assets.learning.feedback_intake import FeedbackIntake
    from prisma_assets.store.feedback import FeedbackStore

    intake = FeedbackIntake(firm())
    given = ((row.number, row.problem if row.values is None else row.values) for row in rows)
    with migrated_server(Settings.from_environ()) as urls:
        taken = ask(urls, lambda store: intake.take(given, FeedbackStore(source=store.database)))
    return tell(taken, as_json=as_json)
