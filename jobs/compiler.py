"""Turns a workflow template into a Dagster job. What a step does lives in `prisma_assets.engine`; here is only the graph.

Shape: `open_execution` first; then an op per step; before a conditional step a gate with the outputs `run` and `bypass`.
An input stands for one earlier step, fed by that step's `done` and its gate's `bypass`: an op whose input gets nothing is
skipped by Dagster, so everything behind a waiting step is skipped, while what stands behind a false condition runs.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData

from jobs.chapter import FlatGraph, in_chapters
from jobs.executor import step_tasks
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.workflow.execution import is_tolerated
from prisma_assets.domain.workflow.template import Step, Template
from prisma_assets.engine.record import StepOutcome
from resources.workflow import RunSession

OPEN = "open_execution"
SESSION = "session"
"""Resource key of the run's session with the engine."""


def compile_job(
    template: Template, registry: AgentRegistry, *, name: str, example_folder: str = ""
) -> dg.JobDefinition:
    """Compile a checked template to a job.

    Args:
        template: As `parse_template` returns it.
        registry: The agents it names.
        name: The job's, as `TemplateLibrary.job_of` gives it.
        example_folder: What the Launchpad shows for an input of type folder; people replace it.
    """
    # Definition names are unique per code location, so they carry the job's; the graph shows the short name.
    graph_name = name.removesuffix("_job")
    node_defs, dependencies = in_chapters(_flat(template, registry, graph_name))
    graph = dg.GraphDefinition(
        name=graph_name,
        description=_describe_template(template, registry),
        node_defs=node_defs,
        dependencies=dependencies,
    )
    return graph.to_job(
        name=name,
        description=_describe_template(template, registry),
        executor_def=step_tasks,
        config={"ops": {OPEN: {"config": {"inputs": _shown_inputs(template, example_folder)}}}},
        tags={"prisma/template": template.name, "prisma/version": template.version},
        metadata={
            "template": template.name,
            "version": template.version,
            "sha256": template.sha256,
            "steps": len(template.steps),
        },
    )


def _flat(template: Template, registry: AgentRegistry, graph_name: str) -> FlatGraph:
    """Every op with what feeds it."""
    nodes: dict[str, dg.OpDefinition] = {OPEN: _open_op(template, graph_name)}
    feeds: dict[str, dict[str, Any]] = {OPEN: {}}
    chapters: dict[str, str] = {}
    for step in template.in_order():
        before = _feeds(template, step)
        if step.when is not None:
            gate = _gate_key(step)
            nodes[gate] = _gate_op(template, step, graph_name=graph_name)
            feeds[gate] = before
            before = {"when_true": dg.DependencyDefinition(gate, "run")}
        nodes[step.key] = _step_op(
            template, step, registry, graph_name=graph_name, inputs=tuple(before)
        )
        feeds[step.key] = before
        if step.box is not None:
            own = (step.key, _gate_key(step)) if step.when is not None else (step.key,)
            chapters |= dict.fromkeys(own, step.box)
    return FlatGraph(name=graph_name, nodes=nodes, feeds=feeds, chapters=chapters)


def _gate_key(step: Step) -> str:
    return f"{step.id}_condition"


def _definition(graph_name: str, key: str) -> str:
    return f"{graph_name}__{key}"


def _feeds(template: Template, step: Step) -> dict[str, Any]:
    """What feeds each input of the step: one input per earlier step, or one for all where any of them is enough."""
    if not step.after:
        return {"opened": dg.DependencyDefinition(OPEN, "opened")}
    feeds = {other.key: _ways(template, other) for other in map(template.step, step.after) if other}
    if step.join == "any":
        return {"any": dg.MultiDependencyDefinition([w for ways in feeds.values() for w in ways])}
    return {
        key: dg.MultiDependencyDefinition(ways) if len(ways) > 1 else ways[0]
        for key, ways in feeds.items()
    }


def _ways(template: Template, step: Step) -> list[dg.DependencyDefinition]:
    """The outputs by which a step lets those behind it go on."""
    ways = [dg.DependencyDefinition(step.key, "done")]
    if is_tolerated(template, step.id):
        ways.append(dg.DependencyDefinition(step.key, "failed"))
    if step.when is not None:
        ways.append(dg.DependencyDefinition(_gate_key(step), "bypass"))
    return ways


def _shown_inputs(template: Template, example_folder: str) -> dict[str, Any]:
    """What the Launchpad shows before anybody has typed: every input, so that nobody has to guess its name."""
    return {
        name: example_folder if given.type == "folder" else given.default
        for name, given in template.inputs.items()
    }


def _open_op(template: Template, graph_name: str) -> dg.OpDefinition:
    config = {
        name: dg.Field(
            dg.Noneable(_CONFIG_TYPES[given.type]),
            default_value=given.default,
            is_required=False,
            description=given.description,
        )
        for name, given in template.inputs.items()
    }

    @dg.op(
        name=_definition(graph_name, OPEN),
        description="Checks the inputs and the engagement folder, and opens (or continues) the execution.",
        out={"opened": dg.Out(dg.Nothing)},
        required_resource_keys={SESSION},
        config_schema={
            "inputs": dg.Field(config, default_value={}, description="What the template asks for."),
            "sign_offs": dg.Field(
                dg.Noneable(str),
                default_value=None,
                description="File with sign-offs given in advance.",
            ),
        },
        tags={"dagster/compute_kind": "prisma"},
    )
    async def _open(context: dg.OpExecutionContext) -> AsyncIterator[dg.Output[None]]:
        session: RunSession = getattr(context.resources, SESSION)
        try:
            with told(session):
                execution = await session.open(template, context.run, context.op_config)
        finally:
            fail_lost(context.instance, session.lost_runs)
        tags = session.tags(execution)
        # Whoever launched the run may have named them all.
        if not tags.items() <= context.run.tags.items():
            context.instance.add_run_tags(context.run_id, tags)
        metadata = {
            "execution": execution.id,
            "client": execution.client_id or "none",
            "period": execution.period or "none",
            "engagement folder": execution.context.get("engagement_folder") or "none",
            "started by": execution.created_by,
            "template": f"{template.name} {template.version} ({template.sha256[:8]})",
            "agents kept as they were": ", ".join(session.changed_agents) or "none has changed",
        }
        yield dg.Output(None, "opened", metadata=metadata)

    return _open


def _gate_op(template: Template, step: Step, *, graph_name: str) -> dg.OpDefinition:
    @dg.op(
        name=_definition(graph_name, _gate_key(step)),
        description=f"Decides whether '{step.title}' is needed: `{step.when}`. If not, the step is recorded as skipped.",
        ins={name: dg.In(dg.Nothing) for name in _feeds(template, step)},
        out={
            "run": dg.Out(dg.Nothing, is_required=False, description="The step is needed."),
            "bypass": dg.Out(dg.Nothing, is_required=False, description="The step is not needed."),
        },
        required_resource_keys={SESSION},
        tags={"dagster/compute_kind": "condition"},
    )
    async def _gate(context: dg.OpExecutionContext):  # type: ignore[no-untyped-def]  # noqa: ANN202 - Dagster reads the annotation of an op with two outputs as a tuple
        session: RunSession = getattr(context.resources, SESSION)
        with told(session):
            holds = await (await session.of(template, context.run)).condition(step)
        yield dg.Output(
            None,
            "run" if holds else "bypass",
            metadata={"condition": str(step.when), "holds": holds},
        )

    return _gate


def _step_op(
    template: Template,
    step: Step,
    registry: AgentRegistry,
    *,
    graph_name: str,
    inputs: tuple[str, ...],
) -> dg.OpDefinition:
    @dg.op(
        name=_definition(graph_name, step.key),
        description=_describe_step(step, registry),
        ins={name: dg.In(dg.Nothing) for name in inputs},
        out=_outs(template, step),
        required_resource_keys={SESSION},
        tags=_tags(step, registry),
    )
    async def _step(context: dg.OpExecutionContext):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as of the gate
        session: RunSession = getattr(context.resources, SESSION)
        with told(session):
            work = await session.of(template, context.run)
            outcome = await work.run(step)
        metadata = _metadata(step, outcome)
        page = f"/dashboard/workflows/{work.execution.id}"
        metadata["execution"] = dg.MetadataValue.url(page)
        metadata["feedback"] = dg.MetadataValue.url(f"{page}/steps/{step.id}")
        if outcome.state == "failed":
            error = outcome.record.error or {}
            context.log.error("%s: %s", step.title, error.get("message", "failed"))
        if outcome.state in ("done", "failed"):
            yield dg.Output(None, outcome.state, metadata=metadata)
            return
        context.add_output_metadata(metadata, output_name="done")
        context.log.warning(_why_not_done(step, outcome))
        _tell_stale(context, step, outcome)
        context.instance.add_run_tags(context.run_id, {"prisma/state": _state(outcome)})

    return _step


def _outs(template: Template, step: Step) -> dict[str, dg.Out]:
    outs = {
        "done": dg.Out(dg.Nothing, is_required=False, description="The step is done and signed.")
    }
    if is_tolerated(template, step.id):
        outs["failed"] = dg.Out(
            dg.Nothing, is_required=False, description="It failed; what follows goes on without it."
        )
    return outs


def _tell_stale(context: dg.OpExecutionContext, step: Step, outcome: StepOutcome) -> None:
    """An op that gives no output shows no metadata: an event of the run says which sign-offs count no more, and why."""
    if not outcome.stale:
        return
    told = dg.MetadataValue.md("\n\n".join(outcome.stale))
    context.instance.report_engine_event(
        f"{step.title}: sign-offs that count no more",
        context.run,
        EngineEventData(metadata={"stale sign-offs": told}),
        step_key=str(context.op_handle),
    )


def _tags(step: Step, registry: AgentRegistry) -> dict[str, str]:
    if step.agent is None:
        return {"dagster/compute_kind": "computed"}
    return {"dagster/compute_kind": registry.get(step.agent).domain, "prisma/agent": step.agent}


def _doer(step: Step, registry: AgentRegistry) -> str:
    return registry.get(step.agent).name if step.agent is not None else "computed"


@contextmanager
def told(session: RunSession) -> Iterator[None]:
    """Give what the product understands to Dagster as a failure with our sentence, without a trace."""
    try:
        yield
    except session.expected_errors as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def fail_lost(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Mark runs whose process was killed as failed; left alone the UI would show them as running for ever."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(
                run, "The process of this run died; another run continues its execution."
            )


def _metadata(step: Step, outcome: StepOutcome) -> dict[str, Any]:
    from prisma_assets.domain.audit.workpaper import Workpaper
    from prisma_assets.domain.audit.workpaper_markdown import render_markdown

    metadata: dict[str, Any] = {
        "agent": f"{step.agent or 'computed'} {outcome.agent_version or ''}".strip(),
        "status": outcome.record.status,
        "result": "reused from an earlier run" if outcome.reused else "done in this run",
    }
    if outcome.workpaper is not None:
        workpaper = Workpaper.model_validate(outcome.workpaper)
        metadata["workpaper"] = dg.MetadataValue.md(render_markdown(workpaper))
        metadata["findings"] = len(workpaper.findings)
    if step.for_each is not None and "branches" in outcome.record.outputs:
        metadata["branches"] = ", ".join(outcome.record.outputs["branches"]) or "none"
    if outcome.duration_ms is not None:
        metadata["duration_ms"] = outcome.duration_ms
    if "repeat" in outcome.record.outputs:
        metadata["turns"] = outcome.record.outputs["repeat"]["turns"]
    if outcome.cached_call_id is not None:
        metadata["result"] = f"taken from the equal call {outcome.cached_call_id}"
    # No price known is shown as such: it is not the same as free.
    metadata["cost_usd"] = float(outcome.cost_usd) if outcome.cost_usd is not None else "unpriced"
    return metadata


def _state(outcome: StepOutcome) -> str:
    return "waiting_approval" if outcome.state == "waiting" else "ended"


def _why_not_done(step: Step, outcome: StepOutcome) -> str:
    if outcome.state == "waiting":
        missing = (
            f"the sign-off of {', '.join(outcome.waiting_for)}"
            if outcome.waiting_for
            else "an earlier step"
        )
        return (
            f"{step.title}: waits for {missing}; the run ends here and continues once it is given"
        )
    return f"{step.title}: the execution has ended; nothing further is done"


_CONFIG_TYPES: Mapping[str, Any] = {
    "text": str,
    "folder": str,
    "number": float,
    "integer": int,
    "boolean": bool,
}


def _describe_step(step: Step, registry: AgentRegistry) -> str:
    lines = [
        f"**{step.title}**",
        "",
        step.objective,
        "",
        f"Agent: {_doer(step, registry)} (`{step.agent}`)"
        if step.agent
        else "Computed, without an agent",
    ]
    if step.support:
        lines.append("Supported by: " + ", ".join(registry.get(a).name for a in step.support))
    if step.join != "all":
        needed = "any of" if step.join == "any" else "the end, however it comes, of"
        lines.append(f"Waits for {needed}: {', '.join(step.after)}")
    if step.repeat is not None:
        lines.append(f"Done again until `{step.repeat.until}`, at most {step.repeat.max} times")
    if step.when is not None:
        lines.append(f"Only when: `{step.when}`")
    if step.for_each is not None:
        lines.append(
            f"Once for each of: `{step.for_each.items}`, at most {step.for_each.max_concurrent} at a time"
        )
    if step.sign_off is not None:
        roles = ", ".join(
            r.role + (f" (when `{r.when}`)" if r.when else "") for r in step.sign_off.roles
        )
        needed = f", when `{step.sign_off.when}`" if step.sign_off.when else ""
        lines.append(f"Sign-off {step.sign_off.kind}: {roles}{needed}")
    if step.standards:
        lines.append("Standards: " + "; ".join(step.standards))
    return "\n\n".join(line for line in lines if line)


def _describe_template(template: Template, registry: AgentRegistry) -> str:
    rows = [
        f"| {s.id} | {s.title} | {_doer(s, registry)} | {', '.join(s.after) or 'start'} | "
        f"{', '.join(r.role for r in s.sign_off.roles) if s.sign_off else ''} |"
        for s in template.steps
    ]
    head = ["| step | what | agent | after | sign-off |", "|---|---|---|---|---|"]
    return "\n".join(
        [
            f"**{template.title}**, version {template.version}",
            "",
            template.description.strip(),
            "",
            *head,
            *rows,
        ]
    )
