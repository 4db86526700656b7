"""A step's page: what it did, and the form by which people say what they think of it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.types.json import Jsonb
from starlette.routing import Mount
from starlette.testclient import TestClient

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.store.database import Database
from prisma_assets.web.page import Pages
from prisma_assets.web.step_page import PREFIX, step_pages
from tests.web.visiting import OWNER, visiting

AGENT = "audit-plan-012"
NOBODY = "00000000-0000-4000-8000-000000000000"
PAPER = {
    "step_id": "a04", "title": "Plan <b>", "objective": "Plan.", "conclusion": "Ready & waiting.<script>",
    "procedures": [{"name": "Look", "status": "performed"}],
}  # fmt: skip


@pytest.fixture
def web(database_url) -> Iterator[TestClient]:
    database = Database(database_url, max_size=2)
    pages = Pages()
    routes = [Mount(PREFIX, step_pages(pages, FeedbackIntake(AgentRegistry()), database))]
    with visiting(pages, routes, visitor=OWNER, at_end=database.close) as client:
        yield client


@pytest.fixture
def path(database_url) -> str:
    """The page of a step that is done."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        execution = connection.execute(
            """insert into workflow_executions (template_name, template_version, template_sha256, dagster_job, engagement_id, created_by)
            values ('annual_audit', '2.0', repeat('a', 64), 'annual_audit_job', 'acme-2025', 'ana') returning workflow_execution_id"""
        ).fetchone()
        assert execution is not None
        connection.execute(
            """insert into workflow_step_executions (workflow_execution_id, step_id, step_name, status, agent_id, agent_version, output,
                workpaper, completed_at)
            values (%s, 'a04', 'plan_audit', 'COMPLETED', %s, '1.0.0', '{}', %s, now())""",
            (execution[0], AGENT, Jsonb(PAPER)),
        )
    return f"{PREFIX}/{execution[0]}/steps/a04"


FORM = {"rating": "2", "feedback_type": "rating", "submitted_by": "max", "source": "manager", "comment": "Call me on +356 2123 4567"}  # fmt: skip


def test_shows_what_the_step_did_and_asks(web, path):
    page = web.get(path)
    assert page.status_code == 200
    assert "Plan &lt;b&gt;" in page.text  # never as a tag
    assert "Ready &amp; waiting." in page.text
    assert "<td>Look</td>" in page.text
    assert "<script>" not in page.text
    assert AGENT in page.text
    assert 'name="rating"' in page.text
    assert "Nothing yet." in page.text


def test_what_is_said_is_stored_once_masked_and_shown(web, path):
    first = web.post(path, data=FORM)
    assert first.status_code == 200
    assert "Thank you; it is stored." in first.text
    assert "Call me on [PHONE_REDACTED]" in first.text
    assert "You had said so before" in web.post(path, data=FORM).text
    assert web.get(path).text.count("PHONE_REDACTED") == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rating": ""}, "rating"),
        ({"rating": "7"}, "`rating` is &#39;7&#39;"),
        ({"feedback_type": "correction"}, "a correction needs its text"),
        ({"issue_categories": "rude"}, "rude"),
    ],
)
def test_a_mistake_is_named_and_nothing_typed_is_lost(web, path, changed, said):
    page = web.post(path, data={**FORM, **changed})
    assert page.status_code == 422
    assert said in page.text
    assert "Call me on +356 2123 4567</textarea>" in page.text
    assert "Nothing yet." in page.text


def test_unknown_pages(web, path):
    assert web.get(f"{PREFIX}/nonsense/steps/a04").status_code == 404
    assert web.get(f"{PREFIX}/{NOBODY}/steps/a04").status_code == 404
    assert web.get(path.replace("a04", "a99")).status_code == 404
