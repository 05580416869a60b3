"""Normalisation: every browser's spelling of a violation becomes the same value, without what is personal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import (
    Disposition,
    Question,
    SampleExtent,
    Verdict,
    Violation,
    decide,
    parse_serialized_policy,
)
from policybuilder.reports import normalization
from policybuilder.reports.normalization import (
    INVALID,
    MAX_AGE_MS,
    MAX_POLICY_CHARACTERS,
    MAX_SAMPLE_CHARACTERS,
    MAX_URL_CHARACTERS,
    BrowserFamily,
    NormalizedHash,
    NormalizedViolation,
    browser_family,
    clean_policy,
    clean_url,
    nonce_marks,
    normalize,
)
from policybuilder.reports.wire import Reason, RejectedReportError, ReportKind, WireReport

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15"


def violation_of(members: dict[str, Any], user_agent: str = "", age_ms: int = 0) -> Violation:
    """The violation that a report with these members, beside a page and a directive, becomes."""
    given_members = {"document-uri": "https://shop.example/", "effective-directive": "img-src", **members}
    normalized = normalize(WireReport(ReportKind.VIOLATION, given_members, age_ms=age_ms), user_agent)
    assert isinstance(normalized, NormalizedViolation)
    return normalized.violation


# (as a browser or a stranger writes it, as it is kept)
URLS = [
    ("", ""),
    ("   ", ""),
    # Network URLs: what is personal goes, the rest stays.
    ("https://shop.example/a/b.js", "https://shop.example/a/b.js"),
    ("https://shop.example/a?b=c", "https://shop.example/a"),
    ("https://shop.example/a#b", "https://shop.example/a"),
    ("https://shop.example/a?b#c?d", "https://shop.example/a"),
    ("https://shop.example/a#b?c", "https://shop.example/a"),
    ("https://shop.example/?", "https://shop.example/"),
    ("https://user:secret@shop.example/a", "https://shop.example/a"),
    ("https://user@shop.example", "https://shop.example"),
    ("https://a%40b:c@shop.example/", "https://shop.example/"),
    ("HTTPS://SHOP.EXAMPLE/A", "https://shop.example/A"),
    (" https://shop.example/a\n", "https://shop.example/a"),
    ("https://shop.example:443/", "https://shop.example/"),
    ("https://shop.example:8443/", "https://shop.example:8443/"),
    ("https://shop.example/a/../b/./c", "https://shop.example/b/c"),
    ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
    ("https://shop.example/a;b,c", "https://shop.example/a;b,c"),
    ("https://shop.example/a%3Fb%23c", "https://shop.example/a%3Fb%23c"),
    ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
    ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
    ("wss://rt.shop.example/socket?acct=7", "wss://rt.shop.example/socket"),
    ("ws://rt.shop.example", "ws://rt.shop.example"),
    # An origin is what a browser left of a URL; with the slash it is a path.
    ("https://widget.example", "https://widget.example"),
    ("https://widget.example/", "https://widget.example/"),
    ("https://widget.example:8443", "https://widget.example:8443"),
    ("https://widget.example?q", "https://widget.example"),
    ("https://widget.example#f", "https://widget.example"),
    # Bare schemes, and URLs of which only the scheme is of use.
    ("data", "data"),
    ("data:", "data"),
    ("data:image/png;base64,AAAA", "data"),
    ("blob", "blob"),
    ("blob:https://shop.example/1-2", "blob"),
    ("filesystem", "filesystem"),
    ("mediastream", "mediastream"),
    ("about", "about"),
    ("about:blank", "about"),
    ("about:srcdoc", "about"),
    ("ABOUT:BLANK", "about"),
    ("javascript:alert(1)", "javascript"),
    ("chrome-extension", "chrome-extension"),
    ("chrome-extension://abc/x.js", "chrome-extension"),
    ("safari-web-extension://5B1C/x", "safari-web-extension"),
    ("moz-extension:", "moz-extension"),
    ("gsa://onpageload", "gsa"),
    ("file:///home/somebody/page.html", "file"),
    # What no browser writes.
    ("sandbox eval code", INVALID),
    ("*", INVALID),
    ("https://", "https"),
    ("https:///", INVALID),
    ("//shop.example/", INVALID),
    ("/path", INVALID),
    ("shop.example", INVALID),
    ("https://exa mple.example/", INVALID),
    ("https://evil.example;script-src%20*/", INVALID),
    ("https://shop.example:99999/", INVALID),
    ("https://[::1", INVALID),
    ("https://a\0b.example/", INVALID),
    ("3com:x", INVALID),
    ("x" * 64, "x" * 64),
    ("x" * 65, INVALID),
    ("x" * 65 + ":y", INVALID),
    # Longer than any name that DNS can resolve.
    ("https://" + "a." * 150 + "example/", INVALID),
    # Spellings on which parsers disagree: a browser's reading counts.
    ("https://ok.example\\@evil.example/", "https://ok.example/@evil.example/"),
    ("https:\\\\shop.example\\a", "https://shop.example/a"),
    ("https:shop.example/a", "https://shop.example/a"),
    ("ht\ntps://shop.example/a", "https://shop.example/a"),
    ("https://shop.example/a\0b", "https://shop.example/a%00b"),
    ("https://0x7f.1/", "https://127.0.0.1/"),
    # Hosts that a browser takes and no policy can name are evidence still; they never become a source.
    ("https://my_cdn.example/", "https://my_cdn.example/"),
    ("https://evil.example%3Bscript-src/", "https://evil.example;script-src/"),
]


@pytest.mark.parametrize(("text", "cleaned"), URLS)
def test_a_url_is_kept_without_what_is_personal(text: str, cleaned: str) -> None:
    assert clean_url(text) == cleaned


@pytest.mark.parametrize(("text", "cleaned"), URLS)
def test_cleaning_a_clean_url_changes_nothing(text: str, cleaned: str) -> None:
    assert clean_url(cleaned) == cleaned, text


_ANY_TEXT = st.text() | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Lu", "Po"]))
_URL_LIKE = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http:", "wss://", "data:", "about:", "//", "blob:https://", "x-y://", ""]),
    st.sampled_from(["shop.example", "u:p@shop.example:443", "[::1]:80", "bücher.example", "a..b", "%41.example", ""]),
    st.sampled_from(["/", "", "\\", "/a/../b"]),
    _ANY_TEXT,
)


@given(_ANY_TEXT | _URL_LIKE)
@example("https://shop.example/" + "ä" * MAX_URL_CHARACTERS)
@example("https:///\ud800.example")
@example("https://shop.example\t/")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_url(text)
    assert clean_url(once) == once


@given(_ANY_TEXT | _URL_LIKE)
@example("https://user:secret?@shop.example/#@")
def test_a_cleaned_url_holds_no_query_fragment_userinfo_or_unstorable_character(text: str) -> None:
    cleaned = clean_url(text)
    assert not set("?#\0") & set(cleaned)
    assert "@" not in cleaned.partition("://")[2].partition("/")[0]
    cleaned.encode("utf-8")


def test_a_giant_url_keeps_its_origin_alone() -> None:
    assert clean_url("https://shop.example/" + "a" * MAX_URL_CHARACTERS) == "https://shop.example"
    assert clean_url("https://shop.example/a?" + "b" * 10**6) == "https://shop.example/a"


def test_report_uri_and_report_to_give_the_same_violation() -> None:
    kebab = {
        "document-uri": "https://shop.example/cart?id=1",
        "referrer": "https://shop.example/?q=1",
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "original-policy": "default-src 'none'; report-uri /r",
        "disposition": "report",
        "blocked-uri": "inline",
        "line-number": 3,
        "column-number": 45,
        "source-file": "https://shop.example/static/app.js?v=8",
        "status-code": 200,
        "script-sample": "alert(1)",
    }
    camel = {
        "documentURL": kebab["document-uri"],
        "referrer": kebab["referrer"],
        "effectiveDirective": "script-src-elem",
        "originalPolicy": "default-src 'none'; report-to endpoint",
        "disposition": "report",
        "blockedURL": "inline",
        "lineNumber": 3,
        "columnNumber": 45,
        "sourceFile": kebab["source-file"],
        "statusCode": 200,
        "sample": "alert(1)",
    }
    expected = Violation(
        document_uri="https://shop.example/cart",
        effective_directive="script-src-elem",
        blocked_uri="inline",
        disposition=Disposition.REPORT,
        original_policy="default-src 'none'",
        sample="alert(1)",
        sample_extent=SampleExtent.WHOLE,
        source_file="https://shop.example/static/app.js",
        line_number=3,
        column_number=45,
        referrer="https://shop.example/",
        status_code=200,
    )
    for members in (kebab, camel):
        normalized = normalize(WireReport(ReportKind.VIOLATION, members), FIREFOX)
        assert isinstance(normalized, NormalizedViolation)
        assert normalized.violation == expected
        assert normalized.document_query == "id=1"


# (members, the effective directive)
DIRECTIVES = [
    pytest.param({"effective-directive": "img-src"}, "img-src", id="today"),
    pytest.param({"effectiveDirective": "img-src"}, "img-src", id="report-to"),
    pytest.param({"violated-directive": "img-src"}, "img-src", id="Firefox of 2019 has no effective-directive"),
    pytest.param({"violated-directive": "script-src 'self' https:"}, "script-src", id="CSP2: the whole directive"),
    pytest.param(
        {"effective-directive": "script-src-elem", "violated-directive": "default-src 'self'"},
        "script-src-elem",
        id="the effective one goes before the violated one",
    ),
    pytest.param({"effective-directive": "", "violated-directive": "img-src"}, "img-src", id="empty is absent"),
    pytest.param({"effective-directive": None, "violated-directive": "img-src"}, "img-src", id="null is absent"),
    pytest.param({"effective-directive": 3, "violated-directive": "img-src"}, "img-src", id="a number is absent"),
    pytest.param({"effective-directive": "IMG-SRC"}, "img-src", id="capitals"),
    pytest.param({"effective-directive": "fenced-frame-src"}, "fenced-frame-src", id="one of tomorrow"),
    pytest.param({"effective-directive": "script-src *; object-src"}, "script-src", id="forged, with more behind it"),
    pytest.param({"effective-directive": "script-src;object-src"}, INVALID, id="forged, without a space"),
    pytest.param({"effective-directive": "x" * 100}, INVALID, id="a giant name"),
    pytest.param({"effective-directive": "bücher-src"}, INVALID, id="no ASCII"),
]


@pytest.mark.parametrize(("members", "directive"), DIRECTIVES)
def test_the_effective_directive_is_found_in_every_generation_of_reports(
    members: dict[str, Any], directive: str
) -> None:
    report = WireReport(ReportKind.VIOLATION, {"document-uri": "https://shop.example/", **members})
    normalized = normalize(report)
    assert isinstance(normalized, NormalizedViolation)
    assert normalized.violation.effective_directive == directive


# (value of blocked-uri, as kept)
BLOCKED = [
    ("inline", "inline"),
    ("eval", "eval"),
    ("wasm-eval", "wasm-eval"),
    ("trusted-types-sink", "trusted-types-sink"),
    ("trusted-types-policy", "trusted-types-policy"),
    ("INLINE", "inline"),
    ("self", "self"),  # [O] Firefox, for inline code and eval
    ("'self'", "self"),
    ("'inline'", "inline"),
    ("inline:", "inline"),
    ("eval://", "eval"),
    ("wasm-eval:", "wasm-eval"),
    ("''", ""),
    (":", INVALID),
    ("://", INVALID),
    ("null", "null"),  # an opaque origin
    ("blob:null/1-2", "blob"),
    ("mediastream:", "mediastream"),
    ("javascript:", "javascript"),
    ("", ""),  # [O] CSP2 browsers; [F] cross-origin frame-ancestors
    (None, ""),
    ("data", "data"),
    ("data:text/html,<script>", "data"),
    ("https://cdn.example/a.js?v=1", "https://cdn.example/a.js"),
    ("https://widget.example", "https://widget.example"),
    ("https://'self'/", "https://'self'/"),
    ("https://*.example/", "https://*.example/"),
    ("https://evil.example/\r\nSet-Cookie: a=b", "https://evil.example/Set-Cookie:%20a=b"),
]


@pytest.mark.parametrize(("blocked", "kept"), BLOCKED)
@pytest.mark.parametrize("member", ["blocked-uri", "blockedURL"])
def test_the_blocked_uri_is_a_clean_url_or_a_keyword(member: str, blocked: str | None, kept: str) -> None:
    assert violation_of({member: blocked}).blocked_uri == kept


def test_a_blocked_url_that_is_absent_is_empty() -> None:
    """Chromium leaves the member out for a frame at a data: URL."""
    assert violation_of({"effective-directive": "frame-src"}).blocked_uri == ""


# (user agent, sample on the wire, sample kept, how much of the code it is)
SAMPLES = [
    (CHROMIUM, "", "", SampleExtent.NONE),
    (FIREFOX, None, "", SampleExtent.NONE),
    # Firefox keeps the text as it is and marks a cut.
    (FIREFOX, " alert(1) ", " alert(1) ", SampleExtent.WHOLE),
    (FIREFOX, "a" * 40, "a" * 40, SampleExtent.WHOLE),
    (FIREFOX, "a" * 40 + "…", "a" * 40, SampleExtent.PREFIX),
    (FIREFOX, "a" * 39 + "…", "a" * 39 + "…", SampleExtent.WHOLE),
    # A character outside the BMP counts as two units, as in a browser.
    (FIREFOX, "\N{GRINNING FACE}" * 20 + "…", "\N{GRINNING FACE}" * 20, SampleExtent.PREFIX),
    (FIREFOX, "\N{GRINNING FACE}" * 19 + "…", "\N{GRINNING FACE}" * 19 + "…", SampleExtent.WHOLE),
    # Chromium trims and marks nothing, so 40 units may be the whole or the beginning.
    (CHROMIUM, "alert(1)", "alert(1)", SampleExtent.TRIMMED),
    (CHROMIUM, "a" * 39, "a" * 39, SampleExtent.TRIMMED),
    (CHROMIUM, "a" * 40, "a" * 40, SampleExtent.PREFIX),
    (CHROMIUM, "\N{GRINNING FACE}" * 20, "\N{GRINNING FACE}" * 20, SampleExtent.PREFIX),
    # Of a browser we do not know, nothing is believed that not both do.
    (SAFARI, "alert(1)", "alert(1)", SampleExtent.TRIMMED),
    (SAFARI, "a" * 40 + "…", "a" * 40, SampleExtent.PREFIX),
    ("", "a" * 41, "a" * 41, SampleExtent.PREFIX),
    ("", "a" * 5_000, "a" * MAX_SAMPLE_CHARACTERS, SampleExtent.PREFIX),
    ("", "a\0b", "a\N{SYMBOL FOR NULL}b", SampleExtent.TRIMMED),
    (CHROMIUM, "cut \ud83d", "cut ?", SampleExtent.TRIMMED),
]


@pytest.mark.parametrize(("user_agent", "sample", "kept", "extent"), SAMPLES)
@pytest.mark.parametrize("member", ["script-sample", "sample"])
def test_a_sample_says_how_much_of_the_code_it_is(
    member: str, user_agent: str, sample: str | None, kept: str, extent: SampleExtent
) -> None:
    violation = violation_of({"blocked-uri": "inline", member: sample}, user_agent)
    assert (violation.sample, violation.sample_extent) == (kept, extent)


def test_a_trusted_types_sample_is_a_name_or_the_beginning_of_a_value() -> None:
    policy = violation_of({"blocked-uri": "trusted-types-policy", "sample": "my-policy"}, CHROMIUM)
    sink = violation_of({"blocked-uri": "trusted-types-sink", "sample": "Element innerHTML|<b>"}, CHROMIUM)
    assert policy.sample_extent is SampleExtent.WHOLE
    assert sink.sample_extent is SampleExtent.PREFIX


def test_the_browser_of_the_envelope_goes_before_that_of_the_request() -> None:
    """A batch may be carried by a relay; the envelope says who saw the violation."""
    members = {"documentURL": "https://shop.example/", "effectiveDirective": "script-src-elem", "sample": "alert(1)"}
    report = WireReport(ReportKind.VIOLATION, members, user_agent=FIREFOX)
    normalized = normalize(report, CHROMIUM)
    assert isinstance(normalized, NormalizedViolation)
    assert normalized.violation.sample_extent is SampleExtent.WHOLE


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        (CHROMIUM, BrowserFamily.CHROMIUM),
        (FIREFOX, BrowserFamily.FIREFOX),
        (SAFARI, BrowserFamily.SAFARI),
        (CHROMIUM + " Edg/156.0.0.0", BrowserFamily.CHROMIUM),
        ("curl/8.0", BrowserFamily.OTHER),
        ("", BrowserFamily.OTHER),
    ],
)
def test_a_user_agent_names_its_engine(user_agent: str, family: BrowserFamily) -> None:
    assert browser_family(user_agent) is family


# (member in both formats, value on the wire, as kept)
NUMBERS = [
    ("line-number", "lineNumber", 12, 12),
    ("line-number", "lineNumber", "12", 12),  # [O] numbers as strings
    ("line-number", "lineNumber", 0, None),  # [F] zero where [C] leaves it out
    ("line-number", "lineNumber", "0", None),
    ("line-number", "lineNumber", None, None),
    ("line-number", "lineNumber", -1, None),
    ("line-number", "lineNumber", 1.5, None),
    ("line-number", "lineNumber", True, None),
    ("line-number", "lineNumber", 2**31, None),
    ("line-number", "lineNumber", "9" * 5_000, None),
    ("line-number", "lineNumber", "\N{ARABIC-INDIC DIGIT THREE}", None),
    ("column-number", "columnNumber", 7, 7),
    ("column-number", "columnNumber", 0, None),
    ("status-code", "statusCode", 200, 200),
    ("status-code", "statusCode", "200", 200),
    ("status-code", "statusCode", 0, 0),  # workers and srcdoc have no status: a value, not an absence
    ("status-code", "statusCode", None, None),
]


@pytest.mark.parametrize(("kebab", "camel", "value", "kept"), NUMBERS)
def test_numbers_are_numbers_or_nothing(kebab: str, camel: str, value: Any, kept: int | None) -> None:
    for member in (kebab, camel):
        violation = violation_of({member: value})
        assert getattr(violation, kebab.replace("-", "_")) == kept


@pytest.mark.parametrize(
    ("value", "disposition"),
    [
        ("enforce", Disposition.ENFORCE),
        ("report", Disposition.REPORT),
        ("Report", Disposition.REPORT),
        (None, Disposition.UNKNOWN),
        ("", Disposition.UNKNOWN),
        ("reporting", Disposition.UNKNOWN),
        (1, Disposition.UNKNOWN),
    ],
)
def test_a_disposition_is_one_of_the_two_or_unknown(value: Any, disposition: Disposition) -> None:
    assert violation_of({"disposition": value}).disposition is disposition


# (policy as a browser writes it, as it is kept)
POLICIES = [
    ("", ""),
    ("img-src 'self'; report-uri /r; report-to x", "img-src 'self'"),
    ("script-src 'nonce-abc123'", "script-src 'nonce-blank'"),
    ("SCRIPT-SRC 'SELF' https://A.example", "script-src 'self' https://a.example"),
    ("img-src b.example a.example a.example", "img-src a.example b.example"),
    ("img-src", "img-src 'none'"),  # [F] writes 'none' into empty lists, [C] does not
    ("img-src https://a.example/x?secret=1", "img-src https://a.example/x"),
    ("img-src https://a.example/x#secret", "img-src https://a.example/x"),
    ("frobnicate-src x", ""),
    (
        "img-src https://a.example/r/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0/a.png",
        "img-src https://a.example/r/(token)/a.png",
    ),
    ("img-src *.a.example:*/u/jane@a.example/ b.example", "img-src *.a.example:*/u/(e-mail)/ b.example"),
    ("img-src a.example/u/jane%40a.example a.example/u/joe@b.example", "img-src a.example/u/(e-mail)"),
    (
        "script-src a.example/s/9f304493632afab8d1c2e7a05b6f4433/ a.example/app.9f304493632afab8d1c2e7a05b6f4433.js",
        "script-src a.example/app.9f304493632afab8d1c2e7a05b6f4433.js a.example/s/(token)/",
    ),
    (
        "script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' https: 'strict-dynamic'",
        "script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'strict-dynamic' https:",
    ),
    ("trusted-types 9f304493632afab8d1c2e7a05b6f4433", "trusted-types 9f304493632afab8d1c2e7a05b6f4433"),
]


@pytest.mark.parametrize(("text", "kept"), POLICIES)
def test_a_policy_is_kept_as_a_value_to_compare(text: str, kept: str) -> None:
    assert clean_policy(text) == kept


@pytest.mark.parametrize(("text", "kept"), POLICIES)
def test_cleaning_a_clean_policy_changes_nothing(text: str, kept: str) -> None:
    assert clean_policy(kept) == kept, text


@given(
    st.text() | st.lists(st.sampled_from(["img-src", "a.example/?q", "'self'", ";", "sandbox", "x#y"])).map(" ".join)
)
def test_a_cleaned_policy_reads_back_as_itself_and_holds_no_query(text: str) -> None:
    cleaned = clean_policy(text)
    assert str(parse_serialized_policy(cleaned)) == cleaned
    assert not set("?#\0") & set(cleaned)


# (a policy as a browser sends it, the nonces that count)
NONCES = [
    ("script-src 'nonce-abc123=='", ["abc123=="]),
    ("script-src 'nonce-a-b_c'; style-src 'nonce-a-b_c'", ["a-b_c"]),
    ("script-src 'NONCE-Abc'", []),
    ("script-src 'nonce-Abc' 'Nonce-aBC'", ["Abc", "aBC"]),
    ("script-src 'nonce-a' 'nonce-b'; style-src 'nonce-c'", ["a", "b"]),
    ("script-src 'nonce-blank' 'nonce-{NONCE}' nonce-x 'nonce-' 'nonce-ä'", []),
    ("script-src 'self'", []),
    ("script-src 'nonce-a' " + "https://cdn.example " * 500, []),
]


@pytest.mark.parametrize(("policy", "nonces"), NONCES, ids=[policy[:60] for policy, _ in NONCES])
def test_the_nonces_of_a_policy_are_told_apart_and_not_kept(policy: str, nonces: list[str]) -> None:
    marks = nonce_marks(policy)
    assert marks == tuple(nonce_marks(f"img-src 'nonce-{nonce}'")[0] for nonce in nonces)
    assert len(set(marks)) == len(nonces)
    assert all(-(2**63) <= mark < 2**63 for mark in marks)


def test_a_violation_comes_with_the_marks_of_its_nonces() -> None:
    policy = "script-src 'nonce-abc'"
    members = {"document-uri": "https://shop.example/", "effective-directive": "img-src", "original-policy": policy}
    normalized = normalize(WireReport(ReportKind.VIOLATION, members))
    assert isinstance(normalized, NormalizedViolation)
    assert normalized.nonces == nonce_marks(policy) != ()
    assert "abc" not in repr(normalized)


def test_a_redacted_source_matches_the_redacted_url() -> None:
    url = "https://a.example/u/jane@a.example/photo.png"
    policy = parse_serialized_policy(clean_policy("img-src https://a.example/u/jane@a.example/"))
    question = Question("https://shop.example/", "img-src", clean_url(url))
    assert decide(policy, question).verdict is Verdict.ALLOW


def test_a_giant_policy_counts_as_none_since_cut_it_would_be_another() -> None:
    longest = ("img-src " + " ".join(f"h{number}.example" for number in range(10_000)))[:MAX_POLICY_CHARACTERS]
    assert clean_policy(longest).startswith("img-src ")
    assert clean_policy(longest + "x") == ""


def test_giant_policies_and_urls_are_not_kept_in_memory() -> None:
    """Caches keep what they were asked, so that must be bounded before."""
    normalization._clean_policy.cache_clear()
    normalization._clean_url.cache_clear()
    policies, urls = normalization._clean_policy.cache_info, normalization._clean_url.cache_info
    clean_policy("img-src a.example; " + "x" * MAX_POLICY_CHARACTERS)
    clean_url("https://shop.example/" + "x" * 2 * MAX_URL_CHARACTERS)
    for number in range(10):
        clean_policy("img-src a.example; " + "x" * MAX_POLICY_CHARACTERS + str(number))
        clean_url("https://shop.example/" + "x" * 2 * MAX_URL_CHARACTERS + str(number))
    assert (policies().currsize, urls().currsize) == (0, 1)


def test_the_page_of_an_envelope_stands_in_for_a_missing_one() -> None:
    report = WireReport(
        ReportKind.VIOLATION, {"effectiveDirective": "img-src"}, envelope_url="https://shop.example/cart?id=1"
    )
    normalized = normalize(report)
    assert isinstance(normalized, NormalizedViolation)
    assert normalized.violation.document_uri == "https://shop.example/cart"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"document-uri": "https://shop.example/", "blocked-uri": "data"}, Reason.MISSING_DIRECTIVE),
        ({"document-uri": "https://shop.example/", "effective-directive": "  "}, Reason.MISSING_DIRECTIVE),
        ({"effective-directive": "img-src"}, Reason.MISSING_DOCUMENT),
        ({"effective-directive": "img-src", "document-uri": None}, Reason.MISSING_DOCUMENT),
    ],
)
def test_a_report_without_meaning_is_refused(members: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(RejectedReportError) as refused:
        normalize(WireReport(ReportKind.VIOLATION, members))
    assert refused.value.reason is reason


def test_an_age_is_at_most_a_week() -> None:
    assert violation_of({}, age_ms=60_000).age_ms == 60_000
    assert violation_of({}, age_ms=2**52).age_ms == MAX_AGE_MS


# (members of a csp-hash report, script and digest kept)
HASHES = [
    (
        {"documentURL": "https://shop.example/?q", "subresourceURL": "https://shop.example/a.js?v=1", "hash": ""},
        ("https://shop.example/a.js", ""),
    ),
    (
        {
            "document_url": "https://shop.example/",
            "subresource_url": "http://cdn.example/a.js",
            "hash": "sha256-A+/_-=",
        },
        ("http://cdn.example/a.js", "sha256-A+/_-="),
    ),
    # The specification's example writes hexadecimal digits, of which a policy takes none.
    (
        {
            "document_url": "https://shop.example/",
            "subresource_url": "https://shop.example/a.js",
            "hash": "sha256-85738f8f9a7f1b04b5329c590ebcb9e425925c6d0984089c43a022de4f19c281",
        },
        ("https://shop.example/a.js", "sha256-hXOPj5p/GwS1MpxZDry55CWSXG0JhAicQ6Ai3k8ZwoE="),
    ),
    (
        {
            "documentURL": "https://shop.example/",
            "subresourceURL": "https://shop.example/a.js",
            "hash": "sha384-" + "a1" * 32,
        },
        ("https://shop.example/a.js", "sha384-" + "a1" * 32),
    ),
]


@pytest.mark.parametrize(("members", "kept"), HASHES)
def test_a_hash_report_names_a_script_and_its_digest(members: dict[str, Any], kept: tuple[str, str]) -> None:
    report = normalize(WireReport(ReportKind.HASH, {**members, "destination": "script"}))
    assert isinstance(report, NormalizedHash)
    assert (report.script_url, report.hash) == kept
    assert (report.document_uri, report.destination) == ("https://shop.example/", "script")


@pytest.mark.parametrize(
    "members",
    [
        {"subresourceURL": "data:text/javascript,1", "hash": ""},
        {"subresourceURL": "", "hash": "sha256-AAAA"},
        {"subresourceURL": "https://shop.example/a.js", "hash": "md5-AAAA"},
        {"subresourceURL": "https://shop.example/a.js", "hash": "sha256-A' *"},
        {"subresourceURL": "https://shop.example/a.js", "hash": "sha256-" + "A" * 1000},
    ],
)
def test_a_hash_report_that_no_browser_sends_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(RejectedReportError) as refused:
        normalize(WireReport(ReportKind.HASH, members))
    assert refused.value.reason is Reason.MALFORMED_HASH
