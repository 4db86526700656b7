"""The page of learning: the loop from ratings to what was kept, and people's decisions with their reasons."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.experiments.rollout import STAGES
from prisma_assets.domain.guardrails.role import Role
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.learning.agent_version import Change, propose_version
from prisma_assets.learning.loop_view import holds_until, next_share
from prisma_assets.learning.release import Proposal, propose
from prisma_assets.store.database import Database
from prisma_assets.store.deployment import DeploymentStore
from prisma_assets.web.learning_file import FILES
from prisma_assets.web.learning_page import learning_routes
from prisma_assets.web.page import Pages
from tests.orchestration.rollout_office import Office
from tests.web.counted import count, ratings
from tests.web.visiting import PARTNER, READER, visiting

FIRM = AgentRegistry()
PAGE = "/dashboard/learning"
MANAGER = Visitor(name="mia", roles=(Role.MANAGER,), via="session")
AGENT = "audit-control-015"
"""One whose prompt is of low risk to change."""


def browse(url, visitor=PARTNER):
    database, pages = Database(url), Pages()
    return visiting(pages, learning_routes(pages, database), visitor=visitor, at_end=database.close)


@pytest.fixture
def web(database_url):
    with browse(database_url) as client:
        yield client


def ask(url, question):
    async def work():
        async with Database(url, max_size=2) as database:
            return await question(database)

    return asyncio.run(work())


def opportunity(url):
    """Trouble that ratings of today show."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
                sample_size, priority, risk_level, fingerprint, metric, began_on, last_seen_on)
            values (%s, '1.0.0', 'prompt', 'low_rating', 'People are <less> satisfied', 'Ratings fell.',
                '[{"kind": "days", "values": [["2026-03-04", 2.0, 3]]}]', 3, 'high', 'low', 'f1',
                'satisfaction', %s, %s) returning opportunity_id""",
            (AGENT, datetime.now(UTC).date() - timedelta(days=1), datetime.now(UTC).date()),
        ).fetchone()
    return str(row[0])


def deployment(url, *, opportunity_id=None, **proposed):
    """A change of the prompt on its way; of low risk it begins at once."""

    async def begun(database):
        change = Change(
            agent_id=AGENT, changes={"prompt": "Name the risk first."}, reason="name risks", by="max", opportunity_id=opportunity_id,
        )  # fmt: skip
        version = await propose_version(database, FIRM, change)
        proposal = Proposal(agent_id=AGENT, version=version, by="max", **proposed)
        return await propose(database, FIRM, proposal, now=datetime.now(UTC))

    return ask(url, begun)


def waiting(url):
    """One of high risk that waits for a partner and a manager."""
    return deployment(url, risk="high", offline_evidence={"verdict": "adopt"})


def stored(url, deployment_id):
    async def find(database):
        (found,) = await DeploymentStore(source=database).find(deployment_id=deployment_id)
        return found

    return ask(url, find)


def test_an_empty_loop_says_what_would_fill_it(web):
    page = web.get(PAGE).text

    assert page.count('class="empty"') == 6
    assert "Nothing was found that holds beyond chance." in page
    assert "no data" in page  # no day is counted: not zero pieces of feedback


def test_the_loop_as_one_line_and_in_tables(web, database_url):
    ratings(database_url, 2, 1, agent=AGENT, comment="Which <risk>?")
    count(database_url)
    opportunity(database_url)
    found = deployment(database_url)
    page = web.get(PAGE).text

    assert "People are &lt;less&gt; satisfied" in page
    assert "unvalued" in page
    assert "Which &lt;risk&gt;?" in page
    assert f"{found.from_version} →" in page
    assert "5 %" in page
    assert holds_until(found) == found.stage_entered_at + STAGES[0].hold
    assert next_share(found) == STAGES[1].percent


def test_every_table_is_a_file(web, database_url):
    ratings(database_url, 2, comment="=1+1")
    opportunity(database_url)
    deployment(database_url)
    files = {name: web.get(f"{PAGE}/{name}.csv").text for name in FILES}

    rows = {name: len(text.splitlines()) - 1 for name, text in files.items()}
    assert rows == {
        "opportunities": 1, "candidates": 0, "themes": 0, "deployments": 1, "ledger": 1, "feedback": 1,
    }  # fmt: skip
    assert ",'=1+1," in files["feedback"]  # no formula for a spreadsheet


def test_an_opportunity_is_dismissed_once_and_with_a_reason(web, database_url):
    found = opportunity(database_url)
    place = f"{PAGE}/opportunities/{found}/dismiss"
    refused = web.post(place)
    dismissed = web.post(place, data={"reason": "the audit season"}, follow_redirects=True)
    again = web.post(place, data={"reason": "the audit season"})

    assert (refused.status_code, "done for a reason" in refused.text) == (422, True)
    assert "People are" not in dismissed.text
    assert (again.status_code, "is not open" in again.text) == (422, True)


def test_a_rollout_is_paused_goes_on_and_is_taken_back(web, database_url):
    found = deployment(database_url).deployment_id
    place = f"{PAGE}/deployments/{found}"
    paused = web.post(f"{place}/pause", data={"reason": "month end"}, follow_redirects=True).text
    web.post(f"{place}/go-on", data={"reason": "month is over"})
    looked = web.post(f"{place}/advance", follow_redirects=True)
    web.post(f"{place}/rollback", data={"reason": "odd wording"})

    async def breaches(database):
        return await database.fetch("unserved_breaches", {"limit": 5})

    assert "by ana" in paused
    assert stored(database_url, found).paused_by is None
    assert looked.status_code == 200
    (breach,) = ask(database_url, breaches)
    assert (breach["found_by"], breach["reason"]) == ("ana", "odd wording")


def test_a_change_that_waits_is_approved_or_rejected(web, database_url):
    found = waiting(database_url).deployment_id
    page = web.get(PAGE).text
    rejected = web.post(f"{PAGE}/deployments/{found}/reject", data={"reason": "too wordy"})

    assert f"{PAGE}/deployments/{found}/approve" in page
    assert rejected.status_code == 200
    assert stored(database_url, found).stage == "rejected"


def test_an_approval_counts_in_the_highest_role_somebody_holds(web, database_url):
    """The partner takes the partner's, so the manager's is left, and with it the rollout begins."""
    waits = waiting(database_url)
    before_it = web.get(PAGE).text
    Office(database_url).pass_in_the_shadow(waits)
    after_it = web.get(PAGE).text
    found = waits.deployment_id
    place = f"{PAGE}/deployments/{found}/approve"
    web.post(place, data={"comment": "read it"})
    twice = web.post(place)
    before = stored(database_url, found).stage
    with browse(database_url, MANAGER) as another:
        another.post(place)

    assert f"deployment shadow {waits.deployment_id} --by ana" in before_it
    assert "In the shadow: pass" in after_it
    assert (twice.status_code, "ana has approved it already" in twice.text) == (422, True)
    assert (before, stored(database_url, found).stage) == ("pending_approval", "canary")


def test_only_what_has_a_share_of_the_work_can_be_released(web, database_url):
    found = deployment(database_url).deployment_id
    answer = web.post(f"{PAGE}/deployments/{found}/release", data={"reason": "small agent"})

    assert (answer.status_code, "only one that has a share" in answer.text) == (422, True)


def test_a_reader_sees_no_button_and_may_not_act(database_url):
    found, trouble = deployment(database_url).deployment_id, opportunity(database_url)
    acts = ("approve", "reject", "pause", "go-on", "advance", "release", "rollback")
    with browse(database_url, READER) as web:
        page = web.get(PAGE).text
        refused = [web.post(f"{PAGE}/deployments/{found}/{act}").status_code for act in acts]
        refused.append(web.post(f"{PAGE}/opportunities/{trouble}/dismiss").status_code)

    assert 'method="post" action="/dashboard' not in page
    assert refused == [403] * 8


def test_the_line_is_the_same_from_either_end(web, database_url):
    ratings(database_url, 2, agent=AGENT, comment="Which risk?")
    found = deployment(database_url, opportunity_id=opportunity(database_url))
    with psycopg.connect(database_url) as connection:
        (said,) = connection.execute("select feedback_id::text from agent_feedback").fetchone()
    back = web.get(f"{PAGE}/lineage/{found.to_version}?agent={AGENT}").text
    onward = web.get(f"{PAGE}/lineage/{said}").text

    for page in (back, onward):
        assert "Which risk?" in page
        assert "People are &lt;less&gt; satisfied" in page
        assert "Name the risk first." in page
        assert "No experiment tried it." in page
    assert "1 pieces of feedback" in back


def test_feedback_that_led_nowhere_says_so(web, database_url):
    ratings(database_url, 5)
    with psycopg.connect(database_url) as connection:
        (said,) = connection.execute("select feedback_id::text from agent_feedback").fetchone()

    assert "It is part of no opportunity so far." in web.get(f"{PAGE}/lineage/{said}").text


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("lineage/9.9.9", 404, "nobody proposed a version 9.9.9"),
        ("lineage/11111111-1111-4111-8111-111111111111", 404, "no feedback has the id"),
        ("weather.csv", 404, "There is no file weather.csv"),
    ],
)
def test_what_is_not_there_is_a_sentence(web, path, status, sentence):
    answer = web.get(f"{PAGE}/{path}")

    assert (answer.status_code, sentence in answer.text) == (status, True)


def test_the_ledger_shows_what_was_promised_and_kept(web, database_url):
    plan = [{"name": "error_rate", "kind": "binary", "direction": "lower", "margin": 0.03, "role": "primary"}]  # fmt: skip
    with psycopg.connect(database_url, autocommit=True) as connection:
        (test,) = connection.execute(
            """insert into ab_tests (agent_id, name, control_version, treatment_version, variant_b_changes, assignment_salt, metrics,
                primary_metric, metric_plan, risk_level, status, effect, ci_low, ci_high, created_by)
            values (%s, 'brief', '1.0.0', '1.0.0-b.1', '{"prompt": "Be brief."}', 'salt', '{error_rate}', 'error_rate', %s, 'medium', 'completed',
                -0.06, -0.1, -0.02, 'ana') returning ab_test_id""",
            (AGENT, Jsonb(plan)),
        ).fetchone()
        connection.execute(
            """insert into improvement_deployments (ab_test_id, agent_id, from_version, to_version, change_set, change_hash, risk_level,
                strategy, stage, observed_metrics, approved_by, approved_at, created_by)
            values (%s, %s, '1.0.0', '1.0.0-b.1', '{}', repeat('a', 64), 'medium', 'canary', 'completed', %s, 'max', now(), 'ana')""",
            (test, AGENT, Jsonb({"error_rate": {"effect": -0.03, "low": -0.05, "high": -0.01}})),
        )
    page = web.get(PAGE).text

    assert "-0.060" in page
    assert "-0.050 to -0.010" in page
    assert "kept" in page
