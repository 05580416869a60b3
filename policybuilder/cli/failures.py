"""How a command ends: its exit code, and one line on standard error when something is wrong."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import click

from policybuilder.errors import CspbuildError, ExitCode


class GateError(Exception):
    """A gate says no. What it says is printed already."""


@contextmanager
def gate(*, says_no: bool) -> Iterator[None]:
    """Print a gate's answer inside; then raises GateError if it says no, even to a reader who left before the end."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as ended:
        if not (says_no and _is_for_want_of_a_reader(ended)):
            raise
        _drop_unread_output()
    if says_no:
        raise GateError


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit."""
    sys.exit(_run(command, name, arguments))


def _run(command: click.Command, name: str, arguments: Sequence[str] | None) -> int:
    try:
        result = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except GateError:
        return ExitCode.GATE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except SystemExit as ended:
        # So click and rich end when the reader (head, less) has seen enough: with 1, which would say that a gate does.
        if not _is_for_want_of_a_reader(ended):
            raise
        _drop_unread_output()
        return ExitCode.DONE
    except Exception as error:
        code = tell(error, name)
        if code is None:
            raise
        return code
    return result if isinstance(result, int) else ExitCode.DONE


def tell(error: Exception, name: str) -> int | None:
    """Say on standard error what went wrong, and return the exit code; None, and nothing said, for a bug of ours."""
    failure = _describe(error, name)
    return None if failure is None else _fail(*failure)


def _describe(error: Exception, name: str) -> tuple[str, int] | None:
    """What to print and the exit code for what an operator can put right; None for a bug of ours."""
    match error:
        case CspbuildError():
            return str(error), error.exit_code
        case click.Abort():
            return "interrupted", 130
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else name
            return f"{error.format_message().rstrip('.')}; see  {path} --help", ExitCode.USAGE
        case click.ClickException():
            return error.format_message(), ExitCode.USAGE
        case OSError() if error.errno in _DISK_ERRORS:
            _drop(sys.stdout)
            return f"cannot write: {error.strerror}; make room, or write elsewhere", ExitCode.ENVIRONMENT
        case _:
            return _describe_database_failure(error)


_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _is_for_want_of_a_reader(ended: BaseException) -> bool:
    """Whether a command ended because nobody reads its output, or its hints, any more."""
    is_broken = any(isinstance(error, BrokenPipeError) for error in (ended, ended.__context__))
    return is_broken or _is_unread(sys.stdout) or _is_unread(sys.stderr)


def _is_unread(stream: TextIO) -> bool:
    """Whether a stream is a pipe whose reader has left."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _drop_unread_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        if _is_unread(stream):
            _drop(stream)


def _drop(stream: TextIO) -> None:
    """Python must not complain of what it cannot flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _describe_database_failure(error: Exception) -> tuple[str, int] | None:
    """A driver's complaint in the middle of a command; imported late, since most commands never see one."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import DBAPIError, OperationalError  # noqa: PLC0415  (see above)

    from policybuilder.store.engine import describe_failure  # noqa: PLC0415  (see above)

    if isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        failure = describe_failure(error)
        return str(failure), failure.exit_code
    return None


def _fail(message: str, code: int) -> int:
    # https://no-color.org/; click itself looks only for a terminal.
    label = "error: " if os.environ.get("NO_COLOR") else click.style("error: ", fg="red", bold=True)
    click.echo(label + " ".join(message.split("\n")), err=True)
    return code
