"""`experiment run`: both versions on the same tasks with known answers, never on live work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prisma_assets.command.output import AsJson, answer, note, say
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.learning.known_answer import KnownAnswer
    from prisma_assets.learning.paired_run import Ran
    from prisma_assets.store.database import Database

SEED = 7_000_000
"""First seed of sample books: beyond those a search for candidates draws from, so that it has seen none of them."""


def run(
    test: Annotated[str, typer.Argument(metavar="ID", help="The experiment; it must not have begun.")],
    tasks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tasks as YAML, each with what is right under `expected`.")
    ] = None,
    engagements: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder of books, repeatable; DIR.planted.json beside it lists the errors in them."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=2_000, help="So many sample engagements, written for this and deleted.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Have both versions do the same tasks, and judge the pairs as a running experiment is judged.

    No live work meets the changed version. A task is done once by each version: begin the command again after an interruption, or with
    more tasks, and only what is new is done and paid for.

    Example: prisma-assets experiment run ID --engagements books/2023 --engagements books/2024
    """
    given = [name for name, value in (("--tasks", tasks), ("--engagements", engagements), ("--samples", samples)) if value]  # fmt: skip
    if len(given) != 1:
        raise InputError(f"give one of --tasks, --engagements and --samples, not {' and '.join(given) or 'none'}")  # fmt: skip
    with _folders(engagements, samples) as folders:
        found = _run(test, tasks, folders)
    _tell(found, as_json=as_json)


@contextmanager
def _folders(engagements: list[Path] | None, samples: int | None) -> Iterator[list[Path]]:
    """Folders of books; samples are gone afterwards."""
    from prisma_assets.engagement.sample.write import write_sample
    from prisma_assets.learning.labelled_work import LINES

    if samples is None:
        yield engagements or []
        return
    with TemporaryDirectory(prefix="prisma-samples-") as scratch:
        yield [
            write_sample(Path(scratch) / f"books{n}", seed=SEED + n, lines=LINES).folder
            for n in range(samples)
        ]


def _run(test: str, file: Path | None, folders: list[Path]) -> "Ran":
    from prisma_assets.agents.firm import Firm, product_providers
    from prisma_assets.command.connection import ask, firm, migrated_server
    from prisma_assets.learning import paired_run
    from prisma_assets.learning.experiment_declaration import known
    from prisma_assets.store.experiment import ExperimentStore

    whose = Firm(registry=firm(), providers=product_providers())

    async def go(database: "Database") -> "Ran":
        row = await known(ExperimentStore(source=database), test)
        return await paired_run.run(database, whose, test, _tasks(row["agent_id"], file, folders))

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: go(store.database))


def _tasks(agent_id: str, file: Path | None, folders: list[Path]) -> "list[KnownAnswer]":
    from prisma_assets.learning.known_answer import engagements, questions

    return engagements(folders, agent_id) if file is None else questions(file, agent_id)


def _tell(ran: "Ran", *, as_json: bool) -> None:
    judged = ran.judgement
    if as_json:
        answer(as_object(ran))
        return
    say(f"{judged.word}: {judged.verdict.reason}")
    cost = "no price known" if ran.cost_usd is None else f"{ran.cost_usd:.4f} USD"
    say(
        f"{judged.units // 2} tasks done by both versions, {ran.new} of them now; {ran.calls} calls, {cost}"
    )
    for metric in judged.numbers["metrics"]:
        say(_line(metric))
    note(f"`prisma-assets experiment report {ran.ab_test_id}` tells all of it")


def _line(metric: dict[str, Any]) -> str:
    a, b = (metric["mean"][arm] for arm in ("A", "B"))
    means = "no data" if a is None or b is None else f"A {a:.4g}, B {b:.4g}"
    if metric["effect"] is None:
        return f"{metric['name']}: {means}"
    low, high = ("no bound" if metric[end] is None else f"{metric[end]:+.3g}" for end in ("low", "high"))  # fmt: skip
    return f"{metric['name']}: {means}; effect {metric['effect']:+.3g} [{low}, {high}]"


def as_object(ran: "Ran") -> dict[str, Any]:
    """A run as JSON values."""
    judged = ran.judgement
    return {
        "id": ran.ab_test_id, "verdict": judged.word, "reason": judged.verdict.reason, "is_over": judged.is_over,
        "pairs": judged.units // 2, "new": ran.new, "known_before": ran.known_before, "calls": ran.calls,
        "cost_usd": ran.cost_usd, "metrics": judged.numbers["metrics"], "health": judged.numbers["checks"],
    }  # fmt: skip
