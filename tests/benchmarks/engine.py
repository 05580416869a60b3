"""The engine beside the standard library's URL parser, over the URLs of recorded violations."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from collector.importing import read_record
from policybuilder.csp import (
    Question,
    Violation,
    decide,
    diff,
    parse_serialized_policy,
    parse_serialized_policy_list,
    question_of,
    urls,
)
from policybuilder.reports.normalization import NormalizedViolation, normalize
from policybuilder.reports.wire import RejectedReportError, decode_body
from tests.benchmarks.measuring import Contender, Row, compare

_REPORTS = Path(__file__).parents[1] / "data" / "reports"

# Forty sources as sites have them: most are origins of others, some are patterns, schemes, paths and ports.
_HOSTS = [f"https://cdn{number}.example.net" for number in range(28)]
_SOURCES = [
    *("'self'", "https://fonts.typecase.example", "https://cdn.shopstatic.example/js/", "https://x.example:8443"),
    *("*.wild.example", "https://*.metricbox.example", "http://img3.pixhost.example", "https://player.vidtube.example"),
    *("wss://rt.chatterly.example", "https://api.cashbox.example/v1/", "data:", "blob:"),
]
POLICY = parse_serialized_policy(" ".join(("default-src", *_SOURCES, *_HOSTS)))
_LONG = parse_serialized_policy(
    " ".join(("default-src", *_SOURCES, *(f"https://h{number}.example.net" for number in range(10_000))))
)
_SERIALIZED = (
    "default-src 'none'; script-src 'self' 'nonce-r4nd0m' 'strict-dynamic' https: 'unsafe-inline' 'report-sample'; "
    "style-src 'self' https://fonts.typecase.example; img-src 'self' data: https://*.pixhost.example; "
    "connect-src 'self' https://api.cashbox.example wss://rt.chatterly.example; font-src https://typecase.example; "
    "frame-src https://player.vidtube.example; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "report-uri /csp"
)


def _recorded() -> Iterator[tuple[str, Violation]]:
    """What two browsers reported of a shop: the blocked URI as it was sent, and the violation as it is stored."""
    for name in ("chromium.jsonl", "firefox.jsonl"):
        for line in (_REPORTS / name).read_bytes().splitlines():
            post = read_record(line)
            if post is not None:
                yield from _violations(post.body, post.user_agent)


def _violations(body: bytes, user_agent: str) -> Iterator[tuple[str, Violation]]:
    try:
        reports = decode_body(body).reports
    except RejectedReportError:
        return
    for report in reports:
        normalized = normalize(report, user_agent)
        if isinstance(normalized, NormalizedViolation):
            sent = report.members.get("blocked-uri") or report.members.get("blockedURL")
            yield str(sent), normalized.violation


def _questions() -> list[Question]:
    """One for each URL, as a browser would ask: everything known."""
    by_url = {sent: violation for sent, violation in _recorded() if "://" in sent}
    return [
        Question(
            page=violation.document_uri,
            directive=violation.effective_directive,
            blocked=url,
            nonce="",
            integrity="",
            parser_inserted=True,
        )
        for url, violation in by_url.items()
    ]


def _forget_urls() -> None:
    """From here on every URL is a new one; pages, of which a site has few, are known."""
    urls._parse_cached.cache_clear()


def measure(rounds: int) -> Iterator[Row]:
    """The rows of the engine, one after the other."""
    asked, violations = _questions(), [violation for _, violation in _recorded()]
    split = urlsplit.__wrapped__  # type: ignore[attr-defined]
    baseline = Contender(
        name="urllib.parse.urlsplit, uncached", step=split, items=[question.blocked for question in asked]
    )
    yield from compare(
        baseline,
        [
            Contender(
                name="a decision, 40 sources",
                step=partial(decide, POLICY),
                items=asked,
                before=_forget_urls,
                must=2,
                aim=1,
            ),
            Contender(
                name="a decision, 10,000 sources",
                step=partial(decide, _LONG),
                items=asked,
                before=_forget_urls,
            ),
            Contender(
                name="a recorded violation, replayed",
                step=lambda violation: decide(POLICY, question_of(violation)),
                items=violations,
                before=_forget_urls,
            ),
            Contender(
                name=f"a policy list of {len(_SERIALIZED)} characters, parsed",
                step=parse_serialized_policy_list,
                items=[_SERIALIZED] * 200,
            ),
            Contender(
                name="two policies of 40 sources, compared",
                step=lambda pair: diff(*pair),
                items=[(POLICY, parse_serialized_policy(_SERIALIZED))] * 3,
            ),
        ],
        rounds=rounds,
    )


def memory_kept(decisions: int) -> int:
    """Bytes more after `decisions` about URLs that never repeat than after as many before them."""
    numbers = itertools.count()
    pages = [f"https://shop{number}.example/" for number in range(50)]

    def ask() -> None:
        for number in itertools.islice(numbers, decisions):
            url = f"https://cdn{number}.example.net/{number}/app.js"
            decide(POLICY, Question(page=pages[number % 50], directive="img-src", blocked=url))

    tracemalloc.start()
    try:
        ask()
        before, _ = tracemalloc.get_traced_memory()
        ask()
        after, _ = tracemalloc.get_traced_memory()
        return after - before
    finally:
        tracemalloc.stop()
