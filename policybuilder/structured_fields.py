"""Structured fields, as browsers read them: one mistake, and the whole header is nothing.

https://www.rfc-editor.org/rfc/rfc9651
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import http_sf

_MAX_BYTES = 64 * 1024
"""No browser takes a longer header."""


class Member(NamedTuple):
    """A member of a dictionary, or an item; of an inner list the members' own parameters are left out."""

    value: object
    """A bool, int, str, bytes, `http_sf.Token` …; a tuple of such for an inner list."""

    parameters: Mapping[str, object]


def read_dictionary(text: str) -> Mapping[str, Member] | None:
    """The members by key; None where the text is no dictionary."""
    found = _read(text, "dictionary")
    if found is None:
        return None
    return {key: _member(value) for key, value in cast("dict[str, object]", found).items()}


def read_item(text: str) -> Member | None:
    """The item; None where the text is none."""
    found = _read(text, "item")
    return None if found is None else _member(found)


def token_of(text: str) -> str | None:
    """The token that is the item, its parameters left out; None for no item, and for one of another kind."""
    item = read_item(text)
    return str(item.value) if item is not None and isinstance(item.value, http_sf.Token) else None


def is_token(value: object, name: str) -> bool:
    """Whether `value` is that token, which is no string."""
    return isinstance(value, http_sf.Token) and str(value) == name


def _read(text: str, kind: str) -> object | None:
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    if len(data) > _MAX_BYTES:
        return None
    try:
        return cast("object", http_sf.parse(data, tltype=kind))
    except (ValueError, OverflowError):
        return None


def _member(found: object) -> Member:
    value, parameters = found if isinstance(found, tuple) else (found, {})
    if isinstance(value, list):
        value = tuple(each[0] if isinstance(each, tuple) else each for each in value)
    return Member(value, parameters)
