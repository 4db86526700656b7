"""A second factor: given on the command line, shown on the page, and asked for where a report is released."""

import html
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from starlette.routing import Mount

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Role
from prisma_assets.domain.guardrails.second_factor import code_of
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.platform.account import SignInRefusedError, development_visitor
from prisma_assets.platform.second_factor import SecondFactors
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.event_bus import EventBus
from prisma_assets.web.api import create_api
from prisma_assets.web.oidc import Provider
from prisma_assets.web.page import Pages
from prisma_assets.web.workflow_page import workflow_routes
from tests.web.house import House
from tests.web.identity_provider import identity_provider
from tests.web.visiting import visiting

NOW = datetime(2026, 3, 4, 10, 0, 15, tzinfo=UTC)


@pytest.fixture
def house(database_url, tmp_path) -> House:
    return House(database_url, tmp_path)


def given(house, name="ana"):
    return house.ask(lambda a: SecondFactors(a.database).give(name, by="test"))


def code(made, at):
    return code_of(made.secret, int(at.timestamp()) // 30)


def show(house, typed, *, at=NOW):
    try:
        return house.ask(
            lambda a: SecondFactors(a.database, lambda: at).show("ana", typed, session="s")
        )
    except SignInRefusedError as error:
        return str(error)


def test_a_code_on_the_page_makes_the_session_one_that_may_sign(house):
    with house.client() as client:
        house.signed_in(client, "PARTNER")
        made = given(house)
        form = client.get("/second-factor?next=/dashboard/who")
        typed = code(made, datetime.now(UTC))
        answer = client.post("/second-factor", data={"code": f"{typed[:3]} {typed[3:]}", "next": "/dashboard/who"})  # fmt: skip
        session = client.cookies["prisma_session_3000"]

        assert 'value="/dashboard/who"' in form.text
        assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/who")
        assert "You have shown it within the last ten minutes" in client.get("/second-factor").text
        assert client.post("/second-factor", data={"code": typed}).status_code == 401
    shown = house.ask(lambda a: a.session(session)).second_factor_at
    assert datetime.now(UTC) - shown < timedelta(minutes=5)


def test_the_page_is_for_people_who_sign_in_by_name(house):
    with house.client() as client:
        assert client.get("/second-factor").status_code == 303
        headers = house.token("MANAGER")
        assert "Only people who sign in by name" in client.post("/second-factor", headers=headers, data={"code": "1"}).text  # fmt: skip
        house.signed_in(client, "PARTNER")
        none_yet = client.post("/second-factor", data={"code": "123456"})
        assert "prisma-assets user second-factor ana" in none_yet.text


def test_codes_are_good_once_and_ten_wrong_ones_make_it_rest(house):
    house.user("ana", "PARTNER")
    made = given(house)
    right = code(made, NOW)

    assert show(house, right) == 10
    assert "was used before" in show(house, right)
    later = NOW + timedelta(minutes=1)
    # One was wrong already; the tenth makes it rest, for the right code too.
    assert {show(house, "wrong", at=later) for _ in range(9)} == {
        "This code is wrong, over, or was used before; take the next one."
    }
    assert show(house, code(made, later), at=later).startswith("After 10 wrong codes")
    after = later + timedelta(minutes=16)
    assert show(house, code(made, after), at=after) == 10


def test_a_recovery_code_stands_for_a_lost_phone_once(house):
    house.user("ana", "PARTNER")
    first = given(house).recovery_codes[0]

    assert show(house, f"{first[:8]}-{first[8:]}".lower()) == 9
    assert "wrong" in show(house, first)


def test_another_second_factor_takes_the_place_of_the_first(house):
    house.user("ana", "PARTNER")
    old = given(house)
    new = given(house)

    assert "wrong" in show(house, code(old, NOW))
    assert "wrong" in show(house, old.recovery_codes[0])
    assert show(house, code(new, NOW)) == 10
    house.ask(lambda a: SecondFactors(a.database).remove("ana"))
    assert "You have no second factor here" in show(house, code(new, NOW))
    with pytest.raises(InputError, match="'ana' has no second factor"):
        house.ask(lambda a: SecondFactors(a.database).remove("ana"))
    with pytest.raises(InputError, match="nobody is called 'eve'"):
        given(house, "eve")


def test_one_the_provider_took_counts_and_is_asked_for_again(database_url, tmp_path):
    now = int(datetime.now(UTC).timestamp())
    with identity_provider() as provider:
        # A clock that is ahead gives no freshness beyond now.
        provider.claims = {"amr": ["mfa"], "auth_time": now + 3_000}
        house = House(database_url, tmp_path, provider=Provider(provider.settings()))
        with house.client() as client:
            location = client.get("/sign-in/oidc?again=1").headers["location"]
            client.get(provider.signs_in(location))
            session = client.cookies["prisma_session_3000"]

    assert "prompt=login&max_age=0" in location
    assert house.ask(lambda a: a.session(session)).second_factor_at <= datetime.now(UTC)


# Where it is asked for.

STEP = """  - id: {id}
    name: {id}
    title: Release
    objective: Release.
    compute: {{value: "1"}}
    sign_off: {{kind: {kind}, roles: [{{role: PARTNER}}]}}
"""
TEMPLATE = (
    "name: release\ntitle: Release\nversion: '1'\ndescription: Releases.\nsteps:\n"
    + "".join(
        STEP.format(id=id, kind=kind)
        for id, kind in (("r1", "AUDIT_REPORT_RELEASE"), ("r2", "REVIEW"))
    )
)
PARTNER = Visitor("ana", (Role.PARTNER,), "session")
NEEDED = "step 'r1' is signed with a second factor shown in the last ten minutes"
NOT_YET = "does not wait for a sign-off"
"""What the engine says, once the door has nothing against it."""


@pytest.fixture
def ask_for(database_url, tmp_path):
    """Signs a step as somebody, on the page or by program, and gives what is said to it."""
    (tmp_path / "release.yaml").write_text(TEMPLATE, encoding="utf-8")
    settings = Settings(home=tmp_path, database_url=database_url, templates=tmp_path)
    agents = AgentRegistry()

    def sign(signer, step, *, by_program=False):
        engine = WorkflowEngine(
            agents, EventBus(database_url), settings=settings, starts_runs=False
        )
        pages = Pages()
        routes = [Mount("/api/v1", create_api(engine, agents)), *workflow_routes(pages, engine)]
        with visiting(pages, routes, visitor=signer, at_end=engine.aclose) as client:
            made = client.portal.call(partial(engine.create_workflow, template_name="release", context={}, created_by="max"))  # fmt: skip
            if by_program:
                path = f"/api/v1/executions/{made.id}/sign-offs"
                return client.post(path, json={"step": step, "by": "ana"}).text
            path = f"/dashboard/workflows/{made.id}/sign-offs"
            return html.unescape(client.post(path, data={"step": step, "decision": "approve"}).text)

    return sign


FRESH = replace(PARTNER, second_factor_at=datetime.now(UTC) + timedelta(hours=1))
"""However long the tests before it take."""


def test_a_release_is_signed_on_the_page_with_a_second_factor_alone(ask_for):
    assert NEEDED in ask_for(PARTNER, "r1")
    assert NOT_YET in ask_for(FRESH, "r1")


def test_a_program_releases_nothing_without_a_fresh_second_factor(ask_for):
    stale = replace(PARTNER, second_factor_at=datetime.now(UTC) - timedelta(minutes=11))
    token = Visitor("ana", (Role.PARTNER,), "token")

    assert NEEDED in ask_for(stale, "r1", by_program=True)
    assert "a person signs, after signing in" in ask_for(token, "r1", by_program=True)
    assert NOT_YET in ask_for(FRESH, "r1", by_program=True)


def test_a_token_signs_nothing_whatever_it_is_called(ask_for):
    """It would sign as the person of its name."""
    for role in (Role.PARTNER, Role.MANAGER):
        token = Visitor("ana", (role,), "token")
        assert "a person signs, after signing in" in ask_for(token, "r2", by_program=True)


def test_other_steps_and_the_owner_of_the_data_folder_need_none(ask_for):
    assert NOT_YET in ask_for(PARTNER, "r2", by_program=True)
    assert NOT_YET in ask_for(development_visitor(), "r1", by_program=True)
