"""Fuzzing: policies made by a grammar, from a seed, of what authors write and of what nobody should."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator

from policybuilder.csp.directives import KNOWN_DIRECTIVES
from policybuilder.csp.sources import Keyword
from policybuilder.evaluation.csp_evaluator import vocabulary
from policybuilder.evaluation.csp_evaluator.hosts import host_facts

_NAMES = sorted(vocabulary.DIRECTIVES | KNOWN_DIRECTIVES)
_FREQUENT_NAMES = [
    *("default-src", "script-src", "script-src", "script-src-elem", "script-src-attr", "object-src", "base-uri"),
    *("style-src", "img-src", "connect-src", "frame-ancestors", "form-action", "report-uri", "report-to"),
    *("require-trusted-types-for", "trusted-types", "plugin-types", "font-src"),
]
_ODD_NAMES = [
    *("constructor", "__proto__", "toString", "hasOwnProperty", "Constructor", "valueof", "__PROTO__"),
    *("scriptsrc", "script_src", "script-src:", "default-src:", "https:", "'self'", "*", "7", "0", "-1", "scrıpt-src"),
    *(
        "\u017fcript-src",
        "bloc\u212a-all-mixed-content",
        "\u0130mg-src",
        "ΟΔΟΣ-SRC",
        "script‑src",
        "\ud83d",
        "💥",
        "a\x00b",
    ),
    *(
        "script-src\x85",
        "script-src\x1c'self'",
        "\x0b",
        "fenced-frame-src",
        "reflected-XSS",
        "<script>",
        "%73cript-src",
    ),
]
_KEYWORDS = sorted(vocabulary.KEYWORDS | {keyword.value for keyword in Keyword} | {"'script'", "'allow-duplicates'"})
_FREQUENT_KEYWORDS = ["'self'", "'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'"]
_SCHEMES = [
    "http:",
    "https:",
    "data:",
    "blob:",
    "filesystem:",
    "wss:",
    "HTTPS:",
    "mediastream:",
    "a.b:",
    "+x:",
    "1a:",
    "x-:",
]
_ADDRESSES = [
    *(
        "127.0.0.1",
        "10.0.0.1:8080",
        "https://192.168.1.1/x",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "1.2.3",
        "256.1.1.1",
    ),
    *("1.2.3.4.5", "[::1]", "https://[::1]:80/", "[2001:db8::1]", "[::1]@a.example", "[12:3]x", "[::ffff:1.2.3.4]"),
    *(
        "１２７.0.0.1",
        "*.1.2.3.4",
        "1.2.3.4.",
        "0x",
        "0x.0x",
        "999",
        "/1.2.3.4",
        "a.0x1",
        "a.08",
        "[::1]:*",
        "[1::1]:*/a.b",
    ),
]
_MALFORMED = [
    *(
        "[::1]:foo",
        "a.example:port",
        "localhost:99999",
        "https://",
        "//",
        "/",
        "https:///",
        "javascript:alert(1)",
        "a b^c",
    ),
    *(
        "exa%mple.com",
        "a|b.example",
        "<a>.example",
        "xn--a.example",
        "a:b:c",
        ":*",
        "[",
        "[zz]",
        "#",
        "?x",
        "foo.1",
        "@",
        ":",
    ),
    *(
        "1.2.3.999",
        "0x1ffffffff",
        "a\x01b.example",
        "\ud800.example",
        "*.xn--.example",
        "https://\\",
        "%",
        "a%00.example",
    ),
]
_ODD_HOSTS = [
    *(
        "*",
        "*:443",
        "*:*",
        "https://*",
        "https://*:8443",
        "//*",
        "https:////*",
        "*.*",
        "*.com",
        "**",
        "a.*",
        "*/x.js",
        "*.a.*",
    ),
    *(
        "localhost",
        "localhost:*",
        "LOCALHOST:3000",
        "bücher.example",
        "*.bücher.example",
        "例え.テスト",
        "a..b",
        ".a.example",
    ),
    *("a.example.", "user:pass@a.example", "a.example?x", "a.example#x", "a.example\\x", "%61.example", "a%2e.example"),
    *("xn--bcher-kva.example", "wildcard_placeholder.google.com", "bildcard_placeholder.google.com", "_.google.com"),
    *("https://a.example/../x", "https://a.example/a/./b/", "https://www.google.com/tools/feedback/../feedback/"),
    *("a.example:", "a.example:0", "a.example:00080", "a.example:65535", "a_b.example", "--.example", "a.example\x00"),
    *(
        "https://a.example/*",
        "https://*.google.com/*",
        "http://*.google.com:*",
        "http://https://a.example",
        "1http://a.b",
    ),
    *(
        "*.google.com.",
        "*.GOOGLE.com",
        "WWW.google.com",
        "ssl.google-analytics.com\x1f",
        "ſsl.google-analytics.com",
        "ww\u00adw.google.com",
    ),
]
_TYPES = ["application/x-shockwave-flash", "application/pdf", "Application/X-Shockwave-Flash", "image/svg+xml"]
_WORDS = [
    "allow-scripts",
    "script",
    "style",
    "default",
    "dompurify",
    "goog#html",
    "allow-forms",
    "endpoint",
    "no-referrer",
]
_SPACES = ["\t", "\n", "\r\n", "\x0b", "\f", "  ", "\xa0", "\u2003", "\ufeff", "\u2028", "\u3000", "\u1680"]
_FAKE_SPACES = ["\x1c", "\x85", "\u200b", "\x00", "\x1f"]
_JUNK = "abcXYZ019'\"-_.:/*?#@%[]()<>{}|\\^~`!$&+=,\x00\x7fé\u0130ßК💥\ud800"


class Fuzzer:
    """Makes policies; the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        facts = host_facts()
        self._known = [*facts.jsonp.locations, *facts.angular.locations, *facts.flash.locations]
        self._values: list[tuple[int, Callable[[], str]]] = [
            (30, lambda: self._random.choice(_FREQUENT_KEYWORDS)),
            (10, lambda: self._spoilt(self._random.choice(_KEYWORDS))),
            (12, lambda: self._random.choice(_SCHEMES[:6])),
            (14, self._known_host),
            (14, self._plain_host),
            (8, self._nonce),
            (8, self._hash),
            (2, lambda: self._random.choice(_WORDS)),
            (2, lambda: self._random.choice(_TYPES)),
        ]
        self._odd_values: list[tuple[int, Callable[[], str]]] = [
            *self._values,
            (10, lambda: self._random.choice(_SCHEMES)),
            (15, lambda: self._random.choice(_ADDRESSES)),
            (25, lambda: self._random.choice(_ODD_HOSTS)),
            (5, lambda: self._spoilt(self._random.choice(_NAMES))),
            (5, self._junk),
        ]

    def policies(self, count: int) -> Iterator[str]:
        """Half of them as sites have them, a third odd, the others wild."""
        for _ in range(count):
            kind = self._random.random()
            if kind < 0.5:
                yield self._policy(self._values, odd=0.0)
            elif kind < 0.85:
                yield self._policy(self._odd_values, odd=0.08)
            else:
                wild = [*self._odd_values, (15, lambda: self._random.choice(_MALFORMED)), (15, self._junk)]
                yield self._policy(wild, odd=0.3)

    def _policy(self, values: list[tuple[int, Callable[[], str]]], *, odd: float) -> str:
        directives = [self._directive(values, odd) for _ in range(self._random.choice([0, 1, 1, 2, 3, 4, 6, 9]))]
        separator = self._random.choice(["; ", ";", " ; "]) if odd else "; "
        text = separator.join(directives)
        if self._happens(odd):
            text = text.replace(separator, ", ", self._random.randrange(1, 3))
        if self._happens(odd):
            text = f"{text}{self._random.choice([';', ';;', ',', ' ', ', ,', '; ;', chr(0)])}"
        return text

    def _directive(self, values: list[tuple[int, Callable[[], str]]], odd: float) -> str:
        name = self._random.choice(_FREQUENT_NAMES if self._happens(0.8) else _NAMES)
        if self._happens(odd):
            name = self._random.choice(_ODD_NAMES) if self._happens(0.4) else self._spoilt(name)
        makers = [maker for _, maker in values]
        weights = [weight for weight, _ in values]
        count = self._random.choice([0, 1, 1, 1, 2, 2, 3, 4, 5, 8])
        tokens = [name, *(maker() for maker in self._random.choices(makers, weights, k=count))]
        return "".join(f"{token}{self._space(odd)}" for token in tokens).strip(" ") if odd else " ".join(tokens)

    def _space(self, odd: float) -> str:
        if self._happens(odd):
            return self._random.choice(_SPACES if self._happens(0.8) else _FAKE_SPACES)
        return " "

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _spoilt(self, text: str) -> str:
        """`text`, or what somebody types instead."""
        kind = self._random.random()
        at = self._random.randrange(len(text))
        if kind < 0.4:
            return text
        if kind < 0.6:
            return "".join(letter.upper() if self._happens(0.5) else letter for letter in text)
        if kind < 0.75:
            return text.strip("'")
        if kind < 0.8:
            return text[1:] if self._happens(0.5) else text[:-1]
        if kind < 0.9:
            return text[:at] + text[at + 1 :]
        return f"{text[:at]}{self._random.choice(_JUNK)}{text[at:]}"

    def _known_host(self) -> str:
        location = self._random.choice(self._known)
        host, path = location.host, location.path
        if self._happens(0.3):
            first, _, rest = host.partition(".")
            host = self._random.choice([f"*.{rest}", f"{first}.*", f"*.{host}", f"x{host}", host.upper(), f"{host}."])
        scheme = self._random.choice(["", "", "https://", "https://", "http://", "//", "HTTPS://", "wss://"])
        port = self._random.choice(["", "", "", "", ":443", ":*", ":8080"])
        directory = f"{path.rpartition('/')[0]}/"
        path = self._random.choice(["", "", "/", path, directory, path.upper(), f"{path}/", f"{path}?x=1", "/x.js"])
        return f"{scheme}{host}{port}{path}"

    def _plain_host(self) -> str:
        scheme = self._random.choice(["", "", "https://", "http://", "https://*.", "*.", "//", "wss://"])
        host = self._random.choice(["a.example", "cdn.shop.example", "example.com", "x-y.example", "assets2.example"])
        return f"{scheme}{host}{self._random.choice(['', '', '', ':8443', ':*', '/js/', '/a/b.js'])}"

    def _nonce(self) -> str:
        value = base64.b64encode(self._random.randbytes(self._random.choice([2, 6, 16, 16, 16, 32]))).decode()
        value = self._random.choice(
            [value, value, value.rstrip("="), value + "=", value[:7], "{NONCE}", "é" * 5, "💥💥💥💥", ""]
        )
        return self._random.choice(
            ["'nonce-{}'", "'nonce-{}'", "'nonce-{}'", "nonce-{}", "'NONCE-{}'", "'nonce-{}"]
        ).format(value)

    def _hash(self) -> str:
        bits = self._random.choice([256, 256, 384, 512, 1, 224])
        size = self._random.choice([bits // 8, bits // 8, bits // 8, 20, 1])
        value = base64.b64encode(self._random.randbytes(size)).decode()
        value = self._random.choice(
            [value, value, value.replace("+", "-").replace("/", "_"), value.rstrip("="), "!", value[1:]]
        )
        name = self._random.choice(["sha", "sha", "sha", "sha", "SHA", "sha-", "url-sha"])
        return self._random.choice(["'{}'", "'{}'", "'{}'", "{}"]).format(f"{name}{bits}-{value}")

    def _junk(self) -> str:
        return "".join(self._random.choice(_JUNK) for _ in range(self._random.randrange(1, 12)))
