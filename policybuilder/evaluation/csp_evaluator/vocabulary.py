"""The vocabulary: names and keywords that the peer knows, which are those of 2023, and what has come since."""

from __future__ import annotations

import re

DIRECTIVES = frozenset(
    {
        *("base-uri", "block-all-mixed-content", "child-src", "connect-src", "default-src", "disown-opener"),
        *("font-src", "form-action", "frame-ancestors", "frame-src", "img-src", "manifest-src", "media-src"),
        *("navigate-to", "object-src", "plugin-types", "prefetch-src", "referrer", "reflected-xss", "report-to"),
        *("report-uri", "require-sri-for", "require-trusted-types-for", "sandbox", "script-src", "script-src-attr"),
        *("script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types"),
        *("upgrade-insecure-requests", "webrtc", "worker-src"),
    }
)

DEPRECATED_DIRECTIVES = ("reflected-xss", "referrer", "disown-opener", "prefetch-src")

KEYWORDS = frozenset(
    {
        *("'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "'wasm-eval'", "'wasm-unsafe-eval'"),
        *("'strict-dynamic'", "'unsafe-hashed-attributes'", "'unsafe-hashes'", "'report-sample'", "'block'", "'allow'"),
        "'inline-speculation-rules'",
    }
)
UNQUOTED_KEYWORDS = frozenset(keyword.strip("'") for keyword in KEYWORDS)

TRUSTED_TYPES_KEYWORDS = {
    "require-trusted-types-for": frozenset({"'script'"}),
    "trusted-types": frozenset({"'allow-duplicates'", "'none'"}),
}
"""The directives whose keywords are others."""

# https://w3c.github.io/webappsec-csp/#grammardef-keyword-source
# https://w3c.github.io/trusted-types/dist/spec/#csp-eval
NEWER_KEYWORDS = frozenset({"'report-sha256'", "'report-sha384'", "'report-sha512'", "'trusted-types-eval'"})

# https://wicg.github.io/fenced-frame/#new-csp-directive
NEWER_DIRECTIVES = frozenset({"fenced-frame-src"})

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
NONCE = re.compile(r"'nonce-[A-Za-z0-9+/_-]+={0,2}'")
HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'")
DIGEST = re.compile(r"'sha(?:256-[A-Za-z0-9+/_-]{43}=?|384-[A-Za-z0-9+/_-]{64}|512-[A-Za-z0-9+/_-]{86}={0,2})'")
"""A hash as long as its algorithm makes them; padding may be left out."""

UNQUOTED_NONCE_OR_HASH = re.compile(r"nonce-|sha(?:256|384|512)-")
"""At the beginning of a value."""

# https://tc39.es/ecma262/#prod-WhiteSpace and https://tc39.es/ecma262/#prod-LineTerminator: what `\\s` means in
# JavaScript, which neither ASCII whitespace nor `str.split` does.
TOKEN = re.compile(r"[^\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")

INHERITED_NAMES = frozenset({"constructor", "__proto__"})
"""Names of directives that the peer skips as though it had seen them: any object of JavaScript has them, and only these
of what it has are written in lower case."""
