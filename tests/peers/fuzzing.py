"""Fuzzing: policies made by a grammar, from a seed, of what authors write and of what nobody should."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from policybuilder.csp.directives import KNOWN_DIRECTIVES
from policybuilder.csp.sources import Keyword
from policybuilder.evaluation.csp_evaluator import vocabulary
from policybuilder.evaluation.csp_evaluator.hosts import host_facts

T = TypeVar("T")

_NAMES = sorted(vocabulary.DIRECTIVES | KNOWN_DIRECTIVES)
_FREQUENT_NAMES = [
    *("default-src", "script-src", "script-src", "script-src-elem", "script-src-attr", "object-src", "base-uri"),
    *("style-src", "img-src", "connect-src", "frame-ancestors", "form-action", "report-uri", "report-to"),
    *("require-trusted-types-for", "trusted-types", "plugin-types", "font-src"),
]
_ODD_NAMES = [
    *("constructor", "__proto__", "toString", "hasOwnProperty", "Constructor", "valueof", "__PROTO__", "<script>"),
    *(
        "scriptsrc",
        "script_src",
        "script-src:",
        "default-src:",
        "https:",
        "'self'",
        "*",
        "7",
        "0",
        "-1",
        "%73cript-src",
    ),
    *("\u017fcript-src", "bloc\u212a-all-mixed-content", "\u0130mg-src", "ΟΔΟΣ-SRC", "script\u2011src", "\ud83d", "💥"),
    *("script-src\x85", "script-src\x1c'self'", "\x0b", "a\x00b", "fenced-frame-src", "reflected-XSS"),
]
_KEYWORDS = sorted(vocabulary.KEYWORDS | {keyword.value for keyword in Keyword} | {"'script'", "'allow-duplicates'"})
_FREQUENT_KEYWORDS = ["'self'", "'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'"]
_SCHEMES = ["http:", "https:", "data:", "blob:", "filesystem:", "wss:"]
_ODD_SCHEMES = ["HTTPS:", "mediastream:", "a.b:", "+x:", "1a:", "x-:"]
_ADDRESSES = [
    *("127.0.0.1", "10.0.0.1:8080", "https://192.168.1.1/x", "0x7f.1", "2130706433", "017700000001", "1.2.3", "999"),
    *("[::1]", "https://[::1]:80/", "[2001:db8::1]", "[::1]@a.example", "[::ffff:1.2.3.4]", "[::1]:*", "[1::1]:*/a.b"),
    *("\uff11\uff12\uff17.0.0.1", "1.2.3.4.", "0x", "0x.0x", "/1.2.3.4", "http://1.2.3.4:80/"),
]
_MALFORMED = [
    *("[::1]:foo", "a.example:port", "localhost:99999", "https://", "//", "/", "https:///", "javascript:alert(1)"),
    *("exa%mple.com", "a|b.example", "<a>.example", "xn--a.example", "a:b:c", ":*", "[", "[zz]", "#", "?x", "@", ":"),
    *("1.2.3.999", "0x1ffffffff", "a\x01b.example", "\ud800.example", "*.xn--.example", "https://\\", "%", "a^c"),
    *("256.1.1.1", "1.2.3.4.5", "*.1.2.3.4", "a.0x1", "a.08", "[12:3]x", "foo.1", "a%00.example"),
]
_ODD_HOSTS = [
    *("*", "*:443", "*:*", "https://*", "https://*:8443", "//*", "https:////*", "*.*", "*.com", "**", "a.*", "*/x.js"),
    *(
        "localhost",
        "localhost:*",
        "LOCALHOST:3000",
        "bücher.example",
        "*.bücher.example",
        "例え.テスト",
        "a..b",
        ".a.b",
    ),
    *("a.example.", "user:pass@a.example", "a.example?x", "a.example#x", "a.example\\x", "%61.example", "a%2e.example"),
    *("xn--bcher-kva.example", "wildcard_placeholder.google.com", "bildcard_placeholder.google.com", "_.google.com"),
    *("https://a.example/../x", "https://a.example/a/./b/", "https://www.google.com/tools/x/../feedback/", "*.a.*"),
    *("a.example:", "a.example:0", "a.example:00080", "a.example:65535", "a_b.example", "--.example", "a.example\x00"),
    *(
        "https://a.example/*",
        "https://*.google.com/*",
        "http://*.google.com:*",
        "http://https://a.example",
        "1http://a",
    ),
    *("*.google.com.", "*.GOOGLE.com", "WWW.google.com", "ssl.google-analytics.com\x1f", "ww\u00adw.google.com"),
]
_TYPES = ["application/x-shockwave-flash", "application/pdf", "Application/X-Shockwave-Flash", "image/svg+xml"]
_WORDS = ["allow-scripts", "script", "style", "default", "dompurify", "goog#html", "endpoint", "no-referrer"]
_SPACES = ["\t", "\n", "\r\n", "\x0b", "\f", "  ", "\xa0", "\u2003", "\ufeff", "\u2028", "\u3000", "\u1680"]
_FAKE_SPACES = ["\x1c", "\x85", "\u200b", "\x00", "\x1f"]
_JUNK = (
    "abcXYZ019'\"-_.:/*?#@%[]()<>{}|\\^~`!$&+=,; \x00\x7f\xa0\xad"
    # Letters that change their case, combine, join, or are two units of UTF-16, and half of one. None that run to the
    # left, nor any that IDNA treats otherwise since Unicode 15.1: the URL parser of node 20 is older than ours.
    "é\u0130ßΣςК\u017f\u212a\u0301\u200c\u200d\uff10\uff0e\u3002例💥\ud800\udfff\ufffd\ufeff"
)


Maker = Callable[[], str]


class Fuzzer:
    """Makes policies; the same ones from the same seed."""

    def __init__(self, seed: int, examples: Sequence[str] = ()) -> None:
        """`examples` are policies to misspell."""
        self._random = random.Random(seed)  # noqa: S311 - it guards nothing
        self._examples = examples
        facts = host_facts()
        self._known = [*facts.jsonp.locations, *facts.angular.locations, *facts.flash.locations]
        # How often, and what.
        self._usual: list[tuple[int, Maker]] = [
            (30, lambda: self._pick(*_FREQUENT_KEYWORDS)),
            (10, lambda: self._spoilt(self._pick(*_KEYWORDS))),
            (12, lambda: self._pick(*_SCHEMES)),
            (14, self._known_host),
            (14, self._plain_host),
            (8, self._nonce),
            (8, self._hash),
            (2, lambda: self._pick(*_WORDS)),
            (2, lambda: self._pick(*_TYPES)),
        ]
        self._odd: list[tuple[int, Maker]] = [
            *self._usual,
            (5, lambda: self._pick(*_ODD_SCHEMES)),
            (8, lambda: self._pick(*_ADDRESSES)),
            (25, lambda: self._pick(*_ODD_HOSTS)),
            (5, lambda: self._spoilt(self._pick(*_NAMES))),
        ]
        self._wild: list[tuple[int, Maker]] = [*self._odd, (15, lambda: self._pick(*_MALFORMED)), (20, self._junk)]

    def policies(self, count: int) -> Iterator[str]:
        """More than half of them as sites have them, the others odd or wild, or examples that were misspelt."""
        for _ in range(count):
            kind = self._random.random()
            if kind < 0.1 and self._examples:
                yield self._misspelt(self._pick(*self._examples))
            elif kind < 0.2:
                yield self._policy(self._wild, odd=0.3)
            elif kind < 0.4:
                yield self._policy(self._odd, odd=0.08)
            else:
                yield self._policy(self._usual, odd=0.0)

    def _policy(self, values: Sequence[tuple[int, Maker]], *, odd: float) -> str:
        directives = [self._directive(values, odd) for _ in range(self._pick(0, 1, 1, 2, 3, 4, 6, 9))]
        separator = self._pick("; ", ";", " ; ") if odd else "; "
        text = separator.join(directives)
        if self._happens(odd):
            text = text.replace(separator, ", ", self._pick(1, 2))
        if self._happens(odd):
            text += self._pick(";", ";;", ",", " ", ", ,", "; ;", "\0")
        return text

    def _directive(self, values: Sequence[tuple[int, Maker]], odd: float) -> str:
        name = self._pick(*_FREQUENT_NAMES) if self._happens(0.8) else self._pick(*_NAMES)
        if self._happens(odd):
            name = self._pick(*_ODD_NAMES) if self._happens(0.4) else self._spoilt(name)
        makers = [maker for _, maker in values]
        weights = [weight for weight, _ in values]
        tokens = [
            maker() for maker in self._random.choices(makers, weights, k=self._pick(0, 1, 1, 1, 2, 2, 3, 4, 5, 8))
        ]
        if len(tokens) > 1 and not self._happens(odd + 0.05):
            tokens = [token for token in tokens if token != "'none'"]
        return "".join(f"{token}{self._space(odd)}" for token in (name, *tokens)).rstrip(" ")

    def _space(self, odd: float) -> str:
        if self._happens(odd):
            return self._pick(*_SPACES) if self._happens(0.8) else self._pick(*_FAKE_SPACES)
        return " "

    def _pick(self, *choices: T) -> T:
        return self._random.choice(choices)

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _spoilt(self, text: str) -> str:
        """`text`, or what somebody types instead."""
        kind = self._random.random()
        if kind < 0.5:
            return text
        if kind < 0.7:
            return "".join(letter.upper() if self._happens(0.5) else letter for letter in text)
        return text.strip("'") if kind < 0.85 else self._misspelt(text, edits=1)

    def _misspelt(self, text: str, edits: int | None = None) -> str:
        for _ in range(edits or self._pick(1, 1, 2, 3, 5, 9)):
            at = self._random.randrange(len(text) + 1)
            kind = self._random.random()
            if kind < 0.3:
                text = text[:at] + text[at + 1 :]
            elif kind < 0.8:
                text = text[:at] + self._pick(*_JUNK) + text[at:]
            else:
                other = self._random.randrange(len(text) + 1)
                start, end = sorted((at, other))
                text = text[:start] + text[start : end + 1].upper() + text[end + 1 :]
        return text

    def _known_host(self) -> str:
        location = self._pick(*self._known)
        host, path = location.host, location.path
        if self._happens(0.3):
            first, _, rest = host.partition(".")
            host = self._pick(f"*.{rest}", f"{first}.*", f"*.{host}", f"x{host}", host.upper(), f"{host}.")
        scheme = self._pick("", "", "https://", "https://", "http://", "//", "HTTPS://", "wss://")
        port = self._pick("", "", "", "", ":443", ":*", ":8080")
        directory = f"{path.rpartition('/')[0]}/"
        path = self._pick("", "", "/", path, directory, path.upper(), f"{path}/", f"{path}?x=1", "/x.js")
        return f"{scheme}{host}{port}{path}"

    def _plain_host(self) -> str:
        scheme = self._pick("", "", "https://", "http://", "https://*.", "*.", "//", "wss://")
        host = self._pick("a.example", "cdn.shop.example", "example.com", "x-y.example", "assets2.example")
        return f"{scheme}{host}{self._pick('', '', '', ':8443', ':*', '/js/', '/a/b.js')}"

    def _nonce(self) -> str:
        value = self._base64(self._pick(6, 16, 16, 16, 32))
        if self._happens(0.3):
            value = self._pick(value.rstrip("="), f"{value}=", value[:7], "{NONCE}", "é" * 5, "💥💥💥💥", "")
        return self._pick(*["'nonce-{}'"] * 8, "nonce-{}", "'NONCE-{}'", "'nonce-{}").format(value)

    def _hash(self) -> str:
        bits = self._pick(256, 256, 256, 384, 512)
        value = self._base64(bits // 8)
        if self._happens(0.3):
            value = self._pick(self._base64(20), value.replace("+", "-").replace("/", "_"), value.rstrip("="), "!", "a")
            bits = self._pick(bits, bits, 1, 224)
        name = self._pick(*["sha"] * 8, "SHA", "sha-", "url-sha")
        return self._pick(*["'{}'"] * 8, "{}").format(f"{name}{bits}-{value}")

    def _base64(self, size: int) -> str:
        return base64.b64encode(self._random.randbytes(size)).decode()

    def _junk(self) -> str:
        return "".join(self._pick(*_JUNK) for _ in range(self._random.randrange(1, 12)))
