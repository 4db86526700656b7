"""The provider on real folders: read once, refuse changed books, name what it does not know."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from prisma_assets.agents.contract import AgentCard, AgentResult, AgentTask
from prisma_assets.agents.embedded.assignment import ASSIGNMENTS
from prisma_assets.agents.embedded.folder_cache import FolderCache
from prisma_assets.agents.embedded.provider import EmbeddedProvider
from prisma_assets.domain.errors import InputError, PermanentError
from prisma_assets.engagement.facts import books_sha256
from prisma_assets.engagement.folder import EngagementFolder, read_engagement

FACTS = """\
id: E-1
client: {id: C-1, name: Small Ltd}
period: {start: 2025-01-01, end: 2025-12-31}
team:
  - {user: pat, roles: [PARTNER]}
"""
CARD = AgentCard(
    id="audit-ethics-045", name="n", domain="d", does="x", autonomy="L1", risk="low", tier=1,
    tools=(), standards=(), version="1.2.3",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An engagement folder with one table."""
    (tmp_path / "engagement.yaml").write_text(FACTS)
    (tmp_path / "trial_balance.csv").write_text(
        "gl_account_number,gl_account_name,account_type,amount_ending\n"
        "1,Bank,asset,100.00\n2,Capital,equity,-100.00\n"
    )
    return tmp_path


def _task(folder: Path | None, name: str = "independence_check", **changes: object) -> AgentTask:
    task = AgentTask(
        call_id="c1", agent_id=CARD.id, task=name, step_id="a01",
        engagement_folder=None if folder is None else str(folder),
        books_sha256=None if folder is None else books_sha256(folder),
    )  # fmt: skip
    return replace(task, **changes)


def _call(provider: EmbeddedProvider, *tasks: AgentTask) -> list[AgentResult]:
    async def work() -> list[AgentResult]:
        instance = await provider.start(CARD)
        try:
            return await asyncio.gather(*(provider.call(instance, CARD, t) for t in tasks))
        finally:
            await provider.stop(instance)

    return asyncio.run(work())


def test_a_call_gives_a_workpaper_and_costs_nothing(folder):
    """No model was asked, so no money was spent: zero, not unknown."""
    (result,) = _call(EmbeddedProvider(), _task(folder))

    assert result.workpaper is not None
    assert result.workpaper.title == "Independence check"
    assert (result.usage.provider, result.usage.model) == ("embedded", None)
    assert result.usage.cost_usd == Decimal(0)
    assert result.agent_version == "1.2.3"


def test_the_templates_words_and_standards_stand_in_the_workpaper(folder):
    """Title, objective and standards come from the template where it gives them."""
    task = _task(folder, title="Unabhängigkeit", objective="Prüfen.", standards=("ISA 220R 16-21",))

    (result,) = _call(EmbeddedProvider(), task)

    assert result.workpaper is not None
    assert (result.workpaper.title, result.workpaper.objective) == ("Unabhängigkeit", "Prüfen.")
    assert result.workpaper.references == ("ISA 220R 16-21",)


def test_an_unknown_task_names_the_known_ones(folder):
    """A template that asks for something else is mended, not retried."""
    with pytest.raises(PermanentError, match=r'"bake_bread".*independence_check'):
        _call(EmbeddedProvider(), _task(folder, "bake_bread"))


def test_a_task_without_books_is_refused():
    """Every step works on an engagement."""
    with pytest.raises(PermanentError, match="engagement folder"):
        _call(EmbeddedProvider(), _task(None))


def test_changed_books_are_refused_even_after_they_were_read(folder):
    """A run is about the books it began on."""
    provider, task = EmbeddedProvider(), _task(folder)
    _call(provider, task)
    with (folder / "trial_balance.csv").open("a") as stream:
        stream.write("3,Till,asset,5.00\n")

    with pytest.raises(PermanentError, match="changed since the run began"):
        _call(provider, task)


def test_books_that_changed_into_nonsense_are_refused_as_changed(folder):
    """What is wrong is the change, whatever the file now holds."""
    task = _task(folder)
    (folder / "trial_balance.csv").write_text("nonsense\n1\n")

    with pytest.raises(PermanentError, match="changed since the run began"):
        _call(EmbeddedProvider(), task)


def test_books_that_never_read_are_a_wrong_input(folder):
    """The reader's own sentence reaches the user."""
    (folder / "trial_balance.csv").write_text("nonsense\n1\n")

    with pytest.raises(InputError, match=r"trial_balance\.csv"):
        _call(EmbeddedProvider(), _task(folder))


class _CountingReader:
    """The real reader, counting its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> EngagementFolder:
        self.calls += 1
        return read_engagement(folder)


def _at_once(work: Callable[[], object], times: int) -> None:
    threads = [Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_steps_that_ask_at_once_share_one_reading(folder):
    """Three parallel steps read the books once."""
    reader = _CountingReader()
    cache = FolderCache(reader)

    _at_once(lambda: cache.get(folder), 8)

    assert reader.calls == 1
    assert cache.get(folder) is cache.get(folder)


def test_a_changed_folder_is_read_again(folder):
    """Another run on the corrected books sees the correction."""
    reader = _CountingReader()
    cache = FolderCache(reader)
    before = cache.get(folder).books.sha256
    (folder / "engagement.yaml").write_text(FACTS.replace("Small", "Smaller"))

    assert cache.get(folder).books.sha256 != before
    assert reader.calls == 2


def test_a_failed_reading_is_not_kept(folder):
    """Once the file is mended the next step reads it."""
    cache = FolderCache(read_engagement)
    good = (folder / "engagement.yaml").read_text()
    (folder / "engagement.yaml").write_text("id: [")
    with pytest.raises(InputError):
        cache.get(folder)
    (folder / "engagement.yaml").write_text(good)

    assert cache.get(folder).engagement.id == "E-1"


def test_only_the_last_folders_are_kept(tmp_path):
    """Memory does not grow with the number of engagements."""
    folders = []
    for n in range(3):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "engagement.yaml").write_text(FACTS)
        folders.append(tmp_path / str(n))
    reader = _CountingReader()
    cache = FolderCache(reader, folders=2)

    for folder in [*folders, folders[0]]:
        cache.get(folder)

    assert reader.calls == 4


def test_parallel_steps_of_a_run_give_their_own_results(folder):
    """Steps share the books and nothing else."""
    tasks = [
        _task(folder, name, step_id=f"a{n:02d}") for n, name in enumerate(ASSIGNMENTS, start=1)
    ]

    results = _call(EmbeddedProvider(), *tasks)

    assert [r.workpaper.step_id for r in results if r.workpaper] == [t.step_id for t in tasks]


def test_importing_the_provider_imports_no_pandas():
    """The code location loads fast: pandas, scipy and the reader come with the first step."""
    code = (
        "import sys, prisma_assets.agents.embedded.provider;"
        "sys.exit(bool({'pandas', 'scipy', 'numpy'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
