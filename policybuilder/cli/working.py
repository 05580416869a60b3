"""What is being done, for whoever waits for it at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being done, while it is done, once it takes longer than a moment."""
    if not sys.stderr.isatty():
        yield
        return
    # What draws takes a while to load, and most calls have nobody who looks.
    from policybuilder.cli.progress import working_on_a_terminal  # noqa: PLC0415  (see above)

    with working_on_a_terminal(what):
        yield
