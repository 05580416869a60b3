"""Builders: observations and bodies that say only what matters, and the endpoint asked without a network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from collector.ingest.endpoint import Message, ReportEndpoint
from collector.ingest.folding import Observation
from policybuilder.csp import Violation
from policybuilder.reports.noise import GENUINE, Classification

AT_MS = 1_795_449_600_000
"""2026-11-23, 16:00 UTC."""

_VIOLATION = Violation(
    document_uri="https://shop.example/cart", effective_directive="img-src", blocked_uri="https://cdn.example/a.png"
)


def make_violation(**changes: Any) -> Violation:
    """A violation of a picture from elsewhere, but for `changes`."""
    return dataclasses.replace(_VIOLATION, **changes)


def make_observation(
    violation: Violation = _VIOLATION,
    *,
    site: str = "default",
    classification: Classification = GENUINE,
    seen_at_ms: int = AT_MS,
    received_at_ms: int | None = None,
    network: str = "192.0.2.0/24",
    is_trusted: bool = False,
    is_imported: bool = False,
    is_counted_already: bool = False,
    stands_for: int = 1,
) -> Observation:
    """An observation of the public, ready to be counted."""
    return Observation(
        site=site,
        violation=violation,
        classification=classification,
        seen_at_ms=seen_at_ms,
        received_at_ms=seen_at_ms if received_at_ms is None else received_at_ms,
        network=network,
        is_trusted=is_trusted,
        is_imported=is_imported,
        is_counted_already=is_counted_already,
        stands_for=stands_for,
    )


def members(**changes: Any) -> dict[str, Any]:
    """The members of a report-uri report."""
    return {
        "document-uri": "https://shop.example/cart",
        "effective-directive": "img-src",
        "original-policy": "default-src 'none'",
        "disposition": "report",
        "blocked-uri": "https://cdn.example/a.png",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }


def report_body(**changes: Any) -> bytes:
    """A body as report-uri posts it."""
    return json.dumps({"csp-report": members(**changes)}).encode()


def envelope(kind: str = "csp-violation", **changes: Any) -> dict[str, Any]:
    """An item of a batch as report-to posts it."""
    body = {"effectiveDirective": "img-src", "blockedURL": "https://cdn.example/a.png", "disposition": "report"}
    return {"age": 0, "type": kind, "url": "https://shop.example/cart", "body": {**body, **changes}}


def hash_envelope(digest: str = "sha256-AAAA") -> dict[str, Any]:
    """A csp-hash item of a batch."""
    body = {"documentURL": "https://shop.example/", "subresourceURL": "https://shop.example/a.js", "hash": digest}
    return {"age": 0, "type": "csp-hash", "url": "https://shop.example/", "body": body}


def batch_body(*items: Any) -> bytes:
    """A batch as report-to posts it."""
    return json.dumps(items).encode()


@dataclass(frozen=True)
class Answer:
    """What an application answered."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    endpoint: ReportEndpoint,
    body: bytes | Sequence[bytes] = b"",
    *,
    key: str = "default",
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (("content-type", "application/csp-report"),),
    client: str = "192.0.2.1",
) -> Answer | None:
    """One request, its body in the chunks given; None if it was not answered, as when the client went away."""
    chunks = [body] if isinstance(body, bytes) else list(body)
    waiting: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": f"/report/{key}",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": (client, 50_000),
    }
    await endpoint(scope, receive, send)
    if not sent:
        return None
    start, *rest = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message["body"] for message in rest),
    )


Counts = dict[tuple[str, str], float]


def counts_of(exposition: str) -> Counts:
    """The counters of reports by name and label value, such as `("invalid", "malformed-json")`."""
    counts: Counts = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name.startswith("csp_reports_") and sample.name.endswith("_total"):
                name = sample.name.removeprefix("csp_reports_").removesuffix("_total")
                counts[name, "".join(sample.labels.values())] = sample.value
    return counts


def total(counts: Counts, name: str) -> float:
    """A counter's sum over its labels."""
    return sum(value for (counter, _), value in counts.items() if counter == name)
