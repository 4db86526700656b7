"""Which procedure of the firm covers a step of a methodology: few, narrow rules."""

import inspect
import re
from importlib import import_module

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.agents.embedded.subject import ANNUAL_STEPS, NEEDS, procedure_for
from prisma_assets.engine.library import SHIPPED, read_template


@pytest.mark.parametrize(
    ("words", "standards", "task"),
    [
        ("Determine overall materiality.", [], "strategy_materiality_plan"),
        ("Set the threshold.", [("ISA 320", ["A10"])], "strategy_materiality_plan"),
        ("Respond.", [("ISA 330", ["8"])], "controls_testing"),
        ("Respond.", [("ISA 330", ["18", "19"])], "substantive_testing"),
        ("Respond.", [("ISA 330", ["24"])], "fs_disclosure_review"),
        ("Respond.", [("ISA 330", ["5"])], None),
        ("Requirement per Fraud.", [("ISA 240", ["33(a)"])], "analytics_and_je_testing"),
        ("Requirement per Fraud.", [("ISA 240", ["16"])], "fraud_risk_assessment"),
        ("Consider the group.", [("ISA 600R", [])], "group_component_work"),
        ("Run Benford's law on all payments.", [], "analytics_and_je_testing"),
        ("Screen for independence.", [], "independence_check"),
        ("Address the independent auditor's report.", [], None),
        ("Count the stock.", [("ISA 501", ["4"])], None),
        ("Obtain the auditor's expert's report.", [("ISA 620", ["9"])], None),
    ],
)
def test_a_step_is_covered_by_what_it_cites_or_says(words, standards, task):
    assert procedure_for(words, standards, is_closing=False) == task


def test_a_mention_does_not_close_the_audit_before_its_last_phase():
    """Whoever accepts a client looks at going concern too; the completion of the audit comes later."""
    words = "Look at liquidity, covenants and going concern."

    assert procedure_for(words, [], is_closing=False) is None
    assert procedure_for(words, [], is_closing=True) == "completion"
    assert procedure_for(words, [("ISA 570", ["10"])], is_closing=False) == "completion"


def test_the_procedures_know_each_other_by_the_annual_audits_ids():
    agents = frozenset(c.id for c in firm_cards())
    template = read_template(SHIPPED / "annual_audit.yaml", agents=agents)
    first = {s.procedure: s.id for s in template.steps if s.procedure in ASSIGNMENTS}

    assert first == ANNUAL_STEPS


def closure(task: str) -> set[str]:
    found = set(NEEDS.get(task, ()))
    return found.union(*(closure(t) for t in found))


@pytest.mark.parametrize("module", sorted({a.function.split(":")[0] for a in ASSIGNMENTS.values()}))
def test_what_a_module_reads_of_other_steps_is_needed_by_one_of_its_procedures(module):
    """A result that is read and not listed in NEEDS would silently be empty in an imported template."""
    source = inspect.getsource(import_module(f"prisma_assets.agents.embedded.{module}"))
    read = set(re.findall(r'outputs_of\("(a\d\d)"\)', source))
    own = [t for t, a in ASSIGNMENTS.items() if a.function.startswith(f"{module}:")]
    needed = {ANNUAL_STEPS[t] for task in own for t in closure(task)} | {ANNUAL_STEPS[t] for t in own}  # fmt: skip

    assert read <= needed
