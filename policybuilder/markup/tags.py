"""Tags: the elements of some names in a page, with what they say and without where they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

import turbohtml
from turbohtml import Element, Namespace, Node

MAX_TAGS = 20_000
"""In one page; those that follow are not read."""

_MAX_ATTRIBUTES = 500
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Tag:
    """An element without its content."""

    name: str
    attributes: Mapping[str, str]
    """By lower-case name; empty where there is no value."""

    is_html: bool
    """And not of SVG or MathML."""


def tags_of_page(text: str, names: Collection[str]) -> tuple[Tag, ...]:
    """The elements of these names in tree order, those in templates left out; scripting off, so with those in noscript.

    https://html.spec.whatwg.org/multipage/parsing.html#scripting-flag
    """
    document = turbohtml.parse(
        _SURROGATE.sub("\ufffd", text), positions=False, scripting=False, allow_declarative_shadow_roots=False
    )
    return _tags(document, names)


def tags_of_fragment(text: str, names: Collection[str]) -> tuple[Tag, ...]:
    """The same, of text that stands in a template, where there is neither head nor body; scripting on."""
    root = turbohtml.parse_fragment(_SURROGATE.sub("\ufffd", text), "template", positions=False, scripting=True)
    return _tags(root, names)


def _tags(root: Node, names: Collection[str]) -> tuple[Tag, ...]:
    """Not by recursion: markup may be nested as deep as it is long."""
    found: list[Tag] = []
    stack = list(reversed(root.children))
    while stack and len(found) < MAX_TAGS:
        node = stack.pop()
        if not isinstance(node, Element):
            continue
        if node.tag in names:
            attributes = {name: node.attr(name) or "" for name in islice(node.attrs, _MAX_ATTRIBUTES)}
            found.append(Tag(node.tag, attributes, node.namespace is Namespace.HTML))
        if node.tag != "template" or node.namespace is not Namespace.HTML:
            stack.extend(reversed(node.children))
    return tuple(found)
