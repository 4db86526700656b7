"""A changed agent on its way to its work: what it needs before it begins, and what it has to show to go on."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.experiments.release_path import Approval
from prisma_assets.learning.release import Proposal, approve, pause, propose, release
from prisma_assets.learning.rollout import look
from tests.orchestration.rollout_office import AGENT, REGISTRY, START, Office

HIGH = "audit-report-021"


@pytest.fixture
def office(database_url) -> Office:
    return Office(database_url)


# ---- what a change needs before it begins


def test_low_risk_begins_by_itself_with_a_twentieth_of_the_work(office):
    deployment = office.begun()
    assert (deployment.stage, deployment.traffic_pct, deployment.auto_deployed) == ("canary", 5, True)  # fmt: skip
    [test] = office.rows(
        "select kind, status, assignment_unit, control_version, treatment_version from ab_tests"
    )
    assert test == {
        "kind": "rollout", "status": "running", "assignment_unit": "engagement", "control_version": "1.0.0",
        "treatment_version": deployment.to_version,
    }  # fmt: skip
    assert [n["kind"] for n in office.rows("select kind from notifications")] == [
        "deployment_began"
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": "9.9.9"}, "has no proposed version 9.9.9"),
        ({"risk": "low", "agent_id": HIGH}, "at least of high risk, not low"),
        ({"risk": "medium"}, "medium risk needs an experiment that adopted it"),
        ({"risk": "high"}, "needs a comparison on past tasks that says adopt, not none"),
        ({"risk": "high", "offline_evidence": {"verdict": "inconclusive"}}, "says adopt, not inconclusive"),
        ({"ab_test_id": str(uuid.uuid4())}, "no experiment on audit-control-015 has the id"),
    ],
)  # fmt: skip
def test_refuses_what_its_risk_does_not_allow(office, changed, said):
    agent = changed.get("agent_id", AGENT)
    proposal = replace(Proposal(agent_id=agent, version=office.version(agent), by="ana"), **changed)
    with pytest.raises(InputError, match=said):
        office.ask(lambda d: propose(d, REGISTRY, proposal, now=START))
    assert office.rows("select * from improvement_deployments") == []


def test_one_rollout_per_agent(office):
    office.begun()
    with pytest.raises(InputError, match="another deployment of audit-control-015 is open"):
        office.begun()


def test_high_risk_takes_two_people_and_not_its_author(office):
    proof = {"verdict": "adopt"}
    proposal = Proposal(agent_id=HIGH, version=office.version(HIGH), by="ana", offline_evidence=proof)  # fmt: skip
    deployment = office.ask(lambda d: propose(d, REGISTRY, proposal, now=START))
    assert deployment.stage == "pending_approval"

    def consent(user: str, role: str):
        given = Approval(user=user, role=role)
        return office.ask(
            lambda d: approve(d, deployment.deployment_id, given, comment="seen", now=START)
        )

    with pytest.raises(InputError, match="ana proposed the change"):
        consent("ana", "PARTNER")
    with pytest.raises(InputError, match="approved after it was seen on real inputs"):
        consent("max", "MANAGER")
    office.pass_in_the_shadow(deployment)
    assert consent("max", "MANAGER").stage == "pending_approval"
    with pytest.raises(InputError, match="max has approved it already"):
        consent("max", "PARTNER")
    assert consent("pat", "PARTNER").stage == "canary"
    with pytest.raises(InputError, match="only one that waits for approval can do this"):
        consent("quinn", "PARTNER")


# ---- on its way


def test_goes_by_stages_to_all_the_work(office):
    """Time and work let it advance; the last share takes proof, or a person who answers for it."""
    deployment, now, shares = office.begun(), START, []
    for _ in range(12):
        office.work(deployment, 900, at=now + timedelta(minutes=1))
        now += timedelta(hours=25)
        office.look(now)
        deployment = office.now(deployment)
        shares.append(deployment.traffic_pct)
        if deployment.traffic_pct == 100 or deployment.needs_person:
            break
    assert shares[:4] == [10, 25, 50, 50] or shares[:4] == [10, 25, 50, 100]
    if deployment.traffic_pct == 50:
        assert "not shown to be unharmed" in deployment.waits_for
        given = Approval(user="max", role="MANAGER")
        office.ask(lambda d: release(d, deployment.deployment_id, given, reason="enough seen"))
        now += timedelta(hours=1)
        office.look(now)
    assert office.now(deployment).stage == "full"
    [live] = office.rows("select agent_id, version, set_by from live_agent_versions")
    assert live == {"agent_id": AGENT, "version": deployment.to_version, "set_by": "rollout"}
    office.look(now + timedelta(hours=24))
    assert office.now(deployment).stage == "completed"
    assert office.ask(lambda d: look(d, now=now + timedelta(hours=48))) == []


def test_a_repeated_look_changes_nothing(office):
    deployment = office.begun()
    office.work(deployment, 300)
    first = office.look(START + timedelta(hours=12))
    again = office.look(START + timedelta(hours=12))
    assert (first.units > 0, again.units) == (True, 0)
    assert first.move == again.move


def test_a_pause_holds_and_an_author_cannot_release(office):
    deployment = office.begun()
    office.work(deployment, 900)
    office.ask(lambda d: pause(d, deployment.deployment_id, by="max", reason="month end"))
    office.look(START + timedelta(hours=30))
    assert office.now(deployment).waits_for == "paused by a person"
    office.ask(lambda d: pause(d, deployment.deployment_id, by="max", reason="over", go_on=True))
    office.look(START + timedelta(hours=31))
    deployment = office.now(deployment)
    assert deployment.traffic_pct == 10
    ana = Approval(user="ana", role="PARTNER")
    with pytest.raises(InputError, match="ana proposed the change"):
        office.ask(lambda d: release(d, deployment.deployment_id, ana, reason="mine"))


def test_vanished_traffic_holds_and_calls_a_person(office):
    deployment = office.begun()
    office.look(START + timedelta(days=3))
    assert office.now(deployment).waits_for == "no work reached either version in 72 h"
    told = office.rows("select subject from notifications where kind = 'deployment_waits'")
    assert len(told) == 1
