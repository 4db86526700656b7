"""The application without its parts: what health says, and who answers which path."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from prisma_assets.web import app as web

UI = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("the UI"))])


async def well() -> None:
    return


async def ill() -> None:
    raise ConnectionError("the database is down\nwith a second line")


async def silent() -> None:
    await asyncio.sleep(60)


def test_healthz_says_which_part_is_ill_and_why():
    client = TestClient(web.create_app(dagster=UI, checks={"database": ill, "dagster": well}))

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "parts": {"database": "the database is down", "dagster": "ok"},
    }


def test_readyz_asks_besides_whether_anybody_watches():
    """A stack without a watchdog answers its pages: it is healthy, and not ready."""
    app = web.create_app(dagster=UI, checks={"database": well}, ready={"watchdog": ill})
    client = TestClient(app)

    answer = client.get("/readyz")

    assert client.get("/healthz").status_code == 200
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert list(answer.json()["parts"]) == ["database", "watchdog"]


def test_healthz_does_not_wait_for_a_part_that_hangs(monkeypatch: pytest.MonkeyPatch):
    """A check that hangs would hang every watcher with it."""
    monkeypatch.setattr(web, "CHECK_SECONDS", 0.05)
    client = TestClient(web.create_app(dagster=UI, checks={"dagster": silent}))

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["parts"]["dagster"].startswith("no answer within")


def test_pages_come_before_the_ui():
    """The UI answers every path, so whatever is ours must be asked first."""
    page = Route("/dashboard", lambda _: PlainTextResponse("ours"))
    client = TestClient(web.create_app(dagster=UI, checks={"dagster": well}, pages=[page]))

    assert client.get("/dashboard").text == "ours"
    assert client.get("/runs").text == "the UI"
    assert client.get("/healthz").status_code == 200
