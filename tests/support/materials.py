"""Materials to grade: with what somebody wants to say in them, or of a random site with all that it may get wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from policybuilder.grading.material import PREFLIGHT_ORIGIN, Material, SentCookie, Visit
from policybuilder.markup import read_markup
from policybuilder.scanner.pages import FetchReason, Headers, Redirect, Response
from tests.support.answers import make_response

_T = TypeVar("_T")

PRELOADED = ("preloaded.example", "app")
"""Hosts that the random sites take for preloaded, with all below them."""


def make_material(*headers: tuple[str, str], url: str = "https://shop.example/", body: str = "") -> Material:
    """Of one recorded response, HTML unless its headers say otherwise."""
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "text/html"), *headers)
    response = make_response(headers, url=url, body=body)
    return Material(
        url=url,
        page=Visit(url=url, response=response),
        cookies=tuple(SentCookie(url=url, text=value) for name, value in headers if name.lower() == "set-cookie"),
        markup=read_markup(body, url=url) if body else None,
        is_whole=False,
    )


def is_preloaded(host: str) -> bool:
    return any(host == each or host.endswith(f".{each}") for each in PRELOADED)


_HOSTS = (
    *("shop.example", "www.shop.example", "shop.co.uk", "www.shop.co.uk", "me.github.io", "preloaded.example"),
    *("www.preloaded.example", "start.app", "127.0.0.1", "localhost", "intranet", "xn--bcher-kva.example"),
)

_DAMAGE = (*"<>/=\"'&;:,.%-*! \t\xa0\xe9aAzZ09", "", "--", "&#", "&amp;", "](", "http:", "'none'", "=1;", "</")
_WHITE = ("", "", "", "", " ", "  ", "\t", "\xa0")

_SOURCES = (
    *("'self'", "'none'", "*", "https:", "http:", "data:", "blob:", "ftp:", "wss:", "https://*", "http://*"),
    *("https://*.*", "http://*.*", "https://*.com", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'"),
    *("'unsafe-hashes'", "'nonce-abcdefgh1234'", "'nonce-'", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"),
    *("'sha384-x'", "'sha512-'", "'report-sample'", "https://cdn.example", "https://cdn.example/", "cdn.example"),
    *("https://cdn.example/js/", "https://cdn.example/js/app.js", "https://cdn.example/js%2Fapp.js", "d", "'", "/"),
    *("http://cdn.example", "http://cdn.example/a%", "https://cdn.example/%zz", "https://cdn.example/%C3%A9"),
    *(
        "https://cdn.example/%FF",
        "https://cdn.example/\xe9",
        "d\xe0",
        "daten",
        "dat\xe4",
        "*.example",
        "*.example:443",
        "HTTPS:",
        "'SELF'",
        "self",
    ),
    *("'Unsafe-Inline'", "data:,x", "data", "h", "ht", "http", "https://ajax.googleapis.com", "'self", "-", "_", "%41"),
    *("cdn.example/a", "cdn.example/a/", "cdn.example/a/b", "cdn.example/A", "~x", "(x)", "[::1]", "100", "9"),
)

_DIRECTIVES = (
    *("default-src", "script-src", "style-src", "object-src", "img-src", "media-src", "font-src", "connect-src"),
    *("frame-src", "worker-src", "script-src-elem", "script-src-attr", "style-src-attr", "base-uri", "form-action"),
    *("frame-ancestors", "report-uri", "report-to", "sandbox", "upgrade-insecure-requests", "Default-Src", "x-src"),
    *("SCRIPT-SRC", "script-src:", "_x", "require-trusted-types-for"),
)


class Chance:
    """A random site, of one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (what is tried, not secrets)

    def material(self) -> Material:
        host = self._one(_HOSTS)
        https_url, http_url = f"https://{host}/", f"http://{host}/"
        headers = self._headers()
        body = self._page() if self._is(0.8) else ""
        answers_https = self._is(0.9)
        url = https_url if answers_https else http_url
        redirects = self._redirects(url) if self._is(0.1) else ()
        page_url = redirects[-1].location if redirects else url
        page = make_response(headers, url=page_url, body=body, redirects=redirects, status=self._status())
        own_cookies = [SentCookie(url=page_url, text=value) for name, value in headers if name.lower() == "set-cookie"]
        visit = Visit(url=url, response=page, is_certificate_valid=self._is(0.9) or not answers_https)
        unreachable = Visit(url=https_url, reason=FetchReason.UNREACHABLE, failure="nobody there")
        http = self._http(http_url, https_url, headers)
        return Material(
            url=url,
            page=visit,
            http=visit if not answers_https else http,
            https=visit if answers_https else unreachable,
            preflight=self._preflight(url) if self._is(0.5) else None,
            cookies=(*self._cookies(url), *own_cookies),
            is_preloaded=is_preloaded(host),
            preloaded_redirects=self._all_preloaded(visit if not answers_https else http),
        )

    def policy(self) -> str:
        if self._is(0.05):
            return self._one(("", ";", "x", "a b c", ";;;;;;", " default-src ", "script-src", "sandbox"))
        if self._is(0.3):
            return self._realistic_policy()
        directives = []
        for _ in range(self._random.randint(1, 6)):
            sources = [self._one(_SOURCES) for _ in range(self._count())]
            directives.append(self._gap().join([self._one(_DIRECTIVES), *sources]))
        return self._one((";", "; ", " ; ", ";;")).join(directives)

    def policies(self) -> str:
        """One, or several with commas."""
        number = 1 if self._is(0.8) else self._random.randint(2, 4)
        return self._one((", ", ",", " ,")).join(self.policy() for _ in range(number)) + ("," if self._is(0.01) else "")

    def _realistic_policy(self) -> str:
        directives = {"default-src": self._one(("'none'", "'self'", "'self' https:"))}
        for name in self._some(("script-src", "style-src", "img-src", "object-src", "connect-src", "font-src")):
            directives[name] = " ".join(dict.fromkeys(self._one(_SOURCES) for _ in range(self._random.randint(1, 3))))
        for name in self._some(("base-uri", "form-action", "frame-ancestors")):
            directives[name] = self._one(("'self'", "'none'", "*", "https://partner.example"))
        for name in self._some(("report-uri", "report-to")):
            directives[name] = self._one(("/csp", "https://r.example/csp", "http://r.example/", "main"))
        return "; ".join(f"{name} {sources}" for name, sources in directives.items())

    def _headers(self) -> Headers:
        headers: list[tuple[str, str]] = []
        self._add(headers, "Content-Type", self._content_type, missing=0.1, repeated=0.02)
        self._add(headers, "Content-Security-Policy", self.policies, missing=0.15, repeated=0.2)
        self._add(headers, "Content-Security-Policy-Report-Only", self.policies, missing=0.8)
        self._add(headers, "Strict-Transport-Security", self._hsts, missing=0.25)
        self._add(
            headers, "X-Content-Type-Options", lambda: self._word("nosniff", "sniff", "", "nosniff;"), missing=0.3
        )
        frame = ("deny", "sameorigin", "allow-from https://a.example", "allowall", "", "deny;", "allow-from")
        self._add(headers, "X-Frame-Options", lambda: self._word(*frame), missing=0.4)
        self._add(headers, "Referrer-Policy", self._referrer_policy, missing=0.4)
        corp = ("same-origin", "same-site", "cross-origin", "none", "", "same origin", "\xa0")
        self._add(headers, "Cross-Origin-Resource-Policy", lambda: self._word(*corp), missing=0.5)
        coop = ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none", '"same-origin"', "")
        self._add(headers, "Cross-Origin-Opener-Policy", lambda: self._word(*coop), missing=0.6)
        self._add(headers, "Cross-Origin-Embedder-Policy", lambda: self._word("require-corp", "x y"), missing=0.7)
        self._add(headers, "Access-Control-Allow-Origin", lambda: self._word("*", "null"), missing=0.8)
        headers += [("Set-Cookie", self._cookie().strip(" \t")) for _ in range(self._one((0, 0, 0, 1, 1, 2, 3)))]
        self._random.shuffle(headers)
        return tuple(headers)

    def _add(
        self,
        headers: list[tuple[str, str]],
        name: str,
        make: Callable[[], str],
        *,
        missing: float,
        repeated: float = 0.07,
    ) -> None:
        if self._is(missing):
            return
        for _ in range(self._random.randint(2, 3) if self._is(repeated) else 1):
            spelt = self._one((name, name, name.lower(), name.upper()))
            value = self._damaged(f"{self._one(_WHITE)}{make()}{self._one(_WHITE)}")
            headers.append((spelt, value.strip(" \t")))

    def _content_type(self) -> str:
        return self._one(
            (
                *("text/html", "text/html; charset=utf-8", "text/html;charset=utf-8", "application/xhtml+xml"),
                *("text/html", "text/html", "text/html", "application/json", "Text/HTML", "text/html ; charset=utf-8"),
                *("text/plain", "", ";", "text/html, text/html"),
            )
        )

    def _hsts(self) -> str:
        age = self._one(
            (
                *(
                    "31536000",
                    "63072000",
                    "15552000",
                    "15551999",
                    "15768000",
                    "0",
                    "-1",
                    "+31536000",
                    "abc",
                    '"31536000"',
                ),
                *("", " 31536000", "1e9", "31536000x", "\xa031536000", "9" * 130, "1" + "0" * 200),
            )
        )
        parts = [f"{self._word('max-age')}{self._one(('=', '=', '=', '=', ' =', ' = '))}{age}"]
        parts.extend(self._some(("includeSubDomains", "preload", "max-age=1", "max-age=99999999", "x=y", "")))
        if self._is(0.1):
            self._random.shuffle(parts)
        return self._one(("; ", ";", " ; ", ", ")).join(parts) if self._is(0.9) else self._one(("", "preload", ","))

    def _referrer_policy(self) -> str:
        words = (
            *("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "origin", "unsafe-url"),
            *("origin-when-cross-origin", "no-referrer-when-downgrade", "always", "", "no-referrer,"),
        )
        return self._one((", ", ",", ";")).join(self._word(*words) for _ in range(self._one((1, 1, 1, 2, 3))))

    def _cookies(self, url: str) -> tuple[SentCookie, ...]:
        """That come with other answers than the page: on the way to it, and with /robots.txt."""
        places = (url, f"{url}robots.txt", f"{url}a/b/c?d")
        return tuple(
            SentCookie(url=self._one(places), text=self._cookie().strip(" \t"))
            for _ in range(self._one((0, 0, 0, 1, 2)))
        )

    def _cookie(self) -> str:
        name = self._one(
            (
                *("a", "SESSIONID", "sess", "login", "csrftoken", "XSRF", "_csrf_session", "lang", "__Host-id", "a"),
                *("__Secure-id", "__Host-session", "heroku-session-affinity", "", " b ", "c d", "\xa0e", "__host-x"),
                *("n\x01", "MyLogin", "n\xe9", "__proto__", "constructor"),
            )
        )
        value = self._one(("1", "", "x=y", '"q"', " ", "v\x02", "v\xe9", "a,b"))
        attributes = (
            *("Secure", "Secure", "secure", "Secure=1", "Secure ", "HttpOnly", "httponly", "HttpOnly=no"),
            *(
                "SameSite=Lax",
                "SameSite=Strict",
                "SameSite=None",
                "samesite=none",
                "SameSite",
                "SameSite=",
                "SameSite=x",
            ),
            *("SameSite = Lax", "SameSite=Lax=x", "SameSite=\xa0Lax", "Path=/", "Path=/a", "Path=", "Path=x", "Path"),
            *("Domain=shop.example", "Domain=.shop.example", "Domain=..shop.example", "Domain=example", "Domain="),
            *("Domain=co.uk", "Domain=shop.co.uk", "Domain=github.io", "Domain=SHOP.example", "Domain=me.github.io"),
            *("Domain=localhost", "Domain=127.0.0.1", "Domain=intranet", "Domain=.", "Domain=app", "Domain=start.app"),
            *("Domain=elsewhere.example", "Domain=op.example", "Domain=preloaded.example", "Domain=shop.example."),
            *("Max-Age=0", "Max-Age=-1", "Max-Age=99999999999", "Max-Age=x", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            *("Expires=x", "Expires=Fri, 31 Dec 9999 23:59:59 GMT", "Partitioned", "Priority=High", "", "=", "=x"),
        )
        pair = f"{name}={value}" if self._is(0.95) else name
        chosen = [self._one(attributes) for _ in range(self._one((0, 1, 2, 2, 3, 3, 4, 5)))]
        return self._damaged(self._one(("; ", ";", " ; ")).join([pair, *chosen]))

    def _preflight(self, url: str) -> Response:
        headers: list[tuple[str, str]] = []
        origins = (
            *("*", PREFLIGHT_ORIGIN, PREFLIGHT_ORIGIN, PREFLIGHT_ORIGIN.upper(), "https://partner.example", "null", ""),
            *(" * ", "*, *", f"{PREFLIGHT_ORIGIN}/", "\xa0*"),
        )
        self._add(headers, "Access-Control-Allow-Origin", lambda: self._one(origins), missing=0.1)
        self._add(
            headers, "Access-Control-Allow-Credentials", lambda: self._word("true", "true", "false", "1"), missing=0.3
        )
        return make_response(headers, url=url)

    def _http(self, http_url: str, https_url: str, headers: Headers) -> Visit:
        if self._is(0.1):
            return Visit(url=http_url, reason=FetchReason.UNREACHABLE, failure="nobody there")
        steps = [http_url]
        if self._is(0.85):
            www = https_url if https_url == "https://127.0.0.1/" else https_url.replace("//", "//www.")
            others = (https_url, https_url, https_url, www, "https://shop.example/", http_url)
            steps += [self._one((*others, "http://preloaded.example/")) for _ in range(self._one((1, 1, 1, 2, 3)))]
        redirects = [Redirect(url=here, status=301, location=there, headers=()) for here, there in pairwise(steps)]
        response = make_response(headers, url=steps[-1], redirects=tuple(redirects))
        is_valid = self._is(0.95) or not any(step.startswith("https:") for step in steps)
        return Visit(url=http_url, response=response, is_certificate_valid=is_valid)

    def _all_preloaded(self, visit: Visit) -> bool:
        if visit.response is None:
            return False
        urls = [*(each.url for each in visit.response.redirects), visit.response.url]
        return all(is_preloaded(url.split("/")[2]) for url in urls)

    def _redirects(self, url: str) -> tuple[Redirect, ...]:
        return (Redirect(url=url, status=302, location=f"{url}start", headers=()),)

    def _status(self) -> int:
        return self._one((200, 200, 200, 204, 401, 403))

    def _damaged(self, text: str) -> str:
        """Now and then with some characters gone, doubled, or others in their place."""
        while self._is(0.1):
            place = self._random.randint(0, len(text))
            text = text[:place] + self._one(_DAMAGE) + text[place + self._random.randint(0, 2) :]
        return text

    def _page(self) -> str:
        return self._damaged(self._whole_page())

    def _whole_page(self) -> str:
        pieces = [self._piece() for _ in range(self._random.randint(0, 8))]
        if self._is(0.5):
            return "".join(pieces)
        cut = self._random.randint(0, len(pieces))
        doctype = self._one(("<!doctype html>", "", "\ufeff<!DOCTYPE html>", "<!-- x -->"))
        return f"{doctype}<html><head>{''.join(pieces[:cut])}</head><body>{''.join(pieces[cut:])}</body></html>"

    def _piece(self) -> str:
        kind = self._random.random()
        if kind < 0.45:
            return self._script()
        if kind < 0.7:
            return self._meta()
        if kind < 0.77:
            return self._one(
                (
                    *('<base href="https://cdn.other.example/">', '<base href="/x">', "<base>", "<base target=_top>"),
                    *('<base href="http://shop.example/">', '<base href="data:,x">', '<base href="//cdn.example">'),
                )
            )
        return self._one(
            (
                *(
                    "<p>text",
                    "<div>",
                    "</div>",
                    "<table><tr><td>",
                    "</table>",
                    "<template>",
                    "</template>",
                    "<noscript>",
                ),
                *("</noscript>", "<svg>", "</svg>", "<title>a", "</title>", "<!--"),
                *("-->", "<textarea>", "</textarea>", "<style>", "</style>", "<iframe>", "</iframe>", "<math><mi>"),
                *("</math>", "<svg><script href='https://cdn.example/a.js'></script></svg>", "<p>é\x00ü", "<frameset>"),
                *(
                    "<body>",
                    "</body>",
                    "<b><i></b></i>",
                    "<a href=x><a>",
                    "<plaintext>",
                    "<form><form>",
                    "</p>",
                    "</br>",
                ),
                *("<template shadowrootmode=open>", "<svg><foreignObject>", "<html lang=en>", "<head>", "</head>"),
            )
        )

    def _script(self) -> str:
        source = self._one(
            (
                *("/a.js", "a.js", "https://cdn.example/a.js", "https://cdn.other.example/a.js", "//cdn.example/a.js"),
                *("http://cdn.example/a.js", "https://www.shop.example/a.js", "http://shop.example/a.js", "", " "),
                *("https://static.shop.co.uk/a.js", "https://you.github.io/a.js", "https://127.0.0.1/a.js", "data:,x"),
                *("HTTPS://cdn.example/a.js", " https://cdn.example/a.js ", " //cdn.example/a.js", "///a.js", "#a"),
                *(
                    "https://[bad/a.js",
                    "https://cdn.example:99999/a.js",
                    "https://[::1]/a.js",
                    "https://localhost/a.js",
                    "https://cdn.example:8443/a.js",
                    "blob:https://a/b",
                ),
                *(
                    "https://a.b_c.example/a.js",
                    "https:cdn.example/a.js",
                    "https://cdn.example./a.js",
                    "\\\\cdn.example",
                ),
                *(
                    "https://cdn.ex\nample/a.js",
                    "javascript:1",
                    "https://user@cdn.example/a.js",
                    "https://bücher.example/",
                ),
                *(
                    "https://intranet/a.js",
                    "https://192.168.1/a.js",
                    "ftp://cdn.example/a.js",
                    "http://.cdn.example/a.js",
                    "https://..cdn.example/",
                    "https://-a-.example/",
                ),
            )
        )
        attributes = [f"src={self._quoted(self._damaged(source))}"] if self._is(0.85) else []
        if self._is(0.4):
            attributes.append(f"integrity={self._quoted(self._one(('sha384-abc', '', ' ', 'x')))}")
        attributes += self._some(
            ("async", "nomodule", "type=module", "type=application/json", "crossorigin", "SRC=/b.js")
        )
        content = self._one(("", "", "", "var a = '<b>';", "<!-- <script>", "document.write('<meta>')"))
        return f"<{self._one(('script', 'script', 'SCRIPT'))} {' '.join(attributes)}>{content}</script>"

    def _meta(self) -> str:
        if self._is(0.6):
            name = self._one(
                (
                    *(
                        "Content-Security-Policy",
                        "content-security-policy",
                        " content-security-policy ",
                        "X-Frame-Options",
                    ),
                    *("Content-Security-Policy-Report-Only", "referrer", "refresh", "", "content-security-policy\xa0"),
                )
            )
            content = "" if self._is(0.05) else self.policies()
            return f"<meta http-equiv={self._quoted(name)} content={self._quoted(content)}>"
        name = self._one(("referrer", "Referrer", " referrer ", "viewport", "referrer\t", "description"))
        return f"<meta name={self._quoted(name)} content={self._quoted(self._referrer_policy())}>"

    def _quoted(self, value: str) -> str:
        quote = '"' if "'" in value or self._is(0.8) else "'"
        return f"{quote}{value}{quote}"

    def _word(self, *words: str) -> str:
        word = self._one(words)
        return self._one((word, word, word, word.upper(), word.title(), f" {word} ", f"{word}\xa0"))

    def _gap(self) -> str:
        return self._one((" ", " ", " ", " ", "  ", "\t", "\xa0"))

    def _count(self) -> int:
        return self._one((0, 1, 1, 2, 2, 3, 4, 6))

    def _is(self, probability: float) -> bool:
        return self._random.random() < probability

    def _one(self, of: Sequence[_T]) -> _T:
        return self._random.choice(of)

    def _some(self, of: Sequence[str]) -> list[str]:
        return [each for each in of if self._is(0.35)]
