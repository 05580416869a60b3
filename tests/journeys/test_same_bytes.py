"""The same evidence gives the same bytes: on both databases, in whatever order it was imported, in every format."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import random
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from unittest.mock import ANY

import click
import pytest

from collector.cli import command as csp_collector
from policybuilder.cli.failures import run
from policybuilder.cli.main import command as cspbuild
from policybuilder.rendering.snippets import SnippetFormat
from policybuilder.stages import OBSERVE_POLICY
from tests.support.postgres import PostgresServer

# The connections of commands, see below.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

RECORDED = Path(__file__).parent.parent / "data" / "reports"

STRANGERS_FROM = datetime(2026, 11, 23, 9, tzinfo=UTC)
AS_OF = "2026-12-02T12:00:00Z"
"""Nine days after the first report."""

SERVED = (
    *("--policy", "default-src 'self'; img-src *; report-uri /report", "--stage", "report-only"),
    *("--views-per-day", "4000", "--at", "2026-11-24T00:00:00Z"),
)
NETWORKS = 70
PAGES = ["/", "/cart", "/search"]
# What strangers report, and every how many of them do.
STRANGE = [
    ("img-src", "https://img{number}.photos.example/a.png", 1),
    ("font-src", "https://fonts.example/a.woff2", 1),
    ("img-src", "https://seldom.example/a.png", 30),
    ("script-src-elem", "https://widgets.example/tags/v{number}/a.js", 2),
    ("script-src-elem", "https://evil.example/x.js", 40),
    ("style-src-attr", "inline", 3),
    ("script-src-elem", "inline", 7),
    ("script-src", "eval", 9),
]

TEXTS = [
    ("suggest",),
    ("suggest", "--format", "json"),
    ("suggest", "--format", "json", "--mode", "fresh"),
    ("suggest", "--format", "json", "--target", "strict"),
    ("suggest", "--format", "json", "--since", "8d"),
    *(("suggest", "--format", fmt.value) for fmt in SnippetFormat),
    *(("summary", "--noise", "--by", by, "--format", "json") for by in ("group", "directive", "source", "page", "day")),
    ("summary",),
    ("summary", "--format", "csv"),
    ("summary", "--format", "markdown"),
    ("replay", "--policy", "default-src 'self'; img-src *", "--format", "json"),
    ("replay", "--policy", "default-src 'self'; img-src *"),
    ("ready", "--format", "json"),
    ("ready",),
    ("status", "--format", "json"),
    ("status",),
]


def strange_lines() -> list[str]:
    """What visitors of many networks posted on three days, shuffled."""
    lines = []
    for day, network in product(range(3), range(NETWORKS)):
        seen_at = STRANGERS_FROM + timedelta(days=day, minutes=network)
        for directive, blocked, every in STRANGE:
            if network % every:
                continue
            report = {
                "document-uri": f"https://shop.example{PAGES[network % len(PAGES)]}",
                "effective-directive": directive,
                "violated-directive": directive,
                "original-policy": f"{OBSERVE_POLICY}; report-uri https://reports.shop.example/report/public",
                "disposition": "report",
                "blocked-uri": blocked.format(number=network % 5),
                "script-sample": f"window.seen = {network % 2}" if blocked == "inline" else "",
                "line-number": 3,
                "status-code": 200,
            }
            posted = {
                "body": json.dumps({"csp-report": report}),
                "content_type": "application/csp-report",
                "client": f"10.0.{network}.7",
                "received_at": seen_at.isoformat(),
            }
            lines.append(json.dumps(posted))
    random.Random(2026).shuffle(lines)  # noqa: S311  (an order, not a secret)
    return lines


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """Arguments of imports: the operator's own recording, another browser's by nobody knows whom, and strangers'."""
    directory = tmp_path_factory.mktemp("strangers")
    lines = strange_lines()
    # The same networks on the same days in both, so that a day's key is needed again.
    for name, part in (("one.jsonl", lines[::2]), ("other.jsonl", lines[1::2])):
        (directory / name).write_text("\n".join(part))
    return [
        ("--trusted", str(RECORDED / "chromium.jsonl")),
        (str(RECORDED / "firefox.jsonl"),),
        (str(directory / "one.jsonl"),),
        (str(directory / "other.jsonl"),),
    ]


def type_in(program: click.Command, *arguments: str, database_url: str) -> tuple[int, str]:
    """The exit code and standard output of a command, run in this process."""
    out = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        patch.setenv("CSP_DATABASE_URL", database_url)
        patch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as ended:
            run(program, str(program.name), arguments)
    return int(ended.value.code or 0), out.getvalue()


@pytest.fixture(scope="module")
def databases(
    files: list[tuple[str, ...]], postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """The same evidence in each system, imported file by file from the first to the last, and from the last."""
    directory = tmp_path_factory.mktemp("databases")
    urls: list[str] = []
    for system, order in product(["sqlite", "postgresql"], [files, files[::-1]]):
        url = f"sqlite:///{directory}/{len(urls)}.db" if system == "sqlite" else postgres.create_database()
        for arguments in order:
            assert type_in(csp_collector, "import", *arguments, database_url=url) == (0, ANY)
        assert type_in(cspbuild, "deploy", "record", *SERVED, database_url=url) == (0, ANY)
        urls.append(url)
    yield urls
    with warnings.catch_warnings():
        # Commands leave their connections to the end of their process, which does not come here.
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.mark.parametrize("arguments", TEXTS, ids=" ".join)
def test_the_same_evidence_gives_the_same_bytes(databases: list[str], arguments: Sequence[str]) -> None:
    first, *others = (type_in(cspbuild, *arguments, "--as-of", AS_OF, database_url=url) for url in databases)
    assert first[1]
    for other in others:
        assert other == first
