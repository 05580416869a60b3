"""JSON as text: the bytes of `json.dumps(document, indent=2)`, in portions, and in a fraction of its time.

The standard library indents in Python, a call for each bracket and comma, and holds the whole text at once; a summary
of a hundred thousand groups has a hundred million characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import Any

import msgspec

_ROWS_AT_ONCE = 1_000


def json_text(document: Mapping[str, Any]) -> Iterator[str]:
    """The text of a document in portions. A member may be an iterator, which is a list made while it is written."""
    if not document:
        yield "{}"
        return
    before = "{"
    for key, member in document.items():
        yield f"{before}\n  {encode_basestring_ascii(key)}: "
        before = ","
        if isinstance(member, list | tuple | Iterator):
            yield from _list(iter(member))
        else:
            yield _text(member, "\n  ")
    yield "\n}"


def _list(members: Iterator[Any]) -> Iterator[str]:
    """A list of any length, a portion of its members at a time."""
    line, before = "\n    ", "["
    while portion := list(islice(members, _ROWS_AT_ONCE)):
        yield before + (_fast(portion) or line + f",{line}".join(_text(member, line) for member in portion))
        before = ","
    yield "[]" if before == "[" else "\n  ]"


def _fast(portion: list[Any]) -> str | None:
    """The members as they stand in a list of the document; None for what msgspec cannot write, which takes longer.

    It writes numbers with an exponent as `5e-6`, the standard library as `5e-06`.
    """
    try:
        text = msgspec.json.format(msgspec.json.encode([portion]), indent=2).decode()
    except (TypeError, ValueError, OverflowError):
        return None
    if not text.isascii() or _DEL in text:
        text = _BEYOND_ASCII.sub(_escaped, text)
    # Within the list around it the members are as far to the right as they have to be.
    return text[len(_BEFORE_MEMBERS) : -len(_BEHIND_MEMBERS)]


_BEFORE_MEMBERS = "[\n  ["
_BEHIND_MEMBERS = "\n  ]\n]"
_DEL = "\x7f"
_BEYOND_ASCII = re.compile("[^\0-~]")


def _escaped(found: re.Match[str]) -> str:
    return encode_basestring_ascii(found[0])[1:-1]


def _text(value: Any, line: str) -> str:
    """The text of a value; `line` is the line break before its closing bracket."""
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    deeper = f"{line}  "
    if isinstance(value, dict) and value:
        return _object(tuple(value), line) % tuple([_text(member, deeper) for member in value.values()])
    if isinstance(value, list | tuple) and value:
        return f"[{deeper}{f',{deeper}'.join([_text(member, deeper) for member in value])}{line}]"
    return encode_basestring_ascii(value) if isinstance(value, str) else json.dumps(value)


_ENCODERS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring_ascii,
    int: int.__repr__,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
}
"""What most values are; their subclasses and the rest take longer."""


@lru_cache(maxsize=256)
def _object(keys: tuple[str, ...], line: str) -> str:
    """The text of an object with places for its members: rows have the same keys, a hundred thousand times."""
    members = (f"{line}  {encode_basestring_ascii(key)}: ".replace("%", "%%") + "%s" for key in keys)
    return "{" + ",".join(members) + line + "}"
