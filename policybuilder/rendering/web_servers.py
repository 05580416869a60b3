"""Snippets for web servers: nginx, Apache and Caddy, each with its own rules of quoting."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.stages import Header

# nginx reads its configuration through a buffer of 4,096 bytes, and refuses a longer parameter.
# https://github.com/nginx/nginx/blob/master/src/core/ngx_conf_file.c (NGX_CONF_BUFFER)
_NGINX_MAX_PARAMETER = 4000

_NGINX_NOTE = """\
# In the server block. A location that has an add_header of its own inherits none of these lines: repeat them there,
# or keep them in a file and include it in both. A header of the same name from an application behind nginx is sent
# beside these, and browsers then obey both policies: proxy_hide_header NAME; takes the application's away.
"""

_NGINX_NONCE_NOTE = """\
# The nonce is $request_id, new for each response, and the script tags need the same one:
# - an application behind nginx writes it into its tags: proxy_set_header X-CSP-Nonce $request_id;
# - in static pages nginx itself can put it in place of a secret text in the tags:
#     sub_filter "LONG-RANDOM-SECRET" $request_id;  sub_filter_once off;
#   Whoever can inject markup and knows that text can run scripts: choose your own, and let no page show it unreplaced.
# No cache may keep these pages: their nonce is for one response.
"""

_APACHE_NOTE = """\
# Needs mod_headers (a2enmod headers). A header of the same name from an application is sent beside these, and browsers
# then obey both policies: Header onsuccess unset NAME takes the application's away.
"""

_APACHE_NONCE_NOTE = """\
# Apache has no unpredictable value of its own (UNIQUE_ID can be guessed): the nonce comes from mod_cspnonce.
# Applications read it from the environment as CSP_NONCE and write it into their script tags.
<IfModule !cspnonce_module>
    Error "This policy needs a nonce for each response: install mod_cspnonce"
</IfModule>
"""

_CADDY_NONCE_NOTE = """\
# The nonce is the request's UUID, new for each response, and the script tags need the same one:
# - an application behind Caddy writes it into its tags: header_up X-CSP-Nonce {http.request.uuid}
# - static pages do it by the templates directive: nonce="{{placeholder "http.request.uuid"}}"
# No cache may keep these pages: their nonce is for one response.
"""


def nginx(headers: Sequence[Header]) -> str:
    """Return `add_header` lines, after constants for the values that do not fit into one.

    https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header
    """
    constants: list[str] = []
    lines: list[str] = []
    for header in headers:
        value = _nginx_quote(header.value.replace(NONCE_PLACEHOLDER, "${request_id}"))
        # A quoted dollar sign begins a variable and has no escape; the text of a geo block is taken as it is.
        if "$" in header.value or len(value) > _NGINX_MAX_PARAMETER:
            value = '"' + "${request_id}".join(
                "".join(_nginx_constant(piece, constants) for piece in _pieces(fragment))
                for fragment in header.value.split(NONCE_PLACEHOLDER)
            ) + '"'  # fmt: skip
        lines.append(f"add_header {header.name} {value} always;\n")
    nonce_note = _NGINX_NONCE_NOTE if any(header.needs_nonce for header in headers) else ""
    http_level = "".join(["# In the http block:\n", *constants, "\n"]) if constants else ""
    return "".join([http_level, _NGINX_NOTE, nonce_note, *lines])


def apache(headers: Sequence[Header]) -> str:
    """Return `Header` directives of mod_headers.

    https://httpd.apache.org/docs/2.4/mod/mod_headers.html#header
    """
    lines = [_APACHE_NOTE]
    if any(header.needs_nonce for header in headers):
        lines.append(_APACHE_NONCE_NOTE)
    names: set[str] = set()
    for header in headers:
        # Apache would put a variable, or an expression's result, in place of these, and offers no way to quote them.
        if "${" in header.value or header.value.lower().startswith("expr="):
            raise ValueError(f"Apache would interpret ${{ or expr= in {header.name}, and cannot be told not to")
        value = "%{CSP_NONCE}e".join(map(_apache_quote, header.value.split(NONCE_PLACEHOLDER)))
        action = "add" if header.name.lower() in names else "set"
        names.add(header.name.lower())
        lines.append(f'Header always {action} {header.name} "{value}"\n')
    return "".join(lines)


def caddy(headers: Sequence[Header]) -> str:
    """Return a `header` block for a site; policies of the same name share a line, separated by commas.

    https://caddyserver.com/docs/caddyfile/concepts#tokens-and-quotes
    """
    lines = [_CADDY_NONCE_NOTE] if any(header.needs_nonce for header in headers) else []
    lines.append("header {\n")
    for name, value in combined(headers):
        # Back quotes take everything else as it is, where double quotes cannot hold a backslash before a quote. A
        # backslash before a placeholder would make it plain text.
        if any(text in value for text in ("`", "{$", f"\\{NONCE_PLACEHOLDER}")):
            raise ValueError(f"a Caddyfile cannot hold a back quote, {{$, or \\ before a nonce in {name}")
        # Caddy looks for escapes only where there is something to replace, that is, an opening brace.
        fragments = map(_caddy_braces, value.split(NONCE_PLACEHOLDER)) if "{" in value else (value,)
        lines.append(f"\t{name} `{'{http.request.uuid}'.join(fragments)}`\n")
    lines.append("}\n")
    return "".join(lines)


def combined(headers: Sequence[Header]) -> tuple[tuple[str, str], ...]:
    """Return name and value of `headers`, values of the same name joined by commas, which means the same.

    https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    """
    values: dict[str, list[str]] = {}
    for header in headers:
        values.setdefault(header.name, []).append(header.value)
    return tuple((name, ", ".join(same)) for name, same in values.items())


def _nginx_quote(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _nginx_constant(text: str, constants: list[str]) -> str:
    """Append a variable that always holds `text` to `constants`, and return it as a value names it."""
    name = f"csp_text_{len(constants) + 1}"
    constants.append(f"geo ${name} {{ default {_nginx_quote(text)}; }}\n")
    return f"${{{name}}}"


def _pieces(text: str) -> list[str]:
    """Cut `text` such that each piece fits a parameter even when every character is escaped."""
    size = _NGINX_MAX_PARAMETER // 2
    return [text[start : start + size] for start in range(0, len(text), size)]


def _apache_quote(text: str) -> str:
    # Read twice: as an argument in quotes, then as a format string. Each halves backslashes.
    format_string = text.replace("\\", r"\\").replace("%", "%%")
    return format_string.replace("\\", r"\\").replace('"', r"\"")


def _caddy_braces(text: str) -> str:
    return text.replace("{", r"\{").replace("}", r"\}")
