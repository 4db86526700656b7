"""Pages rendered once for many: everybody sees their own name, their own rights, and nothing that is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from prisma_assets.domain.guardrails.role import Permission
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.web import shared_page
from prisma_assets.web.session import visitor
from prisma_assets.web.shared_page import SharedPages
from tests.web.visiting import OWNER, PARTNER, READER

BEN = replace(PARTNER, name="ben <b>")


class Heard:
    """Changes that somebody watches, or nobody."""

    def __init__(self, *, is_looking: bool) -> None:
        self.is_looking = is_looking
        self.tell: Callable[[str], None] = lambda _topic: None

    def hear(self, tell: Callable[[str], None]) -> None:
        self.tell = tell


class Site:
    """Pages behind sharing, asked by whoever the test says."""

    def __init__(self, *, is_looking: bool = True) -> None:
        self.rendered = 0
        self.changes = Heard(is_looking=is_looking)
        shared = SharedPages(self.changes)  # type: ignore[arg-type]
        routes = [
            Route("/page", self.page),
            Route("/mine", self.mine),
            Route("/file", self.file),
            Route("/missing", self.missing),
            Route("/page", self.change, methods=["POST"]),
        ]
        self.routes = {(r.path, m): r.endpoint for r in shared.share(routes) for m in r.methods}

    async def page(self, request: Request) -> Response:
        self.rendered += 1
        await asyncio.sleep(0.01)
        who = visitor(request)
        button = "<button>" if who.may(Permission.OPERATE) else ""
        return HTMLResponse(f'<p data-live="alerts,costs">{who.name}: {self.rendered}{button}')

    async def mine(self, request: Request) -> Response:
        return HTMLResponse("yours" if visitor(request).name == "ana" else "another's")

    async def file(self, request: Request) -> Response:
        self.rendered += 1
        return PlainTextResponse(visitor(request).name)

    async def missing(self, request: Request) -> Response:
        raise HTTPException(404, f"{visitor(request).name}, there is none")

    async def change(self, _request: Request) -> Response:
        return PlainTextResponse("done")

    async def ask(self, who: Visitor, path: str = "/page", *, query: str = "", method: str = "GET") -> str:  # fmt: skip
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": [],
            "server": ("127.0.0.1", 80), "scheme": "http", "prisma.visitor": who,
        }  # fmt: skip
        answer = await self.routes[path, method](Request(scope))
        return bytes(answer.body).decode()


def in_loop(work: Awaitable[object]) -> object:
    async def go() -> object:
        return await work

    return asyncio.run(go())


def test_readers_of_equal_rights_share_a_rendering_under_their_own_names():
    """At once, and one after the other."""

    async def go():
        site = Site()
        first = await asyncio.gather(*(site.ask(who) for who in (PARTNER, BEN, PARTNER)))
        return [*first, await site.ask(BEN)], site.rendered

    answers, rendered = in_loop(go())
    assert rendered == 1
    names = [a.split(">")[1].split(":")[0] for a in answers]
    assert names == ["ana", "ben &lt;b&gt;", "ana", "ben &lt;b&gt;"]
    assert all("1<button>" in a for a in answers)


def test_nobody_sees_what_another_role_may_do():
    """A reader without a role to act, a role that may, and the owner of the installation: each has their own."""

    async def go():
        site = Site()
        return [await site.ask(who) for who in (PARTNER, READER, OWNER, READER)], site.rendered

    (partner, reader, owner, again), rendered = in_loop(go())
    assert rendered == 3
    assert "<button>" in partner
    assert "<button>" in owner
    assert "<button>" not in reader
    assert again == reader


def test_a_token_limited_to_less_is_not_shown_more():
    """Equal roles, unequal scopes."""
    limited = replace(PARTNER, via="token", scopes=frozenset({Permission.VIEW}))

    async def go():
        site = Site()
        return [await site.ask(who) for who in (replace(PARTNER, via="token"), limited)]

    full, less = in_loop(go())
    assert "<button>" in full
    assert "<button>" not in less


def test_a_page_that_asks_who_reads_is_rendered_for_each():
    """Whether somebody wrote it themselves, for instance."""

    async def go():
        site = Site()
        return [await site.ask(who, "/mine") for who in (PARTNER, BEN, PARTNER)]

    assert in_loop(go()) == ["yours", "another's", "yours"]


def test_files_and_refusals_are_answered_to_whoever_asked():
    """A file is made once for each who asks."""

    async def go():
        site = Site()
        files = [await site.ask(who, "/file") for who in (PARTNER, BEN, BEN)]
        with pytest.raises(HTTPException) as refused:
            await site.ask(PARTNER, "/missing")
        return files, site.rendered, refused.value.detail

    files, rendered, refused = in_loop(go())
    assert files == ["ana", "ben <b>", "ben <b>"]
    assert rendered == 4  # the first showed that it is no page
    assert refused == "ana, there is none"


@pytest.mark.parametrize(("topic", "rendered"), [("costs", 2), ("learning", 1)])
def test_a_change_is_seen_at_once_and_another_changes_nothing(topic, rendered):
    """Also by those who asked while the old page was still on its way."""

    async def go():
        site = Site()
        await site.ask(PARTNER)
        site.changes.tell(topic)
        await site.ask(PARTNER)
        return site.rendered

    assert in_loop(go()) == rendered


def test_a_page_under_way_when_something_changes_is_not_kept():
    """What it shows may have been read before."""

    async def go():
        site = Site()
        early = asyncio.create_task(site.ask(PARTNER))
        await asyncio.sleep(0)
        site.changes.tell("learning")
        await site.ask(PARTNER)
        await early
        return site.rendered

    assert in_loop(go()) == 2


def test_who_changes_something_sees_it():
    """A form's answer leads back to its page."""

    async def go():
        site = Site()
        await site.ask(PARTNER)
        await site.ask(PARTNER, method="POST")
        await site.ask(PARTNER)
        return site.rendered

    assert in_loop(go()) == 2


def test_nothing_is_kept_while_nobody_watches_and_queries_are_pages_of_their_own():
    """Then no change would be told."""

    async def go(*, is_looking: bool):
        site = Site(is_looking=is_looking)
        for query in ("", "", "window=24h"):
            await site.ask(PARTNER, query=query)
        return site.rendered

    assert in_loop(go(is_looking=False)) == 3
    assert in_loop(go(is_looking=True)) == 2


def test_an_old_page_is_shown_while_the_next_is_on_its_way(monkeypatch):
    """Nobody waits because a page is five seconds old; nobody is shown one from before a change, or long ago."""
    monkeypatch.setattr(shared_page, "FRESH_SECONDS", 0.0)

    async def go():
        site = Site()
        answers = [await site.ask(PARTNER), await site.ask(PARTNER), await site.ask(BEN)]
        await asyncio.sleep(0.05)
        answers.append(await site.ask(PARTNER))
        site.changes.tell("alerts")
        answers.append(await site.ask(PARTNER))
        monkeypatch.setattr(shared_page, "LATE_SECONDS", 0.0)
        answers.append(await site.ask(PARTNER))
        return [answer.split(": ")[1][0] for answer in answers]

    # The first waits; two meet it, old; the next meets the second, old; after a change, and when it is too old, they wait.
    assert in_loop(go()) == ["1", "1", "1", "2", "4", "5"]


def test_a_reader_who_leaves_takes_nobody_along():
    """The page goes on for the others."""

    async def go():
        site = Site()
        leaving, staying = (asyncio.create_task(site.ask(who)) for who in (PARTNER, BEN))
        await asyncio.sleep(0.001)
        leaving.cancel()
        return await staying, site.rendered

    answer, rendered = in_loop(go())
    assert "ben" in answer
    assert rendered == 1
