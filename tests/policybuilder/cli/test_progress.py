"""What takes long is said on a terminal, and only there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

_SAYING = (
    "from policybuilder.cli.progress import saying\n"
    "import time\n"
    "with saying() as say:\n"
    "    for _ in range(3): say('found \\x1b]0;pwned\\x07'); time.sleep(0.2)"
)
_WAITING = "import sys, time; from policybuilder.cli.working import working\nwith working('reading'): time.sleep({})"


def on_a_terminal(program: str) -> bytes:
    """What a Python program shows on standard error where that is one."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stderr=theirs)
    assert process.wait(30) == 0
    os.write(theirs, b"END")
    os.close(theirs)
    shown = b""
    # A terminal hands over what it has, which need not be all.
    while b"END" not in shown:
        shown += os.read(ours, 65_536)
    os.close(ours)
    return shown


@pytest.mark.parametrize(("seconds", "is_told"), [(1.5, True), (0.01, False)])
def test_only_what_takes_long_is_told(seconds: float, *, is_told: bool) -> None:
    assert (b"reading" in on_a_terminal(_WAITING.format(seconds))) == is_told


def test_what_was_found_last_is_said_and_does_nothing_to_the_terminal() -> None:
    shown = on_a_terminal(_SAYING)
    assert rb"found \x1b]0;pwned\x07" in shown
    assert b"\x07" not in shown


@pytest.mark.parametrize("program", [_WAITING.format(1.5), _SAYING])
def test_nothing_is_told_to_a_file(program: str) -> None:
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert finished.stderr == b""
