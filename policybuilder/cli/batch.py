"""Batches: questions from a file or standard input, a line each, and an answer a line."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click
from click.core import ParameterSource

from policybuilder.errors import CspbuildError


def refuse_options_beside_batch(context: click.Context, allowed: Collection[str]) -> None:
    """Raises click.UsageError for parameters that go with one question alone."""
    given = [
        parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
        for parameter in context.command.params
        if parameter.name in context.params.keys() - set(allowed)
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        do = "does" if len(given) == 1 else "do"
        raise click.UsageError(f"{', '.join(given)} {do} not go with --batch, whose lines say it", context)


def open_lines(name: str, what: str) -> AbstractContextManager[BinaryIO]:
    """The file of a batch, `-` for standard input. Raises CspbuildError for one that cannot be read.

    `what` completes the advice to give a file of something.
    """
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        file = Path(name.removeprefix("@")).open("rb")  # noqa: SIM115  (the caller closes it)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CspbuildError(f"cannot read {name}: {reason}; give a file of {what}, or -") from None
    return file


def lines(file: BinaryIO, max_bytes: int) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long, of which no more than its beginning is held at once."""
    while line := file.readline(max_bytes + 1):
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(max_bytes)
        yield None
