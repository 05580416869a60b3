"""Snippets for application frameworks: Express with helmet, Django, and FastAPI or Starlette."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER, Policy, parse_serialized_policy_list
from policybuilder.rendering.draws import divided, percent, written
from policybuilder.rendering.limits import PROXIES, size_notes
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

_EXPRESS_NONCE = """\
// A new nonce for each response; templates write <script nonce="<%= cspNonce %>">.
app.use((req, res, next) => {
  res.locals.cspNonce = randomBytes(16).toString("base64");
  next();
});

"""

_DRAW_NOTE = """\
{mark} One draw for each response, {percent} of them as r= in the report URL says. No cache may keep the pages in front
{mark} of this: whoever gets a copy would share its draw.
"""

_DJANGO_SETTINGS_NOTE = """\
# settings.py, Django 6.0 or later, with these in place:
#   MIDDLEWARE: "django.middleware.csp.ContentSecurityPolicyMiddleware"
"""

_DJANGO_NONCE_NOTE = """\
#   TEMPLATES, context_processors: "django.template.context_processors.csp"
# and <script nonce="{{ csp_nonce }}"> in the templates. No cache may keep these pages, not even the browser's.
"""

_DJANGO_MIDDLEWARE = """\
# What the settings cannot hold, in a module of yours. Name this middleware in MIDDLEWARE above Django's own.
def more_security_headers(get_response):
{lists}
    def middleware(request):
        response = get_response(request)
        for name, value in {sent}:
{nonce}            earlier = response.headers.get(name)
            response.headers[name] = f"{{earlier}}, {{value}}" if earlier else value
        return response

    return middleware
"""

# Django's own nonce is false while no template has asked for it, and missing where another middleware answered before:
# then no tag needs one, and the header gets one that nobody knows.
_DJANGO_NONCE = """\
            value = value.replace("{placeholder}", str(get_nonce(request) or secrets.token_urlsafe(16)))
"""

_ASGI_MIDDLEWARE = """\
{imports}{notes}{lists}

class SecurityHeadersMiddleware:
    \"\"\"Adds these headers to every response.{about_nonce}\"\"\"

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
{make_nonce}{choose}
        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), {value}.encode()) for name, value in {sent}]
                message = {{**message, "headers": [*message.get("headers", ()), *added]}}
            await send(message)

        await self.app(scope, receive, send_with_headers)


# The last line of the module that makes the application: around everything, so that error pages carry the headers too.
app = SecurityHeadersMiddleware(app)
"""


def helmet(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return Express middleware: helmet for the first policy of each kind, plain headers for the rest.

    https://helmetjs.github.io/#content-security-policy

    Raises ValueError for directives that helmet refuses.
    """
    # helmet replaces a header that it finds, so whatever follows the first policy is appended after it.
    always, drawn = divided(headers, share)
    policies, others = _one_policy_each(always)
    nonce = any(header.needs_nonce for header in headers)
    imports = 'import { randomBytes } from "node:crypto";\n' if nonce else ""
    imports += 'import helmet from "helmet";\n' if policies else ""
    blocks = [
        f"{imports}\n" if imports else "",
        size_notes(headers, PROXIES, mark="//"),
        _EXPRESS_NONCE if nonce else "",
    ]
    if policies:
        blocks.append(
            "// helmet() has a policy of its own: for its other headers, helmet({ contentSecurityPolicy: false }).\n"
        )
    blocks += [_helmet_policy(name, policy) for name, policy in policies]
    if others:
        blocks.append(_express_headers(others))
    if drawn:
        blocks.append(_DRAW_NOTE.format(mark="//", percent=percent(share)))
        blocks.append(_express_headers(drawn, f"if (Math.random() >= {written(share)}) return next();"))
    return "".join(blocks)


def django(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return settings for Django's own middleware, and a middleware for what the settings cannot hold.

    https://docs.djangoproject.com/en/6.0/ref/csp/

    Raises ValueError for a nonce that is no source of its own.
    """
    always, drawn = divided(headers, share)
    policies, others = _one_policy_each(always)
    parts = [size_notes(headers, PROXIES, mark="#")]
    nonce = any(header.needs_nonce for header in headers)
    if policies or nonce:
        parts.append(_DJANGO_SETTINGS_NOTE + (_DJANGO_NONCE_NOTE if nonce else ""))
    if any(NONCE_PLACEHOLDER in str(policy) for _, policy in policies):
        parts.append("from django.utils.csp import CSP\n\n")
    parts += [_django_setting(name, policy) for name, policy in policies]
    if others or drawn:
        parts.append(("\n\n" if policies else "") + _django_middleware(others, drawn, share))
    return "".join(parts)


def fastapi(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return a pure ASGI middleware for FastAPI, Starlette or any other ASGI application.

    https://asgi.readthedocs.io/en/latest/specs/www.html#response-start-send-event
    """
    always, drawn = divided(headers, share)
    nonce = any(header.needs_nonce for header in headers)
    lists = _python_list("HEADERS", always) if always or not drawn else ""
    if drawn:
        lists += _DRAW_NOTE.format(mark="#", percent=percent(share)) + _python_list("DRAWN", drawn)
    imports = ("import random\n" if drawn else "") + ("import secrets\n" if nonce else "")
    return _ASGI_MIDDLEWARE.format(
        imports=f"{imports}\n" if imports else "",
        notes=size_notes(headers, PROXIES, mark="#"),
        lists=lists,
        about_nonce=(
            '\n\n    Templates write <script nonce="{{ request.state.csp_nonce }}">, new for each response: no\n'
            "    cache may keep these pages, not even the browser's.\n    "
            if nonce
            else ""
        ),
        make_nonce=(
            '        nonce = secrets.token_urlsafe(16)\n        scope.setdefault("state", {})["csp_nonce"] = nonce\n'
            if nonce
            else ""
        ),
        value=f'value.replace("{NONCE_PLACEHOLDER}", nonce)' if nonce else "value",
        choose=f"        sent = {_python_choice('HEADERS' if always else '', 'DRAWN', share)}\n" if drawn else "",
        sent="sent" if drawn else "HEADERS",
    )


def _one_policy_each(headers: Sequence[Header]) -> tuple[list[tuple[str, Policy]], list[Header]]:
    """Return the first policy for each of the two policy headers, and all that is left as headers, in order."""
    policies: dict[str, Policy] = {}
    others: list[Header] = []
    for header in headers:
        if header.name not in {ENFORCED, REPORT_ONLY}:
            others.append(header)
            continue
        for policy in parse_serialized_policy_list(header.value).policies:
            if header.name in policies:
                others.append(Header(header.name, str(policy)))
            else:
                policies[header.name] = policy
    return list(policies.items()), others


# https://github.com/helmetjs/helmet/blob/main/middlewares/content-security-policy/index.ts
_HELMET_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_HELMET_UNQUOTED = re.compile(
    r"none|self|strict-dynamic|report-sample|inline-speculation-rules|unsafe-inline|unsafe-eval|unsafe-hashes"
    r"|wasm-unsafe-eval|(?:nonce|sha256|sha384|sha512)-.*"
)


def _helmet_policy(name: str, policy: Policy) -> str:
    lines = [
        "app.use(\n  helmet.contentSecurityPolicy({\n    useDefaults: false,\n",
        "    reportOnly: true,\n" if name == REPORT_ONLY else "",
        "    directives: {\n",
    ]
    if policy.directive("default-src") is None:
        lines.append('      "default-src": helmet.contentSecurityPolicy.dangerouslyDisableDefaultSrc,\n')
    for directive in policy.directives:
        if not _HELMET_NAME.fullmatch(directive.name):
            raise ValueError(f"helmet refuses the directive name {directive.name!a}")
        for value in directive.values:
            if _HELMET_UNQUOTED.fullmatch(value):
                raise ValueError(f"helmet refuses {value!a} in {directive.name}: it needs single quotes around it")
        values = ", ".join(map(_helmet_value, directive.values))
        lines.append(f'      "{directive.name}": [{values}],\n')
    lines.append("    },\n  }),\n);\n")
    return "".join(lines)


def _helmet_value(value: str) -> str:
    parts = [json.dumps(part) for part in value.split(NONCE_PLACEHOLDER)]
    return parts[0] if len(parts) == 1 else f"(req, res) => {' + res.locals.cspNonce + '.join(parts)}"


def _express_headers(headers: Sequence[Header], first: str = "") -> str:
    """Return middleware that adds `headers`, after the statement `first`."""
    lines = ["app.use((req, res, next) => {\n", f"  {first}\n" if first else ""]
    for header in headers:
        value = " + res.locals.cspNonce + ".join(map(json.dumps, header.value.split(NONCE_PLACEHOLDER)))
        lines.append(f"  res.append({json.dumps(header.name)}, {value});\n")
    lines.append("  next();\n});\n")
    return "".join(lines)


def _django_middleware(always: Sequence[Header], drawn: Sequence[Header], share: float) -> str:
    nonce = any(header.needs_nonce for header in [*always, *drawn])
    lists, sent = _python_list("headers", always, indent=4) if always else "", "headers"
    if drawn:
        note = _DRAW_NOTE.format(mark="    #", percent=percent(share))
        lists += note + _python_list("drawn", drawn, indent=4)
        sent = _python_choice("headers" if always else "", "drawn", share)
    imports = [
        "import random\n" if drawn else "",
        "import secrets\n" if nonce else "",
        "\nfrom django.middleware.csp import get_nonce\n" if nonce else "",
    ]
    return ("".join(imports) + "\n\n" if any(imports) else "") + _DJANGO_MIDDLEWARE.format(
        lists=lists, sent=sent, nonce=_DJANGO_NONCE.format(placeholder=NONCE_PLACEHOLDER) if nonce else ""
    )


def _django_setting(name: str, policy: Policy) -> str:
    setting = "SECURE_CSP_REPORT_ONLY" if name == REPORT_ONLY else "SECURE_CSP"
    lines = [f"{setting} = {{\n"]
    for directive in policy.directives:
        # Django leaves out a directive whose list is empty, and takes the nonce out of the list where a page uses none:
        # either would allow what the policy forbids. True stands for no values, and an empty text keeps a list alive.
        values = [_django_value(value) for value in directive.values]
        if set(values) == {"CSP.NONCE"}:
            values.append('""')
        written = f"[{', '.join(values)}]" if values else "True"
        lines.append(f"    {json.dumps(directive.name)}: {written},\n")
    lines.append("}\n")
    return "".join(lines)


def _django_value(value: str) -> str:
    if value.lower() == f"'nonce-{NONCE_PLACEHOLDER}'".lower():
        return "CSP.NONCE"
    if NONCE_PLACEHOLDER in value:
        raise ValueError(f"Django puts a nonce in place of a whole source only, not into {value!a}")
    return json.dumps(value)


def _python_list(name: str, headers: Sequence[Header], *, indent: int = 0) -> str:
    # JSON's strings are Python's too, as the value is printable ASCII.
    margin = " " * indent
    rows = "".join(f"{margin}    ({json.dumps(header.name)}, {json.dumps(header.value)}),\n" for header in headers)
    return f"{margin}{name} = [\n{rows}{margin}]\n" if rows else f"{margin}{name} = []\n"


def _python_choice(always: str, drawn: str, share: float) -> str:
    """Return an expression for the lists of these names: both of them for a share of the responses, else `always`."""
    both = f"[*{always}, *{drawn}]" if always else drawn
    return f"{both} if random.random() < {written(share)} else {always or []}"
