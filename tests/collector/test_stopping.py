"""A process that is told to stop while it starts ends, wherever Python happens to be."""

from __future__ import annotations

import subprocess
import sys

import pytest

TOLD_IN_A_CALLBACK = """
import signal, sys, weakref
from collector.stopping import end_at_once

class Loaded: pass

signal.signal(signal.SIGTERM, {handler})
loaded = Loaded()
watched = weakref.ref(loaded, lambda _: signal.raise_signal(signal.SIGTERM))
print("starting")
del loaded
print("serving")
"""


def run(handler: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TOLD_IN_A_CALLBACK.format(handler=handler)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_told_to_stop_where_exceptions_are_forgotten_it_ends_with_0() -> None:
    ran = run("end_at_once")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "starting\n", "")


def test_an_exception_would_be_forgotten() -> None:
    """Which is why the handler raises none: this is Python's own behaviour."""
    ran = run("lambda *_: sys.exit(0)")
    assert ran.stdout == "starting\nserving\n"
    assert "Exception ignored in" in ran.stderr


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_it_ends_though_nobody_reads_what_it_says(closed: str) -> None:
    program = TOLD_IN_A_CALLBACK.format(handler="end_at_once")
    program = program.replace("del loaded", f"sys.{closed}.close(); del loaded")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=30)
    assert ran.returncode == 0
