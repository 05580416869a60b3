"""Reading markup as a browser's parser does, scripting on: what it holds, and where.

https://html.spec.whatwg.org/multipage/parsing.html
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

import ada_url
import turbohtml
from turbohtml import Document, DocumentFragment, Element, Namespace, Node, SourceSpan, Text
from turbohtml import detect as _codecs  # noqa: F401  (registers the decoders of the Encoding Standard)

from policybuilder.csp.question import InlineType
from policybuilder.markup.event_handlers import is_event_handler
from policybuilder.markup.places import (
    ExternalKind,
    ExternalPlace,
    InlinePlace,
    Markup,
    MetaPolicy,
    Position,
    ScriptKind,
)
from policybuilder.rendering.text_safety import visible

MAX_PLACES = 20_000
"""In one document; a page of a few megabytes has room for a million."""

_MAX_FRAMES_DEEP = 3
_MAX_BASE_LENGTH = 8_192
"""Longer ones no server answers to."""

_MAX_ATTRIBUTES = 500
"""Of one element; looking each of them up takes the parser as long as there are others."""

# https://mimesniff.spec.whatwg.org/#javascript-mime-type
_JAVASCRIPT_TYPES = frozenset(
    {
        *("application/ecmascript", "application/javascript", "application/x-ecmascript", "application/x-javascript"),
        *("text/ecmascript", "text/javascript", "text/x-ecmascript", "text/x-javascript"),
        *("text/jscript", "text/livescript", "text/javascript1.0", "text/javascript1.1", "text/javascript1.2"),
        *("text/javascript1.3", "text/javascript1.4", "text/javascript1.5"),
    }
)

_OTHER_KINDS = {
    "module": ScriptKind.MODULE,
    "importmap": ScriptKind.IMPORT_MAP,
    "speculationrules": ScriptKind.SPECULATION_RULES,
}

# The attributes by which an element leads somewhere, in HTML and in SVG.
_NAVIGATING = {
    (Namespace.HTML, "a"): ("href",),
    (Namespace.HTML, "area"): ("href",),
    (Namespace.HTML, "form"): ("action",),
    (Namespace.HTML, "button"): ("formaction",),
    (Namespace.HTML, "input"): ("formaction",),
    (Namespace.HTML, "iframe"): ("src",),
    (Namespace.HTML, "frame"): ("src",),
    (Namespace.SVG, "a"): ("href", "xlink:href"),
}

_WHITE_SPACE = " \t\n\f\r"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n?")
_LONE_RETURN = re.compile("\r(?!\n)")
_LINE_FEED = re.compile("\n")
# What the URL parser drops before it reads a scheme.
_IGNORED_IN_URLS = re.compile("^[\0-\x20]+|[\t\n\r]")
_CHARSET = re.compile(r"""charset\s*=\s*(?:"([^"]*)"|([^\s;"']+))""", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[\w-]{1,40}")


def charset_of(content_type: str) -> str | None:
    """The charset that a Content-Type names, for the `encoding_hint` of `read_markup`."""
    match = _CHARSET.search(content_type)
    return (match[1] or match[2] or "").strip() or None if match else None


def read_markup(source: str | bytes, *, url: str | None = None, encoding_hint: str | None = None) -> Markup:
    """What a page holds, however broken it is.

    Bytes are decoded as a browser does: by a byte order mark, else by `encoding_hint`, the charset of the Content-Type,
    else by what a meta element says, else by a guess. `url` is the page's, for relative URLs.
    """
    encoding = None
    if isinstance(source, bytes):
        source, encoding = _decoded(source, encoding_hint)
    return _read(source, url=url, base=url, encoding=encoding, depth=0)


def _decoded(source: bytes, hint: str | None) -> tuple[str, str]:
    try:
        sniffed = turbohtml.parse(source, encoding=hint, positions=False, scripting=True)
    except LookupError:
        # Browsers ignore a charset that they do not know.
        sniffed = turbohtml.parse(source, positions=False, scripting=True)
    encoding = sniffed.encoding or "UTF-8"
    return source.decode(f"whatwg-{encoding.lower()}", "replace"), encoding


def _read(source: str, *, url: str | None, base: str | None, encoding: str | None, depth: int) -> Markup:
    # Text that was never bytes may hold what no browser gets to see.
    text = _SURROGATE.sub("\ufffd", source.removeprefix("\ufeff"))
    document = turbohtml.parse(text, source_locations=True, scripting=True)
    reader = _Reader(_Source(text), base, url)
    is_cut = False
    for element, is_in_template in _elements(document):
        if reader.count >= MAX_PLACES:
            is_cut = True
            break
        reader.add(element, is_in_template=is_in_template)
    framed = []
    if depth < _MAX_FRAMES_DEEP:
        framed = [_read(each, url=None, base=reader.base, encoding=None, depth=depth + 1) for each in reader.srcdocs]
    return Markup(
        url=url,
        encoding=encoding,
        base_href=reader.base_href,
        base_url=reader.base,
        inline=tuple(_in_order(reader.inline)),
        external=tuple(_in_order(reader.external)),
        policies=tuple(reader.policies),
        forms=tuple(reader.forms)[:MAX_PLACES],
        links=tuple(reader.links)[:MAX_PLACES],
        asks_password=reader.asks_password,
        referrers=tuple(reader.referrers),
        framed=tuple(framed),
        is_cut=is_cut or (bool(reader.srcdocs) and not framed) or any(each.is_cut for each in framed),
    )


_Place = TypeVar("_Place", InlinePlace, ExternalPlace)


def _in_order(places: list[_Place]) -> list[_Place]:
    """Of the source: the parser moves what stands wrongly in a table, and merges tags."""
    return sorted(places, key=lambda place: place.begins_at or (0, 0))


def _elements(document: Document) -> Iterator[tuple[Element, bool]]:
    """All elements in tree order, with those in templates and in shadow roots, and whether in a template.

    Not by recursion: markup may be nested as deep as it is long.
    """
    stack: list[tuple[Node, bool]] = [(document, False)]
    while stack:
        node, is_in_template = stack.pop()
        if isinstance(node, Element):
            yield node, is_in_template
        inside = is_in_template or isinstance(node, DocumentFragment)
        stack.extend((child, inside) for child in reversed(node.children))
        # A declarative shadow root is a template no more.
        if isinstance(node, Element) and (shadow := node.shadow_root) is not None:
            stack.extend((child, is_in_template) for child in reversed(shadow.children))


class _Source:
    """The positions in a text."""

    def __init__(self, text: str) -> None:
        normalised = _LINE_END.sub("\n", text) if "\r" in text else text
        self._astral = [match.start() for match in _ASTRAL.finditer(normalised)]
        self._line_feeds = None
        if _LONE_RETURN.search(text) is not None:
            # Of the same length as the normalised text.
            others = _LONE_RETURN.sub(" ", text).replace("\r\n", "\n")
            self._line_feeds = array("L", (match.start() for match in _LINE_FEED.finditer(others)))

    def position(self, line: int, column: int, offset: int) -> Position:
        """Of what the parser says, whose columns begin at 0."""
        begin = offset - column
        feed_line = line
        if self._line_feeds is not None:
            before = bisect_left(self._line_feeds, offset)
            begin = self._line_feeds[before - 1] + 1 if before else 0
            feed_line = before + 1
        astral = bisect_left(self._astral, offset) - bisect_left(self._astral, begin)
        return Position(line, column + 1, feed_line, offset - begin + astral + 1)


class _Found(NamedTuple):
    """An element, and where it stands."""

    element: Element
    attributes: Mapping[str, str]
    """By name; empty where there is no value."""

    spans: Mapping[str, SourceSpan]
    label: str
    begins_at: Position | None
    tag_ends_at: Position | None
    is_closed: bool
    is_in_template: bool


@dataclass(slots=True)
class _Reader:
    """Collects the places of a document."""

    source: _Source
    base: str | None
    page: str | None
    base_href: str | None = None
    inline: list[InlinePlace] = field(default_factory=list)
    external: list[ExternalPlace] = field(default_factory=list)
    policies: list[MetaPolicy] = field(default_factory=list)
    srcdocs: list[str] = field(default_factory=list)
    forms: dict[str, None] = field(default_factory=dict)
    """Where they go, in the order of the source."""

    links: dict[str, None] = field(default_factory=dict)
    asks_password: bool = False
    referrers: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.inline) + len(self.external) + len(self.policies) + len(self.srcdocs) + len(self.referrers)

    def add(self, element: Element, *, is_in_template: bool) -> None:
        attributes = _attributes(element)
        if not attributes and element.tag not in {"form", "script", "style"}:
            return
        location = element.source_location
        if location is None and element.tag not in {"html", "body"}:
            # The parser's copy of a formatting element that was closed wrongly: its tag is seen already.
            return
        tag = location and location.start_tag
        found = _Found(
            element,
            attributes,
            location.attrs if location else {},
            _label(element.tag, attributes),
            tag and self.source.position(*tag[:3]),
            tag and self.source.position(*tag[3:]),
            location is not None and location.end_tag is not None,
            is_in_template,
        )
        match element.namespace, element.tag:
            case ((Namespace.HTML | Namespace.SVG), "script"):
                self._add_script(found)
            case ((Namespace.HTML | Namespace.SVG), "style"):
                self._add_style(found)
            case Namespace.HTML, "link":
                self._add_link(found)
            case Namespace.HTML, "meta":
                self._add_meta(found)
            case Namespace.HTML, "base" if not is_in_template:
                self._add_base(found)
            case Namespace.HTML, ("form" | "button" | "input"):
                self._add_form(found)
                self.asks_password |= _is_password_field(found)
            case Namespace.HTML, ("a" | "area") if not is_in_template:
                self._add_hyperlink(found)
        self._add_attributes(found)

    def _add_script(self, found: _Found) -> None:
        kind = _script_kind(found)
        if (href := _script_href(found)) is not None:
            if kind in {ScriptKind.CLASSIC, ScriptKind.MODULE} and not _is_for_old_browsers(found, kind):
                self.external.append(self._external(found, ExternalKind.SCRIPT, href, kind))
        elif text := _own_text(found.element):
            is_speculation = kind is ScriptKind.SPECULATION_RULES
            self.inline.append(
                InlinePlace(
                    inline_type=InlineType.SPECULATION_RULES if is_speculation else InlineType.SCRIPT,
                    text=text,
                    label=found.label,
                    begins_at=found.begins_at,
                    tag_ends_at=found.tag_ends_at,
                    nonce=found.attributes.get("nonce") or None,
                    script_kind=kind,
                    is_in_template=found.is_in_template,
                    # A script that the page ends within never runs.
                    runs=found.is_closed
                    and not found.is_in_template
                    and kind is not ScriptKind.DATA_BLOCK
                    and not _is_for_old_browsers(found, kind),
                )
            )

    def _add_style(self, found: _Found) -> None:
        is_css = (found.attributes.get("type") or "text/css").lower() == "text/css"
        self.inline.append(
            InlinePlace(
                inline_type=InlineType.STYLE,
                text=_own_text(found.element),
                label=found.label,
                begins_at=found.begins_at,
                tag_ends_at=found.tag_ends_at,
                nonce=found.attributes.get("nonce") or None,
                is_in_template=found.is_in_template,
                runs=is_css and not found.is_in_template,
            )
        )

    def _add_link(self, found: _Found) -> None:
        href = found.attributes.get("href")
        if href and "stylesheet" in (found.attributes.get("rel") or "").lower().split():
            self.external.append(self._external(found, ExternalKind.STYLESHEET, href, None))

    def _external(self, found: _Found, kind: ExternalKind, href: str, script_kind: ScriptKind | None) -> ExternalPlace:
        crossorigin = found.attributes.get("crossorigin")
        if crossorigin is not None:
            crossorigin = "use-credentials" if crossorigin.lower() == "use-credentials" else "anonymous"
        return ExternalPlace(
            kind=kind,
            href=href,
            url=_resolved(href, self.base) if href else None,
            label=found.label,
            begins_at=found.begins_at,
            tag_ends_at=found.tag_ends_at,
            nonce=found.attributes.get("nonce") or None,
            integrity=found.attributes.get("integrity") or None,
            crossorigin=crossorigin,
            script_kind=script_kind,
            is_in_template=found.is_in_template,
        )

    def _add_meta(self, found: _Found) -> None:
        content = (found.attributes.get("content") or "").strip(_WHITE_SPACE)
        if content and (found.attributes.get("http-equiv") or "").lower() == "content-security-policy":
            parent = found.element.parent
            is_in_head = isinstance(parent, Element) and parent.tag == "head"
            self.policies.append(
                MetaPolicy(text=content, begins_at=found.begins_at, is_obeyed=is_in_head and not found.is_in_template)
            )
        if (found.attributes.get("name") or "").lower() == "referrer" and not found.is_in_template:
            self.referrers.append(content)

    def _add_base(self, found: _Found) -> None:
        """The first with a URL counts, for what comes after it.

        https://html.spec.whatwg.org/multipage/semantics.html#set-the-frozen-base-url
        """
        href = found.attributes.get("href")
        if href is None or self.base_href is not None:
            return
        self.base_href = href
        resolved = _resolved(href, self.base)
        if resolved is not None and not resolved.startswith(("data:", "javascript:")):
            self.base = resolved

    def _add_form(self, found: _Found) -> None:
        """https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#form-submission-algorithm"""
        is_form = found.element.tag == "form"
        if (found.attributes.get("method" if is_form else "formmethod") or "").lower() == "dialog":
            return
        action = found.attributes.get("action" if is_form else "formaction")
        if action is None and not is_form:
            return
        url = _resolved(action, self.base) if action and action.strip(_WHITE_SPACE) else self.page
        if url is not None and url.startswith(("http:", "https:")):
            self.forms.setdefault(url)

    def _add_hyperlink(self, found: _Found) -> None:
        href = found.attributes.get("href")
        url = None if href is None or len(self.links) >= MAX_PLACES else _resolved(href, self.base)
        if url is not None and url.startswith(("http:", "https:")):
            self.links.setdefault(url.partition("#")[0])

    def _add_attributes(self, found: _Found) -> None:
        element = found.element
        navigating: Sequence[str] = _NAVIGATING.get((element.namespace, element.tag), ())
        if element.namespace is Namespace.MATHML:
            # Firefox follows it on any of them.
            navigating = ("href",)
        for name, value in found.attributes.items():
            if name == "style":
                self._add_attribute(found, name, InlineType.STYLE_ATTRIBUTE, value)
            elif is_event_handler(element.tag, name):
                self._add_attribute(found, name, InlineType.SCRIPT_ATTRIBUTE, value)
            elif name in navigating and (code := _javascript_url(value)) is not None:
                self._add_attribute(found, name, InlineType.NAVIGATION, code)
            elif name == "srcdoc" and element.tag == "iframe" and not found.is_in_template:
                self.srcdocs.append(value)

    def _add_attribute(self, found: _Found, name: str, inline_type: InlineType, text: str) -> None:
        span = found.spans.get(name)
        self.inline.append(
            InlinePlace(
                inline_type=inline_type,
                text=text,
                label=f"{found.label}[{name}]",
                begins_at=self.source.position(*span[:3]) if span else found.begins_at,
                tag_ends_at=found.tag_ends_at,
                is_in_template=found.is_in_template,
                runs=not found.is_in_template,
            )
        )


def _is_password_field(found: _Found) -> bool:
    return found.element.tag == "input" and (found.attributes.get("type") or "").lower() == "password"


def _attributes(element: Element) -> dict[str, str]:
    return {name: element.attr(name) or "" for name in islice(element.attrs, _MAX_ATTRIBUTES)}


def _label(tag: str, attributes: Mapping[str, str]) -> str:
    """As a selector, though not always a unique one."""
    for mark, name in (("#", attributes.get("id", "")), (".", attributes.get("class", "").strip().partition(" ")[0])):
        if _PLAIN_NAME.fullmatch(name):
            return f"{visible(tag[:40])}{mark}{visible(name)}"
    return visible(tag[:40])


def _own_text(element: Element) -> str:
    """The text that is a child, which is what runs: in SVG there may be elements between.

    https://dom.spec.whatwg.org/#concept-child-text-content
    """
    return "".join(child.data for child in element.children if isinstance(child, Text))


def _script_href(found: _Found) -> str | None:
    if found.element.namespace is Namespace.SVG:
        href = found.attributes.get("href")
        return href if href is not None else found.attributes.get("xlink:href")
    return found.attributes.get("src")


def _script_kind(found: _Found) -> ScriptKind:
    """https://html.spec.whatwg.org/multipage/scripting.html#prepare-the-script-element"""
    given, language = found.attributes.get("type"), found.attributes.get("language")
    if given:
        name = given.strip(_WHITE_SPACE).lower()
    elif given is None and language:
        name = f"text/{language}".lower()
    else:
        name = "text/javascript"
    if name in _JAVASCRIPT_TYPES:
        return ScriptKind.CLASSIC
    return _OTHER_KINDS.get(name, ScriptKind.DATA_BLOCK) if given else ScriptKind.DATA_BLOCK


def _is_for_old_browsers(found: _Found, kind: ScriptKind) -> bool:
    """Classic scripts can say that browsers with modules leave them, or name an event that no browser knows now."""
    if kind is not ScriptKind.CLASSIC:
        return False
    target, event = (found.attributes.get(name) for name in ("for", "event"))
    is_for_another = (
        target is not None
        and event is not None
        and (
            target.strip(_WHITE_SPACE).lower() != "window"
            or event.strip(_WHITE_SPACE).lower() not in {"onload", "onload()"}
        )
    )
    return is_for_another or found.attributes.get("nomodule") is not None


def _javascript_url(value: str) -> str | None:
    """`value` as the URL parser writes it again, if it is code."""
    is_code = _IGNORED_IN_URLS.sub("", value)[:11].lower() == "javascript:"
    return _resolved(value, None) if is_code else None


def _resolved(href: str, base: str | None) -> str | None:
    # Every relative URL becomes as long as its base, and a page has room for many.
    if base is not None and len(base) > _MAX_BASE_LENGTH:
        base = None
    try:
        return ada_url.URL(href, base).href
    except ValueError:
        return None
