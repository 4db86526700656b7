"""`lineage`: from a version back to the ratings that caused it, from a rating on to what came of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.learning.lineage import FeedbackLine, VersionLine

_SHOWN = 10
"""Pieces of feedback on a page; JSON has all."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("lineage")(show_lineage)


def show_lineage(
    what: Annotated[
        str, typer.Argument(metavar="VERSION|FEEDBACK_ID", help="A version of an agent, or an id of feedback.")
    ],
    agent: Annotated[
        str | None, typer.Option(help="Whose version, where several agents have one of that number.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show the one line from what people said to the change it caused, the test that justified it and the effect it had."""
    from prisma_assets.command.connection import ask, migrated_server
    from prisma_assets.learning.lineage import feedback_line, version_lines
    from prisma_assets.store.experiment import is_uuid

    with migrated_server(Settings.from_environ()) as urls:
        if is_uuid(what):
            line = ask(urls, lambda store: feedback_line(store.database, what))
            return answer(asdict(line)) if as_json else _show_feedback(line)
        lines = ask(urls, lambda store: version_lines(store.database, what, agent_id=agent))
    if as_json:
        return answer({"versions": [asdict(one) for one in lines]})
    for one in lines:
        _show_version(one)
    return None


def _show_feedback(line: "FeedbackLine") -> None:
    said = line.feedback
    say(f"{said['agent_id']}, {said['created_at']:%Y-%m-%d}: {_words(said)}")
    if not line.opportunities:
        say("It is part of no opportunity so far.")
    for one in line.opportunities:
        say(f"shows: {one['title']} ({one['status']}, opportunity {one['opportunity_id']})")
    if line.opportunities and not line.versions:
        say("No version answers it yet.")
    for version in line.versions:
        _show_steps(version)


def _show_version(line: "VersionLine") -> None:
    version = line.version
    if version["opportunity_id"] is not None:
        say(
            f"{version['opportunity']} ({version['opportunity_status']}), from {line.feedback_total} pieces of feedback:"
        )
        table(["when", "by", "said", "feedback"], [
            [f"{f['created_at']:%Y-%m-%d}", f["source"], _words(f), f["feedback_id"]] for f in line.feedback[:_SHOWN]
        ])  # fmt: skip
    _show_steps(version)


def _show_steps(version: dict[str, Any]) -> None:
    say(
        f"{version['agent_id']} {version['version']}, a change of {version['parent_version']} by {version['created_by']}: {version['reason']}"
    )
    for test in version["experiments"]:
        verdict = f"{test['verdict']}, {test['reason']}" if test["verdict"] else test["status"]
        say(f"  experiment '{test['name']}' on {test['metric']}: {verdict}{_interval(test)}")
    for one in version["deployments"]:
        why = f": {one['rollback_reason']}" if one["rollback_reason"] else ""
        say(f"  deployment {one['deployment_id']}: {one['stage']} at {one['traffic_pct']} %{why}")
        for metric, seen in (one["observed"] or {}).items():
            say(f"    {metric}{_interval(seen) or ': no data'}")
    for one in version["at_work"]:
        say(f"  at work from {one['from'][:16]} by {one['set_by']}: {one['reason']}")


def _interval(found: dict[str, Any]) -> str:
    if found["effect"] is None:
        return ""
    ends = "" if found["low"] is None or found["high"] is None else f" [{found['low']:.3g}, {found['high']:.3g}]"  # fmt: skip
    return f": effect {found['effect']:.3g}{ends}"


def _words(said: dict[str, Any]) -> str:
    rating = f"{said['rating']} of 5" if said["rating"] is not None else said["feedback_type"]
    return f"{rating}, {said['comment']}" if said["comment"] else rating
