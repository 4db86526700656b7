"""`/dashboard`: what needs somebody now."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prisma_assets.learning.desk import desk
from prisma_assets.store.database import Database
from prisma_assets.web.page import Pages


def home_routes(pages: Pages, database: Database) -> list[BaseRoute]:
    """The first page."""

    async def home(request: Request) -> Response:
        return pages.render(request, "home.html", desk=await desk(database))

    return [Route("/dashboard", home)]
