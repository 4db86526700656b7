"""Start the audit of an engagement, watch it, sign what waits, go on, and read what came of it.

    python docs/examples/python/run_a_workflow.py FOLDER_OF_THE_SAMPLE

Works beside the product when it is up with the same PRISMA_HOME or DATABASE_URL, and alone.
"""

import asyncio
import sys

from prisma_assets.platform import AgentRegistry, EventBus, WorkflowEngine


async def main(folder: str) -> None:
    """Audit an engagement until the second signature is missing."""
    agent_registry = AgentRegistry()
    event_bus = EventBus()

    async with WorkflowEngine(agent_registry, event_bus) as engine:
        workflow = await engine.create_workflow(
            template_name="annual_audit",
            context={"engagement": folder},
            created_by="m.tindlewick",
        )
        watching = asyncio.create_task(tell(engine, workflow.id))

        result = await engine.execute_workflow(workflow.id)
        print(f"{result.status}: {dict(result.waiting_for)}")

        await engine.sign_off(workflow.id, "a02", by="p.marlowsby", comment="known client")
        result = await engine.resume_workflow(workflow.id)
        print(f"{result.status}: {dict(result.waiting_for)}, {result.duration_ms} ms of work")

        watching.cancel()


async def tell(engine: WorkflowEngine, workflow_id: str) -> None:
    """Print every change as it happens."""
    async for change in engine.watch(workflow_id):
        print(f"{change.at:%H:%M:%S.%f} {change.step_id or 'execution'} {change.status}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
