"""Routes: what files name them, and what is alike in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.routes import MAX_ROUTES, is_beneath, parse_path, parse_routes, path_of, shapes

SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
  <url><loc>https://shop.example/</loc><lastmod>2026-11-20</lastmod></url>
  <url><loc> https://shop.example/a&amp;b?page=2#top </loc></url>
  <url><loc><![CDATA[https://shop.example/cart]]></loc></url>
</urlset>
"""

# (text, the paths in it)
ROUTES: list[tuple[str, tuple[str, ...]]] = [
    (SITEMAP, ("/", "/a&b", "/cart")),
    ("\ufeff" + SITEMAP, ("/", "/a&b", "/cart")),
    (SITEMAP.replace("loc>", "sm:loc>"), ("/", "/a&b", "/cart")),
    ("/cart\n\n# the old one\n/\nhttps://shop.example/help?x=1\r\n/cart\n", ("/", "/cart", "/help")),
    ("https://shop.example\n", ("/",)),
    ("/bücher/../cd\n", ("/cd",)),
]


@pytest.mark.parametrize(("text", "paths"), ROUTES)
def test_paths_are_read_from_a_sitemap_or_a_list(text: str, paths: tuple[str, ...]) -> None:
    assert parse_routes(text) == paths


# (text, what is wrong with it)
NO_ROUTES = [
    ("", "names no path"),
    ("# nothing\n", "names no path"),
    ("cart\n", "'cart' is no path"),
    ("//evil.example/\n", "is no path"),
    ("mailto://x\n", "is no URL of a page"),
    ("<html></html>", "no <loc>"),
    ("<sitemapindex><sitemap><loc>https://shop.example/a.xml</loc></sitemap></sitemapindex>", "index of sitemaps"),
    ('192.0.2.1 - - [20/Nov/2026:10:30:00 +0000] "GET /cart HTTP/1.1" 200 12 "-" "-"\n', "access log"),
    ('{"request": {"uri": "/cart"}}\n', "access log"),
    ("\n".join(f"/{number}" for number in range(MAX_ROUTES + 1)), "50,001 paths"),
    # What would make a parser of XML remember a billion laughs is text to us.
    ('<!DOCTYPE x [<!ENTITY a "&b;&b;">]><urlset><loc>&a;</loc></urlset>', "no path"),
]


@pytest.mark.parametrize(("text", "says"), NO_ROUTES)
def test_what_holds_no_paths_is_told_apart(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_routes(text)


# (paths, the shape of each)
SHAPES: list[tuple[list[str], list[str]]] = [
    (["/", "/cart"], ["/", "/cart"]),
    (["/product/12", "/product/13"], ["/product/*", "/product/*"]),
    (["/o/3f2a77d0c1e4/edit"], ["/o/*/edit"]),
    (["/u/6fa459ea-ee8a-3ca4-894e-db77e160355e"], ["/u/*"]),
    (["/news/2026-11-20/title"], ["/news/*/title"]),
    (["/decade", "/facade", "/v2/api"], ["/decade", "/facade", "/v2/api"]),
    ([f"/blog/{name}-post" for name in "abcdefghijkl"], ["/blog/*"] * 12),
    ([f"/blog/{name}-post" for name in "abcdefghijk"], [f"/blog/{name}-post" for name in "abcdefghijk"]),
    ([f"/{name}-section" for name in "abcdefghijkl"], [f"/{name}-section" for name in "abcdefghijkl"]),
    ([f"/shop/{name}/{number}/reviews" for number, name in enumerate("abcdefghijkl")], ["/shop/*/*/reviews"] * 12),
]


@pytest.mark.parametrize(("paths", "expected"), SHAPES)
def test_what_varies_in_paths_is_one_route(paths: list[str], expected: list[str]) -> None:
    assert [shapes(paths)[path] for path in paths] == expected


@given(st.lists(st.text("ab1/", max_size=12).map(lambda rest: f"/{rest}")))
def test_shapes_do_not_depend_on_the_order_and_keep_the_depth(paths: list[str]) -> None:
    found = shapes(paths)
    assert found == shapes(reversed(paths))
    assert all(path.count("/") == shape.count("/") for path, shape in found.items())


@pytest.mark.parametrize(
    ("path", "above", "expected"),
    [
        ("/cart", "/cart", True),
        ("/cart/2", "/cart", True),
        ("/carts", "/cart", False),
        ("/cart/2", "/cart/", True),
        ("/cart", "/cart/", False),
        ("/anything", "/", True),
    ],
)
def test_a_path_has_what_is_beneath_it(path: str, above: str, expected: bool) -> None:  # noqa: FBT001  (a table)
    assert is_beneath(path, above) is expected


def test_a_critical_path_is_spelt_as_pages_are() -> None:
    assert parse_path("/a b/../c?d") == "/c"
    for text in ("cart", "", "//evil.example/x", "https://shop.example/cart"):
        with pytest.raises(ValueError, match="is no path"):
            parse_path(text)
    assert (path_of("https://shop.example/a"), path_of("about:srcdoc"), path_of("nonsense")) == ("/a", None, None)
