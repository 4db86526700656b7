"""What a person sees while the stack starts: a line per stage, alive on a terminal, plain elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Display:
    """Writes stages and sentences to standard output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=False,
        )

    @contextmanager
    def stages(self) -> Iterator[None]:
        """Stages inside are shown together, each with its time."""
        if not self._console.is_terminal:
            yield
            return
        with self._progress:
            yield
        # A second block, for a later stage, starts with nothing above it.
        for task in self._progress.task_ids:
            self._progress.remove_task(task)

    @contextmanager
    def stage(self, label: str) -> Iterator[None]:
        """One stage: its label at once, its duration when it is done; a failed one stays unfinished."""
        if self._console.is_terminal:
            task = self._progress.add_task(label, total=None)
            yield
            self._progress.update(task, total=1, completed=1)
            return
        started = time.monotonic()
        self.say(f"{label} ...")
        yield
        self.say(f"{label}: done in {time.monotonic() - started:.1f} s")

    def say(self, text: str = "") -> None:
        """One sentence, exactly as given."""
        self._console.print(text, markup=False)
