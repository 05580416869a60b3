"""Headers with every character that some platform treats in its own way, and which platform cannot write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from policybuilder.rendering.snippets import SnippetFormat
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

_FRAGMENTS = st.sampled_from(
    [
        '"', "'", "`", "\\", '\\"', "\\\\", "\\n", "\\x41", "$", "${", "$request_id", "${HOME}", "$1", "%", "%%", "%s",
        "%{a}e", "%3B", "{", "}", "{path}", "{$HOME}", "{{", "}}", "{http.request.uuid}", "#", "//", "/*", "*/", "<!--",
        "-->", "</script>", "<meta>", "&amp;", "&", ";", "; ", ",", ", ", " ", "  ", "'nonce-{NONCE}'", "{NONCE}",
        "expr=", "self", "script-src ", "default-src 'none'", "report-uri /r", "frame-ancestors 'self'", "sandbox",
        "```", "+", "(", ")", "|",
    ]
)  # fmt: skip
header_values = (
    st.lists(_FRAGMENTS | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8), max_size=12)
    .map("".join)
    .map(str.strip)
    .filter(bool)
)
policy_headers = st.lists(
    st.builds(Header, st.sampled_from([ENFORCED, REPORT_ONLY, "Reporting-Endpoints"]), header_values),
    min_size=1,
    max_size=4,
)


def refused(fmt: SnippetFormat, headers: Sequence[Header]) -> bool:
    """Whether the platform has no way to write one of `headers`."""
    values = [header.value for header in headers]
    match fmt:
        case SnippetFormat.APACHE:
            return any(value.lower().startswith("expr=") for value in values)
        case SnippetFormat.CADDY:
            # Values of the same name share a line.
            same = [", ".join(h.value for h in headers if h.name == header.name) for header in headers]
            return any(
                "{$" in value
                or value == "}"
                or r"\{NONCE}" in value
                or ("`" in value and re.search(r'(?<!\\)(\\\\)*\\("|$)', value) is not None)
                for value in same
            )
        case SnippetFormat.NETLIFY:
            return any("{NONCE}" in value for value in values)
        case SnippetFormat.META:
            return any(header.name == REPORT_ONLY or header.needs_nonce for header in headers)
    return False
