"""The Python API of the specification, and what runs workflows for it.

`from prisma_assets.platform import AgentRegistry, EventBus, WorkflowEngine`
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prisma_assets.agents.registry import AgentRegistry
    from prisma_assets.domain.learning.feedback import Feedback
    from prisma_assets.platform.experiment import ABTestManager
    from prisma_assets.platform.improvement import ImprovementEngine
    from prisma_assets.platform.monitoring import MonitoringDashboard
    from prisma_assets.platform.workflow import WorkflowEngine
    from prisma_assets.store.event_bus import EventBus

__all__ = [
    "ABTestManager",
    "AgentRegistry",
    "EventBus",
    "Feedback",
    "ImprovementEngine",
    "MonitoringDashboard",
    "WorkflowEngine",
]

_HOMES = {
    "ABTestManager": "prisma_assets.platform.experiment",
    "AgentRegistry": "prisma_assets.agents.registry",
    "EventBus": "prisma_assets.store.event_bus",
    "Feedback": "prisma_assets.domain.learning.feedback",
    "ImprovementEngine": "prisma_assets.platform.improvement",
    "MonitoringDashboard": "prisma_assets.platform.monitoring",
    "WorkflowEngine": "prisma_assets.platform.workflow",
}


def __getattr__(name: str) -> Any:
    """Load a name of the API when it is asked for: the parts of the product import this package for less."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_HOMES[name]), name)
