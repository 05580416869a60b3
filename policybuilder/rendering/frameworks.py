"""Snippets for application frameworks: Express with helmet, Django, and FastAPI or Starlette."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER, Policy, parse_serialized_policy_list
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

_EXPRESS_NONCE = """\
// A new nonce for each response; templates write <script nonce="<%= cspNonce %>">.
app.use((req, res, next) => {
  res.locals.cspNonce = randomBytes(16).toString("base64");
  next();
});

"""

_DJANGO_MIDDLEWARE = """\
# What the settings cannot hold, in a module of yours. Name this middleware in MIDDLEWARE above Django's own.
def more_security_headers(get_response):
    headers = [
{rows}
    ]

    def middleware(request):
        response = get_response(request)
        for name, value in headers:
{nonce}            earlier = response.headers.get(name)
            response.headers[name] = f"{{earlier}}, {{value}}" if earlier else value
        return response

    return middleware
"""

_ASGI_MIDDLEWARE = """\
{imports}HEADERS = [
{rows}
]


class SecurityHeadersMiddleware:
    \"\"\"Adds HEADERS to every response.{about_nonce}\"\"\"

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
{make_nonce}
        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), {value}.encode()) for name, value in HEADERS]
                message = {{**message, "headers": [*message.get("headers", ()), *added]}}
            await send(message)

        await self.app(scope, receive, send_with_headers)


# The last line of the module that makes the application: around everything, so that error pages carry the headers too.
app = SecurityHeadersMiddleware(app)
"""


def helmet(headers: Sequence[Header]) -> str:
    """Return Express middleware: helmet for the first policy of each kind, plain headers for the rest.

    https://helmetjs.github.io/#content-security-policy

    Raises ValueError for directives that helmet refuses.
    """
    # helmet replaces a header that it finds, so whatever follows the first policy is appended after it.
    policies, others = _one_policy_each(headers)
    nonce = any(header.needs_nonce for header in headers)
    imports = 'import { randomBytes } from "node:crypto";\n' if nonce else ""
    imports += 'import helmet from "helmet";\n' if policies else ""
    blocks = [f"{imports}\n" if imports else "", _EXPRESS_NONCE if nonce else ""]
    if policies:
        blocks.append(
            "// helmet() has a policy of its own: for its other headers, helmet({ contentSecurityPolicy: false }).\n"
        )
    blocks += [_helmet_policy(name, policy) for name, policy in policies]
    if others:
        blocks.append("app.use((req, res, next) => {\n")
        for header in others:
            value = " + res.locals.cspNonce + ".join(map(json.dumps, header.value.split(NONCE_PLACEHOLDER)))
            blocks.append(f"  res.append({json.dumps(header.name)}, {value});\n")
        blocks.append("  next();\n});\n")
    return "".join(blocks)


def django(headers: Sequence[Header]) -> str:
    """Return settings for Django's own middleware, and a middleware for what the settings cannot hold.

    https://docs.djangoproject.com/en/6.0/ref/csp/
    """
    policies, others = _one_policy_each(headers)
    parts: list[str] = []
    if policies:
        nonce = any(NONCE_PLACEHOLDER in str(policy) for _, policy in policies)
        parts.append(
            "# settings.py, Django 6.0 or later, with these in place:\n"
            '#   MIDDLEWARE: "django.middleware.csp.ContentSecurityPolicyMiddleware"\n'
            + (
                '#   TEMPLATES, context_processors: "django.template.context_processors.csp"\n'
                '# and <script nonce="{{ csp_nonce }}"> in the templates.\n'
                "from django.utils.csp import CSP\n\n"
                if nonce
                else ""
            )
        )
        parts += [_django_setting(name, policy) for name, policy in policies]
    if others:
        rows = _python_rows(others, indent=8)
        replace_nonce = (
            f'            value = value.replace("{NONCE_PLACEHOLDER}", str(get_nonce(request)))\n'
            if any(header.needs_nonce for header in others)
            else ""
        )
        imports = "from django.middleware.csp import get_nonce\n\n\n" if replace_nonce else ""
        parts.append(("\n\n" if policies else "") + imports + _DJANGO_MIDDLEWARE.format(rows=rows, nonce=replace_nonce))
    return "".join(parts)


def fastapi(headers: Sequence[Header]) -> str:
    """Return a pure ASGI middleware for FastAPI, Starlette or any other ASGI application.

    https://asgi.readthedocs.io/en/latest/specs/www.html#response-start-send-event
    """
    nonce = any(header.needs_nonce for header in headers)
    return _ASGI_MIDDLEWARE.format(
        imports="import secrets\n\n" if nonce else "",
        rows=_python_rows(headers, indent=4),
        about_nonce=(
            '\n\n    Templates write <script nonce="{{ request.state.csp_nonce }}">, new for each response.\n    '
            if nonce
            else ""
        ),
        make_nonce=(
            '        nonce = secrets.token_urlsafe(16)\n        scope.setdefault("state", {})["csp_nonce"] = nonce\n'
            if nonce
            else ""
        ),
        value=f'value.replace("{NONCE_PLACEHOLDER}", nonce)' if nonce else "value",
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


def _python_rows(headers: Sequence[Header], *, indent: int) -> str:
    # JSON's strings are Python's too, as the value is printable ASCII.
    return "\n".join(f"{' ' * indent}({json.dumps(h.name)}, {json.dumps(h.value)})," for h in headers)
