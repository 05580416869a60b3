"""What an operator can put right: one line saying what is wrong and what to try, with an exit code."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What every command ends with; other people's scripts rely on them."""

    DONE = 0
    GATE = 1
    """A gate says no: the answer to the question asked is "not like this"."""

    USAGE = 2
    """The operator asked for something that cannot be."""

    ENVIRONMENT = 3
    """The database or the network failed."""


class CspbuildError(Exception):
    """An operator's problem. Its text is one line: what is wrong, then what to try."""

    exit_code = ExitCode.USAGE


class EnvironmentFailedError(CspbuildError):
    """Nothing wrong with the command: the database or the network is not there."""

    exit_code = ExitCode.ENVIRONMENT
