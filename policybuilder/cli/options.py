"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from policybuilder.errors import CspbuildError
from policybuilder.locations import DEFAULT_DATABASE_URL, database_url
from policybuilder.times import Window, parse_instant, parse_since

if TYPE_CHECKING:
    from policybuilder.csp import PolicyList

_Command = TypeVar("_Command", bound=Callable[..., Any])

MAX_POLICY_BYTES = 1024 * 1024


def database_option(command: _Command) -> _Command:
    """`--database URL`."""
    return click.option(
        "--database",
        metavar="URL",
        envvar="CSP_DATABASE_URL",
        default=database_url,
        show_default=False,
        show_envvar=True,
        help=f"Where the evidence is.  [default: database_url of csp.toml, or {DEFAULT_DATABASE_URL}]",
    )(command)


def checked_database_option(command: _Command) -> _Command:
    """`--database URL` of a command that reads no evidence: whoever gives it learns whether there is a database."""
    return click.option("--database", metavar="URL", hidden=True, expose_value=False, callback=_check_database)(command)


def _check_database(_context: click.Context, _parameter: click.Parameter, url: str | None) -> None:
    if url is not None:
        from policybuilder.store.engine import open_for_reading  # noqa: PLC0415  (only when it is given)

        open_for_reading(url).dispose()


def site_option(command: _Command) -> _Command:
    """`--site NAME`."""
    return click.option(
        "--site", metavar="NAME", default="default", show_default=True, help="The site whose evidence is read."
    )(command)


DEFAULT_BASE_URL = "http://127.0.0.1:8000"
"""Of a collector on this machine."""


def address_options(command: _Command) -> _Command:
    """`--base-url` and `--rehearsal-key`: where reports go, and whose they are."""
    base_url = click.option(
        "--base-url", metavar="URL", default=DEFAULT_BASE_URL, show_default=True, help="Where the collector is."
    )
    rehearsal_key = click.option(
        "--rehearsal-key",
        metavar="KEY",
        envvar="CSP_REHEARSAL_KEY",
        show_envvar=True,
        help="For staging or CI alone: what arrives under it is trusted.",
    )
    return base_url(rehearsal_key(command))


def window_options(command: _Command) -> _Command:
    """`--since` and `--as-of`."""
    as_of = click.option(
        "--as-of",
        metavar="TIME",
        default=None,
        help="The clock to go by, such as 2026-11-23T10:00:00Z.  [default: now]",
    )
    since = click.option(
        "--since", metavar="SPAN", default=None, help="Only evidence since: 7d, 12h, a date.  [default: all of it]"
    )
    return since(as_of(command))


def format_option(choices: Sequence[str] = ("text", "json")) -> Callable[[_Command], _Command]:
    """`--format`."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(choices),
        default="text",
        show_default=True,
        help="How to print the answer.",
    )


def read_window(since: str | None, as_of: str | None) -> Window:
    """The window that the options name. Raises CspbuildError for what is no time."""
    try:
        now = parse_instant(as_of) if as_of else datetime.now(UTC)
        return Window(parse_since(since, now) if since else None, now)
    except ValueError as error:
        raise CspbuildError(str(error)) from None


def read_text_argument(text: str) -> str:
    """A policy argument: the text itself, `@file`, or `-` for standard input.

    Raises CspbuildError for a file that cannot be read, is no text, or is larger than any header.
    """
    try:
        if text == "-":
            raw = sys.stdin.buffer.read(MAX_POLICY_BYTES + 1)
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as file:
                raw = file.read(MAX_POLICY_BYTES + 1)
        else:
            return text
    except OSError as error:
        raise CspbuildError(
            f"cannot read {text[1:] or 'the policy'}: {error.strerror}; give it as text, @FILE, or - for standard input"
        ) from None
    if len(raw) > MAX_POLICY_BYTES:
        raise CspbuildError(f"{text} holds more than 1 MiB: that is no policy")
    try:
        # A line feed at the end is the file's, not the policy's.
        return raw.decode("utf-8").removeprefix("\ufeff").strip("\r\n")
    except UnicodeDecodeError:
        raise CspbuildError(f"{text} is not UTF-8 text: that is no policy") from None


def read_policies(text: str) -> PolicyList:
    """The policy list of a policy argument; mistakes in it are findings."""
    from policybuilder.csp import parse_serialized_policy_list  # noqa: PLC0415  (only policy arguments need the engine)

    return parse_serialized_policy_list(read_text_argument(text))
