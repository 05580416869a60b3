"""The options of commands that fetch pages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def fetching_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--connect-to`, `--insecure` and `--allow-private`; the command gets a `fetcher`, which is closed behind it.

    A command that fetches with `--fetch` alone gets None without, unless it is told how to.
    """

    @click.option(
        "--connect-to",
        "connect_to",
        metavar="HOST:PORT:HOST:PORT",
        multiple=True,
        help="Connect to the second host and port for the first, as curl does; may be repeated.",
    )
    @click.option("-k", "--insecure", is_flag=True, help="Believe any certificate, as curl does.")
    @click.option(
        "--allow-private",
        is_flag=True,
        help="Connect to private addresses and any port too, --connect-to ones included.",
    )
    @functools.wraps(command)
    def with_fetcher(
        *arguments: Any, connect_to: tuple[str, ...], insecure: bool, allow_private: bool, **others: Any
    ) -> Any:
        if not (others.get("fetch", True) or connect_to):
            return command(*arguments, fetcher=None, **others)
        # Most calls of most commands fetch nothing.
        from policybuilder.scanner.connect_to import parse_detour  # noqa: PLC0415  (see above)
        from policybuilder.scanner.fetching import Fetcher  # noqa: PLC0415  (see above)

        detours = [parse_detour(text) for text in connect_to]
        with Fetcher(connect_to=detours, is_insecure=insecure, allows_private=allow_private) as fetcher:
            return command(*arguments, fetcher=fetcher, **others)

    return with_fetcher


def read_page_url(text: str) -> str:
    """The URL of a page as people type it: without a scheme it is https, but for this machine, as in browsers."""
    if "://" in text:
        return text
    from policybuilder.csp.urls import parse_url  # noqa: PLC0415  (see above)

    url = parse_url(f"http://{text}")
    return f"http://{text}" if url is not None and url.is_loopback else f"https://{text}"
