"""Declaring an experiment and proposing a change on pages: errors beside their fields, nothing typed is lost, nothing half is stored."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.store.database import Database
from prisma_assets.web.experiment_form import request_in
from prisma_assets.web.experiment_page import experiment_routes
from prisma_assets.web.page import Pages
from tests.web.visiting import PARTNER, READER, visiting

FORM = "/dashboard/experiments/new"
AGENT = "audit-control-015"
GOOD = {
    "agent": AGENT, "name": "Name <controls>", "hypothesis": "Naming the control helps.", "prompt": "Name the control.", "primary": "error_rate",
    "split": "50", "min_hours": "168", "max_days": "14",
}  # fmt: skip


def browse(url, visitor=PARTNER):
    database, pages = Database(url), Pages()
    routes = experiment_routes(pages, database, AgentRegistry())
    return visiting(pages, routes, visitor=visitor, at_end=database.close)


@pytest.fixture
def web(database_url):
    with browse(database_url) as client:
        yield client


def rows(url, query, *params):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, params)
        return cursor.fetchall() if cursor.description else []


def opportunity(url, *, risk="low", metric="satisfaction", status="identified"):
    [(found,)] = rows(
        url,
        """insert into improvement_opportunities (agent_id, agent_version, improvement_type, detector, title, description, evidence,
            sample_size, priority, risk_level, fingerprint, metric, status)
        values (%s, '1.0.0', 'prompt', 'low_rating', 'People are <less> satisfied', 'Ratings fell.', '[]', 3, 'high', %s, 'f1', %s, %s)
        returning opportunity_id::text""",
        AGENT, risk, metric, status,
    )  # fmt: skip
    return found


def candidate(url, opportunity_id, changes):
    [(found,)] = rows(
        url,
        """insert into improvement_candidates (opportunity_id, agent_id, control_version, way, is_proposed, reason, changes)
        values (%s, %s, '1.0.0', 'rewrite', true, 'rewritten from 4 comments', %s) returning candidate_id::text""",
        opportunity_id, AGENT, Jsonb(changes),
    )  # fmt: skip
    return found


def test_the_form_begins_with_an_agent(web):
    assert f"<option>{AGENT}</option>" in web.get(FORM).text
    page = web.get(FORM, params={"agent": AGENT}).text
    assert f'name="agent" value="{AGENT}"' in page
    assert "late_days (5 to 90)" in page


def test_an_opportunity_fills_in_what_it_says_and_the_change_that_was_found(web, database_url):
    found = opportunity(database_url)
    candidate(database_url, found, {"prompt": "Say <what> for.", "parameters": {"late_days": 30}})
    page = web.get(FORM, params={"opportunity": found}).text

    assert 'value="People are &lt;less&gt; satisfied"' in page
    assert "Say &lt;what&gt; for." in page
    assert "late_days = 30" in page
    assert '<option value="satisfaction" selected>' in page


@pytest.mark.parametrize("wanted", ["11111111-1111-4111-8111-111111111111", "nonsense"])
def test_an_opportunity_that_is_not_there_is_a_page_with_a_sentence(web, wanted):
    answer = web.get(FORM, params={"opportunity": wanted})

    assert answer.status_code == 404
    assert "No opportunity has the id" in answer.text


def test_what_it_can_tell_is_said_before_anything_is_stored(web, database_url):
    """Without a past nothing is known of the power, and it is said so."""
    answer = web.post(FORM, data={**GOOD, "do": "power"})

    assert answer.status_code == 200
    assert "Before the start.</b> Power unknown" in answer.text
    assert 'value="Name &lt;controls&gt;"' in answer.text
    assert rows(database_url, "select count(*) from ab_tests") == [(0,)]


def test_one_is_declared_for_an_opportunity_with_its_guardrails(web, database_url):
    found = opportunity(database_url)
    given = {**GOOD, "opportunity": found, "guard_cost": "yes", "margin_cost": "0.2", "margin": "0.05", "split": "20", "do": "declare"}  # fmt: skip
    page = web.post(FORM, data=given, follow_redirects=True)
    [(guards, split, plan, by, about)] = rows(
        database_url,
        "select guardrail_metrics, traffic_split_b::float8, metric_plan, created_by, opportunity_id::text from ab_tests",
    )

    assert page.status_code == 200
    assert "Name &lt;controls&gt;" in page.text
    assert (split, by, about) == (0.2, "ana", found)
    assert guards == {"cost": 0.2}
    assert {m["name"]: m["margin"] for m in plan} == {"error_rate": 0.05, "cost": 0.2}


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"hypothesis": ""}, "hypothesis", "Say the hypothesis"),
        ({"prompt": ""}, "changes", "Variant B changes nothing"),
        ({"parameters": "late_days: 30"}, "changes", "Write each parameter as name = value"),
        ({"parameters": "late_days = 900"}, "changes", "it is a whole number from 5 to 90"),
        ({"split": "120"}, "split", "Write 1 to 99 per cent, not 120"),
        ({"split": "half"}, "split", "Write a number, not &#39;half&#39;"),
        ({"split": "nan"}, "split", "Write 1 to 99 per cent, not nan"),
        ({"min_hours": "1.5"}, "min_hours", "Write a whole number"),
        ({"min_hours": "inf"}, "min_hours", "Write a whole number"),
        ({"max_days": "0"}, "max_days", "It may last 0 days"),
        ({"min_hours": "900"}, "min_hours", "the least must fit into the most"),
        ({"guard_cost": "yes", "margin_cost": "-1"}, "metrics", "The margin of cost is -1"),
        ({"margin": "x"}, "margin", "Write a number"),
        ({"unit": "task"}, "unit", "one file never sees two versions"),
        ({"risk": "tiny"}, "risk", "The risk is &#39;tiny&#39;"),
        ({"primary": "weather"}, "metrics", "Nobody records the metric"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    web, database_url, changed, field, sentence
):
    answer = web.post(FORM, data={**GOOD, **changed, "do": "declare"})
    said = answer.text.partition(f'id="wrong-{field}"')[2].partition("</span>")[0]

    assert answer.status_code == 422
    assert sentence in said
    assert f'aria-describedby="wrong-{field}"' in answer.text
    assert 'value="Name &lt;controls&gt;"' in answer.text
    assert rows(database_url, "select count(*) from ab_tests") == [(0,)]


def test_an_agent_nobody_has_is_asked_for_again(web):
    answer = web.post(FORM, data={**GOOD, "agent": "audit-moon-099", "do": "declare"})

    assert answer.status_code == 422
    assert "audit-moon-099" in answer.text
    assert '<select name="agent" aria-invalid="true"' in answer.text


def test_an_opportunity_that_is_over_takes_no_experiment(web, database_url):
    found = opportunity(database_url, status="rejected")
    answer = web.post(FORM, data={**GOOD, "opportunity": found, "do": "declare"})

    assert answer.status_code == 422
    assert "an experiment answers an open one" in answer.text


def test_parameters_are_values_and_lists_are_lines():
    asked, wrong = request_in({"agent": AGENT, "parameters": "a = 3\nb = soon\n", "tools": "x\n y \n"})  # fmt: skip

    assert wrong == {}
    assert asked is not None
    assert asked.changes == {"tools": ["x", "y"], "parameters": {"a": 3, "b": "soon"}}


def test_a_reader_declares_and_proposes_nothing(database_url):
    found = candidate(database_url, opportunity(database_url), {"prompt": "Name it."})
    page = f"/dashboard/learning/candidates/{found}"
    with browse(database_url, READER) as client:
        assert "<form" not in client.get(page).text.partition("<main")[2]
        assert [client.get(FORM).status_code, client.post(FORM, data=GOOD).status_code, client.post(f"{page}/propose").status_code] == [403] * 3  # fmt: skip


def test_a_candidate_of_low_risk_goes_to_work_with_a_reason(web, database_url):
    found = candidate(database_url, opportunity(database_url), {"prompt": "Name <it>."})
    page = f"/dashboard/learning/candidates/{found}"
    assert "Name \\u003cit\\u003e." in web.get(page).text
    refused = web.post(f"{page}/propose")
    assert (refused.status_code, "this is done for a reason" in refused.text) == (422, True)
    answer = web.post(f"{page}/propose", data={"reason": "name controls"}, follow_redirects=False)

    assert answer.status_code == 303
    assert rows(database_url, "select stage, traffic_pct, created_by from improvement_deployments") == [("canary", 5, "ana")]  # fmt: skip


def test_a_candidate_of_medium_risk_is_tested_first(web, database_url):
    about = opportunity(database_url, risk="medium")
    found = candidate(database_url, about, {"prompt": "Name it."})
    page = f"/dashboard/learning/candidates/{found}"

    assert f'href="{FORM}?opportunity={about}"' in web.get(page).text
    refused = web.post(f"{page}/propose", data={"reason": "name controls"})
    assert (refused.status_code, "is tested first" in refused.text) == (422, True)
    assert rows(database_url, "select count(*) from agent_versions") == [(0,)]


@pytest.mark.parametrize("evidence", ["", "not json", '{"verdict": "inconclusive"}', "[1]"])
def test_a_candidate_of_high_risk_needs_a_comparison_that_says_adopt(web, database_url, evidence):
    found = candidate(database_url, opportunity(database_url, risk="high"), {"prompt": "Name it."})
    page = f"/dashboard/learning/candidates/{found}"
    refused = web.post(f"{page}/propose", data={"reason": "why <b>not", "evidence": evidence})

    assert refused.status_code == 422
    assert "needs a comparison on past tasks" in refused.text
    assert 'value="why &lt;b&gt;not"' in refused.text
    assert rows(database_url, "select count(*) from agent_versions") == [(0,)]


def test_with_such_a_comparison_it_waits_for_two_others(web, database_url):
    found = candidate(database_url, opportunity(database_url, risk="high"), {"prompt": "Name it."})
    given = {"reason": "name controls", "evidence": json.dumps({"verdict": "adopt"})}
    web.post(f"/dashboard/learning/candidates/{found}/propose", data=given, follow_redirects=False)

    assert rows(database_url, "select stage, risk_level from improvement_deployments") == [("pending_approval", "high")]  # fmt: skip


def test_a_candidate_that_is_not_there_is_a_page_with_a_sentence(web):
    answer = web.get("/dashboard/learning/candidates/x")

    assert (answer.status_code, "No candidate has the id x" in answer.text) == (404, True)
