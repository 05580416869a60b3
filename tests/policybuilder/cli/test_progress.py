"""What takes long is said on a terminal, and only there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

_WAITING = "import sys, time; from policybuilder.cli.progress import working\nwith working('reading'): time.sleep({})"


@pytest.mark.parametrize(("seconds", "is_told"), [(1.5, True), (0.01, False)])
def test_only_what_takes_long_is_told(seconds: float, *, is_told: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", _WAITING.format(seconds)], stderr=theirs)
    assert process.wait(30) == 0
    os.write(theirs, b"END")
    os.close(theirs)
    shown = b""
    # A terminal hands over what it has, which need not be all.
    while b"END" not in shown:
        shown += os.read(ours, 65_536)
    os.close(ours)
    assert (b"reading" in shown) == is_told


def test_nothing_is_told_to_a_file() -> None:
    finished = subprocess.run([sys.executable, "-c", _WAITING.format(1.5)], capture_output=True, check=True)
    assert finished.stderr == b""
