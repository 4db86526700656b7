"""The door in front of everything: who comes in, who does not, and what each may do in the Dagster UI."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.platform import account
from prisma_assets.platform.account import Accounts, SignInRefusedError, development_key
from prisma_assets.store.database import Database
from prisma_assets.web.app import create_app
from prisma_assets.web.dagster_guard import USER_TAG
from prisma_assets.web.page import Pages, static_routes
from prisma_assets.web.session import require, visitor
from prisma_assets.web.sign_in import Door, SignIn
from prisma_assets.web.sign_in_page import SignInPages, local_path

PASSWORD = "correct horse battery"  # noqa: S105 - a test's own
LAUNCH = """mutation Start($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename } }"""
INLINE = """mutation($job: String!) { launchRun(executionParams: {selector: {jobName: $job, repositoryName: "r"},
    executionMetadata: {tags: [{key: "prisma/user", value: "eve"}, {key: "a", value: "b"}]}}) { __typename } }"""
TURN_OFF = "mutation($id: String) { stopRunningSchedule(id: $id) { __typename } }"


async def dagster_ui(scope: Any, receive: Any, send: Any) -> None:
    """Stands for the UI: says what reached it."""
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)
        await send({"type": "websocket.close", "code": 1000})
        return
    request = Request(scope, receive)
    body = await request.body()
    answer = {"path": scope["path"], "asked": json.loads(body) if body else None}
    await JSONResponse(answer)(scope, receive, send)


async def whoami(request: Request) -> Response:
    """A page of ours."""
    return JSONResponse({"name": visitor(request).name, "via": visitor(request).via})


async def act(request: Request) -> Response:
    return JSONResponse({"by": require(request, Permission.OPERATE).name})


class House:
    """The door on an embedded database, and ways to people it."""

    def __init__(self, url: str, home: Any, public_url: str | None = None) -> None:
        self.url, self.home = url, home
        self.door = Door(port=3000, public_url=public_url)
        self.database = Database(url, max_size=2)
        pages, accounts = Pages(), Accounts(self.database)
        app = create_app(
            dagster=dagster_ui,
            checks={},
            pages=[
                *static_routes(),
                *SignInPages(pages, accounts, self.door, home).routes(),
                Route("/dashboard/who", whoami),
                Route("/dashboard/act", act, methods=["POST"]),
            ],
            at_end=self.database.close,
        )
        self.app = app.state.sign_in = SignIn(app, accounts, self.door, key=development_key(home))

    def client(self, **given: Any) -> TestClient:
        return TestClient(
            self.app, **{"base_url": "http://127.0.0.1:3000", "follow_redirects": False, **given}
        )

    def ask(self, question: Any, **given: Any) -> Any:
        async def asking() -> Any:
            async with Database(self.url, max_size=2) as database:
                return await question(Accounts(database, **given))

        return asyncio.run(asking())

    def user(self, name: str, *roles: str) -> str:
        self.ask(lambda a: a.add_user(name, PASSWORD, roles, by="test"))
        return name

    def token(self, *roles: str, scopes: list[str] | None = None) -> dict[str, str]:
        made = self.ask(lambda a: a.add_token("t", roles, scopes=scopes, days=1, by="test"))
        return {"Authorization": f"Bearer {made.secret}"}

    def signed_in(self, client: TestClient, *roles: str) -> TestClient:
        """This browser, with somebody of these roles."""
        form = {"name": self.user("ana", *roles), "password": PASSWORD}
        assert client.post("/sign-in", data=form).status_code == 303
        return client


@pytest.fixture
def house(database_url, tmp_path) -> House:
    return House(database_url, tmp_path)


@pytest.fixture
def client(house):
    with house.client() as client:
        yield client


def test_nobody_sees_anything_before_signing_in(client):
    page = client.get("/dashboard/who?a=1")
    assert (page.status_code, page.headers["location"]) == (
        303,
        "/sign-in?next=/dashboard/who%3Fa%3D1",
    )
    assert client.get("/jobs").headers["location"] == "/sign-in?next=/jobs"
    asked = client.post("/graphql", json={"query": "{ version }"})
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"] == "Bearer"
    assert client.get("/api/v1/executions").status_code == 401
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:3000/graphql"),
    ):
        pass


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/sign-in", "/static/page.css"])
def test_what_must_be_open_is_open(client, path):
    assert client.get(path).status_code == 200


def test_the_printed_link_signs_the_owner_in(house, client):
    answer = client.get(f"/sign-in?key={development_key(house.home)}&next=/dashboard/who")

    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/who")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/dashboard/who").json() == {"name": "developer", "via": "development"}
    assert (house.home / "sign-in.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_another_key_does_not(client, key):
    answer = client.get("/sign-in", params={"key": key})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_user_comes_in_and_leaves(house, client):
    house.signed_in(client, "MANAGER")
    assert client.get("/dashboard/who").json() == {"name": "ana", "via": "session"}
    assert client.get("/jobs").json()["path"] == "/jobs"

    kept = dict(client.cookies)
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    client.cookies.update(kept)  # a copied cookie is worth nothing afterwards
    assert client.get("/dashboard/who").status_code == 303


def test_each_sign_in_is_a_new_session(house, client):
    """Nobody can wait behind a session they have planted."""
    client.cookies.set("prisma_session_3000", "planted")
    answer = client.post("/sign-in", data={"name": house.user("ana", "EMPLOYEE"), "password": PASSWORD})  # fmt: skip

    assert "planted" not in answer.headers["set-cookie"]


def test_a_wrong_name_and_a_wrong_password_are_told_alike(house, client):
    house.user("ana", "MANAGER")
    wrong = [
        client.post("/sign-in", data={"name": name, "password": "x" * 20}).text.replace(name, "N")
        for name in ("ana", "bob")
    ]

    assert wrong[0] == wrong[1]
    assert "The name or the password is wrong." in wrong[0]


def test_after_ten_failures_the_account_rests_even_for_the_right_password(house, monkeypatch):
    house.user("ana", "MANAGER")
    now = datetime(2026, 3, 4, tzinfo=UTC)

    async def quick(_hashed: str, password: str) -> bool:
        return password == PASSWORD

    monkeypatch.setattr(account, "_matches", quick)

    def attempt(password: str, *, after: timedelta = timedelta()) -> str:
        try:
            return house.ask(lambda a: a.sign_in("ana", password), now=lambda: now + after)
        except SignInRefusedError as error:
            return str(error)

    said = [attempt("wrong") for _ in range(10)]
    assert set(said) == {"The name or the password is wrong."}
    assert attempt(PASSWORD) == "After 10 wrong passwords this account rests; try again in 16 min."
    assert len(attempt(PASSWORD, after=timedelta(minutes=16))) == 43


def test_a_user_switched_off_or_given_other_roles_is_out_at_once(house, client):
    house.signed_in(client, "MANAGER")
    house.ask(lambda a: a.change_user("ana", is_disabled=True))
    house.app._known.clear()

    assert client.get("/dashboard/who").status_code == 303
    form = {"name": "ana", "password": PASSWORD}
    assert "switched off" in client.post("/sign-in", data=form).text


def test_a_session_ends_by_itself(house):
    house.user("ana", "MANAGER")
    token = house.ask(lambda a: a.sign_in("ana", PASSWORD))
    later = datetime.now(UTC) + account.SESSION_FOR

    assert house.ask(lambda a: a.session(token)).name == "ana"
    assert house.ask(lambda a: a.session(token), now=lambda: later) is None


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/runs/1?a=b", "/runs/1?a=b"), ("https://evil.example", "/dashboard"), ("//evil.example", "/dashboard"),
        ("/\\evil.example", "/dashboard"), ("javascript:alert(1)", "/dashboard"), ("", "/dashboard"), ("/sign-in?key=k", "/dashboard"),
        ("/a\r\nset-cookie: b=c", "/dashboard"),
    ],
)  # fmt: skip
def test_after_signing_in_one_stays_on_this_address(wanted, goes_to):
    assert local_path(wanted) == goes_to


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_another_site_changes_nothing_and_opens_no_websocket(house, client, headers):
    house.signed_in(client, "MANAGER")

    assert client.post("/dashboard/act", headers=headers).status_code == 403
    assert client.post("/sign-in", headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:3000/graphql", headers=headers),
    ):
        pass


def test_what_a_client_says_of_itself_counts_for_nothing(client):
    headers = {"X-Forwarded-User": "ana", "prisma.visitor": "ana", "Remote-User": "ana"}

    assert client.get("/dashboard/who", headers=headers).status_code == 303


def test_pages_forbid_what_they_do_not_need(house, client):
    ours = house.signed_in(client, "READONLY").get("/dashboard/who").headers

    assert "script-src 'self';" in ours["content-security-policy"]
    assert ours["x-content-type-options"] == "nosniff"
    assert ours["x-frame-options"] == "DENY"
    assert "content-security-policy" not in client.get("/jobs").headers  # the UI brings its own


def test_others_reach_it_by_its_public_name_only_and_never_by_the_key(database_url, tmp_path):
    house = House(database_url, tmp_path, public_url="https://prisma.example")
    key = development_key(tmp_path)
    with house.client(base_url="https://prisma.example") as client:
        assert client.get("/sign-in", params={"key": key}).status_code == 401
        assert client.get("/dashboard/who", headers={"Authorization": f"Bearer {key}"}).status_code == 303  # fmt: skip
        assert client.post("/v1/traces").status_code == 401
        answer = client.post("/sign-in", data={"name": house.user("ana", "PARTNER"), "password": PASSWORD})  # fmt: skip
        assert answer.headers["set-cookie"].startswith("__Host-prisma_session=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers
        assert client.get("/dashboard/who").json()["name"] == "ana"
        assert client.get("/dashboard/who", headers={"Host": "other.example"}).status_code == 403


def test_a_token_is_good_until_it_ends(house, client):
    headers = house.token("MANAGER")
    assert client.get("/dashboard/who", headers=headers).json() == {"name": "t", "via": "token"}
    secret = headers["Authorization"].removeprefix("Bearer ")
    later = datetime.now(UTC) + timedelta(days=2)
    assert house.ask(lambda a: a.token(secret), now=lambda: later) is None
    with pytest.raises(InputError, match="in force already"):
        house.token("MANAGER")


def test_a_token_is_limited_to_its_scopes(house, client):
    headers = house.token("MANAGER", scopes=["view"])

    refused = client.post("/dashboard/act", headers=headers)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda a: a.add_user("Ana Marku", PASSWORD, ["MANAGER"], by="t"), "cannot be a user's name"),
        (lambda a: a.add_user("ana", "short", ["MANAGER"], by="t"), "at least 15 characters"),
        (lambda a: a.add_user("ana", PASSWORD, ["BOSS"], by="t"), "no role is called 'BOSS'"),
        (lambda a: a.add_user("ana", PASSWORD, [], by="t"), "at least one role"),
        (lambda a: a.change_user("nobody", roles=["MANAGER"]), "nobody is called 'nobody'"),
        (lambda a: a.add_token("t", ["MANAGER"], scopes=["fly"], days=1, by="t"), "no scope is called 'fly'"),
        (lambda a: a.add_token("t", ["MANAGER"], scopes=None, days=0, by="t"), "1 to 366 days"),
    ],
)  # fmt: skip
def test_mistakes_are_told(house, ask, sentence):
    with pytest.raises(InputError, match=sentence):
        house.ask(ask)


def launched(client: TestClient, query: str = LAUNCH, **variables: Any) -> Any:
    return client.post("/graphql", json={"query": query, "variables": variables}).json()


def params(job: str, **more: Any) -> dict[str, Any]:
    return {"selector": {"jobName": job, "repositoryName": "r"}, **more}


def test_a_reader_looks_and_changes_nothing_in_the_dagster_ui(house, client):
    house.signed_in(client, "READONLY")

    assert launched(client, "query { version }")["path"] == "/graphql"
    for query in (LAUNCH, INLINE, TURN_OFF):
        said = launched(client, query, params=params("numbers_job"), job="numbers_job", id="1")
        assert "ana (READONLY) may not do this" in said["errors"][0]["message"]
    aliased = "mutation { x: __typename, y: stopRunningSchedule { __typename } }"
    assert "errors" in launched(client, aliased)
    hidden = "mutation { ...F } fragment F on Mutation { ... { wipeAssets { __typename } } }"
    assert "errors" in launched(client, hidden)
    assert client.get("/graphql", params={"query": TURN_OFF}).json()["errors"]
    assert client.post("/report_asset_materialization/a").status_code == 403
    plain = client.post("/graphql", content=TURN_OFF, headers={"Content-Type": "application/graphql"})  # fmt: skip
    assert plain.status_code == 415


def test_each_workflow_says_who_may_start_it(house, client):
    house.signed_in(client, "EMPLOYEE")

    assert launched(client, params=params("numbers_job"))["path"] == "/graphql"
    refused = launched(client, params=params("annual_audit_job"))
    assert (
        "may not start annual_audit: it needs the role MANAGER" in refused["errors"][0]["message"]
    )
    inline = launched(client, INLINE, job="annual_audit_job")
    assert "may not start annual_audit" in inline["errors"][0]["message"]


def test_who_launched_is_the_session_not_the_request(house, client):
    house.signed_in(client, "MANAGER")
    said = [{"key": USER_TAG, "value": "eve"}, {"key": "a", "value": "b"}]

    named = launched(client, params=params("numbers_job", executionMetadata={"tags": said}))
    inline = launched(client, INLINE, job="numbers_job")
    for answer in (named, inline):
        ((_, given),) = [v for v in answer["asked"]["variables"].items() if v[0] == "prismaLaunch0"]
        assert given["executionMetadata"]["tags"] == [
            {"key": "a", "value": "b"},
            {"key": USER_TAG, "value": "ana"},
        ]
        assert given["selector"]["jobName"] == "numbers_job"
        assert "$prismaLaunch0: ExecutionParams!" in answer["asked"]["query"]
        assert "$job" not in answer["asked"]["query"]


def test_an_administrator_alone_does_what_nobody_thought_of(house, client):
    house.signed_in(client, "PARTNER")

    assert "permission to admin" in launched(client, "mutation { wipeAssets { __typename } }")["errors"][0]["message"]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"query": "mutation {"}', 400),
        (b'{"query": "{ a }", "variables": "[1]"}', 400),
        (b'{"query": "mutation { ...A } fragment A on M { ...A }"}', 400),
    ],
)
def test_what_is_no_graphql_is_refused(house, client, body, status):
    house.signed_in(client, "MANAGER")

    answer = client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_a_websocket_carries_no_mutation(house, client):
    house.signed_in(client, "SYSTEM_ADMIN", "PARTNER")
    with client.websocket_connect("ws://127.0.0.1:3000/graphql") as socket:
        asked = json.dumps({"type": "start", "payload": {"query": "subscription { x }"}})
        socket.send_text(asked)
        assert socket.receive_text() == asked
        socket.send_text(json.dumps({"type": "start", "payload": {"query": TURN_OFF}}))
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_a_client_of_the_firm_sees_no_work_of_others(house, client):
    assert house.signed_in(client, "CLIENT").get("/jobs").status_code == 403
