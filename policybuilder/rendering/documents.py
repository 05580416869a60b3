"""Snippets for documents: plain header lines, Markdown and `<meta>` elements."""

from __future__ import annotations

import html
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER, Policy, parse_serialized_policy_list
from policybuilder.rendering.draws import divided, percent
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

# https://html.spec.whatwg.org/multipage/semantics.html#attr-meta-http-equiv-content-security-policy
_IGNORED_IN_META = frozenset({"frame-ancestors", "report-uri", "sandbox"})


def header_lines(headers: Sequence[Header], _share: float = 1.0) -> str:
    """Return `headers` as they stand in a response that has them all."""
    return "".join(f"{header.name}: {header.value}\n" for header in headers)


def markdown(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return `headers` as a code block, for an issue or a change description."""
    # No line can close the block: each begins with a header's name.
    parts = [f"```http\n{header_lines(headers)}```\n"]
    if any(header.needs_nonce for header in headers):
        parts.append(f"\nReplace `{NONCE_PLACEHOLDER}` by a new unguessable value for each response.\n")
    _, drawn = divided(headers, share)
    if drawn:
        names = " and ".join(f"`{name}`" for name in dict.fromkeys(header.name for header in drawn))
        parts.append(f"\nSend {names} with {percent(share)} of the page views, drawn by lot outside any cache.\n")
    return "".join(parts)


def meta(headers: Sequence[Header], _share: float = 1.0) -> str:
    """Return an element for each policy, without what browsers ignore there, which a comment names.

    Raises ValueError for a report-only policy, which browsers ignore in a document.
    """
    if any(header.name == REPORT_ONLY for header in headers):
        raise ValueError(f"browsers ignore {REPORT_ONLY} in <meta>; send it as a header")
    if any(header.needs_nonce for header in headers):
        return (
            "<!-- This policy needs a new nonce for each response, and a document that is stored repeats it: a fixed\n"
            "     nonce protects nothing, so no element is written here. Allow inline scripts by their hashes, or\n"
            "     send the policy as a header. -->\n"
        )
    ignored = {header.name for header in headers if header.name != ENFORCED}
    elements: list[str] = []
    for header in headers:
        if header.name != ENFORCED:
            continue
        for policy in parse_serialized_policy_list(header.value).policies:
            ignored |= {directive.name for directive in policy.directives} & _IGNORED_IN_META
            kept = Policy(tuple(d for d in policy.directives if d.name not in _IGNORED_IN_META))
            if kept.directives:
                content = html.escape(str(kept), quote=False).replace('"', "&quot;")
                elements.append(f'<meta http-equiv="{ENFORCED}" content="{content}">\n')
    notes = ["<!-- First in <head>: what stands before it is not governed. -->\n"] if elements else []
    if ignored:
        notes.append(f"<!-- Left out, since browsers heed it in headers only: {', '.join(sorted(ignored))} -->\n")
    return "".join([*notes, *elements])
