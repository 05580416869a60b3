"""Source lists of the oracle: aimed at a resource closely enough that the verdict hangs on the details."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import quote

DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_UPGRADES = {"http": "https", "https": "http", "ws": "wss", "wss": "ws"}

NONCE = "b3JhY2xl"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts, as it is spelt."""

    scheme: str
    host: str
    port: str | None
    path: str

    def spelt(self, query: str = "") -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}" + (f"?{query}" if query else "")

    @property
    def origin(self) -> str:
        return replace(self, path="").spelt()


PAGES = (
    *("https://site.test", "https://site.test", "https://site.test:8443", "https://www.site.test"),
    *("http://site.test", "http://site.test", "http://site.test:8080", "http://192.0.2.7", "http://site.test:443"),
    "https://xn--bcher-kva.test",
)

_HOSTS = (
    *("cdn.test", "cdn.test", "www.cdn.test", "a.b.cdn.test", "CDN.test", "cdn.test.", "192.0.2.9", "0xC0.0.2.9"),
    *("bücher.test", "xn--bcher-kva.test", "a-b.test", "a_b.test", "[2001:db8::1]", "test", "site.test.cdn.test"),
)

_PATHS = (
    *("/", "/a/b.js", "/a/b.js", "/a/b/", "/a/b/c/d.js", "/A/b.js", "/a%2Fb.js", "/a%20b.js", "/a/../c.js", "/a/b"),
    *("/a;b.js", "/a,b.js", "/ä.js", "/a//b.js", "/%61/b.js", "/*", "/a/%2e%2e/b.js", "/a%", "/a'b.js", "/a/b.js/"),
    *("/%E4.js", "/%C3%A4.js", "/a%25.js", "/a%00b.js", "/a+b.js", "/a|b.js"),
)


def page_url(random: Random, *, is_secure: bool = False) -> Target:
    scheme, _, rest = random.choice([page for page in PAGES if not is_secure or page.startswith("https:")]).partition(
        "://"
    )
    host, _, port = rest.partition(":")
    return Target(scheme, host, port or None, random.choice(("/", "/dir/page.html")))


def resource_url(random: Random, page: Target, *, schemes: tuple[str, ...], mixes: bool = False) -> Target:
    """A URL the page can request: an insecure one on a secure page would be refused, unless the load `mixes`."""
    scheme = random.choice(schemes)
    if page.scheme == "https" and not mixes:
        scheme = {"http": "https", "ws": "wss"}.get(scheme, scheme)
    roll = random.random()
    if roll < 0.3:
        same_kind = (page.scheme == "https") == (scheme in {"https", "wss"})
        port = page.port if same_kind and random.random() < 0.8 else random.choice((None, "8443", page.port))
        host = page.host
    else:
        host = random.choice(_HOSTS)
        port = random.choice((None, None, None, None, DEFAULT_PORTS[scheme], "8443", "8080", "443", "80"))
    return Target(scheme, host, port, random.choice(_PATHS))


def _ascii_host(host: str) -> str:
    return "xn--bcher-kva.test" if host == "bücher.test" else host.lower()


def _path_for(random: Random, path: str) -> str:
    """A path-part near `path`."""
    safe = path.replace(";", "%3B").replace(",", "%2C").replace("ä", "%C3%A4")
    parent = safe.rpartition("/")[0] + "/"
    if random.random() < 0.5:
        # Chromium reads what is not UTF-8 as Latin-1.
        safe = safe.replace("%C3%A4", "%E4") if "%C3%A4" in safe else safe.replace("%E4", "%C3%A4")
    return random.choice(
        (
            *(safe, safe, safe, parent, parent, parent, "/", "/a", "/a/", safe.upper(), safe + "/", safe[:-1] or "/"),
            *(f"{safe}?q=1", f"{safe}#f", "/*", f"{parent}*", safe.replace("/", "%2F", 2).replace("%2F", "/", 1)),
            *("/" + "".join(f"%{ord(c):02x}" if c.isalpha() and "%" not in safe else c for c in safe[1:]),),
            *(safe.replace("%", "%25"), safe.replace("+", "%20"), f"{safe}%", f"{safe}|", f"/{safe}"),
            *(quote(safe, safe="/%"), "/a/b.js", "/a/./b.js", "/c.js", "/a/../c.js", "//", "/a%2fb.js"),
        )
    )


def url_expression(random: Random, target: Target, page: Target) -> str:
    """One expression that may match `target`."""
    host = _ascii_host(target.host)
    if target.host == "0xC0.0.2.9":
        host = random.choice(("192.0.2.9", host))
    parent = host.partition(".")[2] or host
    port = target.port or DEFAULT_PORTS.get(target.scheme, "443")
    other = _UPGRADES.get(target.scheme, "https")
    roll = random.random()
    if random.random() < 0.03:
        return extended_expression(random, "", target.spelt(), page)
    if roll < 0.06:
        return "'self'" if random.random() < 0.8 else "'SELF'"
    if roll < 0.1:
        return "*"
    if roll < 0.2:
        return random.choice((f"{target.scheme}:", f"{other}:", "https:", "http:", "HTTPS:", "wss:", "ws:", "data:"))
    if roll < 0.27:
        return odd_expression(random, host, page)
    host_part = random.choice(
        (host, host, host, host, f"*.{parent}", f"*.{host}", "*", host.upper(), f"{host}.", f"x{host}", parent)
    )
    scheme_part = random.choice(("", "", "", f"{target.scheme}://", f"{target.scheme}://", f"{other}://", "HTTPS://"))
    if random.random() < 0.06:
        scheme_part = random.choice(("http://", "https://", "ws://", "wss://", "ftp://"))
    ports = ("", "", "", f":{port}", f":{port}", ":*", ":80", ":443", ":8443", f":0{port}")
    port_part = "" if target.port is None and random.random() < 0.6 else random.choice(ports)
    if random.random() < 0.03:
        port_part = random.choice((f":000{port}", f":000{port}", ":0", ":65536", ":99999999999"))
    path_part = "" if random.random() < 0.5 else _path_for(random, target.path)
    return f"{scheme_part}{host_part}{port_part}{path_part}"


def odd_expression(random: Random, host: str, page: Target) -> str:
    """What does not mean what its author hoped, or nothing."""
    return random.choice(
        (
            *("https", "https://", f"//{host}", "*.", "**", f"*{host}", "a.*.test", f"*.*.{host}", f"{host}:"),
            *(f"{host}:80a", "/a/b.js", "'self'/a", '"self"', "'self", "self", "'*'", "'https:'", "none", "https:*"),
            *("*:*", "*:443", "*:8443", "*/a/", "*://*", f"https://user@{host}", "[2001:db8::1]", "a_b.test", "'none'"),
            *("blob:", "data:", "filesystem:", "about:", "unsafe-inline", "script-src", page.host, "*.test", "*.*"),
            *("https:/", f"https:{host}", f"https:///{host}", "http://*", "https://*", "https://*:*", "http://*:*"),
            *("'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'", "'report-sample'", "'unsafe-hashes'"),
        )
    )


def port_expression(random: Random, target: Target, page: Target) -> str:
    """One expression that hangs on scheme and port alone."""
    if random.random() < 0.25:
        return "'self'"
    schemes = ("", "", "", "http://", "http://", "https://", "ws://", "wss://", f"{target.scheme}://")
    host = random.choice((target.host, target.host, target.host, target.host, page.host, "*"))
    ports = ("", "", ":80", ":443", ":8080", ":8443", ":*", f":{target.port or DEFAULT_PORTS[target.scheme]}")
    return random.choice(schemes) + host + random.choice(ports)


def port_urls(random: Random, *, schemes: tuple[str, ...]) -> tuple[Target, Target]:
    """A page and a URL on it or elsewhere, on few ports, so that they are often the same or each other's default."""
    page_scheme, page_host, page_port = random.choice(_PORT_PAGES)
    page = Target(page_scheme, page_host, page_port, "/")
    scheme = random.choice(schemes)
    if page.scheme == "https":
        scheme = {"http": "https", "ws": "wss"}.get(scheme, scheme)
    host = random.choice((page.host, page.host, "cdn.test"))
    return page, Target(scheme, host, random.choice((None, None, page.port, "80", "443", "8080", "8443")), "/a/b.js")


_PORT_PAGES: tuple[tuple[str, str, str | None], ...] = (
    *(("http", "site.test", None), ("http", "site.test", "8080"), ("http", "site.test", "443")),
    *(("http", "site.test", None), ("https", "site.test", None), ("https", "site.test", "8080")),
    *(("https", "site.test", "80"), ("https", "site.test", "8443")),
)


def digest_of(code: str, algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, code.encode()).digest()).decode()


def _odd_digest(random: Random, code: str) -> str:
    """A digest whose Base64 is not what an encoder would write; browsers differ in what they make of it."""
    algorithm = random.choice(("sha256", "sha256", "sha384", "sha512"))
    right = digest_of(code, algorithm)
    bare = right.rstrip("=")
    loose = right
    if bare != right and bare[-1] not in "Z9z+":
        # The last character before `=` has bits that belong to no byte.
        loose = bare[:-1] + chr(ord(bare[-1]) + 1) + right[len(bare) :]
    value = random.choice(
        (
            *(loose, loose, loose, bare, f"{bare}=", f"{bare}=="),
            *(f"{right}=", f"{right}==", f"{bare}===", f"{bare}A", f"A{right}", f"{bare[:9]}={bare[9:]}"),
            *("x", "xx", "xxx", "xxxx", "xxxxx", "x=", "x==", "=", "==", digest_of(code, "sha1")),
        )
    )
    return f"'{algorithm}-{value}'"


def extended_expression(random: Random, code: str, url: str, page: Target) -> str:
    """What Chromium alone knows: digests of URLs and of evaluated strings, keys of signatures, keywords of its own."""
    algorithm = random.choice(("sha256", "sha256", "sha384", "sha512", "sha-256"))
    plain = algorithm.replace("-", "")
    address, evaluated = random.choice((url, url.removeprefix(page.origin), "x")), random.choice((code, f"{code} "))
    return random.choice(
        (
            *(f"'url-{algorithm}-{digest_of(address, plain)}'",) * 4,
            *(f"'eval-{algorithm}-{digest_of(evaluated, plain)}'",) * 4,
            *(f"'URL-{algorithm}-{digest_of(address, plain)}'", f"'EVAL-{algorithm}-{digest_of(evaluated, plain)}'"),
            *("'url-sha256-AAAA'", "'url-sha256-x'", "'url-sha1-AAAA'", "'url-sha256-'", "'eval-sha256-AAAA'"),
            *("'eval-sha256-x'", "url-sha256-AAAA", "'strict-dynamic-url'", "'STRICT-dynamic-URL'"),
            *("'inline-speculation-rules'", "'inline-speculation-rules'", "'INLINE-speculation-rules'"),
            *(
                f"'ed25519-{digest_of(code, 'sha256')}'",
                "'ed25519-AAAA'",
                "'ED25519-AAAA'",
                "'ed25519-x'",
                "'ed25519-'",
            ),
        )
    )


def code_expression(random: Random, code: str, url: str = "", page: Target | None = None) -> str:
    """One expression that may admit inline `code`, or a script with that body, or of that `url`."""
    if random.random() < 0.08:
        return extended_expression(random, code, url, page or Target("https", "site.test", None, "/"))
    if random.random() < 0.05:
        return _odd_digest(random, code)
    algorithm = random.choice(("sha256", "sha256", "sha384", "sha512"))
    right = digest_of(code, algorithm)
    wrong = digest_of(code + " ", algorithm)
    url_safe = right.replace("+", "-").replace("/", "_")
    roll = random.random()
    if roll < 0.34:
        return random.choice(
            (
                *(f"'{algorithm}-{right}'",) * 5,
                *(f"'{algorithm}-{url_safe}'",) * 2,
                *(f"'{algorithm.upper()}-{right}'", f"'{algorithm}-{right.rstrip('=')}'", f"'{algorithm}-{wrong}'"),
                *(f"'{algorithm}-{wrong}'", f"'{algorithm}-{right.swapcase()}'", f"{algorithm}-{right}"),
                *(f"'sha-{algorithm[3:]}-{right}'", f"'{algorithm}-{right[:-4]}'", f"'sha512-{right}'"),
                *("'sha256-'", "'sha1-qUqP5cyxm6YcTAhz05Hph5gvu9M='", "'md5-CY9rzUYh03PK3k6DJie09g=='"),
            )
        )
    if roll < 0.5:
        return random.choice(
            (
                *(f"'nonce-{NONCE}'",) * 4,
                *(f"'NONCE-{NONCE}'", f"'nonce-{NONCE.upper()}'", f"'nonce-{NONCE}='", f"nonce-{NONCE}"),
                *("'nonce-'", "'nonce-a!b'", "'nonce-==='", "'nonce-other'", f"'nonce-{NONCE} '", "'nonce-a==='"),
            )
        )
    return random.choice(
        (
            *("'unsafe-inline'",) * 6,
            *("'unsafe-hashes'",) * 4,
            *("'strict-dynamic'",) * 3,
            *("'self'", "'unsafe-eval'", "'wasm-unsafe-eval'", "'report-sample'", "https:", "*", "data:", "'none'"),
            *("'UNSAFE-INLINE'", "'unsafe-inline", "unsafe-inline", "'unsafe-hashed-attributes'", "'wasm-eval'"),
            *("'trusted-types-eval'", "'report-sha256'", "javascript:", "'unsafe-allow-redirects'"),
        )
    )
