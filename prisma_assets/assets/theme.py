"""Themes of what people say."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from prisma_assets.assets.check import Check, check_results, check_specs
from prisma_assets.assets.conclusion import OWNERS, Result, conclude
from prisma_assets.assets.partition import DAYS, ONE_RUN, days_of
from prisma_assets.assets.source import FEEDBACK
from resources.learning import LEARNING_DATABASE, LearningDatabase

if TYPE_CHECKING:
    from prisma_assets.learning.theme import ThemesPlaced

NAME = "feedback_themes"
KEY = ["theme_id"]
CHECKS = [
    Check(
        name="themes_are_named_once",
        says="A theme is one row; twice would count what people said twice.",
        expectation="expect_column_values_to_be_unique",
        arguments={"column": "theme_id"},
    ),
    Check(
        name="every_theme_has_texts",
        says="A theme stands for at least five texts, which a person can read.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "members", "min_value": 5},
    ),
    Check(
        name="every_theme_is_quoted",
        says="A theme shows what people said in their own words.",
        expectation="expect_column_values_to_be_between",
        arguments={"column": "quotes", "min_value": 1},
        is_blocking=False,
    ),
]


def theme_assets() -> list[dg.AssetsDefinition]:
    """The assets of this file."""

    @dg.asset(
        name=NAME,
        group_name="learning",
        deps=[FEEDBACK, "feedback_daily"],
        partitions_def=DAYS,
        backfill_policy=ONE_RUN,
        check_specs=check_specs(NAME, CHECKS),
        required_resource_keys={LEARNING_DATABASE},
        owners=OWNERS,
        kinds={"scikit-learn", "postgres"},
        code_version="1",
    )
    def feedback_themes(context: dg.AssetExecutionContext) -> Result:
        """One row per theme people speak of in their feedback: telling words, quotes, how often, since when, whether it is new.

        Reads: agent_feedback of half a year. Writes: feedback_themes, feedback_theme_members. Key: theme_id.
        Rebuild: a text keeps its theme for good, so looking at a day again changes nothing; a day before the last one looked at is left alone.
        """
        from prisma_assets.learning.theme import place_feedback

        database: LearningDatabase = context.resources.learning_database

        # Texts keep their days: one look at the last day places those of all days before it.
        last = days_of(context)[-1]
        return _concluded(database, database.run(lambda opened: place_feedback(opened, last)))

    return [feedback_themes]


def _concluded(database: LearningDatabase, last: "ThemesPlaced") -> Result:
    from datetime import timedelta

    import pandas as pd

    from prisma_assets.store.theme import ThemeStore

    found = database.run(lambda d: ThemeStore(source=d).to_check())
    themes = database.run(
        lambda d: ThemeStore(source=d).themes(since=last.day - timedelta(days=27), until=last.day)
    )
    frame = pd.DataFrame(found, columns=["theme_id", "name", "feedback", "quotes", "members"])
    return conclude(
        database,
        rows=len(themes),
        shown=[_row(theme) for theme in themes],
        checks=check_results(NAME, CHECKS, frame, key=KEY),
        texts=last.texts,
        placed=last.placed,
        founded=last.founded,
        left_alone=last.is_past,
        new=[theme["name"] for theme in themes if theme["is_new"]],
    )


def _row(theme: dict[str, Any]) -> dict[str, Any]:
    quotes = theme["quotes"]
    return {
        "theme": theme["name"],
        "in four weeks": theme["lately"],
        "unhappy": theme["unhappy"],
        "agents": len(theme["agents"]),
        "first said": theme["first_seen"],
        "new": "new" if theme["is_new"] else "",
        "quote": quotes[0]["text"][:120] if quotes else None,
    }
