"""The comparison as text, as Markdown for the README, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.comparison.inputs import INPUTS
from tests.comparison.judging import Row

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "data" / "comparison" / "results.json"

BEGIN = "<!-- comparison: written by `make compare ARGS=--update` -->"
END = "<!-- /comparison -->"

_MOST_NAMED = 3
"""Of many; the JSON has all."""

HEADINGS = ("input", "tool", "lets in", "breaks", "bytes")


def cells(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Each row in the words of the table; an input's title stands in its first row alone."""
    titles = {given.name: given.title for given in INPUTS}
    found: list[tuple[str, ...]] = []
    for row in rows:
        fared = ("–", "cannot read it", "–")
        if not row.failure:
            fared = (_some(row.admits) or "–", _breakage(row), f"{row.header_bytes:,}")
        found.append((titles.pop(row.input, ""), row.tool, *fared))
    return found


def _breakage(row: Row) -> str:
    if not row.breaks:
        return "–"
    parts = []
    told = [words for words in row.breaks if words not in row.breaks_untold]
    if told:
        parts.append(f"{_some(told)} (it says so)")
    if row.breaks_untold:
        parts.append(_some(row.breaks_untold))
    return f"{len(row.breaks)} of {row.needs}: {'; '.join(parts)}"


def _some(words: Sequence[str]) -> str:
    named = list(dict.fromkeys(words))
    rest = len(named) - _MOST_NAMED
    if rest <= 1:
        return ", ".join(named)
    return f"{', '.join(named[:_MOST_NAMED])} and {rest} more"


def markdown(rows: Iterable[Row]) -> str:
    """A table for the README."""
    lines = [HEADINGS, ("---", "---", "---", "---", "---:"), *cells(rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def document(rows: Iterable[Row], version: str) -> str:
    """Everything, policies included."""
    found = {"schema": "compare/1", "csp_toolkit": version, "rows": [asdict(row) for row in rows]}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def recorded() -> tuple[Row, ...]:
    """The rows as they were recorded last."""
    return tuple(Row(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))["rows"])


def readme_section() -> str:
    """What stands between the markers in the README."""
    _, begin, rest = README.read_text(encoding="utf-8").partition(f"{BEGIN}\n")
    section, end, _ = rest.partition(END)
    assert begin, f"the README has no {BEGIN}"
    assert end, f"the README has no {END}"
    return section


def update(rows: Sequence[Row], version: str) -> None:
    """Record the rows, and write the README's table anew."""
    old = readme_section()
    text = README.read_text(encoding="utf-8")
    RESULTS.write_text(document(rows, version), encoding="utf-8")
    README.write_text(text.replace(f"{BEGIN}\n{old}{END}", f"{BEGIN}\n{markdown(rows)}{END}"), encoding="utf-8")
