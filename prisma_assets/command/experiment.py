"""`experiment`: experiments on agents, and records of outcomes judged as a running experiment would have been."""

from pathlib import Path
from typing import Annotated

import typer

from prisma_assets.command import experiment_option as option
from prisma_assets.command import experiment_run
from prisma_assets.command.output import AsJson, answer, say
from prisma_assets.domain.errors import InputError

experiments = typer.Typer(help="Experiments: is the new version better?", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    experiment_run.add_to(experiments)
    app.add_typer(experiments, name="experiment")


@experiments.callback()
def group() -> None:
    """Experiments: is the new version better?"""


@experiments.command()
def analyse(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, Parquet or JSON lines; .gz too.")
    ],
    metric: option.Metrics = None,
    primary: option.Primary = None,
    guardrail: option.Guardrails = None,
    unit: option.Unit = None,
    arm: option.Arm = "arm",
    time: option.Time = None,
    control: option.Control = None,
    treatment: option.Treatment = None,
    paired_by: option.PairedBy = None,
    split: option.Split = "0.5",
    max_n: option.MaxN = None,
    alpha: option.Alpha = 0.05,
    min_days: option.MinDays = 0.0,
    matures_after: option.MaturesAfter = 0.0,
    instrument: option.Instruments = None,
    as_json: AsJson = False,
) -> None:
    """Judge a record of outcomes as a running experiment would have been judged, look by look.

    The verdict is adopt, keep control, roll back, inconclusive, or hold with the reason. It stays right however often it is looked at: every
    interval holds at all looks together.

    Outcomes have one row per observation: a unit, its arm, a time, one column per metric. Sufficient statistics over time have the columns
    time_since_start, count_c, count_t, mean_c, mean_t, variance_c, variance_t, and may hold many experiments (experiment_id, variant_id,
    metric_id). Of a latency, a cost or a count of tokens the ratio of geometric means is compared.

    Example: prisma-assets experiment analyse outcomes.csv --metric accepted:binary:higher:0.03 --metric seconds:latency --guardrail
    seconds:0.2 --max-n 1500
    """
    from prisma_assets.command.experiment_judgement import Request, judge
    from prisma_assets.command.experiment_report import as_object, tell
    from prisma_assets.command.outcomes import Layout

    if not 0 < alpha < 1:
        raise InputError(
            f"--alpha is {alpha:g}; it is an error probability between 0 and 1, e.g. 0.05"
        )
    pairs = tuple(name.strip() for name in (paired_by or "").split(",") if name.strip())
    layout = Layout(
        unit=unit, arm=arm, time=time, control=control, treatment=treatment, paired_by=pairs, split=split,
        instruments=tuple(instrument or ()), matures_after_hours=matures_after,
    )  # fmt: skip
    request = Request(
        file=file, metrics=metric or [], primary=primary, guardrails=guardrail or [], layout=layout,
        max_blocks=max_n, alpha=alpha, min_days=min_days,
    )  # fmt: skip
    judged = list(judge(request))
    if as_json:
        answer({"file": str(file), "experiments": [as_object(one) for one in judged]})
        return
    for i, one in enumerate(judged):
        if i:
            say("")
        tell(one)
