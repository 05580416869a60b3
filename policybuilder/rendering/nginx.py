"""Snippets for nginx, and its rules of quoting."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.rendering.draws import divided, percent, percentage
from policybuilder.rendering.limits import PROXIES, size_notes
from policybuilder.stages import Header

# nginx reads its configuration through a buffer of 4,096 bytes, and refuses a longer parameter.
# https://github.com/nginx/nginx/blob/master/src/core/ngx_conf_file.c (NGX_CONF_BUFFER)
_MAX_PARAMETER = 4000

_NOTE = """\
# In the server block. A location that has an add_header of its own inherits none of these lines: repeat them there,
# or keep them in a file and include it in both. A header of the same name from an application behind nginx is sent
# beside these, and browsers then obey both policies: proxy_hide_header NAME; takes the application's away.
"""

_NONCE_NOTE = """\
# The nonce is $request_id, 128 random bits for each request where nginx is built with OpenSSL (nginx -V says so), and
# the script tags need the same one:
# - an application behind nginx writes it into its tags:
#     proxy_set_header X-CSP-Nonce $request_id;
#   It must not be kept by proxy_cache: the tags of a kept page have the nonce of another request.
# - in static pages nginx itself can put it in place of a secret text in the tags:
#     sub_filter "LONG-RANDOM-SECRET" $request_id;
#     sub_filter_once off;
#   Whoever can inject markup and knows that text can run scripts: choose your own, and let no page show it unreplaced.
#   Compressed pages pass as they are: for proxied ones, proxy_set_header Accept-Encoding "";
# Nothing in front of nginx may keep these pages, and a browser should not either (Cache-Control: no-store).
"""

_DRAW_NOTE = """\
# One draw for each request, {percent} of them as r= in the report URL says. No cache may keep the pages in front of
# nginx: whoever gets a copy would share its draw.
"""


def nginx(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return `add_header` lines, after what the http block needs for drawing and for long values.

    https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header

    Raises ValueError for a share that nginx cannot draw.
    """
    always, drawn = divided(headers, share)
    http_level: list[str] = []
    lines = [f"add_header {header.name} {_value(header, http_level)} always;\n" for header in always]
    if drawn:
        http_level.append(_draw(share))
    # An empty value is not sent.
    for number, header in enumerate(drawn, 1):
        http_level.append(f"map $csp_drawn $csp_sampled_{number} {{ 1 {_value(header, http_level)}; }}\n")
        lines.append(f"add_header {header.name} $csp_sampled_{number} always;\n")
    return "".join(
        [
            "".join(["# In the http block:\n", *http_level, "\n"]) if http_level else "",
            _NOTE,
            _NONCE_NOTE if any(header.needs_nonce for header in headers) else "",
            size_notes(headers, PROXIES, mark="#"),
            *lines,
        ]
    )


def _draw(share: float) -> str:
    """Return a variable that is `1` in a share of the requests, else empty.

    https://nginx.org/en/docs/http/ngx_http_split_clients_module.html
    """
    wanted = percentage(share)
    possible = min(max(round(wanted, 2), Decimal("0.01")), Decimal("99.99"))
    if wanted != possible:
        raise ValueError(f"nginx draws in steps of 0.01 %, so {possible} % rather than {percent(share)}")
    note = _DRAW_NOTE.format(percent=percent(share))
    return f'{note}split_clients "$request_id" $csp_drawn {{ {possible:.2f}% 1; * ""; }}\n'


def _value(header: Header, http_level: list[str]) -> str:
    """Return the value of `header` as a parameter; constants that it needs are appended to `http_level`."""
    value = _quote(header.value.replace(NONCE_PLACEHOLDER, "${request_id}"))
    # A quoted dollar sign begins a variable and has no escape; the text of a geo block is taken as it is.
    if "$" not in header.value and len(value) <= _MAX_PARAMETER:
        return value
    fragments = (
        "".join(_constant(piece, http_level) for piece in _pieces(fragment))
        for fragment in header.value.split(NONCE_PLACEHOLDER)
    )
    return f'"{"${request_id}".join(fragments)}"'


def _quote(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _constant(text: str, http_level: list[str]) -> str:
    """Append a variable that always holds `text` to `http_level`, and return it as a value names it."""
    name = f"csp_text_{sum(line.startswith('geo ') for line in http_level) + 1}"
    http_level.append(f"geo ${name} {{ default {_quote(text)}; }}\n")
    return f"${{{name}}}"


def _pieces(text: str) -> list[str]:
    """Cut `text` such that each piece fits a parameter even when every character is escaped."""
    size = _MAX_PARAMETER // 2
    return [text[start : start + size] for start in range(0, len(text), size)]
