"""Options of `experiment analyse`, each with what it means."""

from typing import Annotated

import typer

METRIC_FORM = "NAME[:KIND[:DIRECTION[:MARGIN]]]"

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar=METRIC_FORM,
        help="Column to compare, repeatable. KIND: binary (default), rating, latency, cost, tokens; of sufficient statistics mean (default) "
        "or binary. DIRECTION: higher or lower is better. MARGIN: smallest difference that matters; by default 0.03 of a share, 0.1 of a "
        "rating, 0.1 (10 %) of a latency, cost or tokens, 0.01 (1 %) of a mean.",
    ),
]
Primary = Annotated[
    str | None, typer.Option(metavar="NAME", help="The metric that decides; else the first.")
]
Guardrails = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:MARGIN]", help="Metric that must not be harmed by its margin, repeatable."
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="What was assigned; 'unit' if there is one, else the row."),
]
Arm = Annotated[str, typer.Option(metavar="COLUMN", help="Which version the unit saw.")]
Time = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="When; 'time' if there is one, else the file's order."),
]
Control = Annotated[
    str | None,
    typer.Option(
        metavar="LABEL", help="The arm that is the control; else 'control', or the first by name."
    ),
]
Treatment = Annotated[
    str | None, typer.Option(metavar="LABEL", help="The other arm, where there are more than two.")
]
PairedBy = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN[,COLUMN]", help="Both arms did the same tasks: what names the task."
    ),
]
Split = Annotated[
    str,
    typer.Option(
        metavar="SHARE|COLUMN", help="The treatment's share, or the column of the share in force."
    ),
]
MaxN = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=10,
        help="Declared maximum of comparisons (units of the smaller arm); open-ended without.",
    ),
]
Alpha = Annotated[float, typer.Option(help="Error of the decision, two-sided.")]
MinDays = Annotated[
    float, typer.Option(metavar="DAYS", min=0, help="Duration before which no arm is chosen.")
]
MaturesAfter = Annotated[
    float,
    typer.Option(
        metavar="HOURS", min=0, help="Time until outcomes are complete; younger units wait."
    ),
]
Instruments = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the judge's version or the price table, repeatable; a change holds the verdict.",
    ),
]
