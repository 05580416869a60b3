"""The policies that recorded reports of real browsers make, line by line as they were reviewed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.importing import import_files
from policybuilder.store.engine import open_for_writing
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import KeyKind, SiteKey, add_site
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Mode, Suggestion
from policybuilder.times import Window

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
REVIEWED = {
    "demo": ("demo.jsonl",),
    "recorded": ("chromium.jsonl", "firefox.jsonl", "synthetic.jsonl"),
}


def reviewed(name: str) -> list[str]:
    """The lines of the file's block, without its comments."""
    text = (DATA / "suggestions" / f"{name}.md").read_text()
    block = text.partition("```text\n")[2].partition("```")[0]
    return [line.partition("  #")[0].rstrip() for line in block.splitlines()]


def lines_of(suggestion: Suggestion) -> list[str]:
    tokens = [
        f"{directive.name} {source.source} · {source.rule}"
        for directive in suggestion.directives
        for source in directive.sources
    ]
    held = sorted({f"held: {held.directive} {held.source}" for held in suggestion.held})
    return [*tokens, *held]


@pytest.mark.parametrize("name", REVIEWED)
def test_the_policy_is_the_one_that_was_reviewed(tmp_path: Path, name: str) -> None:
    """After a change on purpose, review what it prints and write it into the file, with the reason."""
    engine = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    add_site(engine, "shop", ["shop.example"], NOW)
    files = [str(DATA / "reports" / file) for file in REVIEWED[name]]
    import_files(engine, SiteKey("shop", KeyKind.REHEARSAL, ("shop.example",)), files, is_trusted=True)
    window = Window(None, NOW)
    with snapshot(engine) as connection:
        groups = read_evidence(connection, "shop", window)
        grounds = read_grounds(connection, "shop", window, groups, Thresholds())
    suggestion = propose("shop", groups, grounds, Options(mode=Mode.FRESH))
    engine.dispose()
    assert suggestion.replay.block == 0
    assert "\n".join(lines_of(suggestion)) == "\n".join(reviewed(name))
