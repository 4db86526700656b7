"""Signing in by the firm's identity provider: who comes in as whom, and who does not."""

from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt

from prisma_assets.domain.errors import InputError
from prisma_assets.web.oidc import Provider
from tests.web.house import PASSWORD, House
from tests.web.identity_provider import KEYS, identity_provider


@pytest.fixture
def provider():
    with identity_provider() as running:
        yield running


@pytest.fixture
def house(database_url, tmp_path, provider) -> House:
    return House(database_url, tmp_path, provider=Provider(provider.settings()))


@pytest.fixture
def client(house):
    with house.client() as client:
        yield client


@contextmanager
def another(client):
    """Somebody else's browser on the same server."""
    mine = dict(client.cookies)
    client.cookies.clear()
    yield client
    client.cookies.clear()
    client.cookies.update(mine)


def there(client, wanted="/dashboard/who"):
    """Press the button; gives where the browser goes."""
    answer = client.get("/sign-in/oidc", params={"next": wanted})
    assert answer.status_code == 303
    return answer.headers["location"]


def sign_in(client, provider, wanted="/dashboard/who"):
    """There and back."""
    return client.get(provider.signs_in(there(client, wanted)))


def known_as(client):
    return client.get("/dashboard/who").json()["name"]


def test_somebody_the_provider_knows_comes_in_and_goes_where_they_wanted(client, house, provider):
    back = sign_in(client, provider, "/runs/1?a=b")

    assert (back.status_code, back.headers["location"]) == (303, "/runs/1?a=b")
    assert known_as(client) == "jane.doe"
    assert client.post("/dashboard/act").json() == {"by": "jane.doe"}


def test_the_page_offers_the_provider_only_where_one_is_set(client, house, tmp_path):
    page = client.get("/sign-in?next=/runs/1").text
    assert "/sign-in/oidc?next=/runs/1" in page

    plain = House(house.url, tmp_path)
    with plain.client() as other:
        assert "/sign-in/oidc" not in other.get("/sign-in").text
        # Answered by our page, not by the UI behind the door.
        assert "Password" in other.get("/sign-in/oidc").text


def test_after_the_provider_one_stays_on_this_address(client, provider):
    assert sign_in(client, provider, "https://evil.example/").headers["location"] == "/dashboard"


def test_behind_a_public_address_the_provider_sends_people_there(database_url, tmp_path, provider):
    address = "https://prisma.example"
    house = House(database_url, tmp_path, address, Provider(provider.settings()))
    with house.client(base_url=address) as client:
        location = there(client)
        back = parse_qs(urlsplit(location).query)["redirect_uri"]
        cookie = client.get(provider.signs_in(location)).headers["set-cookie"]

    assert back == ["https://prisma.example/sign-in/oidc/callback"]
    assert "__Host-prisma_session=" in cookie
    assert "Secure" in cookie


def test_a_refused_token_lets_nobody_in(client, provider):
    provider.claims = {"exp": 1_000_000_000}
    answer = sign_in(client, provider)

    assert answer.status_code == 401
    assert "Nobody was signed in: the token of" in answer.text
    assert client.get("/dashboard/who").status_code == 303


def test_keys_are_read_once_and_again_when_the_provider_changed_them(client, provider):
    sign_in(client, provider)
    sign_in(client, provider)
    assert provider.asked.count("/keys") == 1

    provider.key = KEYS[1]
    assert sign_in(client, provider).status_code == 303
    assert provider.asked.count("/keys") == 2


def test_a_key_nobody_publishes_is_looked_for_once(client, provider):
    sign_in(client, provider)
    location = there(client)
    claims = provider.good_claims(parse_qs(urlsplit(location).query)["nonce"][0])
    provider.token = jwt.encode({"alg": "RS256", "kid": "k9"}, claims, KEYS[1])

    assert client.get(provider.signs_in(location)).status_code == 401
    assert provider.asked.count("/keys") == 2


def test_an_answer_to_a_sign_in_begun_elsewhere_is_refused(client, house, provider):
    """An attacker's code, sent to somebody's browser, would sign them in as the attacker."""
    back = provider.signs_in(there(client))
    with another(client) as victim:
        no_cookie = victim.get(back)
        there(victim)
        wrong_state = victim.get(back)

    for answer in (no_cookie, wrong_state):
        assert answer.status_code == 401
        assert "belongs to no sign-in begun in this browser" in answer.text
    assert provider.asked.count("/token") == 0


@pytest.mark.parametrize("cookie", ["rubbish", "e30=", "W10=", "eyJ3YW50ZWQiOjF9"])
def test_a_cookie_that_is_none_of_ours_is_no_way_back(client, cookie):
    client.cookies.set("prisma_session_3000_oidc", cookie)

    assert client.get("/sign-in/oidc/callback?code=c&state=").status_code == 401


def test_an_answer_is_good_once(client, house, provider):
    location = there(client)
    kept = client.cookies["prisma_session_3000_oidc"]
    back = provider.signs_in(location)
    client.get(back)

    assert "begin again" in client.get(back).text
    with another(client) as thief:
        thief.cookies.set("prisma_session_3000_oidc", kept)
        replayed = thief.get(back)
        assert replayed.status_code == 401
        assert "does not take this sign-in (this code is not good)" in replayed.text


def test_a_person_who_turns_back_at_the_provider_reads_why(client, provider):
    state = parse_qs(urlsplit(there(client)).query)["state"][0]
    asked = {"state": state, "error": "access_denied", "error_description": "<b>No</b>"}
    answer = client.get("/sign-in/oidc/callback", params=asked)

    assert answer.status_code == 401
    assert "did not sign you in: &lt;b&gt;No&lt;/b&gt;." in answer.text


# A provider that does not answer.


def test_without_its_provider_the_product_lets_people_in_by_password(database_url, tmp_path):
    with identity_provider() as gone:
        settings = gone.settings()
    house = House(database_url, tmp_path, provider=Provider(settings))
    with house.client() as client:
        answer = client.get("/sign-in/oidc")
        assert answer.status_code == 401
        assert "cannot be reached" in answer.text
        assert "does not work now" in client.get("/sign-in/oidc/leave").text
        house.signed_in(client, "MANAGER")
        assert known_as(client) == "ana"


# Accounts.


def test_somebody_without_a_group_that_counts_here_reads_so(client, provider):
    provider.person["groups"] = ["cooks", "drivers"]
    answer = sign_in(client, provider)

    assert answer.status_code == 401
    assert "none of your groups gives a role here (yours: cooks, drivers)" in answer.text
    assert client.get("/dashboard/who").status_code == 303


def test_roles_are_what_the_groups_give_now_and_older_sessions_end(client, house, provider):
    sign_in(client, provider)
    provider.person["groups"] = ["staff", "reviewers"]
    with another(client) as later:
        sign_in(later, provider)
        house.app._known.clear()

        assert known_as(later) == "jane.doe"
        assert later.post("/dashboard/act").status_code == 403
        provider.person["groups"] = []
        sign_in(later, provider)
        house.app._known.clear()
        assert later.get("/dashboard/who").status_code == 303
    assert client.get("/dashboard/who").status_code == 303


def test_the_same_subject_stays_the_same_user_under_another_name(client, provider):
    """Sign-offs stand under the name; a marriage must not make two people of one."""
    sign_in(client, provider)
    provider.person["preferred_username"] = "jane.smith"
    sign_in(client, provider)

    assert known_as(client) == "jane.doe"


def test_another_subject_with_a_name_that_is_taken_is_not_that_user(client, provider):
    sign_in(client, provider)
    client.cookies.clear()
    provider.person["sub"] = "somebody else"
    answer = sign_in(client, provider)

    assert answer.status_code == 401
    assert "There is a user &#39;jane.doe&#39; here already" in answer.text
    assert client.get("/dashboard/who").status_code == 303


def test_a_user_with_a_password_is_bound_to_the_provider_by_whoever_runs_it(client, house, provider):  # fmt: skip
    house.user("jane.doe", "PARTNER")
    assert "prisma-assets user bind jane.doe 248289761001" in sign_in(client, provider).text
    house.ask(lambda a: a.bind_user("jane.doe", issuer=provider.issuer, subject="248289761001"))

    sign_in(client, provider)
    assert known_as(client) == "jane.doe"


def test_a_subject_is_bound_to_one_user(house, provider):
    house.user("ana", "MANAGER")
    house.user("bob", "MANAGER")
    house.ask(lambda a: a.bind_user("ana", issuer=provider.issuer, subject="s"))

    with pytest.raises(InputError, match="is the user 'ana' already"):
        house.ask(lambda a: a.bind_user("bob", issuer=provider.issuer, subject="s"))
    with pytest.raises(InputError, match="nobody is called 'eve'"):
        house.ask(lambda a: a.bind_user("eve", issuer=provider.issuer, subject="t"))


def test_somebody_the_provider_made_has_no_password_and_is_switched_off_here(client, house, provider):  # fmt: skip
    sign_in(client, provider)
    client.post("/sign-out")
    for password in ("", PASSWORD):
        form = {"name": "jane.doe", "password": password}
        assert "The name or the password is wrong." in client.post("/sign-in", data=form).text
    house.ask(lambda a: a.change_user("jane.doe", is_disabled=True))

    assert "switched off" in sign_in(client, provider).text


def test_whoever_signs_out_is_led_to_sign_out_of_the_provider_too(client, provider):
    sign_in(client, provider)
    left = client.post("/sign-out")
    page = client.get(left.headers["location"])
    leave = client.get("/sign-in/oidc/leave").headers["location"]

    assert "/sign-in/oidc/leave" in page.text
    assert leave.startswith(
        f"{provider.issuer}/leave?client_id=prisma&post_logout_redirect_uri=http"
    )
    assert client.get("/dashboard/who").status_code == 303


def test_a_provider_without_a_page_to_sign_out_sends_back(client, provider):
    documents = provider.answer
    provider.answer = lambda path, form, key: (
        200,
        {n: v for n, v in documents(path, form, key)[1].items() if n != "end_session_endpoint"},
    )

    assert client.get("/sign-in/oidc/leave").headers["location"].endswith("/sign-in")
