"""Plurals: how many, with the word for it."""

from __future__ import annotations


def plural(number: int, word: str, several: str | None = None) -> str:
    """`1 report`, `2 reports`; `several` is a plural that does not end in s alone."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {several or f'{word}s'}"
