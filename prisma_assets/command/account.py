"""`user` and `token`: who may come in at the web address."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from prisma_assets.command.output import AsJson, answer, note, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

if TYPE_CHECKING:
    from prisma_assets.platform.account import Accounts

user = typer.Typer(help="People who sign in at the web address.", no_args_is_help=True)
token = typer.Typer(help="What programs sign in with.", no_args_is_help=True)

Answer = TypeVar("Answer")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="PARTNER, MANAGER, EMPLOYEE, READONLY …; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(user, name="user")
    app.add_typer(token, name="token")


@user.command("add")
def add_user(name: Name, role: Roles, as_json: AsJson = False) -> None:
    """Let somebody sign in; the password is asked for, or read from standard input."""
    password = _password()
    _ask(lambda accounts: accounts.add_user(name, password, role, by=getpass.getuser()))
    _said(f"{name} may sign in as {', '.join(role)}", as_json, name=name, roles=role)


@user.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List who may sign in."""
    from prisma_assets.store.account import AccountStore

    found = _ask(lambda accounts: AccountStore(accounts.database).users())
    if as_json:
        answer({"users": found})
    elif not found:
        say("No user is there yet; `prisma-assets user add NAME --role MANAGER`.")
    else:
        rows = [
            (u["user_name"], ", ".join(u["roles"]), u["issuer"] or "password", "out" if u["disabled_at"] else "", u["created_by"])
            for u in found
        ]  # fmt: skip
        table(("name", "roles", "signs in by", "", "added by"), rows)


@user.command("roles")
def set_roles(name: Name, role: Roles, as_json: AsJson = False) -> None:
    """Give a user these roles in place of the ones held; whoever is signed in signs in again."""
    _ask(lambda accounts: accounts.change_user(name, roles=role))
    _said(f"{name} is {', '.join(role)} now", as_json, name=name, roles=role)


@user.command("password")
def set_password(name: Name, as_json: AsJson = False) -> None:
    """Set another password, which also ends a lock; it is asked for, or read from standard input."""
    password = _password()
    _ask(lambda accounts: accounts.change_user(name, password=password))
    _said(f"{name} has another password", as_json, name=name)


@user.command("bind")
def bind_user(
    name: Name,
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="The provider's `sub` of them.")
    ],
    as_json: AsJson = False,
) -> None:
    """Let a user sign in by the firm's identity provider, under the name there is."""
    oidc = Settings.from_environ().oidc
    if oidc is None:
        raise InputError("no identity provider is set; set PRISMA_OIDC_ISSUER (docs/sign-in.md)")
    _ask(lambda accounts: accounts.bind_user(name, issuer=oidc.issuer, subject=subject))
    _said(f"{name} signs in by {oidc.host}", as_json, name=name, issuer=oidc.issuer, subject=subject)  # fmt: skip


@user.command("second-factor")
def give_second_factor(
    name: Name,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a user a second factor for an authenticator app, in place of the one before, and show it this once."""
    from prisma_assets.platform.second_factor import SecondFactors

    if remove:
        _ask(lambda accounts: SecondFactors(accounts.database).remove(name))
        _said(f"{name} has no second factor any more", as_json, name=name)
        return
    made = _ask(lambda accounts: SecondFactors(accounts.database).give(name, by=getpass.getuser()))
    if as_json:
        answer({"name": name, "secret": made.secret, "link": made.link, "recovery_codes": made.recovery_codes})  # fmt: skip
        return
    say(made.link)
    for code in made.recovery_codes:
        say(code)
    note("The first line opens in an authenticator app (or type its secret); the others are codes for a lost phone, each good once. They are not shown again.")  # fmt: skip


@user.command("disable")
def disable_user(name: Name, as_json: AsJson = False) -> None:
    """Let a user in no more; what they did stays under their name."""
    _ask(lambda accounts: accounts.change_user(name, is_disabled=True))
    _said(f"{name} may not sign in any more", as_json, name=name)


@user.command("enable")
def enable_user(name: Name, as_json: AsJson = False) -> None:
    """Let a user in again."""
    _ask(lambda accounts: accounts.change_user(name, is_disabled=False))
    _said(f"{name} may sign in again", as_json, name=name)


@user.command("link")
def show_link(as_json: AsJson = False) -> None:
    """Print the link that signs the owner of this data folder in, on this machine."""
    from prisma_assets.platform.account import sign_in_link
    from prisma_assets.supervisor.lock import read_running

    settings = Settings.from_environ()
    if settings.public_url is not None:
        raise InputError(
            "PRISMA_PUBLIC_URL is set, so people sign in by name: `prisma-assets user add`"
        )
    running = read_running(settings.home)
    if running is None:
        raise InputError("nothing runs in this data folder; start it with `prisma-assets up`")
    link = sign_in_link(running.address, settings.home)
    if as_json:
        answer({"link": link})
    else:
        say(link)


@token.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What uses it.")],
    role: Roles,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Limit it to view, ingest, launch …; repeatable. None: all of its roles."
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="How long it is good.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it, this once."""
    made = _ask(
        lambda accounts: accounts.add_token(
            name, role, scopes=scope, days=days, by=getpass.getuser()
        )
    )
    if as_json:
        answer({"token": made.secret, "token_id": made.token_id, "expires_at": made.expires_at})
    else:
        say(made.secret)
        note(f"good until {made.expires_at:%Y-%m-%d}; it is not shown again")


@token.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens; what they are is nowhere kept."""
    from prisma_assets.store.account import AccountStore

    found = _ask(lambda accounts: AccountStore(accounts.database).tokens())
    if as_json:
        answer({"tokens": found})
    elif not found:
        say("No token was made yet; `prisma-assets token create NAME --role SERVICE_ACCOUNT`.")
    else:
        rows = [
            (t["name"], ", ".join(t["roles"]), ", ".join(t["scopes"] or ["all"]), f"{t['expires_at']:%Y-%m-%d}",
             "revoked" if t["revoked_at"] else "")
            for t in found
        ]  # fmt: skip
        table(("name", "roles", "scopes", "until", ""), rows)


@token.command("revoke")
def revoke_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token's name.")],
    as_json: AsJson = False,
) -> None:
    """End a token; it is felt within seconds."""
    from prisma_assets.store.account import AccountStore

    if not _ask(lambda accounts: AccountStore(accounts.database).revoke_token(name)):
        raise InputError(f"no token '{name}' is in force; `prisma-assets token list`")
    _said(f"{name} is revoked", as_json, name=name)


def _password() -> str:
    """From a terminal without an echo, else the first line of standard input; never an argument, which other users could see."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


def _ask(question: "Callable[[Accounts], Awaitable[Answer]]") -> Answer:
    from prisma_assets.command.connection import migrated_server
    from prisma_assets.platform.account import Accounts
    from prisma_assets.store.database import Database

    async def ask() -> Answer:
        async with Database(urls.prisma, max_size=2) as database:
            return await question(Accounts(database))

    with migrated_server(Settings.from_environ()) as urls:
        return asyncio.run(ask())


def _said(sentence: str, as_json: bool, **values: object) -> None:
    if as_json:
        answer(values)
    else:
        say(sentence)
