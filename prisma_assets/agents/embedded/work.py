"""What a step function is given, and how its outcomes become a workpaper. The steps stand in the files beside this one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from prisma_assets.agents.contract import AgentTask
from prisma_assets.agents.embedded.assignment import assignments, declared_parameters
from prisma_assets.agents.embedded.branched import merged
from prisma_assets.domain.audit.amount import in_currency
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.edition import editions_in_force
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.key_figure import KeyFigures, key_figures
from prisma_assets.domain.audit.outcome import Outcome
from prisma_assets.domain.audit.workpaper import Evidence, Finding, StepResult, Workpaper


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """One step's material."""

    engagement: Engagement
    books: Books
    task: AgentTask
    warnings: tuple[str, ...] = ()
    """What the reader of the books found doubtful, as sentences."""

    @property
    def currency(self) -> str:
        """ISO code of the engagement's currency."""
        return self.engagement.client.currency

    @property
    def report_date(self) -> date | None:
        """Date of the report: the one the team set, else the day the step runs."""
        facts = self.engagement.completion
        if facts is not None and facts.report_date is not None:
            return facts.report_date
        return self.task.as_of.date() if self.task.as_of else None

    @cached_property
    def figures(self) -> KeyFigures:
        """The key figures of the books."""
        return key_figures(self.books)

    @property
    def steps(self) -> dict[str, Mapping[str, Any]]:
        """Outputs of the earlier steps that were done, by step id; those of a step done per item as one."""
        return {step_id: merged(outputs) for step_id, outputs in self.task.steps.items() if outputs}

    def outputs_of(self, step_id: str) -> Mapping[str, Any]:
        """An earlier step's outputs; empty when it was skipped."""
        return self.steps.get(step_id, {})

    def parameter(self, name: str) -> int:
        """What the agent's version says under a declared name, else what is usual."""
        return int(self.task.parameters.get(name, declared_parameters()[name].usual))

    @property
    def stored_steps(self) -> dict[str, Mapping[str, Any]]:
        """Outputs of the earlier steps as they are stored, for seals over them."""
        return {step_id: outputs for step_id, outputs in self.task.steps.items() if outputs}

    @property
    def last_time(self) -> Mapping[str, Any]:
        """What the step gave before it was sent back; empty the first time."""
        return (self.task.previous or {}) if self.task.turn == 1 else {}

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of every table's file, by table."""
        return {name: source.sha256 for name, source in self.books.sources.items()}

    def changed_since(self, step_id: str) -> list[str]:
        """Tables that are not what they were when that step took the books in; none where it did not say."""
        before = self.outputs_of(step_id).get("files")
        if before is None:
            return []
        return sorted(n for n in {*before, *self.files} if before.get(n) != self.files.get(n))

    def amount(self, cents: int | None) -> str:
        """An amount as text in the engagement's currency."""
        return in_currency(cents, self.currency)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a step has to say, before it is put into the form of a workpaper."""

    outcomes: Sequence[Outcome]
    conclusion: str
    """What follows from the outcomes."""
    outputs: Mapping[str, Any]
    evidence: tuple[Evidence, ...] = ()
    """Tables beyond those of the outcomes, shown first."""
    tables: Sequence[str] | None = None
    """Tables the step looked at, for its sources. None: all of them."""
    core: Sequence[Outcome] | None = None
    """Outcomes that make the step: when none of them was performed, "Not performed, because ..." opens the conclusion.
    None: all of them."""


def finish(work: StepWork, draft: Draft) -> StepResult:
    """Put a step's outcomes into a workpaper, and its outputs beside it.

    Every step's outputs also carry `procedures` (how many were performed, which were not and why) and `findings`
    (number and amount by kind): the later steps see no workpapers.
    """
    task = work.task
    assignment = assignments()[task.task]
    findings = tuple(f for o in draft.outcomes for f in o.findings)
    workpaper = Workpaper(
        step_id=task.step_id,
        title=task.title or assignment.title,
        objective=task.objective or assignment.objective,
        procedures=tuple(o.procedure for o in draft.outcomes),
        evidence=draft.evidence + tuple(e for o in draft.outcomes for e in o.evidence),
        findings=findings,
        conclusion=_conclusion(draft),
        references=_references(work, task.standards or assignment.references),
        sources=_sources(work, draft.tables),
        currency=work.currency,
    )
    outputs = {
        **draft.outputs,
        "procedures": {
            "performed": sum(o.is_performed for o in draft.outcomes),
            "not_performed": [
                {"name": o.procedure.name, "reason": o.procedure.reason}
                for o in draft.outcomes
                if not o.is_performed
            ],
        },
        "findings": findings_by_kind(findings),
    }
    return StepResult(workpaper=workpaper, outputs=outputs)


def key_procedure(outcome: Outcome, *, problem: str = "") -> dict[str, Any]:
    """State of a key procedure, as the opinion step reads it.

    Args:
        outcome: The procedure.
        problem: Why it does not count although it was performed; empty when it counts.
    """
    reason = problem or outcome.procedure.reason
    return {"is_performed": outcome.is_performed and not problem, "reason": reason}


def first_performed(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """State of a key procedure that any one of several fulfils; else the reasons of all."""
    listed = list(outcomes)
    if any(o.is_performed for o in listed):
        return {"is_performed": True, "reason": ""}
    return {
        "is_performed": False,
        "reason": "; ".join(dict.fromkeys(o.procedure.reason for o in listed)),
    }


def findings_by_kind(findings: Iterable[Finding]) -> dict[str, dict[str, int]]:
    """Number of findings and the total of their known amounts, by kind."""
    kinds: dict[str, dict[str, int]] = {}
    for finding in findings:
        row = kinds.setdefault(finding.kind, {"count": 0, "amount_cents": 0})
        row["count"] += 1
        row["amount_cents"] += abs(finding.amount_cents or 0)
    return dict(sorted(kinds.items()))


def _conclusion(draft: Draft) -> str:
    core = draft.outcomes if draft.core is None else draft.core
    if any(o.is_performed for o in core) or draft.conclusion.startswith("Not performed"):
        return draft.conclusion
    reasons = "; ".join(dict.fromkeys(o.procedure.reason for o in core))
    return f"Not performed, because {reasons}. {draft.conclusion}".strip()


def _references(work: StepWork, standards: Sequence[str]) -> tuple[str, ...]:
    return (*standards, *editions_in_force(standards, work.engagement.period.start))


def _sources(work: StepWork, used: Sequence[str] | None) -> tuple[str, ...]:
    facts = f"engagement.yaml (books {work.books.sha256[:12]})"
    tables = tuple(
        f"{source.file} (sha256 {source.sha256[:12]}, {source.rows:,} rows)"
        for table, source in work.books.sources.items()
        if used is None or table in used
    )
    provenance = work.engagement.provenance
    return (facts, *tables, *((provenance,) if provenance else ()))
