"""How a command ends: its exit code, and one line on standard error when something is wrong."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Sequence

import click

from policybuilder.errors import CspbuildError, ExitCode


class GateError(Exception):
    """A gate says no. What it says is printed already."""


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
        if not (isinstance(ended.__context__, BrokenPipeError) or _has_reader_left()):
            raise
        _drop_output()
        return ExitCode.DONE
    except Exception as error:
        failure = _describe(error, name)
        if failure is None:
            raise
        return _fail(*failure)
    return result if isinstance(result, int) else ExitCode.DONE


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
            _drop_output()
            return f"cannot write: {error.strerror}; make room, or write elsewhere", ExitCode.ENVIRONMENT
        case _:
            return _describe_database_failure(error)


_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _drop_output() -> None:
    """Python must not complain of what it cannot flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _has_reader_left() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


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
