"""Places what people said into themes, one look per day. How texts are compared belongs to the domain."""

from dataclasses import dataclass
from datetime import date, timedelta

from prisma_assets.domain.learning.theme import Placed, Said, is_new, place
from prisma_assets.store.database import Database
from prisma_assets.store.roll_up import RollUpStore
from prisma_assets.store.theme import ThemeStore

FEEDBACK_THEMES = "feedback_themes"
"""Name, as in Dagster and in the table `roll_ups`."""
WINDOW = timedelta(days=180)
"""Half a year of texts: a theme of the busy season is still known when the next one begins."""
MOST_TEXTS = 10_000
"""Latest texts looked at; comparing more takes minutes and changes no theme people care about."""


@dataclass(frozen=True, kw_only=True)
class ThemesPlaced:
    """What a look at a day brought."""

    day: date
    themes: int
    texts: int
    """Looked at."""
    placed: int
    """That had no theme before."""
    founded: int
    is_past: bool = False
    """A later day was looked at before; nothing changed."""


async def place_feedback(database: Database, day: date) -> ThemesPlaced:
    """Give the texts up to a day their themes; what was placed before stays.

    Looking at the same day again changes nothing, unless feedback came late.
    """
    async with database.transaction() as transaction:
        store = ThemeStore(source=transaction)
        await store.lock()
        looks = await store.looks()
        if looks is not None and looks[1] > day:
            return ThemesPlaced(day=day, themes=0, texts=0, placed=0, founded=0, is_past=True)
        before = await store.texts(since=day - WINDOW, until=day, limit=MOST_TEXTS)
        placed = place(before)
        first_look = looks[0] if looks is not None else day
        fresh = _newly_placed(before, placed)
        founded_on = await store.founded() | dict.fromkeys(placed.founded, day)
        new = frozenset(
            t.theme_id
            for t in placed.themes
            if is_new(founded_on[t.theme_id], first_look=first_look, on=day)
        )
        await store.write(placed.themes, founded_on=founded_on, new=new)
        await store.add_members(fresh)
        roll_ups = RollUpStore(source=transaction)
        await roll_ups.end(FEEDBACK_THEMES, day, rows=len(placed.themes))
    return ThemesPlaced(
        day=day,
        themes=len(placed.themes),
        texts=len(before),
        placed=len(fresh),
        founded=len(placed.founded),
    )


def _newly_placed(before: list[Said], placed: Placed) -> list[Said]:
    return [
        now
        for was, now in zip(before, placed.said, strict=True)
        if was.theme_id is None and now.theme_id is not None
    ]
