"""The tags of a page and of a fragment."""

from __future__ import annotations

import pytest

from policybuilder.markup.tags import MAX_TAGS, Tag, tags_of_fragment, tags_of_page

# (markup, sources of the page's script elements)
PAGES = [
    ("<script src=/a.js></script>", ["/a.js"]),
    ("<SCRIPT SRC=/a.js></SCRIPT><script></script>", ["/a.js", None]),
    ("<noscript><script src=/a.js></script></noscript>", ["/a.js"]),
    ("<template><script src=/a.js></script></template>", []),
    ("<template shadowrootmode=open><script src=/a.js></script></template>", []),
    ("<!-- <script src=/a.js></script> --><textarea><script></script></textarea>", []),
    ("<script src></script>", [""]),
]


@pytest.mark.parametrize(("markup", "sources"), PAGES)
def test_a_pages_scripts_are_found_wherever_they_stand(markup: str, sources: list[str | None]) -> None:
    assert [tag.attributes.get("src") for tag in tags_of_page(markup, {"script"})] == sources


def test_an_element_of_svg_is_told_apart() -> None:
    (tag,) = tags_of_page("<svg><script href=/a.js></script></svg>", {"script"})
    assert tag == Tag("script", {"href": "/a.js"}, is_html=False)


def test_a_fragment_has_no_head_and_runs_scripts() -> None:
    markup = "<html><head><meta name=a></head><body><meta name=b><noscript><meta name=c></noscript>"
    assert [tag.attributes["name"] for tag in tags_of_fragment(markup, {"meta"})] == ["a", "b"]


def test_there_is_an_end_to_what_is_read() -> None:
    assert len(tags_of_page("<base>" * (MAX_TAGS + 10), {"base"})) == MAX_TAGS
    assert tags_of_page("<b>" * 300_000, {"script"}) == ()
    (tag,) = tags_of_page("<base " + " ".join(f"a{n}" for n in range(2_000)) + ">", {"base"})
    assert len(tag.attributes) == 500


def test_a_lone_surrogate_is_no_obstacle() -> None:
    (tag,) = tags_of_page("<base href='\ud800'>", {"base"})
    assert tag.attributes["href"] == "\ufffd"
