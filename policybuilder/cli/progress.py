"""Progress of what takes longer than a moment, on standard error where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from policybuilder.rendering.text_safety import visible

_Item = TypeVar("_Item")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[Iterable[_Item]], Iterator[_Item]]]:
    """A bar that goes forward with what is taken from the iterable that its value is called with."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as shown:
        task = shown.add_task(what, total=total)

        def advance(items: Iterable[_Item]) -> Iterator[_Item]:
            for item in items:
                yield item
                shown.advance(task)

        yield advance


@contextmanager
def progress_of_rows() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing done; called with its name, the rows done just now, and the rows there are."""
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.advance(tasks[what], done)

        yield advance


_PATIENCE_SECONDS = 1.0


@contextmanager
def working_on_a_terminal(what: str) -> Iterator[None]:
    """What is being done, said while it is done, once it takes longer than a moment."""
    shown = Console(stderr=True).status(f"{what} …")
    begin = Timer(_PATIENCE_SECONDS, shown.start)
    begin.daemon = True
    begin.start()
    try:
        yield
    finally:
        begin.cancel()
        # Waited for, or it could begin after its end.
        begin.join()
        shown.stop()


@contextmanager
def saying() -> Iterator[Callable[[str], None]]:
    """What was found last, in one line that the next takes the place of; called with each."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status("") as shown:
        yield lambda text: shown.update(Text(visible(text)[: max(20, screen.width - 4)]))
