"""A version of high risk in the shadow of the version at work: kept inputs are done by it later and elsewhere, compared, and judged.

Keeping the inputs belongs to the engine (`engine.arms`); what may be concluded to `domain.experiments.shadow_verdict`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.domain.errors import InputError, PermanentError
from prisma_assets.domain.experiments.agreement import agreement
from prisma_assets.domain.experiments.release_path import WAYS
from prisma_assets.domain.experiments.shadow_verdict import (
    Beside,
    Margins,
    least_calls,
    shadow_verdict,
)
from prisma_assets.domain.notification.notification import Notification
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.engine.purse import PostgresPurse
from prisma_assets.learning.experiment_evaluation import code_version
from prisma_assets.learning.paired_run import RETRIES, is_own_failure
from prisma_assets.store.database import Database, Transaction
from prisma_assets.store.deployment import Deployment, DeploymentStore, Event
from prisma_assets.store.notification import NotificationStore
from prisma_assets.store.shadow import NewShadow, Outcome, Row, ShadowStore

WORKFLOW = "shadow_run"
"""What budgets of a workflow call it: no client pays for a trial."""
BY = "shadow run"
"""Who does it, in histories."""
MOST_ATTEMPTS = 5
"""Looks at which a provider may be away before its call is left out."""
LOOKED_AFTER = 25
"""Comparisons between two judgements: what is decided costs nothing more."""
_TASK, _RESULT = TypeAdapter(AgentTask), TypeAdapter(AgentResult)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A shadow run as a person declares it."""

    by: str
    calls: int = 200
    """Most calls compared."""
    days: float = 28.0
    """Four weeks: whole business cycles."""
    share: float = 1.0
    """Of the agent's calls whose inputs are kept."""
    margins: Margins = field(default_factory=Margins)


async def begin(database: Database, deployment: Deployment, asked: Asked, *, now: datetime) -> Row:
    """Keep inputs for a version from now on, or give one that goes on another end.

    Raises:
        InputError: The deployment needs none, waits no more, or what is declared cannot show anything.
    """
    _check(deployment, asked)
    until = now + timedelta(days=asked.days)
    async with database.transaction() as tx:
        store = ShadowStore(source=tx)
        stage = await DeploymentStore(source=tx).lock(deployment.deployment_id)
        if stage != "pending_approval":
            raise InputError(f"deployment {deployment.deployment_id} is {stage}; only one that waits for approval is tried in the shadow")  # fmt: skip
        known = await store.get(deployment.deployment_id)
        if known is None:
            await store.add(_new(deployment, asked, until))
        elif known["margins"] != asdict(asked.margins):
            raise InputError("the margins of a shadow run are declared before its first call and stay as they are")  # fmt: skip
        elif not await store.extend(deployment.deployment_id, share=asked.share, most_calls=asked.calls, until=until):  # fmt: skip
            raise InputError(f"the shadow run of {deployment.to_version} is over: {known['verdict']}, {known['reason']}")  # fmt: skip
        facts = {"calls": asked.calls, "days": asked.days, "share": asked.share}
        what = "shadow began" if known is None else "shadow extended"
        await DeploymentStore(source=tx).tell(deployment.deployment_id, Event(what=what, by=asked.by, facts=facts))  # fmt: skip
    return await _known(database, deployment.deployment_id)


def _check(deployment: Deployment, asked: Asked) -> None:
    if WAYS[deployment.risk_level].proof != "offline":
        raise InputError(f"a change of {deployment.risk_level} risk needs no shadow run")
    if not (0 < asked.share <= 1 and asked.days > 0):
        raise InputError(f"the share is {asked.share:g} and the days are {asked.days:g}; write a share above 0 up to 1, and days above 0")  # fmt: skip
    m = asked.margins
    if not (0 < m.agreement < 1 and m.slower > 0 and m.dearer > 0):
        raise InputError(f"agreement is {m.agreement:g}; write a share between 0 and 1, and margins above 0")  # fmt: skip
    least = least_calls(m)
    if asked.calls < least:
        raise InputError(f"{asked.calls} calls cannot show an agreement above {m.agreement:.0%} even if all agree; that takes {least} at least")  # fmt: skip


def _new(deployment: Deployment, asked: Asked, until: datetime) -> NewShadow:
    return NewShadow(
        deployment_id=deployment.deployment_id, agent_id=deployment.agent_id, from_version=deployment.from_version,
        to_version=deployment.to_version, share=asked.share, most_calls=asked.calls, until=until,
        margins=asdict(asked.margins), by=asked.by,
    )  # fmt: skip


async def look(database: Database, firm: Firm, *, deployment_id: str | None = None) -> list[Row]:
    """Compare what waits and judge, for all shadow runs that go on or one; a repeated look pays nothing twice."""
    runs = await ShadowStore(source=database).going_on()
    wanted = [r for r in runs if deployment_id in (None, r["deployment_id"])]
    return [await _look_at(database, firm, run) for run in wanted]


async def _look_at(database: Database, firm: Firm, run: Row) -> Row:
    """One at a time looks at a run; whoever comes second is told how it stands."""
    async with database.transaction() as turn:
        if await ShadowStore(source=turn).take_turn(run["deployment_id"]):
            await _compare_all(database, firm, run)
    return await _known(database, run["deployment_id"])


async def _compare_all(database: Database, firm: Firm, run: Row) -> None:
    """Whatever waits, until it is decided."""
    store = ShadowStore(source=database)
    known_errors = await store.known_errors(run["agent_id"], run["from_version"])
    gateway, after = await _gateway(database, firm, run), 0
    try:
        while run["ended_at"] is None:
            waiting = await store.waiting(run["deployment_id"], after=after, limit=LOOKED_AFTER)
            for kept in waiting:
                outcome = await _outcome(gateway, run, kept, known_errors)
                await (store.compared(outcome) if outcome else store.postpone(kept["shadow_call_id"]))  # fmt: skip
            run = await _judge(database, run["deployment_id"])
            if not waiting:
                break
            after = waiting[-1]["shadow_call_id"]
    finally:
        await gateway.aclose()


async def _gateway(database: Database, firm: Firm, run: Row) -> AgentGateway:
    """Serves the version in the shadow, at the expense of nobody's client."""
    stored = await DeploymentStore(source=database).version(run["agent_id"], run["to_version"])
    if stored is None:
        raise InputError(f"version {run['to_version']} of {run['agent_id']} is gone")
    card = AgentCard.model_validate_json(stored["card"])
    return AgentGateway(
        firm.registry.with_cards([card]), firm.providers, PostgresCallLedger(database), purse=PostgresPurse(database, workflow=WORKFLOW),
    )  # fmt: skip


async def _outcome(
    gateway: AgentGateway, run: Row, kept: Row, known_errors: set[str]
) -> Outcome | None:
    """What came of inputs; None: the call has to be made another time."""
    number = kept["shadow_call_id"]
    if kept["live"] is None:
        return Outcome(shadow_call_id=number, left_because="the answer of the version at work is not kept any more")  # fmt: skip
    live = _RESULT.validate_json(kept["live"])
    task = replace(
        _TASK.validate_python(kept["task"]), call_id=f"shadow:{run['deployment_id']}:{kept['call_id']}", max_retries=RETRIES,
    )  # fmt: skip
    about = {"shadow_call_id": number, "live_ms": live.duration_ms, "live_usd": live.usage.cost_usd}
    try:
        result = await gateway.call(task)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this version does with these inputs
        if not is_own_failure(error) or _other_books(task, error):
            is_lost = kept["attempts"] + 1 >= MOST_ATTEMPTS or _other_books(task, error)
            return Outcome(shadow_call_id=number, left_because=str(error)) if is_lost else None
        kind = type(error).__name__
        return Outcome(**about, agreement=0.0, error=f"{kind}: {error}", is_new_error=kind not in known_errors)  # fmt: skip
    return Outcome(
        **about, agreement=agreement(live.outputs, result.outputs), shadow_ms=result.duration_ms, shadow_usd=result.usage.cost_usd,
    )  # fmt: skip


def _other_books(task: AgentTask, error: Exception) -> bool:
    """Whether the books have changed since the version at work did the task: no version can do it then."""
    from prisma_assets.engagement.facts import books_sha256

    if task.books_sha256 is None or not isinstance(error, InputError | PermanentError):
        return False
    folder = Path(task.engagement_folder or "")
    return not folder.is_dir() or books_sha256(folder) != task.books_sha256


# ---- the judgement


async def _judge(database: Database, deployment_id: str) -> Row:
    """Judge all comparisons, and keep the verdict."""
    async with database.transaction() as tx:
        store = ShadowStore(source=tx)
        await store.lock(deployment_id)
        run = await _known(tx, deployment_id)
        if run["ended_at"] is None:
            verdict = _verdict(run, await store.comparisons(deployment_id), now=datetime.now(UTC))
            await store.judge(deployment_id, verdict)
            await _tell(tx, run, verdict)
    return await _known(database, deployment_id)


def _verdict(run: Row, rows: Sequence[Row], *, now: datetime) -> dict[str, Any]:
    compared = [_beside(row) for row in rows if row["agreement"] is not None]
    is_full = len(compared) >= run["most_calls"]
    more = None if is_full else f"{len(compared)} of {run['most_calls']} calls compared"
    found = shadow_verdict(compared, Margins(**run["margins"]), left=len(rows) - len(compared), more=more)  # fmt: skip
    word, reason = found.word, found.reason
    if word == "going on" and now >= run["until"] and not run["waiting"]:
        word, reason = "hold", f"no more calls came until its end: {reason}; `deployment shadow` gives it another end"  # fmt: skip
    numbers = {name: asdict(b) if (b := getattr(found, name)) else None for name in ("agreement", "slower", "dearer")}  # fmt: skip
    return {
        "verdict": word, "reason": reason, "numbers": {**numbers, "errors": sum(1 for r in rows if r["error"])},
        "data_sha256": data_behind(rows), "code_version": code_version(),
    }  # fmt: skip


def data_behind(rows: Sequence[Mapping[str, Any]]) -> str:
    """Hash of comparisons."""
    keys = ("call_id", "agreement", "left_because", "error", "is_new_error", "live_ms", "shadow_ms", "live_usd", "shadow_usd")  # fmt: skip
    said = json.dumps([[row[key] for key in keys] for row in rows])
    return hashlib.sha256(said.encode()).hexdigest()


def _beside(row: Row) -> Beside:
    failed = row["error"] is not None
    return Beside(
        agreement=row["agreement"], new_error=row["error"] if row["is_new_error"] else None,
        milliseconds=None if failed else (max(row["live_ms"], 1), max(row["shadow_ms"], 1)),
        dollars=None if failed else (row["live_usd"], row["shadow_usd"]),
    )  # fmt: skip


async def _tell(tx: Transaction, run: Row, verdict: Mapping[str, Any]) -> None:
    """People hear of what is decided, and of what only they can mend."""
    word, reason = verdict["verdict"], verdict["reason"]
    if word == "going on" or (word, reason) == (run["verdict"], run["reason"]):
        return
    await DeploymentStore(source=tx).tell(
        run["deployment_id"], Event(what=f"shadow: {word}", by=BY, reason=reason)
    )
    if word != "hold":
        await ShadowStore(source=tx).drop_inputs(run["deployment_id"], "decided before")
    await NotificationStore(source=tx).add(
        Notification(
            kind="shadow_run_judged",
            dedupe_key=f"shadow_run_judged:{run['deployment_id']}:{word}",
            subject=f"{run['agent_id']}: version {run['to_version']} in the shadow: {word}",
            text=f"{reason}.\n\n{run['compared']} calls compared with {run['from_version']}.",
            facts={"deployment_id": run["deployment_id"], "agent_id": run["agent_id"]},
        )
    )


async def check_shadow(source: Database | Transaction, deployment: Deployment) -> None:
    """Refuse a deployment of high risk whose shadow run has not passed, or whose comparisons are not those it passed on.

    Raises:
        InputError: Says what is missing.
    """
    if WAYS[deployment.risk_level].proof != "offline":
        return
    store, about = ShadowStore(source=source), deployment.deployment_id
    run = await store.get(about)
    if run is None:
        raise InputError(f"a change of high risk is approved after it was seen on real inputs; `deployment shadow {about}` begins that")  # fmt: skip
    if run["verdict"] != "pass":
        raise InputError(f"the shadow run of {deployment.to_version} has not passed: {run['verdict']}, {run['reason']}")  # fmt: skip
    judged = [r for r in await store.comparisons(about) if r["compared_at"] <= run["ended_at"]]
    if data_behind(judged) != run["data_sha256"]:
        raise InputError(f"the comparisons of the shadow run of {deployment.to_version} are not those it passed on; propose the change anew")  # fmt: skip


async def shadow_of(source: Database | Transaction, deployment_id: str) -> Row | None:
    """A deployment's shadow run with its counts and verdict, as pages show it; None: it has none."""
    return await ShadowStore(source=source).get(deployment_id)


async def _known(source: Database | Transaction, deployment_id: str) -> Row:
    run = await ShadowStore(source=source).get(deployment_id)
    if run is None:
        raise InputError(f"deployment {deployment_id} has no shadow run")
    return run
