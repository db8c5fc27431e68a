"""What a training run shows: a bar on a terminal, a line a pass elsewhere."""

from __future__ import annotations

import sys
import time


class Watch:
    """Shows step, loss and accuracy. shown False: nothing."""

    def __init__(self, total: int, done: int, title: str, shown: bool) -> None:
        self.total, self.done, self.title, self.shown = total, done, title, shown
        self.bar = None
        self._last = time.monotonic()

    def __enter__(self) -> Watch:
        if self.shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, TextColumn

            columns = (*Progress.get_default_columns(), TextColumn("{task.fields[note]}"))
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.done, note="")
        elif self.shown and self.done:
            print(f"{self.title}: going on at step {self.done} of {self.total}", file=sys.stderr, flush=True)
        return self

    def step(self, loss: float) -> None:
        self.done += 1
        if self.bar is not None:
            self.bar.update(self.task, advance=1, note=f"loss {loss:.3f}")
        elif self.shown and time.monotonic() - self._last > 30:
            self._last = time.monotonic()
            print(
                f"{self.title}: step {self.done} of {self.total}, loss {loss:.3f}",
                file=sys.stderr,
                flush=True,
            )

    def passed(self, row: dict[str, float]) -> None:
        text = ", ".join(f"{key} {value:.4g}" for key, value in row.items())
        if self.bar is not None:
            self.bar.console.print(f"{self.title}: {text}", markup=False)
        elif self.shown:
            print(f"{self.title}: {text}", file=sys.stderr, flush=True)

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()
