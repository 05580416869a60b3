"""Tests of inline code: what reports leave out is found in the source of the pages."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.csp import SampleExtent, hash_source
from policybuilder.evidence import EvidenceClass, PageCount, ViolationGroup
from policybuilder.markup import Markup, read_markup
from policybuilder.suggestion.inline import MAX_PAGES, Learned, learn, pages_to_read, template_of
from policybuilder.suggestion.propose import propose
from policybuilder.suggestion.sorting import Grounds
from tests.support.evidence import ORIGIN, PAGE, make_group, replace

LONG = "window.settings = {currency: 'EUR', taxes: true};"
PREFIX: dict[str, Any] = {"sample_extent": SampleExtent.PREFIX}


def inline(sample: str = LONG[:40], directive: str = "script-src-elem", **known: Any) -> ViolationGroup:
    return make_group(directive, "inline", sample=sample, **{**PREFIX, **known})


def read(*sources: str) -> list[Markup]:
    return [read_markup(source, url=PAGE) for source in sources]


def learned(group: ViolationGroup, *sources: str) -> Learned:
    return learn([group], {PAGE: read(*sources)})


def test_the_text_is_the_one_that_begins_as_the_sample() -> None:
    page = f"<script>other()</script><script>{LONG}</script>"
    (group,) = learned(inline(), page, page).groups
    assert (group.sample, group.sample_extent) == (LONG, SampleExtent.WHOLE)
    assert hash_source(LONG) in str(propose("shop", [group]).policy)


def test_white_space_that_a_browser_does_not_report_is_in_the_digest() -> None:
    (group,) = learned(inline("go()", sample_extent=SampleExtent.TRIMMED), "<script>\n  go()\n</script>").groups
    assert group.sample == "\n  go()\n"
    (known,) = learned(inline("go()", sample_extent=SampleExtent.TRIMMED), "<script>go();</script>").groups
    assert known.sample_extent is SampleExtent.TRIMMED


def test_a_sample_that_was_cut_for_what_was_personal_is_found() -> None:
    (group,) = learned(inline("user('"), "<script>user('jane@example.com')</script>").groups
    assert group.sample == "user('jane@example.com')"


def test_handlers_and_styles_are_told_apart() -> None:
    page = f'<p onclick="{LONG}" style="color: red; background: url(/very/long/path.png)"></p>'
    handler, style = (
        inline(directive="script-src-attr"),
        inline("color: red; background: url(/very/long/p", "style-src-attr"),
    )
    found = learn([handler, style, inline()], {PAGE: read(page)}).groups
    assert [group.sample for group in found[:2]] == [LONG, "color: red; background: url(/very/long/path.png)"]
    assert found[2].sample_extent is SampleExtent.PREFIX


def test_a_text_that_is_another_one_each_time_varies() -> None:
    sources = [f"<p>\n<script id=a>{LONG} id = {number}</script>" for number in (1, 2)]
    result = learned(inline(), *sources)
    (group,) = result.groups
    assert group.varies
    (place,) = result.nonce_places[group.fingerprint]
    assert (place.template, place.line, place.label) == (PAGE, 2, "script#a")
    suggestion = propose("shop", [group])
    assert "script-src 'nonce-{NONCE}'" in str(suggestion.policy)


def test_a_text_that_varies_within_its_first_words_is_known_by_its_line() -> None:
    sources = [f"<p>\n<script id=a>state = {{id: {number}}}</script>" for number in (1, 2)]
    sample = "state = {id: 77, name: 'somebody else who"
    (group,) = learned(inline(sample, line_number=2), *sources).groups
    assert group.varies
    for other in (
        inline(sample, line_number=1),
        inline(sample),
        inline("other() // with a long text behind", line_number=2),
    ):
        assert not learned(other, *sources).groups[0].varies


def test_a_text_of_each_page_varies() -> None:
    pages = [f"{ORIGIN}/p/{number}" for number in (100001, 100002)]
    group = inline(pages=pages)
    sources = {page: read(f"<script>{LONG} page('{page}')</script>") for page in pages}
    result = learn([group], sources)
    assert result.groups[0].varies
    assert {place.template for place in result.nonce_places[group.fingerprint]} == {f"{ORIGIN}/p/*"}


def test_of_several_texts_that_begin_alike_the_one_on_the_reported_line_is_meant() -> None:
    """Whoever can put markup into a page can put a script there that begins as another one does."""
    page = f"<script>{LONG} a()</script>\n<script>{LONG} evil()</script>"
    (group,) = learned(inline(line_number=1), page, page).groups
    assert group.sample == f"{LONG} a()"
    for line in (None, 7):
        unknown = inline(line_number=line)
        assert learned(unknown, page, page).groups == (unknown,)
    both = inline(line_number=1)
    assert learned(both, page.replace("\n", "")).groups == (both,)


def test_a_page_that_strangers_name_is_neither_read_nor_believed() -> None:
    """It may hold a script of theirs that begins as the site's own does, and another text would make it vary."""
    group = inline()
    theirs = f"{ORIGIN}/guestbook"
    named = replace(group, pages=(PageCount(theirs, 90), PageCount(f"{ORIGIN}/logout", 90), *group.pages))
    assert pages_to_read([named], [], [ORIGIN]) == (PAGE,)
    sources = {theirs: read(f"<script>{LONG} evil()</script>"), PAGE: read(f"<script>{LONG}</script>")}
    (known,) = learn([named], sources).groups
    assert known.sample == LONG
    assert learn([named], {theirs: sources[theirs]}).groups == (named,)


def test_a_javascript_url_with_escapes_has_two_digests() -> None:
    """Chromium makes it of what it would run, Firefox of what is written."""
    source = '<a href="javascript:settings(%22EUR%22,%20true,%20false,%20null)">x</a>'
    sample = 'javascript:settings("EUR", true, false, '
    texts = [group.sample for group in learned(inline(sample), source).groups]
    assert texts == [
        'javascript:settings("EUR", true, false, null)',
        "javascript:settings(%22EUR%22,%20true,%20false,%20null)",
    ]


def test_what_stands_in_a_frame_of_the_page_is_found() -> None:
    (group,) = learned(inline(), f'<iframe srcdoc="<script>{LONG}</script>"></iframe>').groups
    assert group.sample == LONG


@pytest.mark.parametrize(
    "source", ["", "<p>nothing</p>", f"<!-- <script>{LONG}</script> -->", f"<script type=text/x>{LONG}</script>"]
)
def test_what_the_page_does_not_have_stays_as_reported(source: str) -> None:
    group = inline()
    assert learned(group, source) == Learned((group,))


NOT_ASKED = [
    inline(evidence_class=EvidenceClass.EXTENSION),
    inline(pages=["about"]),
    inline(trusted=False, reporters=400),
    inline(document_origin="https://evil.example"),
]


@pytest.mark.parametrize("group", NOT_ASKED)
def test_no_page_is_read_for_what_it_cannot_tell_or_strangers_name(group: ViolationGroup) -> None:
    assert pages_to_read([group], [], [ORIGIN]) == ()


def test_pages_are_of_the_hosts_that_the_operator_gave() -> None:
    group = inline(pages=[PAGE, "https://shop.example:8443/cart", "https://a.shop.example/", "http://evil.example/"])
    assert pages_to_read([group], [], [ORIGIN]) == (PAGE,)
    wild = inline(pages=["https://a.shop.example/", "https://shop.example/"])
    assert pages_to_read([wild], ["*.shop.example"], []) == ("https://a.shop.example/",)


def test_only_so_many_pages_are_read_the_most_reported_first() -> None:
    groups = [inline(pages=[f"{ORIGIN}/{number}"], reports=number + 1) for number in range(80)]
    pages = pages_to_read(groups, [], [ORIGIN])
    assert len(pages) == MAX_PAGES
    assert pages[0] == f"{ORIGIN}/79"


def test_pages_whose_inline_code_is_asked_for_are_read_before_others() -> None:
    picture = make_group("img-src", pages=[f"{ORIGIN}/often"], reports=90)
    groups = [picture, inline(pages=[f"{ORIGIN}/inline"], reports=2)]
    assert pages_to_read(groups, [], [ORIGIN]) == (f"{ORIGIN}/inline", f"{ORIGIN}/often")


FORMS = """
<form method=dialog action=https://dialog.example></form>
<form><button formaction="https://pay.example/start">Pay</button></form>
<form action="/search"></form>
<form action="javascript:void 0"></form>
"""


def test_a_form_that_a_page_has_lets_the_site_send_to_itself_alone() -> None:
    """Whoever can put markup into a page can put a form there that goes elsewhere."""
    result = learn([make_group()], {PAGE: read(FORMS)})
    assert [form.url for form in result.forms] == [PAGE, "https://pay.example/start", f"{ORIGIN}/search"]
    suggestion = propose("shop", result.groups, Grounds(forms=result.forms))
    assert "form-action 'self';" in str(suggestion.policy)
    (held,) = suggestion.held
    assert (held.directive, held.source, held.evidence.pages) == ("form-action", "https://pay.example", (PAGE,))
    unprobed = propose("shop", [make_group(policies=["img-src 'none'"])], Grounds(forms=result.forms))
    assert "form-action" not in str(unprobed.policy)


TEMPLATES = [
    ("https://shop.example/p/123456/buy", "https://shop.example/p/*/buy"),
    ("https://shop.example/", "https://shop.example/"),
    ("https://shop.example", "https://shop.example"),
    ("https://shop.example/de-AT/cart", "https://shop.example/*/cart"),
    ("about", "about"),
]


@pytest.mark.parametrize(("page", "template"), TEMPLATES)
def test_pages_of_one_template_are_one_place(page: str, template: str) -> None:
    assert template_of(page) == template
