"""Every page of ours, and what they load, put together."""

from starlette.routing import BaseRoute, Mount

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.learning.counted import Counted
from prisma_assets.learning.dashboard import Dashboards
from prisma_assets.learning.feedback_intake import FeedbackIntake
from prisma_assets.learning.fleet import Fleet
from prisma_assets.platform.workflow import WorkflowEngine
from prisma_assets.settings import Settings
from prisma_assets.store.database import Database
from prisma_assets.web import step_page
from prisma_assets.web.agent_page import agent_routes
from prisma_assets.web.alert_page import alert_routes
from prisma_assets.web.cost_page import cost_routes
from prisma_assets.web.domain_page import domain_routes
from prisma_assets.web.experiment_page import experiment_routes
from prisma_assets.web.home_page import home_routes
from prisma_assets.web.learning_page import learning_routes
from prisma_assets.web.live import Changes, live_routes
from prisma_assets.web.page import Pages, static_routes
from prisma_assets.web.shared_page import SharedPages
from prisma_assets.web.start_page import start_routes
from prisma_assets.web.workflow_page import workflow_routes


def dashboard_routes(
    pages: Pages,
    database: Database,
    *,
    registry: AgentRegistry,
    changes: Changes,
    engine: WorkflowEngine,
) -> list[BaseRoute]:
    """The pages.

    Args:
        pages: Renders them.
        database: Where they read.
        registry: The firm's agents.
        changes: Tells open pages what has changed.
        engine: Starts and knows executions.
    """
    dashboards = Dashboards(registry, Settings.from_environ().dashboards)
    counted = Counted(database)
    fleet = Fleet(database, counted)
    shared = SharedPages(changes)
    return [
        *static_routes(),
        *live_routes(changes),
        *shared.share(
            [
                *home_routes(pages, database),
                *agent_routes(pages, database, registry, fleet),
                *cost_routes(pages, database, fleet, counted),
                *learning_routes(pages, database),
                *alert_routes(pages, database, registry),
                *experiment_routes(pages, database, registry),
                *domain_routes(pages, fleet, dashboards),
                *workflow_routes(pages, engine),
                *start_routes(pages, engine),
            ]
        ),
        Mount(step_page.PREFIX, step_page.step_pages(pages, FeedbackIntake(registry), database)),
    ]
