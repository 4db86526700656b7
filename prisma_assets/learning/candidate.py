"""Changes proposed for what could be better: settings found on labelled work, or a prompt rewritten from what people said.

Trying them on work belongs to experiments and deployments; nothing here changes an agent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prisma_assets.agents.contract import AgentCard, AgentTask
from prisma_assets.agents.embedded.assignment import assignments
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.version import changeable, subject_of
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.plan import wrong_changes
from prisma_assets.domain.experiments.search import (
    Compared,
    Mark,
    Settings,
    Span,
    compared,
    drawn,
    mean_score,
    survivors,
)
from prisma_assets.domain.learning.stream import Metric
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.learning.labelled_work import CHAIN, MEASURE, LabelledWork, measured_tasks
from prisma_assets.store.candidate import Candidate, CandidateStore, Searched
from prisma_assets.store.database import Database
from prisma_assets.store.experiment import ExperimentStore
from prisma_assets.store.opportunity import OPEN, OpportunityStore, Row

REWRITE = "rewrite_prompt"
"""What a language model is asked: its present prompt and what people said of its work; it gives `prompt`."""
_QUALITY = frozenset({str(m) for m in (Metric.ACCURACY, Metric.SATISFACTION, Metric.ISSUE, Metric.THEME)})  # fmt: skip
"""Trouble that better answers mend; labelled work says nothing of time or money."""
_COMMENTS = 50
"""Pieces of feedback a prompt is rewritten from: they fit any model's context beside the prompt."""
_MOST_PER_LOOK = 3
"""Searches one look of the schedule makes, half a minute each; the others follow at the next."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long a search goes on."""

    rungs: tuple[tuple[int, int], ...] = ((18, 2), (6, 6), (2, 20))
    """Settings that are left, and tasks each of them has done by then: successive halving by three."""
    holdout: int = 24
    """Tasks the chosen settings meet that chose nothing: with fewer, a difference of a quarter is not told from none."""


USUAL = Effort()


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What a look at all open opportunities brought."""

    new: int
    left: dict[str, str]
    """Why nothing could be proposed, by opportunity."""


async def propose_for_all(database: Database, firm: Firm) -> Proposed:
    """Look for a change for every open opportunity that has had no search yet; a few at a time."""
    left: dict[str, str] = {}
    new = 0
    for row in await OpportunityStore(source=database).listed(statuses=OPEN):
        if new == _MOST_PER_LOOK:
            break
        try:
            new += (await _proposed(database, firm, row, USUAL))[1]
        except InputError as error:
            left[row["opportunity_id"]] = str(error)
    return Proposed(new=new, left=left)


async def propose(
    database: Database, firm: Firm, opportunity_id: str, *, effort: Effort = USUAL
) -> Row:
    """Look for a change that answers an opportunity, or give what was found for the version at work before.

    Raises:
        InputError: There is no such opportunity, it is over, or nothing can be proposed for it; says why.
    """
    rows = await OpportunityStore(source=database).listed(
        statuses=None, opportunity_id=opportunity_id
    )
    if not rows or rows[0]["status"] not in OPEN:
        state = (
            f"opportunity {opportunity_id} is {rows[0]['status']}"
            if rows
            else f"no opportunity has the id {opportunity_id}"
        )
        raise InputError(
            f"{state}; changes are proposed for open ones, `prisma-assets opportunities` lists them"
        )
    return (await _proposed(database, firm, rows[0], effort))[0]


async def _proposed(
    database: Database, firm: Firm, opportunity: Row, effort: Effort
) -> tuple[Row, bool]:
    """The candidate for the version at work, and whether it is new."""
    card = await _at_work(database, firm, opportunity["agent_id"])
    store = CandidateStore(source=database)
    known = await _found(store, opportunity, card)
    if known is not None:
        return known, False
    if card.provider == "embedded":
        chain = {agent: await _at_work(database, firm, agent) for agent, _ in CHAIN.values()}
        await store.add(await _searched(card, chain, opportunity, effort))
    else:
        await store.add(await _rewritten(database, firm, card, opportunity))
    made = await _found(store, opportunity, card)
    if made is None:
        raise InputError(
            f"opportunity {opportunity['opportunity_id']} changed meanwhile; ask again"
        )
    return made, True


async def _at_work(database: Database, firm: Firm, agent_id: str) -> AgentCard:
    _, live = await ExperimentStore(source=database).versions_of(agent_id)
    return AgentCard.model_validate_json(live) if live else firm.registry.get(agent_id)


async def _found(store: CandidateStore, opportunity: Row, card: AgentCard) -> Row | None:
    listed = await store.listed(opportunity_id=opportunity["opportunity_id"])
    return next((row for row in listed if row["control_version"] == card.version), None)


async def _searched(
    card: AgentCard, chain: Mapping[str, AgentCard], opportunity: Row, effort: Effort
) -> Candidate:
    spans = _spans(card)
    metric = opportunity["metric"]
    if not spans:
        raise InputError(
            f"no procedure of {card.id} has both parameters and work with known answers to search by"
        )
    if metric is not None and metric not in _QUALITY:
        raise InputError(
            f"the opportunity is about {metric}, and work with known answers says only how right {card.id} is"
        )
    seed = _seed(opportunity["opportunity_id"], card.version)
    with LabelledWork(chain, seed=seed) as work:
        found = await _search(work, card.id, spans, effort=effort, seed=seed)
    settings, searched = found
    judged = searched.compared
    return Candidate(
        opportunity_id=opportunity["opportunity_id"], agent_id=card.id, control_version=card.version, way="search",
        is_proposed=judged.is_better, reason=_why(judged), changes={"parameters": dict(settings)}, searched=searched,
        cost_usd=Decimal(0),
    )  # fmt: skip


def _spans(card: AgentCard) -> dict[str, Span]:
    known = assignments()
    return {
        name: Span(least=p.least, most=p.most)
        for task in measured_tasks(card.id)
        for name, p in known[task].parameters.items()
    }


def _seed(opportunity_id: str, version: str) -> int:
    """The same for the same question, another one for another: below a million, so that tasks can be numbered with it."""
    digest = hashlib.sha256(f"{opportunity_id} {version}".encode()).hexdigest()
    return int(digest, 16) % 1_000_000


async def _search(
    work: LabelledWork, agent_id: str, spans: Mapping[str, Span], *, effort: Effort, seed: int
) -> tuple[Settings, Searched]:
    """The best settings of the training tasks, beside the present ones on tasks after those."""
    left = drawn(spans, count=effort.rungs[0][0], seed=seed)
    tried = len(left)
    marks: list[list[Mark]] = [[] for _ in left]
    for keep, tasks in effort.rungs:
        going_on = survivors(marks, keep=keep) if marks[0] else list(range(len(left)))
        left, marks = [left[i] for i in going_on], [marks[i] for i in going_on]
        # Task by task: the books of one task are read once for all who do it.
        for number in range(len(marks[0]), tasks):
            for settings, known in zip(left, marks, strict=True):
                known.append(await work.mark(agent_id, settings, number=number))
    [best] = survivors(marks, keep=1)
    trained = len(marks[best])
    fresh = range(trained, trained + effort.holdout)
    pairs = [
        (await work.mark(agent_id, {}, number=n), await work.mark(agent_id, left[best], number=n))
        for n in fresh
    ]
    judged = compared([present for present, _ in pairs], [chosen for _, chosen in pairs])
    return left[best], Searched(
        measure=MEASURE, seed=seed, tried=tried, train_tasks=trained, train_score=mean_score(marks[best]), compared=judged,
    )  # fmt: skip


def _why(judged: Compared) -> str:
    if judged.is_better:
        return "better on tasks it was not chosen by, and nothing more is overlooked"
    if judged.missed_more > 0:
        return f"it overlooks {judged.missed_more} more errors than the version at work"
    return "on tasks it was not chosen by it is not shown to be better"


async def _rewritten(
    database: Database, firm: Firm, card: AgentCard, opportunity: Row
) -> Candidate:
    if card.provider not in firm.providers:
        raise InputError(f"no model is configured: {card.id} works through '{card.provider}'")
    said = await database.fetch(
        "feedback_behind_opportunity",
        {"opportunity_id": opportunity["opportunity_id"], "limit": _COMMENTS},
    )
    comments = [row["comment"] for row in said if row["comment"]]
    if not comments:
        raise InputError(
            f"nobody wrote what is wrong with the work of {card.id}; a prompt is rewritten from people's words"
        )
    asked = AgentTask(
        call_id=f"rewrite-{opportunity['opportunity_id']}-{card.version}", agent_id=card.id, task=REWRITE, step_id=REWRITE,
        inputs={"prompt": card.prompt or "", "does": card.does, "trouble": opportunity["title"], "comments": comments},
    )  # fmt: skip
    gateway = AgentGateway(
        firm.registry.with_cards([card]),
        firm.providers,
        PostgresCallLedger(database),
        purse=PostgresPurse(database, workflow=REWRITE),
    )
    try:
        answer = await gateway.call(asked)
    finally:
        await gateway.aclose()
    changes = {"prompt": _prompt(answer.outputs, card)}
    return Candidate(
        opportunity_id=opportunity["opportunity_id"], agent_id=card.id, control_version=card.version, way="rewrite",
        is_proposed=True, reason=f"rewritten from {len(comments)} comments; nothing has measured it yet", changes=changes,
        searched=None, cost_usd=answer.usage.cost_usd,
    )  # fmt: skip


def _prompt(outputs: Mapping[str, Any], card: AgentCard) -> str:
    prompt = outputs.get("prompt")
    said = list(wrong_changes({"prompt": prompt}, subject_of(card), changeable(card)))
    if not isinstance(prompt, str) or not prompt.strip() or said:
        raise InputError(
            f"the model gave no prompt for {card.id} that could be tried{': ' if said else ''}{'; '.join(said)}"
        )
    return prompt
