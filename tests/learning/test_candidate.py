"""Changes proposed for opportunities: searched on real procedures and sample books, or written by a (scripted) language model."""

from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentResult, Usage
from prisma_assets.agents.embedded.provider import EmbeddedProvider
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.engine.library import product_library
from prisma_assets.learning.candidate import Effort, propose, propose_for_all
from prisma_assets.learning.labelled_work import CHAIN
from prisma_assets.settings import Settings
from prisma_assets.store.candidate import CandidateStore

ANALYST, CRITIC, WRITER = "audit-analytics-017", "audit-fraud-016", "audit-doc-044"
QUICK = Effort(rungs=((3, 1), (1, 2)), holdout=2)


class Model:
    """A language model that always answers the same."""

    name = "model"

    def __init__(self, prompt: Any) -> None:
        self.prompt = prompt
        self.asked: list[Any] = []

    async def start(self, card):
        return card

    async def call(self, _instance, _card, task):
        self.asked.append(task.inputs)
        usage = Usage(
            provider=self.name, model="m", tokens_in=900, tokens_out=80, cost_usd=Decimal("0.0125")
        )
        return AgentResult(outputs={"prompt": self.prompt}, usage=usage)

    async def stop(self, instance):
        """Nothing to release."""


def firm(model: Model | None = None) -> Firm:
    """The firm's agents; one of them works through a language model."""
    cards = [
        card.model_copy(update={"provider": "model", "prompt": "Write notes."}) if card.id == WRITER else card
        for card in firm_cards()
    ]  # fmt: skip
    providers: dict[str, Any] = {"embedded": EmbeddedProvider()}
    return Firm(
        registry=AgentRegistry(cards),
        providers={**providers, **({"model": model} if model else {})},
    )


@pytest.fixture
def trouble(facts):
    """Opportunities with the same ids every time: what is drawn follows from the id, and from this one on good criteria are."""
    number = count(8)

    def add(agent: str, metric: str = "satisfaction", status: str = "identified") -> str:
        [(found,)] = facts.query(
            """insert into improvement_opportunities (opportunity_id, agent_id, agent_version, improvement_type, detector, title, description, evidence,
                sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on, status, status_reason)
            values (%s, %s, '1.0.0', 'prompt', 'low_rating', 'Lists are too long', 'Ratings fell.', '[]', 3, 'high', 'medium',
                gen_random_uuid()::text, %s, '2026-03-01', '2026-03-09', %s, 'r') returning opportunity_id::text""",
            (str(UUID(int=next(number))), agent, metric, status),
        )
        return str(found)

    return add


def test_settings_are_searched_on_books_and_judged_on_others(facts, trouble):
    """A short search of the real procedure. Asked again, what was found is told and nothing is searched."""
    about = trouble(ANALYST)
    found = facts.do(propose, firm(), about, effort=QUICK)
    again = facts.do(propose, firm(), about)

    assert found == again
    assert set(found["changes"]["parameters"]) == {"selection_handed_on"}
    assert (found["train_tasks"], found["holdout_tasks"], found["tried"]) == (2, 2, 3)
    assert found["ci_low"] <= found["effect"] <= found["ci_high"]
    assert found["effect"] == pytest.approx(found["holdout_score"] - found["present_score"])
    assert not found["is_proposed"], "two tasks prove nothing"
    assert found["cost_usd"] == 0


@pytest.mark.slow
def test_criteria_that_spare_people_sound_entries_are_proposed(facts, trouble):
    """Flags too wide put entries on the list that nothing is wrong with; narrower ones find as many errors on books that chose nothing."""
    found = facts.do(propose, firm(), trouble(CRITIC), effort=Effort(rungs=((6, 1), (1, 2)), holdout=10))  # fmt: skip

    assert found["is_proposed"], found
    assert found["missed_more"] == 0
    assert found["ci_low"] > 0
    assert set(found["changes"]["parameters"]) == {"late_days", "listed_minimum", "listed_share_pct", "round_minimum"}  # fmt: skip


def test_what_nobody_can_measure_is_said_and_not_made_up(facts, trouble):
    slow, unknown, over = trouble(ANALYST, "latency_ms"), trouble("tax-tp-029"), trouble(ANALYST, status="rejected")  # fmt: skip
    for opportunity, said in ((slow, "is about latency_ms"), (unknown, "no procedure of tax-tp-029"), (over, "is rejected")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            facts.do(propose, firm(), opportunity)

    done = facts.do(propose_for_all, firm())
    assert (done.new, set(done.left)) == (0, {slow, unknown})


def test_a_model_rewrites_its_prompt_from_what_people_said(facts, trouble):
    """Paid through the gateway, once; the price stands with the candidate."""
    about, model = trouble(WRITER), Model("Write notes of at most ten lines.")
    facts.feedback(WRITER, rating=2, comment="far too long")
    facts.feedback(WRITER, rating=5, comment="lovely")
    found = facts.do(propose, firm(model), about)
    facts.do(propose, firm(model), about)

    assert (found["way"], found["is_proposed"], found["measure"]) == ("rewrite", True, None)
    assert found["changes"] == {"prompt": "Write notes of at most ten lines."}
    assert found["cost_usd"] == 0.0125
    assert [asked["comments"] for asked in model.asked] == [["far too long"]]
    assert facts.query("select task, cost_usd::float8 from agent_cost_tracking") == [("rewrite_prompt", 0.0125)]  # fmt: skip


@pytest.mark.parametrize("prompt", ["", None, ["a"], "Write notes."], ids=["empty", "none", "no text", "unchanged"])  # fmt: skip
def test_no_prompt_is_no_candidate(facts, trouble, prompt):
    about = trouble(WRITER)
    facts.feedback(WRITER, rating=2, comment="far too long")
    with pytest.raises(InputError, match=f"the model gave no prompt for {WRITER}"):
        facts.do(propose, firm(Model(prompt)), about)
    assert facts.do(listed) == []


def test_without_a_model_or_words_nothing_is_rewritten(facts, trouble):
    about = trouble(WRITER)
    with pytest.raises(InputError, match="no model is configured"):
        facts.do(propose, firm(), about)
    with pytest.raises(InputError, match="nobody wrote what is wrong"):
        facts.do(propose, firm(Model("x")), about)


async def listed(database):
    return await CandidateStore(source=database).listed()


def test_the_measured_chain_is_the_audits_own(tmp_path):
    """Who selects journal entries, and by which task, stands in the template."""
    audit = product_library(
        Settings(home=tmp_path), agents=AgentRegistry(firm_cards()).ids
    ).templates["annual_audit"]
    steps = {step.id: (step.agent, step.name) for step in audit.steps}
    assert {step_id: steps[step_id] for step_id in CHAIN} == dict(CHAIN)


def test_settings_at_work_are_what_the_search_starts_from(facts, trouble):
    """A version that was put to work is compared with, not the one in the code."""
    about = trouble(ANALYST)
    first = facts.do(propose, firm(), about, effort=QUICK)
    card = (
        AgentRegistry(firm_cards())
        .get(ANALYST)
        .model_copy(update={"version": "1.0.0-b.1", "parameters": {"selection_handed_on": 20}})
    )
    facts.query(
        "insert into agent_cards (agent_id, version, sha256, card) values (%s, %s, %s, %s)",
        (ANALYST, card.version, card.sha256, card.content),
    )
    facts.query(
        "insert into live_agent_versions (agent_id, version, card_sha256, set_by, reason) values (%s, %s, %s, 'ana', 'try')",
        (ANALYST, card.version, card.sha256),
    )
    second = facts.do(propose, firm(), about, effort=QUICK)

    assert (first["control_version"], second["control_version"]) == ("1.0.0", "1.0.0-b.1")
    assert second["present_score"] > 0.5
