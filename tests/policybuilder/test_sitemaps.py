"""What sitemaps list, whoever wrote them."""

from __future__ import annotations

import time

import pytest

from policybuilder.sitemaps import Sitemap, read_sitemap

# (text, what it lists)
CASES = [
    ("<urlset><url><loc> https://a/?b&amp;c </loc></url></urlset>", Sitemap(("https://a/?b&c",), is_index=False)),
    ("<sm:urlset><sm:loc>https://a/</sm:loc></sm:urlset>", Sitemap(("https://a/",), is_index=False)),
    ("<urlset><loc><![CDATA[ https://a/?b&amp;c ]]></loc></urlset>", Sitemap(("https://a/?b&amp;c",), is_index=False)),
    ("<sitemapindex><sitemap><loc>https://a/b</loc></sitemap>", Sitemap(("https://a/b",), is_index=True)),
    ("<x:sitemapindex xmlns:x='y'><x:loc>b</x:loc>", Sitemap(("b",), is_index=True)),
    ("\ufeffhttps://a/\r\n\r\nnothing\nhttp://b/\n", Sitemap(("https://a/", "http://b/"), is_index=False)),
    ("<loc><b>https://a/</b></loc><loc></loc><loc>unended", Sitemap((), is_index=False)),
    ("<location>https://a/</location>", Sitemap((), is_index=False)),
    ("", Sitemap((), is_index=False)),
]


@pytest.mark.parametrize(("text", "listed"), CASES)
def test_what_stands_in_loc_is_listed(text: str, listed: Sitemap) -> None:
    assert read_sitemap(text) == listed


@pytest.mark.parametrize(
    "text",
    [
        "<urlset><loc>" + " " * 5_000_000,
        "<loc" + " " * 5_000_000,
        "<" + "a" * 5_000_000,
        "<a" * 2_500_000,
        "<loc>" * 1_000_000,
        "<loc><![CDATA[" * 300_000,
        '<!DOCTYPE x [<!ENTITY a "&a;&a;">]><loc>&a;</loc>' * 100_000,
    ],
)
def test_megabytes_of_anything_are_read_at_once(text: str) -> None:
    begin = time.monotonic()
    read_sitemap(text)
    assert time.monotonic() - begin < 3
