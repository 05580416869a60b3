"""How a command ends: its exit code, and one line on standard error when something is wrong."""

from __future__ import annotations

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
    except CspbuildError as error:
        return _fail(str(error), error.exit_code)
    except click.Abort:
        return _fail("interrupted", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else name
        return _fail(f"{error.format_message().rstrip('.')}; see  {path} --help", ExitCode.USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), ExitCode.USAGE)
    except SystemExit as ended:
        # So click and rich end when the reader (head, less) has seen enough: with 1, which would say that a gate does.
        if not (isinstance(ended.__context__, BrokenPipeError) or _has_reader_left()):
            raise
        # Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:
        failure = _database_failure(error)
        if failure is None:
            raise
        return _fail(str(failure), failure.exit_code)
    return result if isinstance(result, int) else ExitCode.DONE


def _has_reader_left() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _database_failure(error: Exception) -> CspbuildError | None:
    """A driver's complaint in the middle of a command; imported late, since most commands never see one."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import DBAPIError, OperationalError  # noqa: PLC0415  (see above)

    from policybuilder.store.engine import describe_failure  # noqa: PLC0415  (see above)

    if isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return describe_failure(error)
    return None


def _fail(message: str, code: int) -> int:
    # https://no-color.org/; click itself looks only for a terminal.
    label = "error: " if os.environ.get("NO_COLOR") else click.style("error: ", fg="red", bold=True)
    click.echo(label + " ".join(message.split("\n")), err=True)
    return code
