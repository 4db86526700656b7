"""A run in a process of its own, for tests that stop it. Its steps begin, wait for a minute, and say what befell them.

Arguments: the Dagster home, the database, the template's steps as JSON, the execution's id, and a file to say it in.
"""

import asyncio
import json
import sys
from pathlib import Path

import dagster as dg
from conftest import Firm, ScriptedAgent, trial_template


def main(home: str, url: str, steps: str, execution_id: str, witness: str) -> None:
    def say(text: str) -> None:
        with Path(witness).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    async def wait(task):
        try:
            say(f"{task.step_id} begins")
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            say(f"{task.step_id} cancelled")
            raise
        finally:
            say(f"{task.step_id} cleaned up")

    template = trial_template(*json.loads(steps))
    agent = ScriptedAgent(answers={step.id: wait for step in template.steps if step.id != "quick"})
    with dg.DagsterInstance.from_config(home) as instance:
        Firm(instance=instance, url=url, template=template, agent=agent).run(execution_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
