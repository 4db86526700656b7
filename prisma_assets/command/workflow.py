"""`run`, `status`, `approve`, `redo` and `resume`: an engagement from books to sealed file. What they do lives in `execution`."""

from pathlib import Path
from typing import Annotated

import typer

from prisma_assets.command.output import AsJson

ExecutionId = Annotated[str, typer.Argument(metavar="ID", help="Execution, as `run` printed it.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("run")(run)
    app.command("status")(status)
    app.command("approve")(approve)
    app.command("redo")(redo)
    app.command("resume")(resume)
    app.command("undone")(undone)
    app.command("cancel")(cancel)


def run(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="Name of a workflow template.")
    ],
    engagement: Annotated[
        Path | None, typer.Option(help="Folder with engagement.yaml and the client's tables.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="K=V", help="One input; repeatable.")
    ] = None,
    sign_offs: Annotated[
        Path | None, typer.Option(help="File with sign-offs given in advance.")
    ] = None,
    as_user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who starts it; default: you.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a workflow as far as sign-offs allow.

    It runs in this process; exit 0 when it completed, waits for a sign-off or was declined, 3 when it failed or was
    cancelled. Of the answer, `duration_ms` is the time in which a step was being worked on, however many runs that took
    and without the time people took to sign; `cost_usd` is null when the price of a step is not known.
    """
    from prisma_assets.command import execution
    from prisma_assets.settings import Settings

    asked = execution.Asked(
        template=template,
        engagement=engagement,
        inputs=tuple(inputs or ()),
        sign_offs=sign_offs,
        user=as_user,
    )
    return execution.run(Settings.from_environ(), asked, as_json=as_json)


def status(execution_id: ExecutionId, as_json: AsJson = False) -> int:
    """Show an execution and its steps.

    The answer has the shape of `run`'s; exit 0 whatever the status is.
    """
    from prisma_assets.command import execution
    from prisma_assets.settings import Settings

    return execution.status(Settings.from_environ(), execution_id, as_json=as_json)


def approve(
    execution_id: ExecutionId,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Step id or name.")],
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Team member who decides.")],
    decision: Annotated[str, typer.Option(help="approve, reject or changes.")] = "approve",
    comment: Annotated[str, typer.Option(help="Reason; required unless approving.")] = "",
    role: Annotated[
        str | None, typer.Option(help="Role to sign in, for people who hold several.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Decide on a step that waits for a sign-off.

    `up` continues the execution by itself; without it, `resume` does.
    """
    from prisma_assets.command import execution
    from prisma_assets.settings import Settings

    given = execution.Given(step=step, user=as_user, decision=decision, comment=comment, role=role)
    return execution.approve(Settings.from_environ(), execution_id, given, as_json=as_json)


def redo(
    execution_id: ExecutionId,
    steps: Annotated[
        list[str], typer.Argument(metavar="STEP...", help="Ids or names of steps that are done.")
    ],
    as_user: Annotated[
        str, typer.Option("--as", metavar="USER", help="Team member who wants it done again.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept with the execution.")],
    as_json: AsJson = False,
) -> int:
    """Have finished steps done again, with everything behind them.

    What was done stays on record; sign-offs on it count no more and are asked again. `up` does the steps by itself;
    without it, `resume` does.
    """
    from prisma_assets.command import execution
    from prisma_assets.engine.redo import RedoRequest
    from prisma_assets.settings import Settings

    asked = RedoRequest(steps=tuple(steps), requested_by=as_user, reason=reason)
    return execution.redo(Settings.from_environ(), execution_id, asked, as_json=as_json)


def undone(
    execution_id: ExecutionId,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Step id or name.")],
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Team member who did it.")],
    reason: Annotated[str, typer.Option(help="What was done; kept with the execution.")],
    as_json: AsJson = False,
) -> int:
    """Say that a step's work was undone by hand, where its compensation failed.

    What was done before it is then undone in this process.
    """
    from prisma_assets.command import execution
    from prisma_assets.engine.compensation import ByHand
    from prisma_assets.settings import Settings

    said = ByHand(step=step, user=as_user, reason=reason)
    return execution.undone(Settings.from_environ(), execution_id, said, as_json=as_json)


def resume(execution_id: ExecutionId, as_json: AsJson = False) -> int:
    """Continue an execution: signed, failed, cancelled or crashed.

    It runs in this process; what is done is not done again.
    """
    from prisma_assets.command import execution
    from prisma_assets.settings import Settings

    return execution.resume(Settings.from_environ(), execution_id, as_json=as_json)


def cancel(
    execution_id: ExecutionId,
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="Who stops it.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the file.")],
    as_json: AsJson = False,
) -> int:
    """Stop an execution, whichever process works on it.

    Takes a manager or partner of the engagement's team; `resume` continues it where it stopped. Exit 0 once it rests.
    """
    from prisma_assets.command import execution
    from prisma_assets.engine.cancel import Cancel
    from prisma_assets.settings import Settings

    asked = Cancel(requested_by=as_user, reason=reason)
    return execution.cancel(Settings.from_environ(), execution_id, asked, as_json=as_json)
