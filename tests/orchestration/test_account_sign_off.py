"""Work without an engagement has no team: those who have an account sign it, in the account's roles."""

import asyncio

import psycopg
import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.workflow.sign_off import Approved, Waiting
from prisma_assets.engine.asking import audience
from prisma_assets.engine.sign_off import open_questions
from prisma_assets.store.account import AccountStore
from prisma_assets.store.database import Database
from prisma_assets.store.notification import NotificationStore

CLOSE = {
    "title": "Close", "objective": "Close the books.", "agent": "audit-plan-012", "id": "s1", "name": "close",
    "sign_off": {"kind": "CLOSE_LOCK_APPROVAL", "roles": ["MANAGER", "PARTNER"]},
}  # fmt: skip
HASHED = "$argon2id$of-none"
ACCOUNTS = {
    "mia": ["MANAGER"], "mel": ["MANAGER"], "pia": ["PARTNER"], "ada": ["SYSTEM_ADMIN"], "bot": ["MANAGER", "SERVICE_ACCOUNT"],
    "audit-plan-012": ["PARTNER"], "tester": ["PARTNER"],
}  # fmt: skip


@pytest.fixture
def books(firm, firm_url):
    """An execution without a team that waits; `tester` started it."""
    _accounts(firm_url, ACCOUNTS)
    trial = firm(CLOSE)
    execution_id = _waiting(trial, firm_url)
    return trial, execution_id


def _accounts(url, accounts):
    async def add() -> None:
        async with Database(url, max_size=1) as database:
            for name, roles in accounts.items():
                await AccountStore(database).add_user(
                    name, password_hash=HASHED, roles=roles, by="tests"
                )

    asyncio.run(add())


def _waiting(trial, url, team=()):
    execution_id = trial.open().id
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "update workflow_executions set context = context || %s where workflow_execution_id = %s",
            (psycopg.types.json.Jsonb({"team": list(team), "preparer": ""}), execution_id),
        )
    trial.run(execution_id)
    return execution_id


def _set_disabled(url, name, *, is_disabled):
    with psycopg.connect(url, autocommit=True) as connection:
        query = "update users set disabled_at = case when %s then now() end where user_name = %s"
        connection.execute(query, (is_disabled, name))


def test_accounts_sign_in_their_roles_and_the_work_goes_on(books):
    trial, execution_id = books

    assert isinstance(trial.sign(execution_id, "s1", "mia"), Waiting)
    assert isinstance(trial.sign(execution_id, "s1", "pia"), Approved)
    trial.run(execution_id)
    assert trial.execution(execution_id).status == "COMPLETED"


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("ada", "needs MANAGER or PARTNER; ada is SYSTEM_ADMIN"),
        ("bot", "agents and service accounts never sign"),
        ("audit-plan-012", "agents and service accounts never sign"),
        ("tester", "tester prepared this file; somebody else must sign"),
        ("stranger", "'stranger' has none; `prisma-assets user add` makes one"),
        ("mio", "did you mean"),
    ],
)
def test_who_may_not_sign(books, user, sentence):
    trial, execution_id = books

    with pytest.raises(InputError, match=sentence.replace("`", ".")):
        trial.sign(execution_id, "s1", user)


def test_nobody_signs_twice(books):
    trial, execution_id = books
    trial.sign(execution_id, "s1", "mia")

    with pytest.raises(InputError, match="mia has signed already"):
        trial.sign(execution_id, "s1", "mia")


def test_an_account_that_is_closed_signs_no_more_and_takes_nothing_back(books, firm_url):
    trial, execution_id = books
    trial.sign(execution_id, "s1", "mel")
    _set_disabled(firm_url, "mel", is_disabled=True)

    assert isinstance(trial.sign(execution_id, "s1", "pia"), Approved)
    other = _waiting(trial, firm_url)
    with pytest.raises(InputError, match="'mel' has none"):
        trial.sign(other, "s1", "mel")
    _set_disabled(firm_url, "mel", is_disabled=False)


def test_those_whose_signature_counts_are_told(books):
    trial, execution_id = books

    async def untold(store):
        async with store.database.transaction() as tx:
            return await NotificationStore(source=tx).take_unrouted(100)

    (told,) = [
        n.notification for n in trial.ask(untold) if n.notification.execution_id == execution_id
    ]

    assert {r.user for r in told.audience} == {"mel", "mia", "pia"}


def test_where_there_is_a_team_accounts_count_for_nothing(books, firm_url):
    trial, _ = books
    execution_id = _waiting(trial, firm_url, team=[{"user": "tom", "roles": ["MANAGER"]}])

    with pytest.raises(InputError, match="mia is not on the engagement's team"):
        trial.sign(execution_id, "s1", "mia")
    execution = trial.execution(execution_id)
    asked = trial.ask(lambda store: open_questions(store, execution, trial.template))["s1"]
    assert [r.user for r in audience(asked)] == ["tom"]
