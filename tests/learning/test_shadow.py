"""A version of high risk in the shadow of the version at work: real gateway, ledger and database; the language model is scripted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentResult, AgentTask, Usage
from prisma_assets.agents.firm import Firm
from prisma_assets.agents.gateway import AgentGateway
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError, PermanentError, RetryableError
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.domain.experiments.shadow_verdict import Margins
from prisma_assets.engine.arms import ExecutionArms, ShadowInputs
from prisma_assets.engine.call_ledger import PostgresCallLedger
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.release import Proposal, approve, propose, reject
from prisma_assets.learning.shadow import Asked, begin, look, shadow_of

WRITER = "audit-doc-044"
NOW = datetime.now(UTC)
ASKED = Asked(by="ana", calls=60, margins=Margins(slower=100.0))
"""Durations of a scripted model are those of the machine; what slower means is judged in the unit tests."""


class Model:
    """Answers the same whatever it is told, for a cent; the changed version at times otherwise."""

    name = "model"

    def __init__(self) -> None:
        self.shadowed: list[AgentTask] = []
        self.otherwise = False
        self.error: Exception | None = None

    async def start(self, card):
        return card

    async def call(self, _instance, card, task):
        answer = task.inputs["number"]
        if card.version != "1.0.0":
            self.shadowed.append(task)
            answer = -1 if self.otherwise else answer
            if self.error is not None:
                raise self.error
        usage = Usage(provider=self.name, model="m", tokens_in=9, tokens_out=1, cost_usd=Decimal("0.01"))  # fmt: skip
        return AgentResult(outputs={"answer": answer}, usage=usage)

    async def stop(self, instance):
        """Nothing to release."""


class Trial:
    """A deployment of high risk that waits, and the work of the version at work beside it."""

    def __init__(self, facts) -> None:
        self.facts = facts
        self.model = Model()
        cards = [
            card.model_copy(update={"provider": "model", "prompt": "Write."}) if card.id == WRITER else card for card in firm_cards()
        ]  # fmt: skip
        self.firm = Firm(registry=AgentRegistry(cards), providers={"model": self.model})
        change = Change(agent_id=WRITER, changes={"prompt": "Be brief."}, reason="shorter", by="ana")  # fmt: skip
        version = facts.do(propose_version, self.firm.registry, change)
        proposal = Proposal(agent_id=WRITER, version=version, by="ana", risk="high", offline_evidence={"verdict": "adopt"})  # fmt: skip
        self.deployment = facts.do(propose, self.firm.registry, proposal, now=NOW)
        self.id = self.deployment.deployment_id

    def begin(self, asked: Asked = ASKED, *, now: datetime = NOW):
        return self.facts.do(begin, self.deployment, asked, now=now)

    def work(self, numbers: range, *, share: float = 1.0) -> None:
        """Calls of an execution that is shadowed."""
        self.facts.do(self._work, numbers, share)

    async def _work(self, database, numbers, share):
        shadows = {WRITER: ShadowInputs(deployment_id=self.id, share=share)}
        arms = ExecutionArms(database=database, fixed={}, per_call={}, shadows=shadows)
        gateway = AgentGateway(self.firm.registry, self.firm.providers, PostgresCallLedger(database), arms=arms)  # fmt: skip
        for n in numbers:
            task = AgentTask(
                call_id=f"c{n}", agent_id=WRITER, task="write", step_id="s", inputs={"number": n}, client_id="acme", engagement_id="e1",
            )  # fmt: skip
            answered = await gateway.call(task)
            assert (answered.outputs, answered.agent_version) == ({"answer": n}, "1.0.0")
        await gateway.aclose()

    def look(self):
        return self.facts.do(look, self.firm)

    def run(self):
        return self.facts.do(shadow_of, self.id)

    def consent(self, user: str, role: str):
        return self.facts.do(approve, self.id, Approval(user=user, role=role), comment="", now=NOW)


@pytest.fixture
def trial(facts) -> Trial:
    return Trial(facts)


def test_nobody_approves_before_it_was_seen_beside_the_version_at_work(trial):
    """Kept, done later, compared, forgotten; then two people begin the rollout."""
    with pytest.raises(InputError, match="approved after it was seen on real inputs; `deployment shadow"):  # fmt: skip
        trial.consent("max", "MANAGER")
    trial.begin()
    trial.work(range(20))
    assert trial.model.shadowed == [], "no client waits for it"
    [first] = trial.look()
    assert (first["verdict"], first["compared"], first["waiting"]) == ("going on", 20, 0)
    with pytest.raises(InputError, match="has not passed: going on"):
        trial.consent("max", "MANAGER")

    trial.work(range(60))
    trial.look()
    run = trial.run()
    assert (run["verdict"], trial.look()) == ("pass", []), run["reason"]
    assert run["numbers"]["agreement"]["low"] > 0.9
    assert len({task.call_id for task in trial.model.shadowed}) == len(trial.model.shadowed)
    assert {task.client_id for task in trial.model.shadowed} == {None}, "no client pays for it"
    assert trial.facts.query("select count(*) from shadow_calls where task is not null") == [(0,)]
    assert trial.facts.query("select count(*) from experiment_exposures") == [(0,)]
    runs = trial.facts.query("select distinct agent_version from agent_run_facts")
    assert runs == [("1.0.0",)], "what serves nobody is no run of the agent"
    assert trial.consent("max", "MANAGER").stage == "pending_approval"
    assert trial.consent("pat", "PARTNER").stage == "canary"


def test_a_process_that_dies_pays_nothing_twice(trial):
    """What was answered and not compared yet is answered from the ledger."""
    trial.begin()
    trial.work(range(5))
    trial.look()
    trial.facts.query("delete from shadow_calls where call_id = 'c3'")
    trial.work(range(3, 4))
    assert trial.run()["kept"] == 4, (
        "an answered call is not asked again, so its inputs are not kept again"
    )
    trial.facts.query(
        """update shadow_calls set task = (select to_jsonb(%s::json)), compared_at = null, agreement = null, shadow_ms = null, shadow_usd = null
        where call_id = 'c1'""",
        ('{"call_id": "c1", "agent_id": "audit-doc-044", "task": "write", "step_id": "s", "inputs": {"number": 1}}',),
    )  # fmt: skip
    trial.look()
    assert (trial.run()["compared"], len(trial.model.shadowed)) == (4, 5)


def test_other_answers_and_new_errors_fail(trial):
    trial.begin()
    trial.model.otherwise = True
    trial.work(range(30))
    [run] = trial.look()
    assert (run["verdict"], "agrees less than 90%" in run["reason"]) == ("fail", True)
    with pytest.raises(InputError, match="has not passed: fail"):
        trial.consent("max", "MANAGER")
    with pytest.raises(InputError, match="is over: fail"):
        trial.begin()
    assert trial.facts.query("select count(*) from notifications where kind = 'shadow_run_judged'") == [(1,)]  # fmt: skip


def test_an_error_the_version_at_work_has_not_fails_at_once(trial):
    trial.begin()
    trial.model.error = PermanentError("no such rate")
    trial.work(range(2))
    [run] = trial.look()
    assert (run["verdict"], "PermanentError: no such rate" in run["reason"]) == ("fail", True)


def test_a_provider_that_is_away_is_tried_again_and_then_left_out(trial):
    trial.begin()
    trial.model.error = RetryableError("busy")
    trial.work(range(1))
    for _ in range(4):
        assert trial.look()[0]["waiting"] == 1
    [run] = trial.look()
    assert (run["waiting"], run["left_out"], run["verdict"]) == (0, 1, "going on")


def test_inputs_are_kept_by_share_and_only_while_they_are_wanted(trial):
    trial.begin()
    trial.work(range(40), share=0.5)
    kept = trial.run()["kept"]
    assert 5 <= kept <= 35
    trial.begin(Asked(by="ana", calls=60, days=0.001, margins=ASKED.margins), now=NOW - timedelta(days=1))  # fmt: skip
    trial.work(range(40, 50))
    assert trial.run()["kept"] == kept
    [run] = trial.look()
    assert (run["verdict"], "no more calls came until its end" in run["reason"]) == ("hold", True)
    trial.facts.do(reject, trial.id, by="max", reason="not now")
    assert trial.look() == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(by="ana", calls=20), "20 calls cannot show an agreement above 90% even if all agree; that takes 29"),
        (Asked(by="ana", share=0.0), "the share is 0"),
        (Asked(by="ana", days=-1), "the days are -1"),
        (Asked(by="ana", margins=Margins(agreement=1.0)), "agreement is 1"),
    ],
)  # fmt: skip
def test_what_cannot_show_anything_is_refused(trial, asked, said):
    with pytest.raises(InputError, match=said):
        trial.begin(asked)
    assert trial.run() is None


def test_margins_stay_as_they_were_declared(trial):
    trial.begin()
    with pytest.raises(InputError, match="margins of a shadow run are declared before"):
        trial.begin(Asked(by="ana", calls=60))
