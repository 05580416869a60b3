"""Redaction: what belongs to one visitor goes, what is evidence stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import SampleExtent
from policybuilder.reports.normalization import NormalizedViolation, clean_url, normalize
from policybuilder.reports.redaction import E_MAIL, TOKEN, cut_sample, holds_e_mail, redact_path
from policybuilder.reports.wire import ReportKind, WireReport

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
UUID = "3f2a1b9c-77e0-4d21-9c1d-0123456789ab"
HEX = "9f304493632afab8d1c2e7a05b6f4433"

# (path, as it is kept)
PERSONAL = [
    (f"/reset/{JWT}", f"/reset/{TOKEN}"),
    (f"/reset/{JWT}/confirm.js", f"/reset/{TOKEN}/confirm.js"),
    (f"/t/{JWT}.js", f"/t/{TOKEN}"),
    ("/u/jane@example.com/x", f"/u/{E_MAIL}/x"),
    ("/u/jane%40example.com/x", f"/u/{E_MAIL}/x"),
    ("/u/jane%2540example.com", f"/u/{E_MAIL}"),
    ("/u/mailto:jane+shop@mail.example.co.uk", f"/u/{E_MAIL}"),
    ("/u/jane@163.com", f"/u/{E_MAIL}"),
    ("/u/jane@b%C3%BCcher.example", f"/u/{E_MAIL}"),
    ("/avatars/jane@example.com.png", f"/avatars/{E_MAIL}"),
    ("/u/x=1;user=jane@example.com", f"/u/{E_MAIL}"),
    (f"/orders/{UUID}/invoice", f"/orders/{TOKEN}/invoice"),
    (f"/orders/{UUID.upper()}", f"/orders/{TOKEN}"),
    (f"/orders/order-{UUID}.pdf", f"/orders/{TOKEN}"),
    ("/cart;jsessionid=1A2B3C", f"/cart;jsessionid={TOKEN}"),
    ("/cart;JSESSIONID=1A2B3C.node1/pay", f"/cart;JSESSIONID={TOKEN}/pay"),
    (f"/cart;v=2;x={HEX}", f"/cart;v=2;x={TOKEN}"),
    (f"/s/{HEX}", f"/s/{TOKEN}"),
    (f"/s/{HEX}/app.js", f"/s/{TOKEN}/app.js"),
    ("/share/V1StGXR8_Z5jdHi6B-myT9fQw", f"/share/{TOKEN}"),
    ("/pay/4111111111111111", f"/pay/{TOKEN}"),
    ("/s/QmFzZTY0IHRleHQgd2l0aCBwYWRkaW5n%3D%3D", f"/s/{TOKEN}"),
    ("/r/QWxhZGRpbjpvcGVuIHNlc2FtZQ==", f"/r/{TOKEN}"),
    ("/r/QWxhZGRpbjpvcGVuIHNlc2FtZQ", f"/r/{TOKEN}"),
    ("/r/dXNlcjpwYXNzd29yZA==", f"/r/{TOKEN}"),
    ("/reset/kJhGfDsAqWeRtYuIoPzXcVbNm", f"/reset/{TOKEN}"),
    ("/reset/kJHgfDSaqWerTYuiOpzXCvbNM/x", f"/reset/{TOKEN}/x"),
    ("/invite/7f3a-9b2c-11de-88aa", f"/invite/{TOKEN}"),
    ("/invite/code-7F3A9B2C-11DE-88AA", f"/invite/{TOKEN}"),
    ("/gift/X7K2-9PLQ-4M8Z", f"/gift/{TOKEN}"),
    ("/card/4111-1111-1111-1111", f"/card/{TOKEN}"),
    ("/card/3782-822463-10005", f"/card/{TOKEN}"),
    ("/x/sess.a1b2c3d4e5.f6a7b8c9d0", f"/x/{TOKEN}"),
    (f"/reset/{HEX}.json", f"/reset/{TOKEN}"),
    (f"/reset/{HEX}.xml", f"/reset/{TOKEN}"),
    ("/a%3Femail=b%26token=s3cr3t", "/a"),
    ("/a%253ftoken=s3cr3t/b", "/a"),
    ("/a/..%3Ftoken=s3cr3t", "/a/"),
    ("/ip/203.0.113.77", f"/ip/{TOKEN}"),
    ("/ip/203.0.113.77.json", f"/ip/{TOKEN}"),
    ("/ip/2001:db8::1/x", f"/ip/{TOKEN}/x"),
    ("/ip/2001%3Adb8%3A%3A1", f"/ip/{TOKEN}"),
    ("/x;from=203.0.113.77", f"/x;from={TOKEN}"),
    ("/u/jane@192.0.2.1", f"/u/{E_MAIL}"),
    ("/u/jane@[192.0.2.1]", f"/u/{E_MAIL}"),
    ("/u/jane\uff20example.com", f"/u/{E_MAIL}"),
    ("/u/jane%EF%BC%A0example.com", f"/u/{E_MAIL}"),
    ("/tel/+491711234567", f"/tel/{TOKEN}"),
    ("/tel/+49%20171%20123-4567", f"/tel/{TOKEN}"),
    ("/tel/tel:+491711234567", f"/tel/{TOKEN}"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kept"), PERSONAL)
@pytest.mark.parametrize("member", ["document-uri", "referrer", "source-file", "blocked-uri"])
def test_what_is_personal_in_a_path_gives_way_to_a_placeholder(member: str, path: str, kept: str) -> None:
    members = {
        "document-uri": "https://shop.example/",
        "effective-directive": "img-src",
        member: f"https://shop.example{path}?q=1",
    }
    normalized = normalize(WireReport(ReportKind.VIOLATION, members))
    assert isinstance(normalized, NormalizedViolation)
    assert getattr(normalized.violation, member.replace("-", "_")) == f"https://shop.example{kept}"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cart",
        f"/static/app.{HEX}.js",
        f"/static/{HEX}.woff2",
        "/static/main-BQ4x9TzL7pWn2vKd8sYc.css",
        "/npm/react@18.2.0/umd/react.production.min.js",
        "/npm/react@18.2.0-rc.next/index.js",
        "/npm/react@18/index.js",
        "/npm/vue@3.x/vue.js",
        "/npm/evil-gadget%401.0.0/x.js",
        "/@popperjs/core@2.11.8/dist/umd/popper.min.js",
        "/gh/user/repo@main/dist/x.css",
        "/npm/jquery@3.7.1.min.js",
        "/img/logo@2x.png",
        "/img/logo@1.5x.webp",
        "/@jane",
        "/order/123456789",
        "/2026/11/23/how-to-install-python-3-on-ubuntu-22-04",
        "/wiki/HowToInstallPython3OnUbuntu2204",
        "/category/womens-running-shoes-size-38-eu-2026",
        "/%E3%83%AC%E3%83%9D%E3%83%BC%E3%83%88/%E6%97%A5%E6%9C%AC",
        "/a;b,c",
        "/p;v=2;lang=en/x",
        "/product/1001",
        "/product/123456789",
        "/2026/11/24/",
        "/2026-11-24/12-30-00",
        "/isbn/978-3-16-148410-0",
        "/phones/iphone-15pro-256gb",
        "/phones/galaxy-s24-128gb-5g",
        "/wiki/InternationalisationAndLocalisation",
        "/wiki/HowToUseTheXMLHttpRequestOfYourBrowser",
        "/DonaudampfschifffahrtsgesellschaftskapitaenJahresversammlung",
        "/SCREAMINGLOUDDIRECTORYNAMESOFOLD",
        "/Womens-Running-Shoes-In-All-Sizes-And-Colours",
        "/some_directory_with_a_very_long_name",
        "/lib/v1.2.3/build.1234.min.css",
        "/chrome/120.0.6099.109/x.js",
        "/p;v=1.2.3",
        "/a=b/c==",
        "/c++11/features",
        "/wiki/Who%3F",
        "/docs/std::vector::iterator",
        "/data/products.json",
        "/sitemap-products-2026.xml",
        "/%E3%81%AA%E3%81%9C%EF%BC%9F",
    ],
)
def test_what_is_evidence_stays(path: str) -> None:
    assert redact_path(path) == path


# (sample, the browser had cut it, as it is kept)
SAMPLES = [
    ("var user = 'jane@example.com'", False, "var user = '"),
    ("var user = 'jane%40example.com'", False, "var user = '"),
    ("var user = 'jane@exam", True, "var user = '"),
    ("var user = 'jane@", True, "var user = '"),
    ("var user = 'jane@exam", False, "var user = 'jane@exam"),
    (f'window.csrf="{HEX}', True, 'window.csrf="'),
    ('window.__state={"csrf":"9f304493632afab8', True, 'window.__state={"csrf":"'),
    (f"var t='{JWT[:24]}", True, "var t='"),
    (f"id={UUID};", False, "id="),
    (f"Element innerHTML|<a href='/u/{UUID}", True, "Element innerHTML|<a href='/u/"),
    ("x@yz@mail.example", False, ""),
    ("@media (min-width: 40em) { a { color: red", True, "@media (min-width: 40em) { a { color: red"),
    ("@import 'https://fonts.example/a.css';", False, "@import 'https://fonts.example/a.css';"),
    ("import('/npm/react@18.2.0/index.js')", False, "import('/npm/react@18.2.0/index.js')"),
    ("(function(w,d,s,l,i){w[l]=w[l]||[];w[l].", True, "(function(w,d,s,l,i){w[l]=w[l]||[];w[l]."),
    ("var user = 'jane\uff20example.com'", False, "var user = '"),
    ("var user = 'jane@192.0.2.1'", False, "var user = '"),
    ("auth('QWxhZGRpbjpvcGVuIHNlc2FtZQ==')", False, "auth('"),
    ("mail('jane%40192.0.2.1.')", False, "mail('"),
    ("import('/lib/pkg@1.2.3.4.min.js')", False, "import('/lib/pkg@1.2.3.4.min.js')"),
    ("eval(atob('YWxlcnQoMSk='))", False, "eval(atob('YWxlcnQoMSk='))"),
    ("pay('4111-1111-1111-1111')", False, "pay('"),
    ("x=+1234567890;var version='1.2.3.4'", False, "x=+1234567890;var version='1.2.3.4'"),
    ("gtag('config', 'G-1A2B3C4D5E');", False, "gtag('config', 'G-1A2B3C4D5E');"),
    ("_0x3f2a1b['push'](_0x4c11d2)", False, "_0x3f2a1b['push'](_0x4c11d2)"),
]


@pytest.mark.parametrize(("sample", "is_cut", "kept"), SAMPLES)
def test_a_sample_ends_where_something_personal_begins(sample: str, is_cut: bool, kept: str) -> None:  # noqa: FBT001  (a column of the table)
    assert cut_sample(sample, is_cut=is_cut) == kept


@pytest.mark.parametrize(
    ("blocked", "sample", "kept", "extent"),
    [
        ("inline", "var u='jane@example.com'", "var u='", SampleExtent.PREFIX),
        ("inline", "jane@example.com", "", SampleExtent.NONE),
        ("inline", "var u='jane'", "var u='jane'", SampleExtent.WHOLE),
        ("trusted-types-policy", f"policy-{UUID}", "policy-", SampleExtent.PREFIX),
    ],
)
def test_a_sample_that_was_cut_is_a_beginning(blocked: str, sample: str, kept: str, extent: SampleExtent) -> None:
    members = {
        "document-uri": "https://shop.example/",
        "effective-directive": "script-src-elem",
        "blocked-uri": blocked,
        "script-sample": sample,
    }
    normalized = normalize(WireReport(ReportKind.VIOLATION, members), "Firefox/153.0")
    assert isinstance(normalized, NormalizedViolation)
    assert (normalized.violation.sample, normalized.violation.sample_extent) == (kept, extent)


_LABELS = st.from_regex(r"\A[a-z][a-z0-9-]{0,10}[a-z]\Z")
_ADDRESSES = st.builds(
    "{}@{}.{}".format,
    st.from_regex(r"\A[A-Za-z0-9._%+-]{1,20}\Z"),
    _LABELS,
    st.sampled_from(["com", "de", "co.uk", "example", "museum", "travel", "xyz"]),
)
_AROUND = st.sampled_from(["", "/", "a/", "x=", ";u=", "%20", "(", "'", "-", "@", "%40", ".png", "/a.js", "?b", " "])


@given(_AROUND, _ADDRESSES, _AROUND, st.booleans())
@example("", "%00@aa.com", "", True)  # noqa: FBT003  (the law's last argument)
@example("", "a@b.com", ".js", False)  # noqa: FBT003  (the law's last argument)
def test_no_address_is_left_in_a_url(before: str, address: str, after: str, is_quoted: bool) -> None:  # noqa: FBT001  (drawn)
    written = quote(address, safe="") if is_quoted else address
    cleaned = clean_url(f"https://shop.example/u/{before}{written}{after}")
    assert address not in cleaned
    assert quote(address, safe="") not in cleaned
    assert not holds_e_mail(cleaned)


@given(_AROUND, _ADDRESSES, _AROUND)
def test_no_address_is_left_in_a_sample(before: str, address: str, after: str) -> None:
    sample = before + address + after
    kept = cut_sample(sample, is_cut=False)
    assert sample.startswith(kept)
    assert address not in kept


_TEXTS = st.text() | st.lists(
    st.sampled_from(["/", "@", "%40", "%25", ";", "=", ".", "a", "Z9", "com", ".js", JWT, UUID, HEX, "é", "\ud800"])
).map("".join)


@given(_TEXTS)
@example("/" + "a@" * 1_000)
@example("/" + "a1" * 1_000)
@example("/" + "%25" * 600 + "40")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact_path(text)
    assert redact_path(once) == once


@given(_TEXTS, st.booleans())
def test_a_sample_that_was_cut_is_not_cut_again(text: str, is_cut: bool) -> None:  # noqa: FBT001  (drawn)
    once = cut_sample(text, is_cut=is_cut)
    assert text.startswith(once)
    assert cut_sample(once, is_cut=is_cut or once != text) == once


@pytest.mark.parametrize(
    "piece",
    [
        *("%40", "@", "a@", "%40a", "a.", "a.a.a@", "a@a.", "%25", "%2540", "%", "a1", "aB", "a-", "4111-", "1.", "+1"),
        *(
            "eyJ",
            "eyJ.",
            "(token)",
            "(e-mail)",
            "9f30-",
            ";a",
            ";a=",
            "/",
            "=",
            "%3F",
            "\uff20",
            "a\uff20",
            "\u0301\u0327",
        ),
        *("a" * 15 + ".", "aA" * 11 + ".", "0a1b2c3d-4e5f-", "a%40b.c;", "::", "a" * 63 + "."),
    ],
)
@pytest.mark.parametrize(
    "redact",
    [
        redact_path,
        lambda text: cut_sample(text, is_cut=True),
        lambda text: cut_sample(text + " ", is_cut=False),
        lambda text: redact_path("/" + text + "@"),
    ],
)
def test_a_long_text_is_redacted_in_linear_time(redact: Callable[[str], str], piece: str) -> None:
    """Ten seconds are generous for what takes less than one, and far too few for anything quadratic."""
    text = piece * (100_000 // len(piece))
    began = time.monotonic()
    redact(text)
    assert time.monotonic() - began < 10


def test_a_sample_of_nothing_but_addresses_is_dropped() -> None:
    assert cut_sample("x" + "@a" * 120, is_cut=True) == ""


def test_a_local_part_is_no_longer_than_one_may_be() -> None:
    assert cut_sample("a" * 100 + "@example.com", is_cut=False) == "a" * 36
