"""Sites as people have them, for the side-by-side test: what frameworks and proxies send, and what goes wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from policybuilder.grading.material import PREFLIGHT_ORIGIN, Material, SentCookie, Visit
from policybuilder.scanner.pages import FetchReason, Headers, Redirect
from tests.support.answers import make_response

_HTTPS = "https://shop.example/"
_HTTP = "http://shop.example/"

_HELMET: Headers = (
    (
        "Content-Security-Policy",
        (
            "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';"
            "img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';"
            "style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests"
        ),
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Origin-Agent-Cluster", "?1"),
    ("Referrer-Policy", "no-referrer"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-DNS-Prefetch-Control", "off"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-XSS-Protection", "0"),
)
_STRICT: Headers = (
    (
        "Content-Security-Policy",
        "script-src 'nonce-r4nd0mr4nd0m' 'strict-dynamic' https: 'unsafe-inline'; object-src 'none'; base-uri 'none'",
    ),
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"),
)
_DJANGO: Headers = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Vary", "Cookie"),
    ("Set-Cookie", "csrftoken=abc; expires=Sat, 28 Nov 2026 10:00:00 GMT; Max-Age=31449600; Path=/; SameSite=Lax"),
    ("Set-Cookie", "sessionid=def; HttpOnly; Path=/; SameSite=Lax"),
)
_COPIED: Headers = (
    # A proxy adds what the application has sent already.
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Content-Type-Options", "nosniff"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Referrer-Policy", "no-referrer"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Content-Security-Policy", "default-src 'self'"),
    ("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'"),
)
_NONE: Headers = (("Server", "nginx/1.18.0"),)
_API: Headers = (
    ("Content-Type", "application/json"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-site"),
    ("X-Content-Type-Options", "nosniff"),
)
_WORDPRESS: Headers = (
    ("Link", '<https://shop.example/wp-json/>; rel="https://api.w.org/"'),
    ("Content-Security-Policy", "upgrade-insecure-requests"),
    ("Set-Cookie", "PHPSESSID=x; path=/"),
    ("X-Powered-By", "PHP/8.1.2"),
)
_REPORT_ONLY: Headers = (
    ("Content-Security-Policy-Report-Only", "default-src 'self'; report-uri /csp"),
    ("X-Frame-Options", "ALLOW-FROM https://partner.example"),
)
_RAMP: Headers = (
    ("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'"),
    ("Strict-Transport-Security", "max-age=86400"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_COOKIES: Headers = (
    ("Strict-Transport-Security", "max-age=15768000"),
    ("Set-Cookie", "__Host-session=x; Secure; HttpOnly; Path=/; SameSite=Strict"),
    ("Set-Cookie", "theme=dark; Secure; SameSite=Lax; Max-Age=31536000"),
)

HEADERS: dict[str, Headers] = {
    "helmet's defaults": _HELMET,
    "a strict policy": _STRICT,
    "Django's defaults": _DJANGO,
    "everything twice": _COPIED,
    "a fresh server": _NONE,
    "an API": _API,
    "WordPress": _WORDPRESS,
    "only reporting": _REPORT_ONLY,
    "good cookies": _COOKIES,
    "nothing but a default": (("Content-Security-Policy", "default-src 'none'"),),
    "reports sent twice": (
        (
            "Content-Security-Policy",
            "default-src 'none'; report-uri https://r.example/a; report-uri https://r.example/b",
        ),
    ),
    "two policies": (
        ("Content-Security-Policy", "default-src 'self' https://cdn.example"),
        ("Content-Security-Policy", "default-src https://cdn.example/js/ 'self'; script-src 'none'"),
    ),
    "old eval": (("Content-Security-Policy", "default-src 'self' 'unsafe-eval'; img-src * data:"),),
    "pictures from everywhere": (("Content-Security-Policy", "default-src 'self'; img-src http: https:"),),
    "passed over http": (("Content-Security-Policy", "default-src 'self'; connect-src http://api.example"),),
    "dynamic without a nonce": (("Content-Security-Policy", "script-src 'strict-dynamic'; object-src 'none'"),),
    "a lost directive": (("Content-Security-Policy", "default-src 'self'; default-src 'none'"),),
    "an empty policy": (("Content-Security-Policy", ""),),
    "days of HSTS": (("Strict-Transport-Security", "max-age=86400"), ("Referrer-Policy", "unsafe-url")),
    "HSTS without an age": (("Strict-Transport-Security", "includeSubDomains"), ("Referrer-Policy", "secret")),
    "HSTS in quotes": (("Strict-Transport-Security", 'max-age="31536000"'), ("X-Frame-Options", "yes")),
    "an embedded page": (
        ("Content-Security-Policy", "default-src 'self'; frame-ancestors https://partner.example"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
    ),
    "resources of nobody": (("Cross-Origin-Resource-Policy", "same_origin"), ("X-Content-Type-Options", "no")),
    "a session in the clear": (("Set-Cookie", "JSESSIONID=1; Path=/; HttpOnly"),),
    "a session for scripts": (("Set-Cookie", "session=1; Secure; SameSite=Lax"),),
    "a token without a site": (("Set-Cookie", "csrf=1; Secure"),),
    "a cookie for all sites": (("Set-Cookie", "a=1; SameSite=None"),),
    "a cookie in the clear": (("Set-Cookie", "a=1; SameSite=Lax"), ("Strict-Transport-Security", "max-age=31536000")),
    "an unprotected session, but HSTS": (
        ("Set-Cookie", "sess=1; HttpOnly"),
        ("Strict-Transport-Security", "max-age=31536000"),
    ),
    "a secure cookie without a site": (("Set-Cookie", "a=1; Secure"),),
}

BODIES = {
    "nothing": "",
    "its own scripts": "<!doctype html><title>Shop</title><script src=/js/app.js></script><script>boot()</script>",
    "pinned, of others": (
        "<script src=https://cdn.other.example/a.js integrity=sha384-x crossorigin></script><script src=/b.js></script>"
    ),
    "not pinned, of others": "<script src=https://cdn.other.example/a.js></script>",
    "pinned, in the clear": '<script src="http://cdn.other.example/a.js" integrity="sha384-x"></script>',
    "in the clear, of others": '<script src="//cdn.other.example/a.js"></script>',
    "its own, pinned": '<script src="/js/app.js" integrity="sha384-x"></script>',
    "a policy of its own": (
        "<head><meta http-equiv=Content-Security-Policy content=\"default-src 'self'; frame-ancestors 'none'\">"
        "<meta name=referrer content=no-referrer></head>"
    ),
    "a policy that browsers ignore": (
        "<head><meta http-equiv=Content-Security-Policy content=\"frame-ancestors 'none'\"></head><body>"
    ),
}

_PREFLIGHTS: tuple[Headers, ...] = (
    (),
    (("Access-Control-Allow-Origin", "*"),),
    (("Access-Control-Allow-Origin", "https://partner.example"), ("Access-Control-Allow-Credentials", "true")),
    (("Access-Control-Allow-Origin", PREFLIGHT_ORIGIN), ("Access-Control-Allow-Credentials", "true")),
)

_ROUTES = {
    "to https": (_HTTP, _HTTPS),
    "nowhere": (_HTTP,),
    "by way of http": (_HTTP, "http://www.shop.example/", "https://www.shop.example/"),
    "to another host": (_HTTP, "https://www.shop.example/"),
    "and back": (_HTTP, _HTTPS, "http://shop.example/start"),
}


def sites() -> Iterator[Material]:
    """Every set of headers with some body, way from http and preflight, and every one of those with some headers."""
    bodies, preflights = list(BODIES.values()), list(_PREFLIGHTS)
    visits = [_http(route) for route in _ROUTES.values()]
    visits.append(Visit(url=_HTTP, reason=FetchReason.UNREACHABLE, failure="nobody there"))
    visits.append(Visit(url=_HTTP, response=make_response(url=_HTTPS), is_certificate_valid=False))
    for number, headers in enumerate(HEADERS.values()):
        for shift in range(2):
            index = number + 5 * shift
            yield _site(
                headers, bodies[index % len(bodies)], visits[index % len(visits)], preflights[index % len(preflights)]
            )
    yield _site(_RAMP, BODIES["its own scripts"], visits[0], ())
    yield _site(_HELMET, "", visits[0], (), is_certificate_valid=False)
    yield _site(_HELMET, BODIES["its own scripts"], visits[0], (), url=_HTTP)


def _http(route: tuple[str, ...]) -> Visit:
    redirects = [Redirect(url=here, status=301, location=there, headers=()) for here, there in pairwise(route)]
    return Visit(url=_HTTP, response=make_response(url=route[-1], redirects=tuple(redirects)))


def _site(
    headers: Headers,
    body: str,
    http: Visit,
    preflight: Headers,
    *,
    is_certificate_valid: bool = True,
    url: str = _HTTPS,
) -> Material:
    if not any(name == "Content-Type" for name, _ in headers):
        headers = (("Content-Type", "text/html; charset=utf-8"), *headers)
    page = Visit(
        url=url, response=make_response(headers, url=url, body=body), is_certificate_valid=is_certificate_valid
    )
    no_https = Visit(url=_HTTPS, reason=FetchReason.UNREACHABLE, failure="nobody there")
    return Material(
        url=url,
        page=page,
        http=http if url == _HTTPS else page,
        https=page if url == _HTTPS else no_https,
        preflight=make_response(preflight, url=url),
        cookies=tuple(SentCookie(url=url, text=value) for name, value in headers if name == "Set-Cookie"),
    )
