"""What a process does that is told to stop while it starts, or that has answered everything: it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from policybuilder.errors import ExitCode


def end_at_once(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A signal handler. Nothing that was taken waits to be stored when it is called.

    It raises nothing: where Python happens to be in a finalizer or a weak reference's callback, an exception would be
    printed and forgotten, and the process would go on to serve.

    It ends with 0: systemd takes a death by SIGTERM for a clean end too; containers' supervisors show an error, 143.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, RuntimeError, ValueError):  # gone, just being written to, closed
            stream.flush()
    os._exit(ExitCode.DONE)
