"""The pages of a site: by its sitemap, by its links, and no others."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from policybuilder.grading.material import Material
from policybuilder.scanner.fetching import FetchError, FetchReason
from policybuilder.scanner.surveying import pages_of_sitemap, survey
from tests.support.deployed import fetching
from tests.support.loopback import Request, Response, serve

HTML = (("Content-Type", "text/html"),)


def site(pages: dict[str, bytes], asked: list[str] | None = None) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        if asked is not None and request.method == "GET" and (request.header("host") or "").startswith("127."):
            asked.append(request.path)
        if request.path not in pages:
            return Response(404, HTML, b"not here")
        headers = (("Content-Type", "text/plain"),) if request.path == "/robots.txt" else HTML
        return Response(200, headers, pages[request.path])

    return answer


def surveyed(pages: dict[str, bytes], most: int, first: str = "/") -> tuple[list[str], list[str]]:
    """The paths visited in order, and what was said."""
    said: list[str] = []
    with serve(site(pages)) as port, fetching([]) as fetcher:
        base = f"http://127.0.0.1:{port}"
        found = list(survey(fetcher, [base + first], most=most, report=said.append))
    assert all(isinstance(material, Material) for _, material in found)
    return [url.removeprefix(base) for url, _ in found], said


PAGES = {
    "/": b"<a href=/a>a</a><a href=b#x>b</a><a href=//other.example/>o</a><a href=https://127.0.0.1/>port</a>",
    "/a": b"<a href=/a/1>1</a><a href=/>home</a><a href=/x.PDF>pdf</a><a href='mailto:x@y.example'>m</a>",
    "/b": b"<a href=/b/1>1</a>",
    "/a/1": b"<a href=/a/2>2</a>",
}


def test_links_are_followed_breadth_first_on_the_pages_own_host() -> None:
    paths, said = surveyed(PAGES, 100)
    assert paths == ["/", "/a", "/b", "/a/1", "/b/1", "/a/2"]
    assert said == []


def test_no_more_pages_are_visited_than_asked_for() -> None:
    assert surveyed(PAGES, 3)[0] == ["/", "/a", "/b"]
    endless = {f"/{number}": b"<a href=/%d>on</a>" % (number + 1) for number in range(100)}
    assert surveyed(endless, 4, "/0")[0] == ["/0", "/1", "/2", "/3"]


def test_without_a_number_no_link_is_followed() -> None:
    assert surveyed(PAGES, 0)[0] == ["/"]


def test_robots_is_obeyed_and_said_but_for_the_page_that_was_asked_for() -> None:
    pages = {**PAGES, "/robots.txt": b"User-agent: *\nDisallow: /\nAllow: /b"}
    paths, said = surveyed(pages, 100)
    assert paths == ["/", "/b", "/b/1"]
    assert said == ["robots.txt asks programs to leave 1 of the pages alone, so they were"]


def test_a_link_as_long_as_no_address_is_left_out() -> None:
    # Of megabytes, it would take half a minute to hold it against the patterns of a large robots.txt.
    long = b"a000" * 600
    pages = {"/": b"<a href=/%s>long</a><a href=/b>b</a>" % long, "/b": b"", f"/{long.decode()}": b""}
    assert surveyed(pages, 10)[0] == ["/", "/b"]


def test_an_address_that_no_sitemap_may_have_is_left_out() -> None:
    def answer(request: Request) -> Response:
        base = f"http://{request.header('host')}/"
        return Response(200, HTML, f"{base}\n{base}{'a' * 3_000}".encode())

    with serve(answer) as port, fetching([]) as fetcher:
        base = f"http://127.0.0.1:{port}/"
        assert pages_of_sitemap(fetcher, f"{base}sitemap.txt", 10, report=lambda _: None) == (base,)


def test_a_page_that_cannot_be_had_is_told_and_the_next_comes() -> None:
    with serve(site(PAGES)) as port, fetching([]) as fetcher:
        urls = ["http://127.0.0.1:1/", f"http://127.0.0.1:{port}/"]
        (_, error), (_, material) = survey(fetcher, urls, report=print)
    assert isinstance(error, FetchError)
    assert isinstance(material, Material)


@pytest.mark.parametrize(
    "link",
    ["http://10.0.0.1/", "http://127.0.0.2:{port}/", "http://2130706433:{port}/x", "http://[::ffff:127.0.0.1]:{port}/"],
)
def test_no_link_leads_to_another_host(link: str) -> None:
    asked: list[str] = []
    pages: dict[str, bytes] = {}
    with serve(site(pages, asked)) as port, fetching([]) as fetcher:
        pages["/"] = f"<a href={link.format(port=port)}>x</a>".encode()
        found = [url for url, _ in survey(fetcher, [f"http://127.0.0.1:{port}/"], most=9, report=print)]
    # 2130706433 is another way to write 127.0.0.1, and so the same host.
    assert len(found) == (2 if "2130706433" in link else 1)


# --- sitemaps


def listed(pages: dict[str, bytes], most: int = 100, path: str = "/sitemap.xml") -> tuple[list[str], list[str]]:
    said: list[str] = []
    with serve(site(pages)) as port, fetching([]) as fetcher:
        base = f"http://127.0.0.1:{port}"
        filled = {name: body.replace(b"BASE", base.encode()) for name, body in pages.items()}
        pages.update({name: gzip.compress(body) if name.endswith(".gz") else body for name, body in filled.items()})
        found = pages_of_sitemap(fetcher, base + path, most, said.append)
    return [url.removeprefix(base) for url in found], [line.replace(base, "") for line in said]


def test_a_sitemap_lists_pages_and_an_index_lists_sitemaps() -> None:
    pages = {
        "/sitemap.xml": (
            b"<sitemapindex><loc>BASE/one.xml</loc><loc>BASE/two.xml.gz</loc><loc>BASE/sitemap.xml</loc>"
            b"<loc>http://10.0.0.1/x.xml</loc></sitemapindex>"
        ),
        "/one.xml": b"<urlset><loc>BASE/a</loc><loc>BASE/b#c</loc><loc>http://10.0.0.1/</loc></urlset>",
        "/two.xml.gz": b"<urlset><loc>BASE/c</loc><loc>BASE/a</loc><loc>https://other.example/</loc></urlset>",
    }
    found, said = listed(pages)
    assert found == ["/a", "/b", "/c"]
    assert [line.partition(" are on other hosts")[0] for line in said] == ["3 of the sitemap's addresses"]


def test_indexes_that_name_each_other_end() -> None:
    pages = {
        f"/{number}.xml": b"<sitemapindex>%s</sitemapindex>"
        % b"".join(b"<loc>BASE/%d.xml</loc>" % other for other in range(200))
        for number in range(200)
    }
    assert listed(pages, path="/0.xml")[0] == []


def test_only_so_many_pages_are_taken_and_that_is_said() -> None:
    pages = {"/sitemap.xml": b"".join(b"<loc>BASE/%d</loc>" % number for number in range(5_000)).join([b"<x>", b""])}
    found, said = listed(pages, 10)
    assert found == [f"/{number}" for number in range(10)]
    assert said == ["the sitemap lists 5,000 pages; the first 10 are scanned"]


def test_what_is_no_sitemap_is_said() -> None:
    assert listed({}) == ([], ["/sitemap.xml answered 404 and lists no page"])
    with fetching([]) as fetcher, pytest.raises(FetchError) as caught:
        pages_of_sitemap(fetcher, "http://127.0.0.1:1/", 10, print)
    assert caught.value.reason is FetchReason.UNREACHABLE


def test_a_packed_sitemap_is_no_bomb() -> None:
    body = b"<urlset><loc>BASE/a</loc>" + b" " * 50_000_000
    assert listed({"/bomb.gz": body}, path="/bomb.gz")[0] == ["/a"]
