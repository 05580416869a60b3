"""Snippets for Caddy, and its rules of quoting."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.rendering.draws import divided, hexadecimal_bound, percent
from policybuilder.rendering.limits import PROXIES, size_notes
from policybuilder.stages import Header

_NOTE = """\
# In the site block. A header of the same name from an application behind Caddy is sent beside these, and browsers then
# obey both policies: header_down -NAME in reverse_proxy takes the application's away.
"""

_NONCE_NOTE = """\
# The nonce is the request's UUID, 122 random bits, and the script tags need the same one:
# - an application behind Caddy writes it into its tags; in reverse_proxy:
#     header_up X-CSP-Nonce {http.request.uuid}
# - pages in files get it from the templates directive, as nonce="{{placeholder "http.request.uuid"}}":
#     templates
#   It runs all that stands between such braces: only where you wrote every page yourself.
# No cache may keep these pages, not even the browser's (Cache-Control: no-store): their nonce is for one response.
"""

_DRAW_NOTE = """\
# One draw for each request, {percent} of them as r= in the report URL says. No cache may keep the pages in front of
# Caddy: whoever gets a copy would share its draw.
"""


def caddy(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return `header` blocks for a site; policies of the same name share a line, separated by commas.

    https://caddyserver.com/docs/caddyfile/concepts#tokens-and-quotes

    Raises ValueError for a value that a Caddyfile cannot hold.
    """
    always, drawn = divided(headers, share)
    # A UUID begins with eight random digits. Strings compare by their first difference.
    # https://caddyserver.com/docs/caddyfile/matchers#expression
    matcher = f'@csp_drawn expression `{{http.request.uuid}} < "{hexadecimal_bound(share)}"`\n'
    return "".join(
        [
            _NOTE,
            _NONCE_NOTE if any(header.needs_nonce for header in headers) else "",
            size_notes(_combined(headers), PROXIES, mark="#"),
            _block("header", always) if always else "",
            f"{_DRAW_NOTE.format(percent=percent(share))}{matcher}{_block('header @csp_drawn', drawn)}"
            if drawn
            else "",
        ]
    )


def _block(directive: str, headers: Sequence[Header]) -> str:
    lines = [f"{directive} {{\n"]
    for header in _combined(headers):
        # A variable of the environment is put in before anything else is read. A backslash before a placeholder would
        # make it plain text. A closing brace alone ends the block even between quotes.
        if "{$" in header.value or f"\\{NONCE_PLACEHOLDER}" in header.value or header.value == "}":
            raise ValueError(f"a Caddyfile cannot hold {{$, \\ before a nonce, or }} alone, in {header.name}")
        # Caddy looks for escapes only where there is something to replace, that is, an opening brace.
        fragments = header.value.split(NONCE_PLACEHOLDER)
        if "{" in header.value:
            fragments = [_escape_braces(fragment) for fragment in fragments]
        lines.append(f"\t{header.name} {_quote('{http.request.uuid}'.join(fragments), header.name)}\n")
    lines.append("}\n")
    return "".join(lines)


def _combined(headers: Sequence[Header]) -> list[Header]:
    """Return `headers`, values of the same name joined by commas, which means the same.

    https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    """
    values: dict[str, list[str]] = {}
    for header in headers:
        values.setdefault(header.name, []).append(header.value)
    return [Header(name, ", ".join(same)) for name, same in values.items()]


def _quote(text: str, name: str) -> str:
    """Return `text` between quotes, or raise ValueError where neither kind can hold it."""
    # Back quotes take everything but themselves as it is.
    if "`" not in text:
        return f"`{text}`"
    # Between double quotes a backslash is one, unless a double quote follows; two of them are two.
    if re.search(r'(?<!\\)(?:\\\\)*\\("|$)', text):
        raise ValueError(f"a Caddyfile cannot hold a back quote beside \\ before a double quote or the end, in {name}")
    escaped = text.replace('"', r"\"")
    return f'"{escaped}"'


def _escape_braces(text: str) -> str:
    return text.replace("{", r"\{").replace("}", r"\}")
