"""Snippets for Apache, and its rules of quoting."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.rendering.draws import divided, hexadecimal_bound, percent
from policybuilder.rendering.limits import PROXIES, size_notes
from policybuilder.stages import Header

_NOTE = """\
# Needs mod_headers (a2enmod headers). A header of the same name from an application is sent beside these, and browsers
# then obey both policies: Header onsuccess unset NAME takes the application's away.
"""

_UNIQUE_ID = """\
<IfModule !unique_id_module>
    Error "These headers need mod_unique_id: a2enmod unique_id"
</IfModule>
"""

# A hash of the secret and of what is never the same twice: unpredictable for all who do not know the secret, while
# UNIQUE_ID alone is made of counters and the time. Inside Location, since elsewhere the expression is evaluated before
# mod_unique_id has set its variable. Without the variable the header says 'nonce-(null)', which is no nonce and so
# allows nothing.
# https://httpd.apache.org/docs/2.4/mod/mod_setenvif.html#setenvifexpr
_NONCE = """\
# The nonce is a hash of UNIQUE_ID, which is new for each request but can be guessed, with a secret of yours (openssl
# rand -hex 32), for instance in a file that root alone can read and that is included before this one:
#     Define CSP_SECRET "THE-SECRET"
# Script tags need the same nonce, which stands in the environment as CSP_NONCE:
# - applications read it there, or behind mod_proxy in a request header:
#     RequestHeader set X-CSP-Nonce "%{CSP_NONCE}e"
# - pages in files get it from mod_include, as nonce="<!--#echo var="CSP_NONCE" -->":
#     AddOutputFilter INCLUDES .html
#     Options +Includes
# No cache may keep these pages, not even the browser's (Cache-Control: no-store): their nonce is for one response.
<IfDefine !CSP_SECRET>
    Error "This policy needs a secret to make its nonces of: Define CSP_SECRET"
</IfDefine>
<Location "/">
    SetEnvIfExpr "sha1('${CSP_SECRET}' . reqenv('UNIQUE_ID')) =~ /^(.*)$/" CSP_NONCE=$1
</Location>
"""

_DOLLAR = """\
Define CSP_DOLLAR $
"""

_DRAW_NOTE = """\
# One draw for each request, {percent} of them as r= in the report URL says. No cache may keep the pages in front of
# this: whoever gets a copy would share its draw.
"""


def apache(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return `Header` directives of mod_headers.

    https://httpd.apache.org/docs/2.4/mod/mod_headers.html#header

    Raises ValueError for a value that Apache would compute.
    """
    always, drawn = divided(headers, share)
    needs_nonce = any(header.needs_nonce for header in headers)
    # Strings of the same length, so their order is that of the numbers.
    condition = f" \"expr=md5(reqenv('UNIQUE_ID')) < '{hexadecimal_bound(share)}'\""
    return "".join(
        [
            _NOTE,
            _UNIQUE_ID if needs_nonce or drawn else "",
            _NONCE if needs_nonce else "",
            size_notes(headers, PROXIES, mark="#"),
            _DOLLAR if any("${" in header.value for header in headers) else "",
            *_directives(always),
            _DRAW_NOTE.format(percent=percent(share)) if drawn else "",
            *_directives(drawn, condition),
        ]
    )


def _directives(headers: Sequence[Header], condition: str = "") -> list[str]:
    lines: list[str] = []
    names: set[str] = set()
    for header in headers:
        # Apache would send the result of the expression, and offers no way to quote it.
        if header.value.lower().startswith("expr="):
            raise ValueError(f"Apache would compute what begins with expr= in {header.name}, and cannot be told not to")
        value = "%{CSP_NONCE}e".join(map(_quote, header.value.split(NONCE_PLACEHOLDER)))
        action = "add" if header.name.lower() in names else "set"
        names.add(header.name.lower())
        lines.append(f'Header always {action} {header.name} "{value}"{condition}\n')
    return lines


def _quote(text: str) -> str:
    # Read twice: as an argument in quotes, then as a format string. Each halves backslashes.
    format_string = text.replace("\\", r"\\").replace("%", "%%")
    argument = format_string.replace("\\", r"\\").replace('"', r"\"")
    # What a variable stands for is not looked through for variables again.
    return argument.replace("${", "${CSP_DOLLAR}{")
