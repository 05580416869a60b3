"""Forking: a copy of this process does something else, and shares the memory of all that was loaded before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

_BUG = 1
"""What Python itself ends with after an exception that nobody expected."""

_POLL_SECONDS = 0.01


class ForkedProcess:
    """A child that runs no other program; what can be done with it is as in `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        """A signal's is negative; None while it runs, as far as somebody has looked."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired after so many seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            else:
                time.sleep(_POLL_SECONDS)
        return self.returncode

    def kill(self) -> None:
        """End it by force, unless somebody has seen it end."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, 9)


def fork(work: Callable[[], int]) -> ForkedProcess:
    """Have a copy of this process do the work, and end with the exit code that comes of it.

    Not for a process with threads or an event loop, of which half would be copied.
    """
    _flush()
    pid = os.fork()
    if pid:
        return ForkedProcess(pid)
    code = _BUG
    try:
        code = work()
    except Exception:  # noqa: BLE001  (whatever it is, this process ends here; whoever interrupts it knows)
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
