"""`experiment create|start|list|show|evaluate|report|stop|replay`: experiments on the firm's agents."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from prisma_assets.command.experiment_run_paired import run
from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.store.database import Database

Answer = TypeVar("Answer")
TestId = Annotated[str, typer.Argument(metavar="ID", help="The experiment.")]
Who = Annotated[str, typer.Option("--as", metavar="USER", help="Who you are.")]


def add_to(group: typer.Typer) -> None:
    """Add these commands to the group `experiment`."""
    for command in (create, start, run, list_, show, evaluate, report, stop, replay):
        group.command(command.__name__.removesuffix("_"))(command)


def _ask(question: "Callable[[Database], Awaitable[Answer]]") -> Answer:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: question(store.database))


def create(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The declaration as YAML; options win over it.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Id of the agent.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    hypothesis: Annotated[str | None, typer.Option(help="What should become better, and why.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="What variant B changes: prompt, model, tools, parameters, knowledge; the value as JSON or text."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:margin]", help="accuracy, response_time, satisfaction, cost or error_rate; the first is the goal."),
    ] = None,
    guardrail: Annotated[
        list[str] | None, typer.Option(metavar="NAME[:margin]", help="Must not become worse by its margin.")
    ] = None,
    split: Annotated[float | None, typer.Option(help="Share of variant B.")] = None,
    unit: Annotated[str | None, typer.Option(help="What is assigned: task, user or engagement.")] = None,
    risk: Annotated[str | None, typer.Option(help="low, medium or high.")] = None,
    min_hours: Annotated[int | None, typer.Option(help="Least duration.")] = None,
    max_days: Annotated[int | None, typer.Option(help="Longest duration.")] = None,
    outcome_hours: Annotated[float | None, typer.Option(help="A unit is read so long after its exposure.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Units of each arm before one is chosen.")] = None,
    opportunity: Annotated[str | None, typer.Option(metavar="ID", help="The opportunity it answers.")] = None,
    as_user: Annotated[str | None, typer.Option("--as", metavar="USER", help="Who declares it; default: you.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Declare an experiment; nothing is served before `experiment start`.

    Says beforehand whether the agent's traffic can decide it, and how long that takes.

    Example: prisma-assets experiment create --agent audit-doc-044 --name brief --hypothesis "Shorter notes are read"
    --change prompt="Be brief." --metric satisfaction --guardrail response_time:0.2
    """
    from prisma_assets.agents.version import unread
    from prisma_assets.command.execution import whoever
    from prisma_assets.learning.experiment_request import declare_request

    given = {
        "agent": agent, "name": name, "hypothesis": hypothesis, "split": split, "unit": unit, "risk": risk,
        "min_hours": min_hours, "max_days": max_days, "outcome_hours": outcome_hours, "min_samples": min_samples,
        "opportunity": opportunity,
    }  # fmt: skip
    request = _request(file, {**given, **_lists(change, metric, guardrail)})
    user = as_user or whoever()
    made = _ask(lambda d: declare_request(d, request, registry=_firm(), created_by=user))
    if as_json:
        answer(_as_object(_ask(lambda d: _known(d, made.id))))
        return
    say(f"{made.id}  {made.plan.name}: {made.plan.agent_id} {made.control_version} against {made.treatment_version}")  # fmt: skip
    say(made.power.statement)
    said = unread(_firm().get(made.plan.agent_id), made.plan.changes)
    if said is not None:
        note(f"warning: {said}")
    note(
        f"`prisma-assets experiment start {made.id} --as USER --role ROLE` serves both from then on"
    )


def _lists(
    changes: list[str] | None, metrics: list[str] | None, guardrails: list[str] | None
) -> dict[str, Any]:
    """The options that may come more than once, as keys of a declaration."""
    said: dict[str, Any] = {}
    if changes:
        said["changes"] = dict(_change(text) for text in changes)
    if metrics:
        pairs = [_margin(text) for text in metrics]
        said["metrics"] = [name for name, _ in pairs]
        said["margins"] = {name: margin for name, margin in pairs if margin is not None}
    if guardrails:
        said["guardrails"] = dict(_margin(text) for text in guardrails)
    return said


def _change(text: str) -> tuple[str, Any]:
    key, is_given, value = text.partition("=")
    if not is_given:
        raise InputError(f'--change {text}: write KEY=VALUE, e.g. prompt="Be brief."')
    try:
        return key.strip(), json.loads(value)
    except json.JSONDecodeError:
        return key.strip(), value


def _margin(text: str) -> tuple[str, float | None]:
    name, is_given, margin = text.partition(":")
    try:
        return name, float(margin) if is_given else None
    except ValueError:
        raise InputError(f"{text}: the margin '{margin}' is no number, e.g. 0.03") from None


def _request(file: Path | None, options: dict[str, Any]) -> Any:
    from prisma_assets.domain.yaml_source import parse_model, validate
    from prisma_assets.engine.text_file import read_text
    from prisma_assets.learning.experiment_request import ExperimentRequest

    said = {key: value for key, value in options.items() if value is not None}
    if file is None:
        return validate(said, ExperimentRequest, file="experiment create")
    text = read_text(file, missing="name a file that declares an experiment, or leave it out")
    written = parse_model(text, ExperimentRequest, file=str(file))
    return validate({**written.model_dump(exclude_unset=True), **said}, ExperimentRequest, file=str(file))  # fmt: skip


def start(
    test: TestId,
    as_user: Who,
    role: Annotated[str, typer.Option(help="Your role, e.g. MANAGER.")] = "EMPLOYEE",
    as_json: AsJson = False,
) -> None:
    """Serve both versions from now on.

    At medium risk that takes a manager who did not declare it. Client files whose work is under way go on as they began.
    """
    from prisma_assets.domain.experiments.release_path import Approval
    from prisma_assets.learning import experiment_declaration as use

    approval = Approval(user=as_user, role=role)
    found = _ask(lambda d: use.start(d, test, registry=_firm(), approval=approval))
    _tell(found, as_json=as_json)


def list_(
    agent: Annotated[str | None, typer.Option(help="Those of one agent.")] = None,
    status: Annotated[str | None, typer.Option(help="draft, running, completed, cancelled or aborted.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """The latest experiments, each with its verdict."""
    from prisma_assets.store.experiment import ExperimentStore

    rows = _ask(lambda d: ExperimentStore(source=d).recent(agent_id=agent, status=status))
    if as_json:
        answer({"experiments": [_as_object(row) for row in rows]})
        return
    columns = ("id", "name", "agent", "status", "units", "verdict")
    table(columns, [(r["ab_test_id"], r["name"], r["agent_id"], r["status"], r["units"], r["verdict"]) for r in rows])  # fmt: skip


def show(test: TestId, as_json: AsJson = False) -> None:
    """One experiment: what was declared, and how it stands."""
    _tell(_ask(lambda d: _known(d, test)), as_json=as_json)


def evaluate(
    test: Annotated[str | None, typer.Argument(metavar="[ID]", help="One experiment; default: all that run.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Read what is new and judge; an experiment that is decided ends.

    Looking often costs nothing: every verdict holds at all looks together.
    """
    from prisma_assets.learning import experiment_evaluation as use
    from prisma_assets.store.experiment import ExperimentStore

    async def look(database: "Database") -> list[dict[str, Any]]:
        if test is None:
            ids = [e.ab_test_id for e in await use.evaluate(database, registry=_firm())]
        else:
            await use.evaluate_one(database, test, registry=_firm())
            ids = [test]
        store = ExperimentStore(source=database)
        return [row for one in ids if (row := await store.get(one)) is not None]

    rows = _ask(look)
    if as_json:
        answer({"experiments": [_as_object(row) for row in rows]})
        return
    if not rows:
        note("no experiment runs")
    for row in rows:
        say(f"{row['ab_test_id']}  {row['name']}: {row['verdict'] or row['status']}" + (f", {row['reason']}" if row["reason"] else ""))  # fmt: skip


def report(
    test: TestId,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md and sequence.svg; default: only shown.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="A picture: effect and sample ratio over time.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """An experiment told: effect, confidence sequence over time, sample ratio, guardrails, power."""
    from prisma_assets.learning.experiment_report import Report, markdown, picture
    from prisma_assets.store.experiment import ExperimentStore

    async def told(database: "Database") -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return await _known(database, test), await ExperimentStore(source=database).verdicts(test)

    row, verdicts = _ask(told)
    made = Report(markdown=markdown(row, verdicts), svg=picture(row, verdicts))
    files = _write(made, out) if out is not None else []
    if png is not None:
        files.append(_draw(row, verdicts, png))
    if as_json:
        answer({"markdown": made.markdown, "files": [str(f) for f in files], "verdicts": verdicts})
        return
    say(made.markdown.rstrip())
    for file in files:
        note(f"written: {file}")


def _write(made: Any, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"report.md": made.markdown, "sequence.svg": made.svg}
    if made.svg is not None:
        parts["report.md"] = f"{made.markdown}\n![Confidence sequence](sequence.svg)\n"
    files = []
    for name, text in parts.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
            files.append(folder / name)
    return files


def _draw(row: dict[str, Any], verdicts: list[dict[str, Any]], file: Path) -> Path:
    from prisma_assets.learning.experiment_chart import png

    drawn = png(row, verdicts)
    if drawn is None:
        raise InputError(
            f"experiment '{row['name']}' has compared nothing so far; there is nothing to draw"
        )
    try:
        file.write_bytes(drawn)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    return file


def stop(
    test: TestId,
    as_user: Who,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the experiment.")],
    as_json: AsJson = False,
) -> None:
    """End an experiment for good; its control goes on."""
    from prisma_assets.learning import experiment_declaration as use

    _tell(_ask(lambda d: use.stop(d, test, by=as_user, reason=reason)), as_json=as_json)


def _firm() -> Any:
    from prisma_assets.command.connection import firm

    return firm()


async def _known(database: "Database", test: str) -> dict[str, Any]:
    from prisma_assets.learning.experiment_declaration import known
    from prisma_assets.store.experiment import ExperimentStore

    return await known(ExperimentStore(source=database), test)


_SHOWN = (
    "ab_test_id", "name", "agent_id", "hypothesis", "status", "mode", "risk_level", "control_version", "treatment_version",
    "variant_b_changes", "metric_plan", "primary_metric", "assignment_unit", "min_samples_per_variant", "min_duration_hours",
    "max_duration_days", "outcome_hours", "max_blocks", "power_statement", "opportunity_id", "created_by", "approved_by",
    "started_at", "ended_at", "verdict", "reason", "units", "effect", "ci_low", "ci_high", "decision", "decided_by",
    "decision_notes",
)  # fmt: skip


def _as_object(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["ab_test_id"], "split": float(row["traffic_split_b"])} | {
        key: row[key] for key in _SHOWN[1:]
    }


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    found = _as_object(row)
    if as_json:
        answer(found)
        return
    table(("", ""), [(key, _cell(value)) for key, value in found.items() if value is not None])


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def replay(
    all_: Annotated[
        bool, typer.Option("--all", help="List those that would stay the same, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count every past verdict anew with today's code and data, and list those that would change. Nothing is written."""
    from dataclasses import asdict

    from prisma_assets.learning.experiment_evaluation import code_version
    from prisma_assets.learning.verdict_replay import replay as count_anew

    found = _ask(lambda database: count_anew(database, code_version=code_version()))
    changed = [one for one in found if one.changes or one.data_changed]
    if as_json:
        shown = found if all_ else changed
        rows = [{**asdict(one), "changes": one.changes} for one in shown]
        return answer({"verdicts": len(found), "changed": len(changed), "replayed": rows})
    say(
        f"{len(found)} verdicts counted anew; {len(changed)} rest on other data now or would change."
    )
    rows_ = [
        [one.as_of.strftime("%Y-%m-%d %H:%M"), one.agent_id, one.name, one.was, one.would_be,
         "other data" if one.data_changed else "", one.reason]
        for one in (found if all_ else changed)
    ]  # fmt: skip
    if rows_:
        table(["when", "agent", "experiment", "was", "would be", "", "why"], rows_)
    return None
