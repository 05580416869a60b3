"""Did you mean: the known word nearest to one that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache

_MAX_LENGTH = 40
"""Longer words are no slips of the pen."""

_LIKENESS = 0.75


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word that is most like `word`, in lower case, if one is like it at all."""
    return None if len(word) > _MAX_LENGTH else _nearest(word.lower(), frozenset(known))


@lru_cache(maxsize=256)
def _nearest(word: str, known: frozenset[str]) -> str | None:
    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=_LIKENESS)
    return found[0] if found else None
