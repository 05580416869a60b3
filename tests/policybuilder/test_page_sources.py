"""Tests of page sources: the site's own pages, read twice, from its server or from files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from policybuilder.page_sources import fetch_sources, read_directory
from policybuilder.scanner.connect_to import parse_detour
from policybuilder.scanner.fetching import Fetcher, FetchLimits
from tests.support.loopback import Request, Response, serve

HTML = ("Content-Type", "text/html; charset=windows-1252")
_TIMES = itertools.count()


def answer(request: Request) -> Response:
    match request.path:
        case "/cart":
            return Response(200, (HTML,), b"<script>price('\x80')</script>")
        case "/varies":
            return Response(200, (HTML,), f"<script>id({next(_TIMES)})</script>".encode())
        case "/data":
            return Response(200, (("Content-Type", "application/json"),), b"<script>x()</script>")
        case "/away":
            return Response(302, (("Location", "http://evil.example/"),), b"")
        case _:
            return Response(403, (HTML,), b"<script>denied()</script>")


@pytest.fixture(scope="module")
def fetcher() -> Iterator[Fetcher]:
    with serve(answer) as port:
        detour = parse_detour(f"::127.0.0.1:{port}")
        yield Fetcher(FetchLimits(total_seconds=10), connect_to=[detour], allows_private=True)


def fetched(fetcher: Fetcher, *paths: str) -> tuple[dict[str, list[list[str]]], dict[str, str]]:
    """The texts of the inline code of each reading, and what could not be had."""
    problems: dict[str, str] = {}
    pages = [path if "://" in path else f"http://shop.example{path}" for path in paths]
    found = fetch_sources(fetcher, pages, ["shop.example"], problems.__setitem__)
    return {page: [[p.text for p in each.inline] for each in sources] for page, sources in found.items()}, problems


def test_a_page_is_read_twice_in_its_own_encoding(fetcher: Fetcher) -> None:
    found, problems = fetched(fetcher, "/cart", "/varies")
    assert problems == {}
    assert found["http://shop.example/cart"] == [["price('€')"], ["price('€')"]]
    first, second = found["http://shop.example/varies"]
    assert first != second


NO_PAGES = [
    ("/nowhere", "answered 403 to a visitor who is not logged in"),
    ("/data", "is no HTML but application/json"),
    ("/away", "evil.example"),
    ("http://other.example/cart", "other.example"),
    ("ftp://shop.example/", "ftp"),
]


@pytest.mark.parametrize(("path", "problem"), NO_PAGES)
def test_what_is_no_page_of_the_site_is_left_out_and_named(fetcher: Fetcher, path: str, problem: str) -> None:
    found, problems = fetched(fetcher, path, "/cart")
    assert list(found) == ["http://shop.example/cart"]
    (said,) = problems.values()
    assert problem in said


@pytest.mark.parametrize(
    "path",
    ["/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "/a%00b", "/link", "/circle", f"/{'x' * 300}/y"],
)
def test_no_reported_path_leads_out_of_the_directory(tmp_path: Path, path: str) -> None:
    root = tmp_path / "pages"
    root.mkdir()
    (tmp_path / "secret.html").write_text("<script>secret()</script>")
    (root / "link").symlink_to(tmp_path / "secret.html")
    (root / "circle").symlink_to(root / "circle")
    problems: dict[str, str] = {}
    assert read_directory(root, [f"https://shop.example{path}"], problems.__setitem__) == {}
    assert "has no file below" in next(iter(problems.values()))


def test_a_directory_of_its_host_comes_first(tmp_path: Path) -> None:
    for place in ("shop.example", "."):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "index.html").write_text(f"<script>of('{place}')</script>")
    found = read_directory(tmp_path, ["https://shop.example/"], lambda *_: None)
    assert [place.text for place in found["https://shop.example/"][0].inline] == ["of('shop.example')"]
