from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.security_headers.framing import ancestors_by_x_frame_options, framing_policy

# (policy, what it says of framing, the same policy naming 'self', and naming nobody in particular)
POLICIES = [
    ("", None, "frame-ancestors 'self'", ""),
    ("img-src *", None, "img-src *; frame-ancestors 'self'", "img-src *"),
    ("img-src *; ", None, "img-src *; frame-ancestors 'self'", "img-src *"),
    ("frame-ancestors 'none'", "'none'", "frame-ancestors 'self'", ""),
    ("img-src *;frame-ancestors a  b;x", "a b", "img-src *;frame-ancestors 'self';x", "img-src *;x"),
    ("frame-ancestors a; x", "a", "frame-ancestors 'self'; x", "x"),
    ("x; frame-ancestors, y", "'none'", "x; frame-ancestors 'self', y", "x, y"),
    ("x, frame-ancestors a", "a", "x, frame-ancestors 'self'", "x,"),
    ("xframe-ancestors a", None, "xframe-ancestors a; frame-ancestors 'self'", "xframe-ancestors a"),
    ("img-src frame-ancestors", None, "img-src frame-ancestors; frame-ancestors 'self'", "img-src frame-ancestors"),
]


@pytest.mark.parametrize(("policy", "ancestors", "naming_self", "without"), POLICIES)
def test_a_policy_is_cut_at_its_frame_ancestors(
    policy: str, ancestors: str | None, naming_self: str, without: str
) -> None:
    cut = framing_policy(policy)
    assert cut.ancestors == ancestors
    assert cut.naming("'self'") == naming_self
    assert cut.naming(None) == without


PARTS = st.lists(
    st.sampled_from(["frame-ancestors", "Frame-Ancestors", " ", "\t", ";", ",", "'none'", "img-src", "a.example", "x"]),
    max_size=12,
).map("".join)


@given(policy=PARTS)
def test_what_was_named_is_read_back(policy: str) -> None:
    assert framing_policy(framing_policy(policy).naming("https://a.example")).ancestors == "https://a.example"


@pytest.mark.parametrize("text", [";" * 1_000_000, " " * 1_000_000, "; " * 500_000 + "x", ";frame-ancestors" * 60_000])
def test_a_long_policy_takes_no_longer_than_it_is_long(text: str) -> None:
    before = time.process_time()
    framing_policy(text)
    assert time.process_time() - before < 5


# (header values, the frame-ancestors that says the same)  https://html.spec.whatwg.org/#the-x-frame-options-header
OPTIONS = [
    (["DENY"], "'none'"),
    ([" sameorigin "], "'self'"),
    (["DENY", "deny"], "'none'"),
    (["DENY, DENY"], "'none'"),
    (["DENY", "SAMEORIGIN"], None),
    (["ALLOW-FROM https://a.example"], None),
    (["ALLOWALL"], None),
    ([""], None),
]


@pytest.mark.parametrize(("values", "ancestors"), OPTIONS)
def test_x_frame_options_is_read_as_browsers_do(values: list[str], ancestors: str | None) -> None:
    assert ancestors_by_x_frame_options(values) == ancestors
