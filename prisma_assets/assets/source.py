"""Where the facts come from: tables that are written as work is done. Dagster knows them for the lineage alone."""

import dagster as dg

from prisma_assets.assets.conclusion import OWNERS

RUNS, CALLS, FEEDBACK = "agent_runs", "agent_cost_tracking", "agent_feedback"


def source_specs() -> list[dg.AssetSpec]:
    """The tables of facts."""
    return [
        _spec(RUNS, "One row per run of an agent outside the workflows, reported by traces (OTLP), files or the API."),
        _spec(CALLS, "One row per attempt of a call the agent gateway made for a workflow's step."),
        _spec(FEEDBACK, "One row per rating, correction, suggestion, complaint or praise, stored once, personal data masked."),
    ]  # fmt: skip


def _spec(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name, group_name="facts", description=description, owners=OWNERS, kinds={"postgres"}
    )
