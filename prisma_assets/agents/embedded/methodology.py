"""A step of somebody's audit methodology: the firm's own procedure does its work where one covers it, else people do.

What was performed once is performed once: later steps on the same subject rest on that result and say where it stands.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.agents.embedded.subject import ANNUAL_STEPS, NEEDS
from prisma_assets.agents.embedded.work import Draft, StepWork, findings_by_kind, finish
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.workpaper import Evidence, Procedure, StepResult, Workpaper
from prisma_assets.domain.errors import PermanentError
from prisma_assets.domain.workflow.blueprint_brief import ProcedureBrief
from prisma_assets.domain.workflow.validation import did_you_mean

_ANNUAL_ID = re.compile(r"\b(?:step )?(a(?:0[1-9]|1[0-4]))\b")
_ANNUAL_IDS = frozenset(ANNUAL_STEPS.values())


def perform_procedure_step(work: StepWork) -> StepResult:
    """Do what the firm can do for the step, and put the rest before the person who does or judges it.

    Raises:
        PermanentError: The step's parameters are no brief.
    """
    step = _MethodologyStep(work=work, brief=_brief(work))
    task = step.brief.performs
    if task is None:
        return step.prepared()
    return step.cited(task) if task in step.on_file else step.performed(task)


def _brief(work: StepWork) -> ProcedureBrief:
    who = f"step {work.task.step_id}"
    try:
        brief = ProcedureBrief.model_validate(dict(work.task.parameters))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(p) for p in ("parameters", *first["loc"]))
        raise PermanentError(
            f"{who}: {where}: {first['msg']}; correct it in the template"
        ) from error
    if brief.performs is not None and brief.performs not in ASSIGNMENTS:
        hint = did_you_mean(brief.performs, set(ASSIGNMENTS))
        raise PermanentError(
            f"{who}: parameters.performs: no audit procedure is called '{brief.performs}'{hint}"
        )
    return brief


@dataclass(frozen=True, kw_only=True)
class _MethodologyStep:
    """One step with its brief, and what the file holds when it begins."""

    work: StepWork
    brief: ProcedureBrief

    @cached_property
    def on_file(self) -> Mapping[str, str]:
        """Step that performed each of the firm's procedures."""
        return {
            task: step_id
            for step_id, outputs in reversed(self.work.steps.items())
            for task in outputs.get("performed", {})
        }

    def prepared(self) -> StepResult:
        """A workpaper for the person who does the work."""
        actor = self.brief.actor
        reason = f"no procedure of the firm covers it; the {actor} does"
        if self.brief.judged_by_people:
            reason = f"only people may judge it; the {actor} does"
        own = not_performed(self.work.task.title or self.brief.procedure, reason)
        return self._finished(
            [own], f"This workpaper is prepared for the {actor}, who records here what was done and found."
        )  # fmt: skip

    def cited(self, task: str) -> StepResult:
        """A workpaper that rests on what an earlier step performed."""
        earlier = self.on_file[task]
        said = str(self.work.outputs_of(earlier).get("conclusion", ""))
        own = performed(
            "Work on file",
            population=f"{ASSIGNMENTS[task].title}, performed in step {earlier}",
            result=said,
        )
        return self._finished(
            [own, *self._judgement()],
            f"Rests on step {earlier}, in which the firm's procedure for this was performed: {said}",
        )

    def performed(self, task: str) -> StepResult:
        """The firm's procedure, with those before it that no earlier step has performed."""
        before = [t for t in self._needed(task) if t not in self.on_file]
        seen = self._steps_as_the_procedures_know_them()
        results: dict[str, StepResult] = {}
        for each in (*before, task):
            results[each] = self._run(each, seen)
            seen[ANNUAL_STEPS[each]] = results[each].outputs
        return self._merged(results, task)

    def _needed(self, task: str) -> list[str]:
        """What the procedure rests on, in the order of the audit."""
        found: set[str] = set()
        todo = [task]
        while todo:
            further = set(NEEDS.get(todo.pop(), ())) - found
            found |= further
            todo += further
        if not self.work.engagement.client.is_group:
            found.discard("group_component_work")
        return [t for t in ASSIGNMENTS if t in found]

    def _steps_as_the_procedures_know_them(self) -> dict[str, Mapping[str, Any]]:
        """Earlier steps: the procedures' results under their ids in the annual audit, the others under their own."""
        known: dict[str, Mapping[str, Any]] = {
            i: outputs for i, outputs in self.work.steps.items() if not outputs.get("performed")
        }
        for task, step_id in self.on_file.items():
            known[ANNUAL_STEPS[task]] = self.work.outputs_of(step_id)["performed"][task]
        return known

    def _run(self, task: str, steps: Mapping[str, Mapping[str, Any]]) -> StepResult:
        module, _, function = ASSIGNMENTS[task].function.partition(":")
        do = getattr(import_module(f"prisma_assets.agents.embedded.{module}"), function)
        given = replace(self.work.task, task=task, steps=dict(steps))
        result: StepResult = do(replace(self.work, task=given))
        return result

    def _merged(self, results: Mapping[str, StepResult], task: str) -> StepResult:
        """One workpaper and one set of outputs for all that was performed."""
        papers = [r.workpaper for r in results.values()]
        findings = tuple(f for p in papers for f in p.findings)
        own = results[task].workpaper
        conclusion = " ".join([self._in_place(own.conclusion), *self._closing()])
        procedures = [self._procedure_in_place(p) for paper in papers for p in paper.procedures]
        procedures += [o.procedure for o in self._judgement()]
        paper = own.model_copy(
            update={
                "procedures": tuple(procedures),
                "evidence": (*self._requirements(), *(self._evidence_in_place(e) for p in papers for e in p.evidence)),
                "findings": findings,
                "conclusion": conclusion,
                "sources": tuple(dict.fromkeys(s for p in papers for s in p.sources)),
            }
        )  # fmt: skip
        outputs = {
            "performed": {t: r.outputs for t, r in results.items()},
            "procedures": _counts(paper),
            "findings": findings_by_kind(findings),
        }
        return StepResult(workpaper=paper, outputs={**outputs, **self._outputs(conclusion)})

    def _finished(self, outcomes: list[Outcome], conclusion: str) -> StepResult:
        draft = Draft(
            outcomes=outcomes,
            conclusion=" ".join([conclusion, *self._closing()]),
            outputs={},
            evidence=self._requirements(),
            tables=(),
            core=outcomes[:1],
        )
        result = finish(self.work, draft)
        outputs = {**result.outputs, **self._outputs(result.workpaper.conclusion)}
        return StepResult(workpaper=result.workpaper, outputs=outputs)

    def _outputs(self, conclusion: str) -> dict[str, Any]:
        covered = self.brief.performs is not None
        return {
            "conclusion": conclusion,
            "evidence": dict.fromkeys(self.brief.leaves, covered),
            "missing_evidence": self._missing(),
        }

    def _judgement(self) -> list[Outcome]:
        if not self.brief.judged_by_people:
            return []
        return [not_performed(f"Judgement of the {self.brief.actor}", "only people may judge it")]

    def _closing(self) -> list[str]:
        """What is left to people, as sentences."""
        actor = self.brief.actor
        said = [f"The {actor} judges and signs."] if self.brief.judged_by_people else []
        said += [f"To be decided by the {actor}: {q.question}" for q in self.brief.questions]
        missing = [self.brief.reads[i] for i in self._missing()]
        return [*said, *([f"Not in the file yet: {', '.join(missing)}."] if missing else [])]

    def _missing(self) -> list[str]:
        """Evidence the step reads that no earlier step has left."""
        left = {
            i
            for outputs in self.work.steps.values()
            for i, is_there in outputs.get("evidence", {}).items()
            if is_there
        }
        return [i for i in self.brief.reads if i not in left]

    def _requirements(self) -> tuple[Evidence, ...]:
        """What the methodology asks for, as tables a reviewer sees first."""
        brief = self.brief
        missing = self._missing()
        leaves = "in this workpaper" if brief.performs else f"to be added by the {brief.actor}"
        items = [
            (n, "read", "not in the file" if i in missing else "in the file")
            for i, n in brief.reads.items()
        ]
        items += [(n, "left", leaves) for n in brief.leaves.values()]
        asked = [
            ("procedure", brief.procedure),
            ("done by", brief.actor),
            ("binding", brief.binding),
        ]
        asked += [("budget of the procedure", f"{brief.hours:g} h")] if brief.hours else []
        asked += [("to be stated", name) for name in brief.states]
        asked += [("people's part", text) for text in brief.people]
        asked += [("asked for by a reviewer", text) for text in self.work.task.review_notes]
        answers = [(q.question, a) for q in brief.questions for a in (q.answers or ("",))]
        tables = (
            Evidence(title="What the methodology asks for", columns=("what", "in its words"), rows=tuple(asked)),
            Evidence(title="Evidence", columns=("document", "use", "state"), rows=tuple(items)),
            Evidence(title="To be decided by people", columns=("question", "answer"), rows=tuple(answers)),
        )  # fmt: skip
        return tuple(t for t in tables if t.rows)

    def _in_place(self, text: str) -> str:
        """The text with the annual audit's step ids replaced by this template's steps."""
        return _ANNUAL_ID.sub(lambda m: self._step_named(m[1]), text)

    def _step_named(self, annual: str) -> str:
        task = next(t for t, i in ANNUAL_STEPS.items() if i == annual)
        return f"step {self.on_file[task]}" if task in self.on_file else ASSIGNMENTS[task].title

    def _procedure_in_place(self, procedure: Procedure) -> Procedure:
        said = ("population", "result", "reason")
        return procedure.model_copy(
            update={key: self._in_place(getattr(procedure, key)) for key in said}
        )

    def _evidence_in_place(self, table: Evidence) -> Evidence:
        # A bare id is one only where the table lists steps: a client's own number may look like it.
        lists_steps = "step" in (table.columns[0], *(row[0] for row in table.rows))

        def cell(value: Any) -> Any:
            named = isinstance(value, str) and (
                "step a" in value or (lists_steps and value in _ANNUAL_IDS)
            )
            return self._in_place(value) if named else value

        rows = tuple(tuple(cell(c) for c in row) for row in table.rows)
        return table.model_copy(update={"rows": rows})


def _counts(paper: Workpaper) -> dict[str, Any]:
    """Performed and not, as every step tells those behind it."""
    open_ = [p for p in paper.procedures if p.status == "not performed"]
    return {
        "performed": len(paper.procedures) - len(open_),
        "not_performed": [{"name": p.name, "reason": p.reason} for p in open_],
    }
