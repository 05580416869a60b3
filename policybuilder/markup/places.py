"""Places: where a page's markup holds code or names some, and how browsers report it."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from policybuilder.csp.question import Browser, InlineType

SAMPLE_UNITS = 40
"""UTF-16 units of code in a sample.

https://w3c.github.io/webappsec-csp/#violation-sample
"""


class ScriptKind(enum.StrEnum):
    """What a browser takes a script element for.

    https://html.spec.whatwg.org/multipage/scripting.html#prepare-the-script-element
    """

    CLASSIC = "classic"
    MODULE = "module"
    IMPORT_MAP = "importmap"
    SPECULATION_RULES = "speculationrules"
    DATA_BLOCK = "data"
    """Not code: JSON-LD, a template, a type that is misspelt."""


class Position(NamedTuple):
    """A place in the source, as people and Firefox count, then as Chromium does."""

    line: int
    """The first is 1; a carriage return ends one too."""

    column: int
    """The first is 1; in code points."""

    feed_line: int
    """Counting line feeds alone."""

    utf16_column: int
    """In UTF-16 units, from the last line feed."""


_DIRECTIVES = {
    InlineType.SCRIPT: "script-src-elem",
    InlineType.SPECULATION_RULES: "script-src-elem",
    InlineType.NAVIGATION: "script-src-elem",
    InlineType.SCRIPT_ATTRIBUTE: "script-src-attr",
    InlineType.STYLE: "style-src-elem",
    InlineType.STYLE_ATTRIBUTE: "style-src-attr",
}

_SCRIPTS = frozenset({InlineType.SCRIPT, InlineType.SPECULATION_RULES})


@dataclass(frozen=True, slots=True, kw_only=True)
class InlinePlace:
    """Code in the markup itself."""

    inline_type: InlineType

    text: str
    """As digests are made of it: an element's own text, an attribute's value, or a `javascript:` URL, serialized."""

    label: str
    """For people: `button#buy[onclick]`."""

    begins_at: Position | None
    """Of the element's tag, or of the attribute; None when it is part of a tag that the parser merged into another."""

    tag_ends_at: Position | None
    """Behind the `>` of the element's tag, where its text begins."""

    nonce: str | None = None
    """Of the element; None where it has none, and where none would count."""

    script_kind: ScriptKind | None = None
    """Of script elements."""

    is_in_template: bool = False
    """Then nothing happens before a script copies it into the page."""

    runs: bool = True
    """Whether a browser runs or applies it as the page stands: no data block, not made for browsers of old."""

    @property
    def directive(self) -> str:
        """The effective directive by which browsers report it."""
        return _DIRECTIVES[self.inline_type]

    def reported_position(self, browser: Browser) -> tuple[int, int] | None:
        """Line and column in the reports of a browser; None where those have none, or none that means this place.

        Both browsers name the end of a tag, not its beginning.
        """
        end = self.tag_ends_at
        if end is None or self.inline_type in {InlineType.SCRIPT_ATTRIBUTE, InlineType.NAVIGATION}:
            return None
        if browser is Browser.CHROMIUM:
            return end.feed_line, end.utf16_column
        if self.inline_type in _SCRIPTS:
            return end.line, end.column
        return (end.line, 1) if self.inline_type is InlineType.STYLE else None

    def hashed_text(self, browser: Browser) -> str:
        """What a browser makes the digest of; only `javascript:` URLs with escapes are read in two ways."""
        if self.inline_type is not InlineType.NAVIGATION or browser is not Browser.CHROMIUM:
            return self.text
        # Differs from the spec: escapes are undone; because Chromium hashes what it would run; see
        # https://w3c.github.io/webappsec-csp/#should-block-navigation-request
        raw = unquote_to_bytes(self.text)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def sample(self, browser: Browser) -> str:
        """The sample in the reports of a browser; a surrogate that stands alone is U+FFFD."""
        return sample_of(self.hashed_text(browser), browser)


def sample_of(text: str, browser: Browser) -> str:
    """What a browser reports of code.

    Chromium trims, then cuts after 40 UTF-16 units, be it in the middle of a character, which is then U+FFFD here.
    Firefox does not trim, completes the character, and marks the cut.
    """
    if browser is Browser.CHROMIUM:
        return _cut(_trimmed_head(text), SAMPLE_UNITS).decode("utf-16-le", "replace")
    head = _cut(text, SAMPLE_UNITS)
    try:
        sample = head.decode("utf-16-le")
    except UnicodeDecodeError:
        sample = _cut(text, SAMPLE_UNITS + 1).decode("utf-16-le")
    return sample if len(sample) == len(text) else f"{sample}…"


def _cut(text: str, units: int) -> bytes:
    return text[:units].encode("utf-16-le")[: 2 * units]


def _trimmed_head(text: str) -> str:
    """The beginning of the text without white space around it; the whole of it may be a bundle of megabytes."""
    begin, end = 0, len(text)
    while begin < end and _is_trimmed(text[begin]):
        begin += 1
    while end > begin and _is_trimmed(text[end - 1]):
        end -= 1
    return text[begin : min(end, begin + SAMPLE_UNITS)]


def _is_trimmed(character: str) -> bool:
    # As Chromium's WTF::IsSpaceOrNewline: a no-break space stays, an ideographic space goes.
    return character in "\t\n\v\f\r " or (character > "\x7f" and unicodedata.bidirectional(character) == "WS")


class ExternalKind(enum.StrEnum):
    """What is fetched."""

    SCRIPT = "script"
    STYLESHEET = "stylesheet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPlace:
    """A script or stylesheet that the markup names."""

    kind: ExternalKind
    href: str
    """As written."""

    url: str | None
    """Resolved against the base in force there; None when that cannot be done."""

    label: str
    begins_at: Position | None
    tag_ends_at: Position | None
    nonce: str | None = None
    integrity: str | None = None
    crossorigin: str | None = None
    """`anonymous` or `use-credentials`; None is a fetch without CORS, except for modules."""

    script_kind: ScriptKind | None = None
    is_in_template: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaPolicy:
    """A `<meta http-equiv="Content-Security-Policy">`."""

    text: str
    begins_at: Position | None
    is_obeyed: bool
    """Browsers obey it in the head alone, and not in a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """What the markup of a page holds, each in the order of the source."""

    url: str | None
    """Of the page, if known."""

    encoding: str | None
    """By which its bytes were read; None for text."""

    base_href: str | None
    """Of the first `<base href>`."""

    base_url: str | None
    """What relative URLs are resolved against in the end."""

    inline: tuple[InlinePlace, ...]
    external: tuple[ExternalPlace, ...]
    policies: tuple[MetaPolicy, ...]

    forms: tuple[str, ...] = ()
    """The URLs that forms are sent to."""

    links: tuple[str, ...] = ()
    """The pages that hyperlinks lead to, each once, without fragment."""
    asks_password: bool = False
    """Whether there is a field for a password, in a form or not."""

    referrers: tuple[str, ...] = ()
    """What `<meta name="referrer">` elements say, in the order of the source."""

    framed: tuple[Markup, ...] = ()
    """The documents in `srcdoc` attributes, which the page's policy governs too; positions are their own."""

    is_cut: bool = False
    """Whether there are more places than anybody wants to see, or frames in frames without end."""
