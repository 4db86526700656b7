"""Prints what there is to say about an execution, and says whether it did what was asked of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from prisma_assets.command.output import answer, say, table

DONE_AS_ASKED = frozenset({"COMPLETED", "WAITING_APPROVAL", "DECLINED"})
"""A declined or waiting execution did what was asked of it; a failed, cancelled or interrupted one did not."""


def show(found: Mapping[str, Any], *, as_json: bool) -> int:
    """Print a report; returns the command's exit status."""
    if as_json:
        answer(found)
    else:
        _show_to_person(found)
    return 0 if found["status"] in DONE_AS_ASKED else 3


def _show_to_person(found: Mapping[str, Any]) -> None:
    say(f"Execution {found['execution_id']}  {found['template']}  {found['status']}", "")
    table(
        ["step", "name", "status", "findings", "ms", "conclusion"],
        [_row(s) for s in found["steps"]],
    )
    for step_id, roles in found["waiting_for"].items():
        say("", f"{step_id} waits for {' or '.join(roles) or 'the next run'}:")
        unmet = found["not_to_be_approved"].get(step_id)
        if unmet:
            say(
                f"  (not to be approved while `{unmet}` does not hold; its workpaper says what is missing)"
            )
        if roles:
            decision = "changes" if unmet else "approve"
            say(
                f"  prisma-assets approve {found['execution_id']} {step_id} --as USER --decision {decision} --comment '...'"
            )
        say(f"  prisma-assets resume {found['execution_id']}")
    if found["stale_sign_offs"]:
        say("", *(stale["sentence"] for stale in found["stale_sign_offs"]))
    if found["compensations"]:
        say("")
        table(
            ["undone", "pass", "status", "by"], [_compensation(c) for c in found["compensations"]]
        )
    if found["cancel"]:
        say("", f"cancelled by {found['cancel']['requested_by']}: {found['cancel']['reason']}")
    elif found["error"]:
        say("", ": ".join(filter(None, (found["error"]["step_id"], found["error"]["message"]))))


def _row(step: Mapping[str, Any]) -> Sequence[Any]:
    paper = step["workpaper"]
    conclusion = paper["conclusion"] if paper else (step["error"] or {}).get("message", "")
    short = conclusion if len(conclusion) <= 90 else conclusion[:89] + "…"
    findings = len(paper["findings"]) if paper else None
    return step["step_id"], step["name"], step["status"], findings, step["duration_ms"], short


def _compensation(row: Mapping[str, Any]) -> Sequence[Any]:
    by = row["settled_by"] or row["agent_id"]
    return row["step_id"], row["iteration"], row["status"], by
