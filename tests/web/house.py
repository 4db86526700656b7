"""The door in front of everything, on an embedded database, with something behind it that tells what reached it."""

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.platform.account import Accounts, development_key
from prisma_assets.platform.second_factor import SecondFactors
from prisma_assets.store.database import Database
from prisma_assets.web.app import create_app
from prisma_assets.web.oidc import Provider
from prisma_assets.web.page import Pages, static_routes
from prisma_assets.web.problem_page import problem_pages
from prisma_assets.web.second_factor import SecondFactorPages
from prisma_assets.web.session import require, visitor
from prisma_assets.web.sign_in import Door, SignIn
from prisma_assets.web.sign_in_page import SignInPages

PASSWORD = "correct horse battery"  # noqa: S105 - a test's own


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

    def __init__(
        self, url: str, home: Any, public_url: str | None = None, provider: Provider | None = None
    ) -> None:
        self.url, self.home = url, home
        self.door = Door(port=3000, public_url=public_url)
        self.database = Database(url, max_size=2)
        pages, accounts = Pages(), Accounts(self.database)
        app = create_app(
            dagster=dagster_ui,
            checks={},
            pages=[
                *static_routes(),
                *SignInPages(pages, accounts, self.door, home, provider).routes(),
                *SecondFactorPages(
                    pages=pages, factors=SecondFactors(self.database), door=self.door
                ).routes(),
                Route("/dashboard/who", whoami),
                Route("/dashboard/act", act, methods=["POST"]),
            ],
            problems=problem_pages(pages),
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
