"""Which of the firm's audit procedures does the work of a step that some methodology describes. Performs none of them.

The rules are few and narrow on purpose: a step that matches none is prepared for people, which is safe; a step that matches
the wrong one would carry work nobody asked for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prisma_assets.agents.embedded.assignment import ASSIGNMENTS

ANNUAL_STEPS: Final = {task: f"a{number:02}" for number, task in enumerate(ASSIGNMENTS, start=1)}
"""Procedure to its step in the annual audit: under these ids the procedures look for each other's results."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "engagement_acceptance": ("independence_check",),
    "strategy_materiality_plan": ("understand_entity_and_risk", "fraud_risk_assessment"),
    "analytics_and_je_testing": ("fraud_risk_assessment", "strategy_materiality_plan"),
    "substantive_testing": ("strategy_materiality_plan", "controls_testing"),
    "group_component_work": ("strategy_materiality_plan",),
    "fs_disclosure_review": ("understand_entity_and_risk",),
    "completion": (
        "understand_entity_and_risk", "strategy_materiality_plan", "controls_testing", "substantive_testing",
        "group_component_work", "fs_disclosure_review",
    ),
    "opinion_and_report_draft": ("engagement_acceptance", "analytics_and_je_testing", "completion"),
    "engagement_quality_review": ("opinion_and_report_draft",),
    "release_tcwg_archive": ("opinion_and_report_draft",),
}  # fmt: skip
"""What a procedure reads of others (`StepWork.outputs_of`); what these need comes with them."""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A subject and the procedure that covers it."""

    task: str
    standard: str = ""
    """The whole standard, or with `paragraphs` a part of it."""
    paragraphs: range | None = None
    words: re.Pattern[str] | None = None
    """In what the step says of itself."""

    def speaks_of(self, text: str) -> bool:
        return self.words is not None and bool(self.words.search(text))

    def cites(self, ref: str, paragraph: str) -> bool:
        if not self.standard or ref.removesuffix("R") != self.standard:
            return False
        number = re.match(r"\d+", paragraph)
        return self.paragraphs is None or (number is not None and int(number[0]) in self.paragraphs)


def _words(task: str, pattern: str) -> _Rule:
    return _Rule(task=task, words=re.compile(pattern))


_PARTS: Final = (
    # ISA 240 (2009 to 2025) 32-34: journal entries, estimates and unusual transactions, tested whatever the risk is.
    _Rule(task="analytics_and_je_testing", standard="ISA 240", paragraphs=range(32, 35)),
    _Rule(task="controls_testing", standard="ISA 330", paragraphs=range(8, 18)),
    _Rule(task="substantive_testing", standard="ISA 330", paragraphs=range(18, 24)),
    # The statements' presentation, and their agreement with the records underneath.
    _Rule(task="fs_disclosure_review", standard="ISA 330", paragraphs=range(24, 25)),
)
"""Parts of standards that name one procedure exactly."""

_WORDS: Final = (
    _words("completion", r"going concern|subsequent events?|written representation|representation letter|uncorrected misstatement"),
    _words("independence_check", r"\bindependence\b"),
    _words("engagement_acceptance", r"\b(accept|continu)\w* .*(client|engagement)|engagement letter|terms of the audit engagement"),
    _words("strategy_materiality_plan", r"(overall|performance|planning|determin\w*|calculat\w*) materiality|materiality (benchmark|rationale|threshold|level)"),
    _words("analytics_and_je_testing", r"journal entr|benford|analytical procedures?\b|ratio analysis"),
    _words("controls_testing", r"tests? of controls|controls? testing|operating effectiveness|control deviations"),
    _words("substantive_testing", r"tests? of details?\b|substantive procedures|audit sampling|three-way match|duplicate payment"),
    _words("fraud_risk_assessment", r"\bfraud\b"),
    _words("group_component_work", r"component auditor|group financial statements"),
    _words("engagement_quality_review", r"engagement quality review"),
    _words("release_tcwg_archive", r"\bissu(e|ing) the auditor'?s'? report|\bassembl\w+ the (final )?audit file|\barchiv\w+ the (audit )?file"),
    _words("opinion_and_report_draft", r"\b(form|draft)\w* (an |the )?(audit )?opinion|type of opinion"),
    _words("understand_entity_and_risk", r"risks? of material misstatement|understanding of the entity"),
)  # fmt: skip
"""What people call the subjects; the narrower ones first."""

_WHOLES: Final = tuple(
    _Rule(task=task, standard=f"ISA {number}")
    for task, numbers in {
        "engagement_acceptance": (210,),
        "fraud_risk_assessment": (240,),
        "strategy_materiality_plan": (300, 320),
        "understand_entity_and_risk": (315,),
        "substantive_testing": (500, 530),
        "analytics_and_je_testing": (520,),
        "completion": (450, 560, 570, 580),
        "group_component_work": (600,),
        "fs_disclosure_review": (710,),
        "opinion_and_report_draft": (700, 701, 705, 706),
    }.items()
    for number in numbers
)
"""Standards whose subject a procedure covers."""

_CLOSING: Final = frozenset(
    {"completion", "opinion_and_report_draft", "engagement_quality_review", "release_tcwg_archive"}
)
"""What closes an audit: a step of an earlier phase that only mentions it (going concern, in accepting a client) is about
something else."""


def procedure_for(
    words: str, standards: Sequence[tuple[str, Sequence[str]]], *, is_closing: bool
) -> str | None:
    """The firm's procedure that covers a step; None: none does, and people do the work.

    Args:
        words: What the step says of itself.
        standards: Standards it answers, each with its paragraphs, e.g. `("ISA 330", ["18"])`.
        is_closing: The step belongs to the methodology's last phase.
    """
    cited = [(ref, p) for ref, paragraphs in standards for p in (paragraphs or ("",))]
    text = " ".join(words.split()).casefold()
    for rules in (_PARTS, _WORDS, _WHOLES):
        for rule in rules:
            by_words = rule.speaks_of(text) and (is_closing or rule.task not in _CLOSING)
            if by_words or any(rule.cites(*c) for c in cited):
                return rule.task
    return None
