"""The opinion that follows from the evidence, by the decision rule of ISA 700, 705 and 570. A partner signs it, not this rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Opinion = Literal["UNMODIFIED", "QUALIFIED", "ADVERSE", "DISCLAIMER"]

SEVERITY: tuple[Opinion, ...] = ("UNMODIFIED", "QUALIFIED", "ADVERSE", "DISCLAIMER")


@dataclass(frozen=True, kw_only=True)
class KeyProcedure:
    """A procedure without which no clean opinion can stand."""

    step_id: str
    key: str
    words: str
    source: str
    only_groups: bool = False
    is_foundation: bool = False
    """Without any of these there is nothing to form an opinion on."""


KEY_PROCEDURES: tuple[KeyProcedure, ...] = (
    KeyProcedure(step_id="a03", key="tie_out", words="the ledger was agreed to the trial balance", source="ISA 500 paragraph 9"),
    KeyProcedure(step_id="a05", key="materiality", words="materiality was determined", source="ISA 320 paragraph 10", is_foundation=True),
    KeyProcedure(step_id="a07", key="journal_entries", words="journal entries were tested", source="ISA 240 paragraph 33(a)"),
    KeyProcedure(step_id="a08", key="revenue", words="revenue was tested against shipments", source="ISA 330 paragraph 18"),
    KeyProcedure(step_id="a08", key="receivables", words="receivables were sampled and the sample evaluated", source="ISA 330 paragraph 18; ISA 530"),
    KeyProcedure(step_id="a08", key="payments", words="payments were tested", source="ISA 330 paragraph 18"),
    KeyProcedure(step_id="a09", key="components", words="components were concluded on", source="ISA 600R", only_groups=True),
    KeyProcedure(step_id="a10", key="statements", words="the statements were agreed to the books", source="ISA 330 paragraph 20(a)", is_foundation=True),
    KeyProcedure(step_id="a11", key="going_concern", words="going concern was evaluated", source="ISA 570"),
    KeyProcedure(step_id="a11", key="subsequent_events", words="subsequent events were reviewed", source="ISA 560 paragraph 6"),
    KeyProcedure(step_id="a11", key="representations", words="written representations were received", source="ISA 580 paragraph 20"),
)  # fmt: skip
"""What has to be on file. A gap is a limitation of scope: evidence could not be obtained (ISA 705 paragraph 6(b))."""

GAP_RULE = (
    "Every key procedure that is not on file counts as evidence not obtained: at least a qualified opinion, "
    "and a disclaimer when a person judges the gap pervasive, or when neither materiality nor the agreement of the "
    "statements to the books is on file: then there is nothing to form an opinion on."
)


@dataclass(frozen=True, kw_only=True)
class OpinionFacts:
    """What the decision rests on."""

    overall_cents: int | None
    """Overall materiality; None: not determined."""
    uncorrected_cents: int | None
    """Without sign. None: no procedure looked for misstatements."""
    gaps: tuple[str, ...]
    """Evidence not obtained: scope limitations, and key procedures not on file."""
    has_foundation: bool
    """Materiality is determined, or the statements are agreed to the books."""
    misstatement_is_pervasive: bool
    """Judged by people (ISA 705 paragraph 5(a))."""
    scope_is_pervasive: bool
    """Judged by people."""
    going_concern: str | None
    going_concern_disclosed: bool | None
    """Whether a material uncertainty is disclosed adequately; judged by people. None: nobody has."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The opinion drafted, with its reasons."""

    opinion: Opinion
    reasons: tuple[str, ...]
    needs_judgement: tuple[str, ...]
    """Questions only a person may answer; the draft changes with the answer."""
    has_uncertainty_section: bool
    """The report carries a section on a material uncertainty related to going concern."""


def decide(facts: OpinionFacts) -> Decision:
    """Draft the opinion. Of several grounds the gravest stands; pervasiveness is only ever taken from people's fields.

    Source: ISA 705 paragraphs 6-10; ISA 570 paragraphs 22-23; domain rule of the firm for step a12.
    """
    grounds: list[tuple[Opinion, str]] = []
    questions: list[str] = []
    for opinion, reason, question in (_misstatement(facts), _scope(facts), _going_concern(facts)):
        if reason:
            grounds.append((opinion, reason))
        if question:
            questions.append(question)
    drafted: Opinion = max((o for o, _ in grounds), key=SEVERITY.index, default="UNMODIFIED")
    reasons = [r for _, r in grounds]
    if drafted == "UNMODIFIED":
        reasons.insert(
            0, "Every key procedure is on file and uncorrected misstatements are below materiality."
        )
    return Decision(
        opinion=drafted,
        reasons=tuple(reasons),
        needs_judgement=tuple(questions),
        has_uncertainty_section=facts.going_concern == "MATERIAL_UNCERTAINTY"
        and facts.going_concern_disclosed is True,
    )


def gaps(steps: Mapping[str, Mapping[str, Any]], *, is_group: bool) -> tuple[tuple[str, ...], bool]:
    """Key procedures not on file, and whether one of the foundations is.

    Args:
        steps: Outputs of the earlier steps; each names its key procedures under `key_procedures`.
        is_group: Components have to be concluded on as well.
    """
    needed = [p for p in KEY_PROCEDURES if is_group or not p.only_groups]
    reasons = {p: _missing(p, steps) for p in needed}
    missing = tuple(
        f"No evidence that {p.words} ({p.source}): {reason}."
        for p, reason in reasons.items()
        if reason
    )
    return missing, any(p.is_foundation and not reason for p, reason in reasons.items())


def _missing(procedure: KeyProcedure, steps: Mapping[str, Mapping[str, Any]]) -> str:
    """Why the procedure is not on file; empty when it is."""
    state = steps.get(procedure.step_id, {}).get("key_procedures", {}).get(procedure.key)
    if state is None:
        return f"step {procedure.step_id} left no result"
    return "" if state["is_performed"] else str(state["reason"])


def required_sections(decision: Decision, *, has_key_audit_matters: bool) -> tuple[str, ...]:
    """Sections of the report, in order.

    Source: ISA 700 paragraphs 21-49; ISA 705 paragraphs 16-28; ISA 701 paragraph 11 and, with a disclaimer, 29 of ISA 705;
    ISA 570 paragraph 22; ISA 720.
    """
    opinion = decision.opinion
    heading = {"UNMODIFIED": "Opinion", "QUALIFIED": "Qualified opinion", "ADVERSE": "Adverse opinion", "DISCLAIMER": "Disclaimer of opinion"}[opinion]  # fmt: skip
    sections = ["Title and addressee", heading, f"Basis for {heading[0].lower()}{heading[1:]}"]
    if decision.has_uncertainty_section:
        sections.append("Material uncertainty related to going concern")
    if has_key_audit_matters and opinion != "DISCLAIMER":
        sections.append("Key audit matters")
    if opinion != "DISCLAIMER":
        sections.append("Other information")
    sections += [
        "Responsibilities of management and those charged with governance",
        "Auditor's responsibilities",
        "Signature, address and date",
    ]
    return tuple(sections)


_Ground = tuple[Opinion, str, str]
"""Opinion, reason (empty: no ground), question for a person (empty: none)."""


def _misstatement(facts: OpinionFacts) -> _Ground:
    overall, found = facts.overall_cents, facts.uncorrected_cents
    if overall is None or found is None or found < overall:
        return "UNMODIFIED", "", ""
    if facts.misstatement_is_pervasive:
        return (
            "ADVERSE",
            "Uncorrected misstatements are material and were judged pervasive (ISA 705 paragraph 8).",
            "",
        )
    return (
        "QUALIFIED",
        "Uncorrected misstatements are material (ISA 705 paragraph 7(a)).",
        "Are the uncorrected misstatements pervasive? If so the opinion is adverse (completion.misstatement_is_pervasive).",
    )


def _scope(facts: OpinionFacts) -> _Ground:
    if not facts.gaps:
        return "UNMODIFIED", "", ""
    if facts.scope_is_pervasive:
        return (
            "DISCLAIMER",
            "Evidence not obtained was judged material and pervasive (ISA 705 paragraph 9).",
            "",
        )
    if not facts.has_foundation:
        return (
            "DISCLAIMER",
            "Neither materiality nor the agreement of the statements to the books is on file: there is nothing an opinion could rest on (ISA 705 paragraph 9).",
            "",
        )
    return (
        "QUALIFIED",
        f"Evidence was not obtained in {len(facts.gaps)} respects and its effect could be material (ISA 705 paragraph 7(b)).",
        "Could the undetected effect be pervasive? If so the opinion is disclaimed (completion.scope_limitation_is_pervasive).",
    )


def _going_concern(facts: OpinionFacts) -> _Ground:
    question = "Does a material uncertainty about going concern exist? The screen raises doubt; the partner concludes (completion.going_concern_assessment)."
    if facts.going_concern == "SIGNIFICANT_DOUBT":
        return "UNMODIFIED", "", question
    if facts.going_concern != "MATERIAL_UNCERTAINTY":
        return "UNMODIFIED", "", ""
    if facts.going_concern_disclosed is True:
        return (
            "UNMODIFIED",
            "A material uncertainty about going concern is disclosed adequately: separate section, no modification (ISA 570 paragraph 22).",
            "",
        )
    if facts.misstatement_is_pervasive:
        return (
            "ADVERSE",
            "A material uncertainty about going concern is not disclosed adequately, judged pervasive (ISA 570 paragraph 23).",
            "",
        )
    answer = "is not" if facts.going_concern_disclosed is False else "is not shown to be"
    return (
        "QUALIFIED",
        f"A material uncertainty about going concern {answer} disclosed adequately (ISA 570 paragraph 23).",
        "Is the missing disclosure pervasive? If so the opinion is adverse (completion.going_concern_disclosed_adequately, completion.misstatement_is_pervasive).",
    )
