"""The door in front of everything: who comes in, and who does not."""

from datetime import UTC, datetime, timedelta

import pytest
from starlette.websockets import WebSocketDisconnect

from prisma_assets.domain.errors import InputError
from prisma_assets.platform import account
from prisma_assets.platform.account import SignInRefusedError, development_key
from prisma_assets.web.sign_in_page import local_path
from tests.web.house import PASSWORD, House


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
    assert client.post("/sign-out").headers["location"] == "/sign-in?left=1"
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


@pytest.mark.parametrize("path", ["/jobs", "/dashboard/who", "/dashboard", "/start/annual_audit"])
def test_a_client_of_the_firm_sees_no_work_of_others(house, client, path):
    assert house.signed_in(client, "CLIENT").get(path).status_code == 403


def test_what_goes_wrong_before_signing_in_is_a_sentence_too(client):
    assert client.get("/static/nothing.css").status_code == 404
    long = client.post("/sign-in", content=b"name=" + b"x" * 300_000)
    assert long.status_code == 413
    assert long.text.endswith("a body holds at most 262,144 bytes")
