"""Comparing: an input is given to both tools, and what they answer is judged alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.comparison.inputs import Input
from tests.comparison.judging import Row, judge
from tests.comparison.tools import ASK, write_files


def compare(given: Input, directory: Path) -> Iterator[Row]:
    """Both tools' rows; what they read and wrote stays in `directory`, which must be empty."""
    write_files(given, directory)
    for tool, ask in ASK.items():
        yield judge(given, tool, ask(directory), directory)
