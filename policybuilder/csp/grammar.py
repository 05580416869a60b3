"""The grammar of serialized policies, as patterns named after the productions of the specification.

Every pattern is deterministic enough for `re` to run it in linear time: texts come from strangers.

https://w3c.github.io/webappsec-csp/#framework-policy
"""

from __future__ import annotations

import re

# https://infra.spec.whatwg.org/#ascii-whitespace: neither the vertical tab nor the no-break space.
ASCII_WHITESPACE = "\t\n\f\r "
TOKEN = re.compile(r"[^\t\n\f\r ]+")

# Differs from the spec: control characters void a directive as those outside ASCII do; because Chromium and Firefox
# drop it for either; see https://w3c.github.io/webappsec-csp/#parse-serialized-policy
VOIDING = re.compile(r"[^\t\n\f\r -~]")

# https://w3c.github.io/trusted-types/dist/spec/#trusted-types-csp-directive
#   tt-policy-name = 1*( ALPHA / DIGIT / "-" / "#" / "=" / "_" / "/" / "@" / "." / "%" )
TRUSTED_TYPE_NAME = re.compile(r"[A-Za-z0-9#=_/@.%-]+")

# https://www.rfc-editor.org/rfc/rfc3986#section-3.1
#   scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )  # noqa: ERA001 - a grammar, not code
SCHEME_PART = r"[A-Za-z][A-Za-z0-9+.-]*"

# https://w3c.github.io/webappsec-csp/#grammardef-host-part
#   host-part = "*" / [ "*." ] 1*host-char *( "." 1*host-char ) [ "." ]
#   host-char = ALPHA / DIGIT / "-"
HOST_PART = r"(?:\*|(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.?)"

# https://w3c.github.io/webappsec-csp/#grammardef-port-part
PORT_PART = r"(?:[0-9]+|\*)"

SCHEME_SOURCE = re.compile(rf"(?P<scheme>{SCHEME_PART}):")

# Differs from the spec: any character may follow in a path, and a query or fragment is cut off instead of making the
# token invalid; because Chromium and Firefox read paths so; see
# https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
HOST_SOURCE = re.compile(
    rf"(?:(?P<scheme>{SCHEME_PART})://)?(?P<host>{HOST_PART})(?::(?P<port>{PORT_PART}))?"
    r"(?:(?P<path>/[^?#]*)(?P<cut>[?#].*)?)?",
    re.DOTALL,
)

# What may be written into a path: pchar and "/" without ";" and ",", which would end the directive or the policy.
# Firefox reads no other paths; Chromium reads any.
# https://www.rfc-editor.org/rfc/rfc3986#section-3.3
WRITABLE_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+=:@/-]|%[0-9A-Fa-f]{2})*")

# https://w3c.github.io/webappsec-csp/#grammardef-base64-value
BASE64_VALUE = r"[A-Za-z0-9+/_-]+={0,2}"
NONCE_SOURCE = re.compile(rf"'(?i:nonce)-(?P<value>{BASE64_VALUE})'")

# Differs from the spec: `sha-256` is read like `sha256`, and the public key of a signature counts as a digest; because
# Chromium takes them so; see
# https://source.chromium.org/chromium/chromium/src/+/main:services/network/public/cpp/content_security_policy/
# https://wicg.github.io/signature-based-sri/
HASH_SOURCE = re.compile(
    rf"'(?:(?i:sha)(?P<dash>-?)(?P<bits>256|384|512)|(?P<key>(?i:ed25519)))-(?P<value>{BASE64_VALUE})'"
)

# One token of an integrity attribute.
# https://w3c.github.io/webappsec-subresource-integrity/#the-integrity-attribute
INTEGRITY = re.compile(rf"(?:sha-?(?P<bits>256|384|512)|ed25519)-(?P<value>{BASE64_VALUE})(?:\?.*)?", re.DOTALL)

# https://github.com/explainers-by-googlers/script-src-v2
EXTENDED_HASH_SOURCE = re.compile(rf"'(?i:(?P<subject>url|eval)-sha)-?(?P<bits>256|384|512)-(?P<value>{BASE64_VALUE})'")

# A concrete host, as it may enter a policy; URL parsers let more through, such as `a..b` and `a_b`.
CONCRETE_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
