"""The composition root: everything Dagster sees, built from plain parts. `defs` is what the code location loads."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from jobs.alert import alert_job
from jobs.compensation import compensation_job
from jobs.compiler import SESSION, compile_job
from jobs.deployment import drill_job, rollback_job, rollout_job
from jobs.experiment import experiment_evaluation
from jobs.feedback_signal import feedback_signal_job
from jobs.learning import fact_roll_up, learning_loop
from jobs.notification import notification_job
from jobs.sign_off_clock import sign_off_clock_job
from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentProvider
from prisma_assets.agents.firm import Firm, product_providers
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.assets.collection import all_assets
from prisma_assets.engine.library import TemplateLibrary, product_library
from prisma_assets.engine.pinning import with_former, with_needed
from prisma_assets.settings import Settings
from resources.learning import FIRM, LEARNING_DATABASE, learning_database
from resources.workflow import database_url, run_session
from sensors.alert import alert_sensor
from sensors.compensation import compensation_sensor
from sensors.deployment import guardrail_rollback_sensor, rollout_sensor, weekly_drill
from sensors.experiment import hourly_experiments
from sensors.feedback_signal import feedback_signal_sensor
from sensors.learning import hourly_roll_up, late_fact_sensor, nightly_learning
from sensors.outbox import notification_sensor
from sensors.resume import resume_sensor
from sensors.sign_off_clock import sign_off_clock_sensor

AnyJob = dg.JobDefinition | UnresolvedAssetJobDefinition


def build_defs(
    library: TemplateLibrary,
    registry: AgentRegistry,
    providers: Mapping[str, AgentProvider],
    *,
    example_folder: str = "",
) -> dg.Definitions:
    """Jobs, assets, sensors and resources for these templates and agents."""
    # Dagster passes one beta parameter itself when it binds resources to sensors; nobody here can mend it. The other
    # makes ninety days asked for one run.
    warnings.filterwarnings(
        "ignore", message="Parameter `(owners|backfill_policy)`", category=dg.BetaWarning
    )
    jobs = {
        name: compile_job(template, registry, name=name, example_folder=example_folder)
        for name, template in library.jobs.items()
    }
    watches = _watches(library, registry, jobs)
    return dg.Definitions(
        assets=all_assets(),
        schedules=watches.schedules,
        jobs=[*jobs.values(), *watches.jobs],
        sensors=watches.sensors,
        resources={
            SESSION: run_session(registry, providers),
            "database_url": database_url(),
            LEARNING_DATABASE: learning_database(),
            FIRM: dg.ResourceDefinition.hardcoded_resource(
                Firm(registry=registry, providers=providers)
            ),
        },
        # For what people materialise by hand: a process per step would cost 4 s each.
        executor=dg.in_process_executor,
    )


@dataclass(frozen=True)
class _Watches:
    """What runs by itself, and what it runs."""

    sensors: list[dg.SensorDefinition]
    schedules: list[dg.ScheduleDefinition]
    jobs: list[AnyJob]


def _watches(
    library: TemplateLibrary, registry: AgentRegistry, workflows: Mapping[str, dg.JobDefinition]
) -> _Watches:
    sending, clock, undoing = notification_job(), sign_off_clock_job(library), compensation_job(library)  # fmt: skip
    rollouts, rollbacks, drill = rollout_job(library), rollback_job(library), drill_job()
    hearing = feedback_signal_job(registry)
    loop, counting, judging = learning_loop(), fact_roll_up(), experiment_evaluation()
    sensors = [
        *([resume_sensor(library, workflows)] if workflows else []),
        notification_sensor(sending),
        sign_off_clock_sensor(clock),
        compensation_sensor(undoing),
        feedback_signal_sensor(hearing),
        rollout_sensor(rollouts),
        guardrail_rollback_sensor(rollbacks),
        late_fact_sensor(counting),
    ]
    schedules = [
        hourly_roll_up(counting),
        nightly_learning(loop),
        hourly_experiments(judging),
        weekly_drill(drill),
    ]
    watched = frozenset(s.name for s in sensors) | frozenset(s.name for s in schedules)
    alerts = alert_job(registry.ids, watched=watched)
    return _Watches(
        sensors=[*sensors, alert_sensor(alerts, registry.ids, watched=watched)],
        schedules=schedules,
        jobs=[
            sending, clock, undoing, hearing, rollouts, rollbacks, drill, alerts, loop, counting, judging,
        ],
    )  # fmt: skip


@dg.definitions
def defs() -> dg.Definitions:
    """The product as the code location loads it."""
    registry = AgentRegistry(firm_cards())
    settings = Settings.from_environ()
    library = product_library(settings, agents=registry.ids)
    if settings.database_url is not None:
        library = with_needed(library, settings.database_url)
        registry = with_former(registry, library.earlier, settings.database_url)
    for problem in library.problems:
        dg.get_dagster_logger("prisma_assets").error(problem)
    return build_defs(
        library,
        registry,
        product_providers(),
        example_folder=str(settings.sample_folder),
    )
