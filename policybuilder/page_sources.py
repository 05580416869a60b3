"""Page sources: the markup of a site's pages, from its server or from a directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from policybuilder.errors import CspbuildError
from policybuilder.markup import Markup, charset_of, read_markup
from policybuilder.scanner.fetching import Fetcher, FetchError, Response

_READINGS = 2
"""Of each page: what differs between two of them varies."""

_MAX_FILE_BYTES = 5 * 1024 * 1024
_OK = 200

Report = Callable[[str, str], None]
"""Called with a page and why it cannot be had."""


def fetch_sources(
    fetcher: Fetcher, pages: Iterable[str], hosts: Collection[str], report: Report
) -> Mapping[str, Sequence[Markup]]:
    """The pages as their server sends them to a visitor without cookies, each read twice.

    No redirect leads to another of the `hosts` than those given. What cannot be had is reported, and left out.
    """
    found: dict[str, list[Markup]] = {}
    for page in pages:
        for _ in range(_READINGS):
            try:
                response = fetcher.fetch(page, same_origin_hosts=hosts)
            except FetchError as error:
                report(page, str(error))
                break
            if (problem := _problem(response)) is not None:
                report(page, problem)
                break
            charset = next(map(charset_of, response.header_values("content-type")), None)
            found.setdefault(page, []).append(read_markup(response.body, url=response.url, encoding_hint=charset))
    return found


def _problem(response: Response) -> str | None:
    """Why the answer tells nothing of the page, if it does not."""
    if response.status != _OK:
        return f"answered {response.status} to a visitor who is not logged in"
    media_type = next(iter(response.header_values("content-type")), "").partition(";")[0].strip().lower()
    if media_type not in {"text/html", "application/xhtml+xml"}:
        return f"is no HTML but {media_type or 'of no type'}"
    return None


def read_directory(directory: Path, pages: Iterable[str], report: Report) -> Mapping[str, Sequence[Markup]]:
    """The pages as files: `DIR/path`, `DIR/host/path`, with `index.html` or `.html` where that is missing.

    Raises CspbuildError where there is no such directory.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise CspbuildError(f"no directory at {directory}; give the one that holds the pages' HTML files")
    found: dict[str, list[Markup]] = {}
    for page in pages:
        try:
            file = next((file for file in _candidates(root, page) if file.is_file()), None)
        except (OSError, RuntimeError, ValueError):
            # A name that no file can have, links in a circle: whatever somebody reported.
            file = None
        if file is None:
            report(page, f"has no file below {directory}")
            continue
        try:
            with file.open("rb") as opened:
                source = opened.read(_MAX_FILE_BYTES)
        except OSError as error:
            raise CspbuildError(f"cannot read {file}: {error.strerror}") from None
        found[page] = [read_markup(source, url=page)]
    return found


def _candidates(root: Path, page: str) -> Iterable[Path]:
    """Where the page may be; nothing outside the root, wherever a reported path or a link leads."""
    parts = urlsplit(page)
    relative = unquote(parts.path).lstrip("/")
    if "\0" in relative:
        return
    for base in (root / parts.netloc, root):
        path = base / relative
        for candidate in (path, path / "index.html", path.with_name(f"{path.name}.html") if path.name else path):
            resolved = candidate.resolve()
            if resolved.is_relative_to(root):
                yield resolved
