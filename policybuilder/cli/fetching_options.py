"""Options of the commands that fetch pages: where to connect, and what to put up with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def fetching_options(command: _Command) -> _Command:
    """`--connect-to`, `--insecure` and `--allow-private`, which the command gets as one `fetcher`."""

    @click.option(
        "--connect-to",
        metavar="HOST:PORT:HOST:PORT",
        multiple=True,
        help="Connect to the second host and port in place of the first, as curl does; may be repeated.",
    )
    @click.option("--insecure", is_flag=True, help="Believe any certificate, as curl -k does.")
    @click.option(
        "--allow-private", is_flag=True, help="Fetch from addresses of private networks and this machine too."
    )
    @functools.wraps(command)
    def with_fetcher(*args: Any, connect_to: tuple[str, ...], insecure: bool, allow_private: bool, **more: Any) -> Any:
        # Loading the client takes longer than most commands.
        from policybuilder.scanner.connect_to import parse_detour  # noqa: PLC0415
        from policybuilder.scanner.fetching import Fetcher  # noqa: PLC0415

        detours = [parse_detour(each) for each in connect_to]
        fetcher = Fetcher(connect_to=detours, is_insecure=insecure, allows_private=allow_private)
        return command(*args, fetcher=fetcher, **more)

    return with_fetcher  # type: ignore[return-value]  # (the same command, less three arguments)
