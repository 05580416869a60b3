"""A scratch directory of a running service, which nobody else may enter; one that was killed leaves it to the next."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "csp-collector-"
_LOCK = "lock"
"""Held by every process that uses the directory, for as long as it lives."""


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A new directory, gone at the end of the block; so are those of services that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_if_left(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        directory = Path(name)
        with (directory / "made").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Under its name once it is held: nobody takes a new directory for one that was left.
            (directory / "made").rename(directory / _LOCK)
            # Whatever is forked from here on holds it, too.
            yield directory


def _remove_if_left(directory: Path) -> None:
    try:
        with (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory)
    except OSError:
        return  # in use, another user's, or being made
