"""What strangers may post: strategies of URLs, reports and bodies that nobody should rely on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_TEXTS = st.text() | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Lu"])) | st.just("x" * 2_500)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS
JSON_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)
"""Any JSON value, with the numbers and surrogates that JSON does not quite have."""

_PARTS = st.sampled_from(
    [
        *("https://", "http://u:p@", "wss://", "data:", "blob:", "about:", "//", "moz-extension://"),
        *("shop.example", "[::1]", ":443", "/", "/a", "?", "#", "?a=b#c", "\\", "@", "%00"),
        *("\0", "\ud800", "\u202e", " ", ";", ",", "'self'", "*"),
    ]
)
URLS = st.lists(_PARTS, max_size=8).map("".join) | _TEXTS
_WORDS = st.sampled_from(["inline", "eval", "self", "", "data", "trusted-types-sink"])
_DIRECTIVES = st.sampled_from(["img-src", "script-src-elem", "script-src *; object-src", "IMG-SRC", "", "\0", "x-src"])
POLICIES = st.lists(
    st.sampled_from(["img-src", "default-src", "script-src", ";", ",", "'self'", "'nonce-a'", "*", "https://a/?b#c"])
    | _TEXTS,
    max_size=12,
).map(" ".join)

_MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "document-uri": URLS,
    "documentURL": URLS,
    "effective-directive": _DIRECTIVES | _TEXTS,
    "effectiveDirective": _DIRECTIVES | _TEXTS,
    "violated-directive": _DIRECTIVES,
    "blocked-uri": _WORDS | URLS,
    "blockedURL": _WORDS | URLS,
    "original-policy": POLICIES,
    "originalPolicy": POLICIES,
    "script-sample": _TEXTS,
    "sample": _TEXTS,
    "source-file": URLS,
    "sourceFile": URLS,
    "referrer": URLS,
    "disposition": st.sampled_from(["report", "enforce", "x"]),
    "line-number": st.integers() | _TEXTS,
    "statusCode": st.integers(),
    "hash": st.sampled_from(["", "sha256-AAAA", "md5-AAAA", "sha256-\0"]),
    "subresourceURL": URLS,
    "destination": _TEXTS,
}
MEMBERS = st.fixed_dictionaries({}, optional={name: value | JSON_VALUES for name, value in _MEMBERS.items()})
COMPLETE = st.fixed_dictionaries(
    {name: _MEMBERS[name] for name in ("document-uri", "effective-directive", "blocked-uri", "sample", "source-file")},
    optional={name: _MEMBERS[name] for name in ("referrer", "original-policy", "line-number", "destination", "hash")},
)
ENVELOPES = st.fixed_dictionaries(
    {"body": MEMBERS | COMPLETE | JSON_VALUES},
    optional={
        "type": st.sampled_from(["csp-violation", "csp-hash", "deprecation"]) | JSON_VALUES,
        "age": st.integers() | st.floats() | JSON_VALUES,
        "url": URLS | JSON_VALUES,
        "user_agent": st.sampled_from(["Firefox/153.0", "Chrome/156.0.0.0"]) | JSON_VALUES,
    },
)
REPORTS = st.fixed_dictionaries({"csp-report": MEMBERS | COMPLETE | JSON_VALUES}) | ENVELOPES | MEMBERS
VALUES = REPORTS | st.lists(REPORTS | JSON_VALUES, max_size=5) | JSON_VALUES

_JSON_BYTES = st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u0000", b"\\ud800", b"1e999", b"NaN"])
BYTES = (
    st.binary()
    | st.lists(_JSON_BYTES | st.just(b'"csp-report"') | st.binary(max_size=3), max_size=20).map(b"".join)
    | st.builds(lambda value, cut: json.dumps(value).encode()[:cut], VALUES, st.integers(0, 400))
)
