"""How browsers report inline code; seen in Chromium 156 and Firefox 153."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import Browser
from policybuilder.markup import read_markup, sample_of

SMILE = "\U0001f600"

# (code, Chromium's sample, Firefox's)
SAMPLE_CASES = [
    ("", "", ""),
    ("go()", "go()", "go()"),
    (" go()\n", "go()", " go()\n"),
    ("x" * 40, "x" * 40, "x" * 40),
    ("x" * 41, "x" * 40, "x" * 40 + "…"),
    (" " + "x" * 40, "x" * 40, " " + "x" * 39 + "…"),
    ("x" * 39 + " y", "x" * 39 + " ", "x" * 39 + " …"),
    (" \n ", "", " \n "),
    (SMILE * 20, SMILE * 20, SMILE * 20),
    (SMILE * 21, SMILE * 20, SMILE * 20 + "…"),
    # A character of two units at the cut: Chromium halves it, Firefox completes it.
    ("x" * 39 + SMILE, "x" * 39 + "\ufffd", "x" * 39 + SMILE),
    ("x" * 39 + SMILE + "y", "x" * 39 + "\ufffd", "x" * 39 + SMILE + "…"),
    # What Chromium takes for white space.
    *((f"{space}x{space}", "x", f"{space}x{space}") for space in "\t\v\f\r\u1680\u2007\u2028\u205f\u3000"),
    *((f"{kept}x{kept}",) * 3 for kept in "\xa0\x85\x1c\x1f\u200b\u180e\u2029\u202f\ufeff"),
]


@pytest.mark.parametrize(("code", "chromium", "firefox"), SAMPLE_CASES)
def test_a_sample_is_the_beginning_of_the_code(code: str, chromium: str, firefox: str) -> None:
    assert sample_of(code, Browser.CHROMIUM) == chromium
    assert sample_of(code, Browser.FIREFOX) == firefox


@given(code=st.text(st.characters(exclude_categories=["Cs"])), browser=st.sampled_from(Browser))
def test_a_sample_has_at_most_forty_units_and_what_marks_or_mends_the_cut(code: str, browser: Browser) -> None:
    units = len(sample_of(code, browser).encode("utf-16-le")) // 2
    assert units <= (40 if browser is Browser.CHROMIUM else 42)


# (value of href, what Firefox hashes, what Chromium hashes)
JAVASCRIPT_URLS = [
    ("javascript:go(1)", "javascript:go(1)", "javascript:go(1)"),
    (" \tJava\nScript:go(' ')  ", "javascript:go(' ')", "javascript:go(' ')"),
    ("javascript:go('é')", "javascript:go('%C3%A9')", "javascript:go('é')"),
    ("javascript:go('%41%0a')", "javascript:go('%41%0a')", "javascript:go('A\n')"),
    ("javascript:go('%ff')", "javascript:go('%ff')", "javascript:go('ÿ')"),
    ('javascript:"#"', 'javascript:"#%22', 'javascript:"#"'),
    ("javascript:", "javascript:", "javascript:"),
    ("java script:go()", None, None),
    ("/javascript:go()", None, None),
    ("xjavascript:go()", None, None),
]


@pytest.mark.parametrize(("href", "firefox", "chromium"), JAVASCRIPT_URLS)
def test_the_digest_of_a_javascript_url_is_of_the_whole_of_it(
    href: str, firefox: str | None, chromium: str | None
) -> None:
    places = read_markup(f'<a href="{href.replace(chr(34), "&quot;")}">').inline
    assert [place.hashed_text(Browser.FIREFOX) for place in places] == ([] if firefox is None else [firefox])
    assert [place.hashed_text(Browser.CHROMIUM) for place in places] == ([] if chromium is None else [chromium])


# (markup, directive, Chromium's position, Firefox's)
POSITION_CASES = [
    ("<script\n>a</script>", "script-src-elem", (2, 2), (2, 2)),
    ("<script type=speculationrules>a</script>", "script-src-elem", (1, 31), (1, 31)),
    ("\U0001f600<script>a</script>", "script-src-elem", (1, 11), (1, 10)),
    ("\r<style>\na</style>", "style-src-elem", (1, 9), (2, 1)),
    ("<p style=a\n>", "style-src-attr", (2, 2), None),
    ("<p onclick=a>", "script-src-attr", None, None),
    ("<a href='javascript:a'>", "script-src-elem", None, None),
]


@pytest.mark.parametrize(("source", "directive", "chromium", "firefox"), POSITION_CASES)
def test_browsers_report_where_a_tag_ends_if_at_all(
    source: str, directive: str, chromium: tuple[int, int] | None, firefox: tuple[int, int] | None
) -> None:
    (place,) = read_markup(source).inline
    assert place.directive == directive
    assert place.reported_position(Browser.CHROMIUM) == chromium
    assert place.reported_position(Browser.FIREFOX) == firefox
