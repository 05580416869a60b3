"""Look-alikes: what a reader would take for another host, and what are plainly two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.reports.lookalikes import hosts_named_by, is_one_edit, looks_like_one_of, skeleton

KNOWN = (
    "shop.example",
    "cdn.shopstatic.com",
    "files.typecase.com",
    "api.paypal.com",
    "assets1.net",
    "img0.net",
    "bit.ly",
)

# (host, why it is taken for one of KNOWN)
LOOK_ALIKES = [
    ("sh0p.example", "a digit for a letter"),
    ("cdn.shopstat1c.com", "a digit for a letter, below the name"),
    ("sh\N{CYRILLIC SMALL LETTER O}p.example".encode("idna").decode(), "a Cyrillic letter"),
    ("p\N{CYRILLIC SMALL LETTER A}yp\N{CYRILLIC SMALL LETTER A}l.com".encode("idna").decode(), "two Cyrillic letters"),
    ("paypa1.com", "1 for l"),
    ("typecaze.com", "another letter"),
    ("typecse.com", "a letter left out"),
    ("typeccase.com", "a letter too many"),
    ("typcease.com", "two letters swapped"),
    ("files-typecase.com", "a hyphen for the dot"),
    ("cdn-shopstatic.com", "a hyphen for the dot"),
    ("shop-example.net", "a hyphen for the dot before the suffix"),
]

# (host, why it is not)
OTHERS = [
    ("shop.example", "the host itself"),
    ("img.shop.example", "below the site's own name"),
    ("paypal.com", "above an allowed host"),
    ("www.paypal.com", "beside an allowed host"),
    ("shop.com", "another registry's: brands register many"),
    ("shops.example", "too short to tell a typing mistake from a word"),
    ("chop.example", "the same"),
    ("assets2.net", "a sibling by number"),
    ("assets11.net", "a sibling by number"),
    ("img1.net", "a sibling by number"),
    ("typeface.com", "two letters differ"),
    ("type-case.com", "hyphens are nobody's mistake"),
    ("bit.do", "short"),
    ("shop-example.github.io", "a copy at a hoster, named after the original"),
    ("shop-example-com.translate.goog", "a translator's"),
    ("localhost", "not registered"),
    ("127.0.0.1", "an address"),
    ("[::1]", "an address"),
    ("com", "a suffix"),
    ("xn--", "no punycode"),
    ("", "nothing"),
]


@pytest.mark.parametrize("host", [host for host, _ in LOOK_ALIKES])
@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_look_alike_is_told(host: str, port: str) -> None:
    assert looks_like_one_of(host + port, KNOWN)


@pytest.mark.parametrize(("host", "why"), OTHERS)
def test_other_hosts_are_left_alone(host: str, why: str) -> None:
    assert not looks_like_one_of(host, KNOWN), why


# Pairs that people depend on at once, of the hosts that pages load most.
FAMILIES = [
    (
        "googleapis.com",
        "google.com",
        "gstatic.com",
        "googletagmanager.com",
        "google-analytics.com",
        "googleusercontent.com",
    ),
    ("github.com", "gitlab.com", "githubassets.com", "githubusercontent.com", "github.io"),
    ("facebook.com", "facebook.net", "fbcdn.net", "instagram.com", "cdninstagram.com"),
    ("cloudflare.com", "cloudflareinsights.com", "cloudfront.net", "cloudinary.com", "cloudimg.io"),
    ("unpkg.com", "jsdelivr.net", "jquery.com", "cdnjs.com", "bootstrapcdn.com", "fontawesome.com"),
    ("stripe.com", "stripe.network", "paypal.com", "paypalobjects.com", "klarna.com", "klarnacdn.net", "adyen.com"),
    ("vimeo.com", "vimeocdn.com", "youtube.com", "youtube-nocookie.com", "ytimg.com", "twitter.com", "twimg.com"),
    ("hotjar.com", "hotjar.io", "hubspot.com", "hsforms.net", "hsforms.com", "hs-scripts.com", "hs-banner.com"),
    ("doubleclick.net", "adnxs.com", "criteo.com", "criteo.net", "taboola.com", "outbrain.com", "pubmatic.com"),
    ("shopify.com", "shopifycdn.com", "shopifysvc.com", "shop.app", "typekit.net", "typekit.com", "monotype.com"),
]


def test_hosts_that_sites_use_together_are_never_look_alikes_of_each_other() -> None:
    everybody = [host for family in FAMILIES for host in family]
    taken = [(host, other) for host in everybody for other in everybody if looks_like_one_of(host, (other,))]
    assert taken == []


def test_a_policy_names_the_hosts_of_its_sources() -> None:
    policy = "img-src 'self' data: *.a.example https://b.example:8443/x *; sandbox c.example; form-action d.example"
    assert set(hosts_named_by(policy)) == {"a.example", "b.example", "d.example"}


def test_of_a_giant_policy_the_first_hosts_are_compared() -> None:
    assert len(hosts_named_by("img-src " + " ".join(f"a{number}.example" for number in range(500)))) == 100


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4))
def test_no_text_is_too_odd_to_be_compared(host: str, known: list[str]) -> None:
    assert not looks_like_one_of(host, (*known, host))


@given(st.text("abcdefg", min_size=1, max_size=8), st.text("abcdefg", min_size=1, max_size=8))
def test_one_edit_is_the_same_both_ways(name: str, other: str) -> None:
    assert is_one_edit(name, other) == is_one_edit(other, name)
    assert not is_one_edit(name, name)


@given(st.text(max_size=30))
def test_a_skeleton_has_no_skeleton_of_its_own(name: str) -> None:
    assert skeleton(skeleton(name)) == skeleton(name)
